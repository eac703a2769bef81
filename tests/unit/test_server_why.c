/* SPDX-License-Identifier: Apache-2.0 */
/* Why: the rules that a device passes and the one that refuses, on both stores; nothing is changed or
 * counted. */
#include "org.h"

#include "why.h"

static struct why why;

/* Ask why; returns the code that the device would be told. */
static int ask_why(const struct machine *m, const char *user)
{
	struct store_hash before = hash_store();
	long long refused = atomic_load(&counters.refused);
	struct job *job = job_new(JOB_ACTIVATE, 1);
	memcpy(job->device, m->id, DEVICE_ID);
	job->dry_run = job->may_enrol = true;
	job->why = calloc(1, sizeof(*job->why));
	snprintf(job->lines[0].product, sizeof(job->lines[0].product), "acme-cad");
	snprintf(job->lines[0].user, sizeof(job->lines[0].user), "%s", user);
	run(job);
	assert_int_equal(job->code, 0);
	assert_null(job->lines[0].lease);
	answered = job->lines[0];
	why = *job->why;
	job_free(job);
	assert_same_store(before);
	assert_int_equal(atomic_load(&counters.refused), refused);
	return answered.answer.code;
}

static const char *refusing_rule(size_t step)
{
	size_t n;
	const struct policy_rule *rules = policy_rules(&n);
	assert_true(step < why.trace.n && why.trace.steps[step].rule < (int)n);
	return why.trace.steps[step].rule < 0 ? "" : rules[why.trace.steps[step].rule].name;
}

static void test_a_threshold_with_its_numbers(void **state)
{
	struct machine m = machine(1);
	struct machine other = machine(2);
	(void)state;
	license_host(2);
	assert_int_equal(ask_why(&m, ""), E_THRESHOLD_NOT_MET);
	assert_false(why.known);
	assert_int_equal(ask(&m, JOB_ACTIVATE, NULL), E_THRESHOLD_NOT_MET);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(ask_why(&m, ""), E_THRESHOLD_NOT_MET);
		assert_string_equal(refusing_rule(0), "threshold");
		assert_int_equal(why.trace.steps[0].numbers.have, 1);
		assert_int_equal(why.trace.steps[0].numbers.need, 2);
		assert_true(why.trace.steps[0].counts);
		assert_true(why.known && why.answered == now);
		assert_int_equal(why.grants[0].holding.state, HOLDING_COUNTED);
	}
	ask(&other, JOB_ACTIVATE, NULL);
	assert_int_equal(ask_why(&m, ""), 0);
	assert_string_equal(refusing_rule(0), "");
	assert_true(why.expires > now && why.renew_after > now);
	assert_int_equal(ask(&m, JOB_ACTIVATE, NULL), 0); /* its ratchet was not turned */
	assert_int_equal(ask(&m, JOB_RENEW, NULL), 0);
	assert_int_equal(audits("device.rolled-back"), 0);
}

static void test_blocked_before_everything_else(void **state)
{
	struct machine m = machine(1);
	char id[DEVICE_ID_TEXT];
	(void)state;
	license_host(1);
	assert_int_equal(ask(&m, JOB_ACTIVATE, NULL), 0);
	must((struct change){.kind = CHANGE_DEVICE_BLOCK, .device = machine_text(&m, id)});
	assert_int_equal(ask_why(&m, ""), E_DEVICE_BLOCKED);
	assert_string_equal(refusing_rule(0), "blocked");
	assert_true(why.blocked && !why.trace.steps[0].counts);
	assert_int_equal(why.grants[0].holding.state, HOLDING_ACTIVE); /* what it has is on record */
	assert_int_equal(why.expires, 0);
}

/* Every grant that was looked at has its step, in the order of the decision; those behind one that serves
 * have none. */
static void test_grants_in_their_order(void **state)
{
	struct grant grants[] = {with_plans(org_grant("cad-users", MODEL_USER, 2), "modeler", "render"),
				 with_plans(org_grant("cad-pool", MODEL_POOL, 1), "modeler", "render")};
	struct machine m = machine(1);
	struct machine other = machine(2);
	(void)state;
	org_open(grants, 2);
	must(ADD_USER("ann"));
	assert_int_equal(ask(&other, JOB_ACTIVATE, NULL), 0);
	assert_int_equal(ask_why(&m, "ann"), E_POOL_EXHAUSTED);
	assert_int_equal(why.trace.n, 2);
	assert_string_equal(refusing_rule(0), "pool_place");
	assert_int_equal(why.trace.steps[0].numbers.used, 1);
	assert_string_equal(refusing_rule(1), "signin");
	assert_int_equal(sign_in_fresh(&m, "ann"), E_POOL_EXHAUSTED);
	ask_why(&m, "ann");
	assert_true(why.bound);
	assert_string_equal(refusing_rule(1), "seat");
	must(ASSIGN("ann"));
	assert_int_equal(ask_why(&m, "ann"), 0);
	assert_true(why.user_seat.grant && why.user_seat.direct);
	assert_int_equal(why.trace.n, 1);
	assert_int_equal(why.n, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_a_threshold_with_its_numbers),
		BOTH(test_blocked_before_everything_else),
		BOTH(test_grants_in_their_order),
	};
	return cmocka_run_group_tests_name("server/broker: why", tests, group_setup, group_teardown);
}
