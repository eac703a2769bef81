/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log is kept for so many days, and what is left of it proves itself. */
#include "org.h"

#include "audit_check.h"

#define KEPT 30

static void add_user_number(int i)
{
	char name[32];
	snprintf(name, sizeof(name), "u%d", i);
	must(ADD_USER(name));
}

static struct audit_check checked(void)
{
	struct audit_check c = {.ledger = NULL};
	assert_int_equal(store_audit(flaky.inner, &c), 0);
	return c;
}

static void start(void)
{
	broker_started(&broker, now, "0.1.0");
	atomic_store(&broker.audit_days, KEPT);
}

/* A day's rows, and a checkpoint over them. */
static void pass_a_day(int rows)
{
	static int user;
	for (int i = 0; i < rows; i++)
		add_user_number(user++);
	now += DAY;
	broker.seal.soon = true;
	sweep();
}

static void sweep_often(int n)
{
	for (int i = 0; i < n; i++) {
		now += 60;
		sweep();
	}
}

static int64_t last_pruned(void)
{
	return checked().pruned;
}

static void test_rows_go_when_they_are_old(void **state)
{
	(void)state;
	license_host(1);
	start();
	for (int day = 0; day < KEPT; day++)
		pass_a_day(3);
	assert_int_equal(audits(AUDIT_PRUNED), 0);
	for (int day = 0; day < 5; day++)
		pass_a_day(3);
	struct audit_check c = checked();
	assert_int_equal(c.code, 0);
	assert_true(c.pruned > 0);
	assert_int_equal(c.first, c.pruned + 1);
	assert_int_equal(c.rows, c.last - c.pruned);
	assert_in_range(audits(AUDIT_PRUNED), 1, 5); /* once a day */
	int64_t rows = audits(NULL);
	sweep_often(10);
	assert_in_range(audits(NULL), rows, rows + 1);
	assert_sound();
}

static void test_nothing_goes_when_all_is_kept_for_ever(void **state)
{
	(void)state;
	license_host(1);
	start();
	atomic_store(&broker.audit_days, 0);
	for (int day = 0; day < 2 * KEPT; day++)
		pass_a_day(1);
	assert_int_equal(audits(AUDIT_PRUNED), 0);
	assert_int_equal(checked().first, 1);
}

/* A long log goes in slices, and at every instant it proves itself, across a restart, too. */
static void test_a_long_log_goes_in_slices(void **state)
{
	(void)state;
	license_host(1);
	start();
	atomic_store(&broker.audit_days, 0);
	for (int day = 0; day < 3; day++)
		pass_a_day(1700);
	atomic_store(&broker.audit_days, KEPT);
	now += KEPT * (int64_t)DAY + 1;
	sweep();
	struct audit_check c = checked();
	assert_int_equal(c.code, 0);
	assert_int_equal(c.first, 2001);
	assert_true(c.pruned > 5000);
	restart();
	atomic_store(&broker.audit_days, KEPT);
	now += 60;
	sweep();
	assert_int_equal(checked().code, 0);
	assert_int_equal(checked().first, 4001);
	sweep_often(2);
	c = checked();
	assert_int_equal(c.code, 0);
	assert_int_equal(c.first, c.pruned + 1);
	assert_int_equal(audits(AUDIT_PRUNED), 1);
}

/* Whatever call fails: all of a pruning's begin is there, or nothing, and the next sweep goes on. */
static void test_a_failing_store_leaves_a_log_that_proves_itself(void **state)
{
	(void)state;
	license_host(1);
	start();
	pass_a_day(20);
	pass_a_day(20);
	now += KEPT * (int64_t)DAY;
	int tries = 0;
	for (;;) {
		heal();
		flaky.error = E_STORE_FULL;
		flaky.fail_at = ++tries;
		run_and_free(job_new(JOB_SWEEP, 0));
		bool failed = flaky.failures;
		heal();
		assert_int_equal(checked().code, 0);
		assert_true(tries < 200);
		if (!failed)
			break;
		assert_int_equal(last_pruned(), 0);
	}
	assert_true(tries > 3);
	assert_true(last_pruned() > 0);
}

/* The row that tells of the pruning is what makes it one. */
static void test_a_later_pruning_stands_for_an_earlier_one(void **state)
{
	(void)state;
	license_host(1);
	start();
	for (int day = 0; day < 3 * KEPT; day++)
		pass_a_day(1);
	struct audit_check c = checked();
	assert_int_equal(c.code, 0);
	assert_true(c.pruned > 2 * KEPT);
	assert_int_equal(c.first, c.pruned + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_rows_go_when_they_are_old),
		BOTH(test_nothing_goes_when_all_is_kept_for_ever),
		BOTH(test_a_long_log_goes_in_slices),
		BOTH(test_a_failing_store_leaves_a_log_that_proves_itself),
		BOTH(test_a_later_pruning_stands_for_an_earlier_one),
	};
	return cmocka_run_group_tests_name("server/broker/prune", tests, group_setup, group_teardown);
}
