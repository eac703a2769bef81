/* SPDX-License-Identifier: Apache-2.0 */
/* When the host signs its audit log: after many rows, after an hour, at start and stop, and only what is
 * durable. */
#include "org.h"

#include "audit_check.h"
#include "checkpoint.h"

static int64_t points(void)
{
	struct audit_check c = {.ledger = NULL};
	assert_int_equal(store_audit(flaky.inner, &c), 0);
	assert_int_equal(c.code, 0);
	return c.points;
}

static int64_t signed_through(void)
{
	struct audit_check c = {.ledger = NULL};
	assert_int_equal(store_audit(flaky.inner, &c), 0);
	return c.signed_through;
}

static void start(void)
{
	license_host(1);
	broker_started(&broker, now, "0.1.0");
}

static void test_a_thousand_rows_are_signed(void **state)
{
	(void)state;
	start();
	int64_t before = points();
	int64_t rows = audits(NULL);
	add_users(999);
	must(ADD_USER("one"));
	assert_int_equal(points(), before); /* durable, but the batch that would sign has not begun */
	must(ADD_USER("two"));
	assert_int_equal(points(), before + 1);
	assert_int_equal(signed_through(), rows + 1000);
	for (int i = 0; i < 5; i++)
		sweep();
	assert_int_equal(points(), before + 1);
}

static void test_an_hour_is_signed_when_there_is_something_new(void **state)
{
	(void)state;
	start();
	int64_t before = points();
	now += 3600;
	sweep();
	assert_int_equal(points(), before); /* nothing is new */
	must(ADD_USER("one"));
	sweep();
	assert_int_equal(points(), before + 1);
	must(ADD_USER("two"));
	now += 3599;
	sweep();
	assert_int_equal(points(), before + 1);
	now++;
	sweep();
	assert_int_equal(points(), before + 2);
	assert_int_equal(signed_through(), audits(NULL));
}

static void test_a_clock_that_was_set_back_is_no_excuse(void **state)
{
	(void)state;
	start();
	int64_t before = points();
	must(ADD_USER("one"));
	now -= 10 * (int64_t)DAY;
	sweep();
	assert_int_equal(points(), before + 1);
}

static void test_start_and_stop_sign_to_the_end(void **state)
{
	(void)state;
	start();
	assert_int_equal(signed_through(), audits(NULL));
	must(ADD_USER("one"));
	broker_stopped(&broker, now, "0.1.0");
	assert_int_equal(signed_through(), audits(NULL));
	restart();
	broker_started(&broker, now, "0.1.0");
	assert_int_equal(signed_through(), audits(NULL));
	assert_true(points() >= 3);
}

/* A batch that is undone has signed nothing, and the next one does. */
static void test_what_is_undone_is_not_signed(void **state)
{
	(void)state;
	start();
	int64_t before = points();
	must(ADD_USER("one"));
	now += 3601;
	flaky.error = E_STORE_FULL;
	flaky.commits_to_fail = 1;
	assert_int_equal(run_and_free(job_new(JOB_SWEEP, 0)), E_STORE_FULL);
	heal();
	assert_int_equal(points(), before);
	sweep();
	assert_int_equal(points(), before + 1);
	assert_int_equal(signed_through(), audits(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_a_thousand_rows_are_signed),
		BOTH(test_an_hour_is_signed_when_there_is_something_new),
		BOTH(test_a_clock_that_was_set_back_is_no_excuse),
		BOTH(test_start_and_stop_sign_to_the_end),
		BOTH(test_what_is_undone_is_not_signed),
	};
	return cmocka_run_group_tests_name("server/broker/seal", tests, group_setup, group_teardown);
}
