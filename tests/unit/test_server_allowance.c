/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "allowance.h"

#define SECOND 1000

static void test_it_fills_at_its_rate_up_to_a_period(void **state)
{
	(void)state;
	assert_int_equal(allowance_full(5, SECOND), 5000);
	assert_int_equal(allowance_fill(0, 5, SECOND, 1), 5);
	assert_int_equal(allowance_fill(0, 5, SECOND, 999), 4995);
	assert_int_equal(allowance_fill(0, 5, SECOND, INT64_MAX), 5000);
	assert_int_equal(allowance_fill(4999, 5, SECOND, 1), 5000);
	assert_int_equal(allowance_fill(-5000, 5, SECOND, SECOND), 0); /* charged before it had so much */
}

static void test_a_clock_that_goes_backwards(void **state)
{
	(void)state;
	assert_int_equal(allowance_fill(7, 5, SECOND, -1), 7);
	assert_int_equal(allowance_fill(7, 5, SECOND, INT64_MIN), 7);
}

static void test_a_smaller_rate_cuts_what_was_saved(void **state)
{
	(void)state;
	assert_int_equal(allowance_fill(5000, 2, SECOND, 0), 2000);
	assert_int_equal(allowance_fill(5000, 0, SECOND, SECOND), 0);
}

static void test_how_long_to_wait(void **state)
{
	const int64_t hour = 3600000;
	(void)state;
	assert_int_equal(allowance_wait(hour, 4, hour), 0);
	assert_int_equal(allowance_wait(hour - 1, 4, hour), 1);
	assert_int_equal(allowance_wait(0, 4, hour), 901);
	assert_int_equal(allowance_wait(-hour, 4, hour), 1801);
	assert_int_equal(allowance_wait(0, 0, hour), 3600); /* never; ask again after a period */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_fills_at_its_rate_up_to_a_period),
		cmocka_unit_test(test_a_clock_that_goes_backwards),
		cmocka_unit_test(test_a_smaller_rate_cuts_what_was_saved),
		cmocka_unit_test(test_how_long_to_wait),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
