/* SPDX-License-Identifier: Apache-2.0 */
/* What time alone changes. */
#include "host.h"

static void sweep(void)
{
	assert_int_equal(run_and_free(job_new(JOB_SWEEP, 0)), 0);
}

static void test_the_sweep_sees_a_count_fall(void **state)
{
	struct machine a = machine(1);
	struct machine b = machine(2);
	(void)state;
	license_host(2);
	ask(&a, JOB_ACTIVATE, NULL);
	assert_int_equal(ask(&b, JOB_ACTIVATE, NULL), 0);
	now += 29 * (int64_t)DAY;
	sweep();
	assert_int_equal(grant_row().u.grant.marks.below_since, 0);
	assert_int_equal(audits("threshold.below"), 0);
	now += DAY;
	sweep();
	int64_t since = now;
	assert_int_equal(grant_row().u.grant.marks.below_since, since);
	assert_int_equal(audits("threshold.below"), 1);
	now += DAY;
	sweep(); /* once */
	assert_int_equal(grant_row().u.grant.marks.below_since, since);
	assert_int_equal(audits("threshold.below"), 1);
	assert_int_equal(ask(&b, JOB_RENEW, NULL), 0); /* in its grace */
	now = since + 30 * (int64_t)DAY;
	assert_int_equal(ask(&b, JOB_RENEW, NULL), E_THRESHOLD_NOT_MET);
	assert_int_equal(ask(&a, JOB_ACTIVATE, NULL), 0);
	assert_int_equal(audits("threshold.recovered"), 1);
	assert_int_equal(grant_row().u.grant.marks.below_since, 0);
	assert_sound();
}

static void test_the_sweep_sees_a_recovery(void **state)
{
	struct machine a = machine(1);
	struct machine b = machine(2);
	(void)state;
	license_host(2);
	ask(&a, JOB_ACTIVATE, NULL);
	ask(&b, JOB_ACTIVATE, NULL);
	assert_int_equal(ask(&a, JOB_RELEASE, NULL), 0);
	sweep();
	assert_int_equal(audits("threshold.below"), 1);
	assert_int_equal(install_license(fixture_volume(&vendor, 2, 1)), 0); /* the vendor lowers it */
	sweep();
	assert_int_equal(grant_row().u.grant.marks.below_since, 0);
	assert_int_equal(audits("threshold.recovered"), 1);
}

/* A lowered threshold is met for the first time, which is no recovery. */
static void test_the_sweep_names_a_first_time(void **state)
{
	struct machine a = machine(1);
	struct machine b = machine(2);
	(void)state;
	license_host(25);
	ask(&a, JOB_ACTIVATE, NULL);
	ask(&b, JOB_ACTIVATE, NULL);
	assert_int_equal(install_license(fixture_volume(&vendor, 2, 2)), 0);
	sweep();
	assert_int_equal(grant_row().u.grant.marks.reached, now);
	assert_int_equal(audits("threshold.reached"), 1);
	assert_int_equal(audits("threshold.recovered"), 0);
}

/* A threshold of one is none: neither requests nor sweeps write a line about it. */
static void test_the_sweep_is_silent_about_a_threshold_of_one(void **state)
{
	struct machine a = machine(1);
	(void)state;
	license_host(1);
	assert_int_equal(ask(&a, JOB_ACTIVATE, NULL), 0);
	int64_t rows = audits(NULL);
	now += 40 * (int64_t)DAY;
	sweep();
	assert_int_equal(audits(NULL), rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_the_sweep_sees_a_count_fall),
		BOTH(test_the_sweep_sees_a_recovery),
		BOTH(test_the_sweep_names_a_first_time),
		BOTH(test_the_sweep_is_silent_about_a_threshold_of_one),
	};
	return cmocka_run_group_tests_name("server/broker/sweep", tests, group_setup, group_teardown);
}
