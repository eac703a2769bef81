/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of machines through the broker: thresholds, leases, releases, exactly once. */
#include "host.h"

static void test_the_25th_machine_is_licensed(void **state)
{
	struct machine all[25];
	(void)state;
	license_host(25);
	for (uint8_t i = 0; i < 24; i++) {
		all[i] = machine((uint8_t)(i + 1));
		struct job *job = request(&all[i], JOB_ACTIVATE, true);
		run(job);
		learn(&all[i], job);
		assert_int_equal(job->code, 0);
		assert_true(job->enrolled);
		assert_int_equal(job->lines[0].answer.code, E_THRESHOLD_NOT_MET);
		assert_int_equal(job->lines[0].answer.numbers.have, i + 1);
		assert_int_equal(job->lines[0].answer.numbers.need, 25);
		assert_null(job->lines[0].lease);
		assert_int_equal(job->lines[0].answer.retry_minutes, 120);
		job_free(job);
		assert_int_equal(ask(&all[i], JOB_ACTIVATE, NULL),
				 E_THRESHOLD_NOT_MET); /* asking again counts once */
	}
	all[24] = machine(25);
	struct job *job = request(&all[24], JOB_ACTIVATE, true);
	struct lease lease;
	run(job);
	assert_lease(job, 0, "acme-cad", &lease);
	assert_int_equal(lease.have, 25);
	assert_int_equal(lease.need, 25);
	assert_int_equal(lease.serial, 1);
	assert_int_equal(lease.head.iat, now);
	assert_int_equal(lease.exp, now + 180 * (int64_t)DAY);
	assert_int_equal(lease.renew_after, now + 7 * (int64_t)DAY);
	assert_string_equal(lease.grant, "cad-volume");
	assert_string_equal(lease.license, "fjord-1");
	assert_string_equal(lease.org, "fjord");
	assert_int_equal(lease.n_plans, 2);
	job_free(job);
	for (size_t i = 0; i < 24; i++)
		assert_int_equal(ask(&all[i], JOB_ACTIVATE, NULL), 0);
	assert_int_equal(grant_row().u.grant.count, 25);
	assert_int_equal(grant_row().u.grant.active, 25);
	assert_int_equal(devices(), 25);
	assert_int_equal(audits("activation.refused"), 24); /* the new refusals, not the repeated ones */
	assert_int_equal(audits("activation.granted"), 25);
	assert_int_equal(audits("threshold.reached"), 1);
	assert_int_equal(audits("device.rolled-back"), 0);
	assert_sound();
}

/* A whole batch of strangers: the same, in one transaction. */
static void test_25_machines_in_one_batch(void **state)
{
	struct machine all[30];
	struct job *jobs[30];
	(void)state;
	license_host(25);
	for (uint8_t i = 0; i < 30; i++) {
		all[i] = machine((uint8_t)(i + 1));
		jobs[i] = request(&all[i], JOB_ACTIVATE, true);
	}
	broker_run(&broker, jobs, 30, now);
	for (size_t i = 0; i < 30; i++) {
		assert_int_equal(jobs[i]->code, 0);
		assert_int_equal(jobs[i]->lines[0].answer.code, i < 24 ? E_THRESHOLD_NOT_MET : 0);
		assert_int_equal(jobs[i]->lines[0].lease != NULL, i >= 24);
		job_free(jobs[i]);
	}
	assert_int_equal(devices(), 30);
	assert_int_equal(grant_row().u.grant.count, 30);
	assert_int_equal(atomic_load(&counters.batches), 3); /* two installations and this */
	assert_sound();
}

static void test_a_renewal_writes_no_audit_row(void **state)
{
	struct machine m = machine(1);
	(void)state;
	license_host(1);
	assert_int_equal(ask(&m, JOB_ACTIVATE, NULL), 0);
	int64_t rows = audits(NULL);
	for (int i = 0; i < 5; i++) {
		now += 7 * (int64_t)DAY;
		struct job *job = request(&m, JOB_RENEW, true);
		struct lease lease;
		run(job);
		learn(&m, job);
		assert_lease(job, 0, "acme-cad", &lease);
		assert_int_equal(lease.serial, i + 2);
		assert_int_equal(lease.need, 0); /* a threshold of one is none */
		assert_false(job->enrolled);
		job_free(job);
	}
	assert_int_equal(audits(NULL), rows);
	assert_sound();
}

static void test_two_products_in_one_request(void **state)
{
	struct machine m = machine(1);
	(void)state;
	license_host(1);
	struct job *job = job_new(JOB_ACTIVATE, 2);
	assert_non_null(job);
	memcpy(job->device, m.id, DEVICE_ID);
	randombytes_buf(job->shown.token, REQUEST_TOKEN);
	job->may_enrol = true;
	strcpy(job->lines[0].product, "acme-sim");
	strcpy(job->lines[1].product, "acme-cad");
	strcpy(job->lines[1].plans[0], "render");
	job->lines[1].n_plans = 1;
	struct lease lease;
	run(job);
	assert_int_equal(job->lines[0].answer.code, E_PRODUCT_UNKNOWN);
	assert_null(job->lines[0].lease);
	assert_lease(job, 1, "acme-cad", &lease);
	assert_int_equal(lease.n_plans, 1);
	assert_string_equal(lease.plans[0], "render");
	job_free(job);
}

static void test_a_stranger_leaves_no_trace(void **state)
{
	struct machine m = machine(1);
	(void)state;
	license_host(25);
	int64_t rows = audits(NULL);
	struct job *job = request(&m, JOB_ACTIVATE, true);
	strcpy(job->lines[0].product, "acme-sim");
	run(job);
	assert_int_equal(job->lines[0].answer.code, E_PRODUCT_UNKNOWN);
	assert_int_equal(job->counter, 0);
	assert_false(job->enrolled);
	job_free(job);

	job = request(&m, JOB_ACTIVATE, true);
	job->may_enrol = false;
	run(job);
	assert_int_equal(job->lines[0].answer.code, E_ENROL_LIMIT);
	job_free(job);

	job = request(&m, JOB_ACTIVATE, true);
	strcpy(job->lines[0].plans[0], "no-such-plan");
	job->lines[0].n_plans = 1;
	run(job);
	assert_int_equal(job->lines[0].answer.code, E_PLAN_UNKNOWN);
	job_free(job);

	assert_int_equal(ask(&m, JOB_RELEASE, NULL), E_NOT_ACTIVATED);
	assert_int_equal(devices(), 0);
	assert_int_equal(audits(NULL), rows);
	assert_int_equal(grant_row().u.grant.count, 0);
}

static void test_release_gives_the_place_back(void **state)
{
	struct machine m = machine(1);
	char *lease;
	(void)state;
	license_host(1);
	assert_int_equal(ask(&m, JOB_ACTIVATE, NULL), 0);
	assert_int_equal(ask(&m, JOB_RELEASE, &lease), 0);
	assert_null(lease);
	assert_int_equal(grant_row().u.grant.count, 0);
	assert_int_equal(grant_row().u.grant.active, 0);
	assert_int_equal(audits("activation.released"), 1);
	assert_int_equal(ask(&m, JOB_RELEASE, NULL), E_NOT_ACTIVATED);
	struct job *job = request(&m, JOB_ACTIVATE, true);
	struct lease again;
	run(job);
	assert_lease(job, 0, "acme-cad", &again);
	assert_int_equal(again.serial, 2);
	job_free(job);
	assert_int_equal(audits("activation.granted"), 2);
	assert_sound();
}

static void test_policy_questions_change_nothing(void **state)
{
	struct machine m = machine(1);
	(void)state;
	license_host(25);
	int64_t rows = audits(NULL);
	struct job *job = request(&m, JOB_POLICY, true);
	run(job);
	assert_int_equal(job->code, 0);
	assert_int_equal(job->lines[0].answer.renew_minutes, 10080);
	assert_int_equal(job->lines[0].answer.retry_minutes, 120);
	assert_int_equal(job->lines[0].answer.need, 25);
	assert_null(job->lines[0].lease);
	job_free(job);
	assert_int_equal(devices(), 0);
	assert_int_equal(audits(NULL), rows);
	assert_int_equal(grant_row().u.grant.count, 0);
}

static void test_the_hosts_intervals_are_pushed(void **state)
{
	struct machine m = machine(1);
	(void)state;
	license_host(1);
	atomic_store(&broker.renew_minutes, 60);
	atomic_store(&broker.retry_minutes, 5);
	struct job *job = request(&m, JOB_ACTIVATE, true);
	struct lease lease;
	run(job);
	assert_lease(job, 0, "acme-cad", &lease);
	assert_int_equal(job->lines[0].answer.renew_minutes, 60);
	assert_int_equal(job->lines[0].answer.retry_minutes, 15);
	assert_int_equal(lease.renew_after, now + 3600);
	job_free(job);
}

static void test_a_refused_act_is_audited(void **state)
{
	(void)state;
	struct job *job = job_new(JOB_AUDIT, 0);
	strcpy(job->actor, "uid:1000");
	strcpy(job->installed, "license");
	job->text = strdup("POST /v1/licenses");
	assert_int_equal(run_and_free(job), 0);
	assert_int_equal(audits("admin.refused"), 1);
}

/* --- exactly once --- */

static void test_a_repeat_gets_the_same_bytes(void **state)
{
	struct machine m = machine(1);
	(void)state;
	license_host(1);
	struct job *first = request(&m, JOB_ACTIVATE, true);
	run(first);
	int64_t rows = audits(NULL);
	for (int i = 0; i < 3; i++) {
		now += 1000;
		if (i == 2)
			restart();
		struct job *again = request(&m, JOB_ACTIVATE, false);
		run(again);
		assert_int_equal(again->code, 0);
		assert_true(again->repeated);
		assert_string_equal(again->lines[0].lease, first->lines[0].lease);
		assert_string_equal(again->lines[0].certificate, first->lines[0].certificate);
		assert_memory_equal(again->ratchet, first->ratchet, RATCHET);
		assert_int_equal(again->counter, first->counter);
		job_free(again);
	}
	learn(&m, first);
	job_free(first);
	assert_int_equal(audits(NULL), rows);
	assert_int_equal(devices(), 1);
	assert_int_equal(grant_row().u.grant.count, 1);
	assert_int_equal(audits("device.rolled-back"), 0);

	/* The next request goes on from there, and can be repeated itself. */
	struct job *next = request(&m, JOB_RENEW, true);
	struct lease lease;
	run(next);
	assert_false(next->repeated);
	assert_lease(next, 0, "acme-cad", &lease);
	assert_int_equal(lease.serial, 2);
	struct job *again = request(&m, JOB_RENEW, false);
	run(again);
	assert_true(again->repeated);
	assert_string_equal(again->lines[0].lease, next->lines[0].lease);
	job_free(next);
	job_free(again);
	assert_int_equal(audits("device.rolled-back"), 0);
	assert_sound();
}

static void test_a_repeat_in_the_same_batch(void **state)
{
	struct machine m = machine(1);
	(void)state;
	license_host(1);
	struct job *jobs[] = {request(&m, JOB_ACTIVATE, true), request(&m, JOB_ACTIVATE, false),
			      request(&m, JOB_ACTIVATE, false)};
	broker_run(&broker, jobs, 3, now);
	assert_false(jobs[0]->repeated);
	assert_true(jobs[1]->repeated && jobs[2]->repeated);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(jobs[i]->lines[0].lease, jobs[0]->lines[0].lease);
	for (size_t i = 0; i < 3; i++)
		job_free(jobs[i]);
	assert_int_equal(devices(), 1);
	assert_int_equal(audits("activation.granted"), 1);
}

static void test_a_repeated_refusal_is_the_same(void **state)
{
	struct machine m = machine(1);
	struct machine other = machine(2);
	(void)state;
	license_host(25);
	struct job *first = request(&m, JOB_ACTIVATE, true);
	run(first);
	assert_int_equal(ask(&other, JOB_ACTIVATE, NULL), E_THRESHOLD_NOT_MET);
	struct job *again = request(&m, JOB_ACTIVATE, false);
	run(again);
	assert_true(again->repeated);
	assert_int_equal(again->lines[0].answer.code, E_THRESHOLD_NOT_MET);
	assert_int_equal(again->lines[0].answer.numbers.have, 1);
	assert_int_equal(again->lines[0].answer.numbers.until, -1);
	assert_null(again->lines[0].lease);
	job_free(first);
	job_free(again);
}

static void test_another_question_with_the_same_token_is_no_repeat(void **state)
{
	struct machine m = machine(1);
	(void)state;
	license_host(1);
	struct job *job = request(&m, JOB_ACTIVATE, true);
	run(job);
	job_free(job);
	job = request(&m, JOB_ACTIVATE, false);
	strcpy(job->lines[0].product, "acme-sim");
	run(job);
	assert_false(job->repeated);
	assert_int_equal(job->lines[0].answer.code, E_PRODUCT_UNKNOWN);
	assert_int_equal(audits("device.rolled-back"), 1);
	job_free(job);
}

/* "Released" must never be said while the place is still held. */
static void test_a_release_with_an_activations_token_is_no_repeat(void **state)
{
	struct machine m = machine(1);
	(void)state;
	license_host(1);
	struct job *job = request(&m, JOB_ACTIVATE, true);
	run(job);
	job_free(job);
	job = request(&m, JOB_RELEASE, false);
	run(job);
	bool released = job->code == 0 && job->lines[0].answer.code == 0;
	job_free(job);
	assert_int_equal(grant_row().u.grant.active, released ? 0 : 1);
}

/* Plans are known by name: the vendor may list them in another order, or add some, in a later license. */
static void test_plans_go_by_name_across_licenses(void **state)
{
	struct product later = {.id = "acme-cad",
				.name = "Acme CAD",
				.plans = {{.id = "draft"}, {.id = "render"}, {.id = "modeler"}},
				.n_plans = 3};
	struct grant grant = fixture_grant("cad-later", 1);
	struct license l = fixture_license(&vendor, 1, &grant, 1, &later, 1);
	static const char *const plans[] = {"modeler", "render", "draft"};
	(void)state;
	license_host(1);
	certify_for("fjord-2");
	strcpy(l.id, "fjord-2");
	l.exp += DAY; /* the later end serves */
	assert_int_equal(install_license(fixture_license_token(&vendor, &l)), 0);
	for (uint8_t i = 0; i < 3; i++) {
		struct machine m = machine((uint8_t)(i + 1));
		struct job *job = request(&m, JOB_ACTIVATE, true);
		struct lease lease;
		strcpy(job->lines[0].plans[0], plans[i]);
		job->lines[0].n_plans = 1;
		run(job);
		assert_lease(job, 0, "acme-cad", &lease);
		assert_string_equal(lease.license, "fjord-2");
		assert_int_equal(lease.n_plans, 1);
		assert_string_equal(lease.plans[0], plans[i]);
		job_free(job);
	}
}

/* What was worth telling is worth telling again. */
static void test_a_repeat_keeps_its_notices(void **state)
{
	struct machine m = machine(1);
	(void)state;
	license_host(1);
	now = NOW + 890 * (int64_t)DAY;
	struct job *job = request(&m, JOB_ACTIVATE, true);
	run(job);
	assert_int_equal(job->lines[0].answer.notices[0], E_GRANT_ENDED);
	job_free(job);
	job = request(&m, JOB_ACTIVATE, false);
	run(job);
	assert_true(job->repeated);
	assert_int_equal(job->lines[0].answer.notices[0], E_GRANT_ENDED);
	job_free(job);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_the_25th_machine_is_licensed),
		BOTH(test_25_machines_in_one_batch),
		BOTH(test_a_renewal_writes_no_audit_row),
		BOTH(test_two_products_in_one_request),
		BOTH(test_a_stranger_leaves_no_trace),
		BOTH(test_release_gives_the_place_back),
		BOTH(test_policy_questions_change_nothing),
		BOTH(test_the_hosts_intervals_are_pushed),
		BOTH(test_a_refused_act_is_audited),
		BOTH(test_a_repeat_gets_the_same_bytes),
		BOTH(test_a_repeat_in_the_same_batch),
		BOTH(test_a_repeated_refusal_is_the_same),
		BOTH(test_another_question_with_the_same_token_is_no_repeat),
		BOTH(test_a_release_with_an_activations_token_is_no_repeat),
		BOTH(test_plans_go_by_name_across_licenses),
		BOTH(test_a_repeat_keeps_its_notices),
	};
	return cmocka_run_group_tests_name("server/broker/request", tests, group_setup, group_teardown);
}
