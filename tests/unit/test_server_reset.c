/* SPDX-License-Identifier: Apache-2.0 */
/* Trying an activation, and changing from a user's license to the machine's own (DESIGN 3, Device). */
#include "org.h"

static void open_devices_and_users(void)
{
	struct grant grants[] = {with_plans(org_grant("cad-users", MODEL_USER, 2), "modeler", "render"),
				 with_plans(org_grant("cad-devices", MODEL_DEVICE, 2), "modeler", "render")};
	org_open(grants, 2);
	must(ADD_USER("ann"));
	must(ASSIGN("ann"));
}

static void assign_device(const struct machine *m)
{
	char id[DEVICE_ID_TEXT];
	must((struct change){.kind = CHANGE_ASSIGN, .device = machine_text(m, id), .product = "acme-cad"});
}

/* Nothing is stored, signed or turned. */
static int try_it(struct machine *m, const char *user, bool reset)
{
	struct store_hash before = hash_store();
	struct job *job = request(m, JOB_ACTIVATE, true);
	snprintf(job->lines[0].user, sizeof(job->lines[0].user), "%s", user);
	job->dry_run = true;
	job->reset = reset;
	run(job);
	assert_int_equal(job->code, 0);
	assert_int_equal(job->counter, 0);
	assert_null(job->lines[0].lease);
	assert_false(job->enrolled);
	int code = job->lines[0].answer.code;
	answered = job->lines[0];
	job_free(job);
	assert_same_store(before);
	return code;
}

static void test_trying_changes_nothing(void **state)
{
	struct machine m = machine(1);
	(void)state;
	license_host(2);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(try_it(&m, "", false), E_THRESHOLD_NOT_MET);
		assert_int_equal(answered.answer.numbers.have, 1); /* as it would be */
		assert_int_equal(answered.answer.numbers.need, 2);
	}
	assert_int_equal(devices(), 0);
	struct machine other = machine(2);
	ask(&other, JOB_ACTIVATE, NULL);
	assert_int_equal(try_it(&m, "", false), 0);
	assert_int_equal(ask(&m, JOB_ACTIVATE, NULL), 0);
	assert_int_equal(try_it(&m, "", false), 0);
	assert_int_equal(ask(&m, JOB_RENEW, NULL), 0); /* its ratchet was not turned */
	assert_int_equal(audits("device.rolled-back"), 0);
}

static void test_a_users_activation_stands_in_the_devices_way(void **state)
{
	struct machine m = machine(1);
	(void)state;
	open_devices_and_users();
	assert_int_equal(sign_in_fresh(&m, "ann"), 0);
	assert_int_equal(try_it(&m, "", true), E_NOT_ASSIGNED); /* preflight: the seat comes first */
	assign_device(&m);
	assert_int_equal(ask(&m, JOB_ACTIVATE, NULL), E_RESET_REQUIRED);
	assert_int_equal(try_it(&m, "", false), E_RESET_REQUIRED);
	assert_int_equal(try_it(&m, "", true), 0);
	assert_int_equal(ask_as(&m, JOB_SIGN_OUT, "ann"), 0);
	assert_int_equal(ask(&m, JOB_ACTIVATE, NULL), 0);
	assert_int_equal(grant_named("cad-users").u.grant.active, 0);
	assert_int_equal(grant_named("cad-devices").u.grant.active, 1);
	assert_sound();
}

/* A user's lease that has ended stands in nobody's way. */
static void test_an_ended_lease_needs_no_reset(void **state)
{
	struct machine m = machine(1);
	(void)state;
	open_devices_and_users();
	assert_int_equal(sign_in_fresh(&m, "ann"), 0);
	assign_device(&m);
	now += 30 * (int64_t)DAY - 1;
	assert_int_equal(ask(&m, JOB_ACTIVATE, NULL), E_RESET_REQUIRED);
	now++;
	assert_int_equal(ask(&m, JOB_ACTIVATE, NULL), 0);
}

/* What a machine gives back by a reset is free for it again: a full pool that it is in is not full for it. */
static void test_a_reset_counts_what_it_gives_back(void **state)
{
	struct grant g = with_plans(org_grant("cad-pool", MODEL_POOL, 1), "modeler", "render");
	struct machine m = machine(1);
	struct machine other = machine(2);
	(void)state;
	org_open(&g, 1);
	assert_int_equal(ask(&m, JOB_ACTIVATE, NULL), 0);
	assert_int_equal(try_it(&m, "", false), 0);
	assert_int_equal(try_it(&m, "", true), 0);
	assert_int_equal(try_it(&other, "", true), E_POOL_EXHAUSTED);
	assert_int_equal(answered.answer.numbers.used, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_trying_changes_nothing),
		BOTH(test_a_users_activation_stands_in_the_devices_way),
		BOTH(test_an_ended_lease_needs_no_reset),
		BOTH(test_a_reset_counts_what_it_gives_back),
	};
	return cmocka_run_group_tests_name("server/broker: reset", tests, group_setup, group_teardown);
}
