/* SPDX-License-Identifier: Apache-2.0 */
/* Codes by name and number, and what somebody may have meant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "explain.h"

static void test_find(void **state)
{
	size_t n;
	const struct error_row *rows = error_table(&n);
	(void)state;
	for (size_t i = 0; i < n; i++)
		assert_ptr_equal(explain_find(rows[i].name), &rows[i]);
	assert_string_equal(explain_find("busy")->name, "BUSY");
	assert_string_equal(explain_find("3")->name, "BUSY");
	assert_string_equal(explain_find("-3")->name, "BUSY");
	assert_null(explain_find(""));
	assert_null(explain_find("0"));
	assert_null(explain_find("3x"));
	assert_null(explain_find("BUS"));
}

static void test_near(void **state)
{
	const char *near[EXPLAIN_NEAR];
	char huge[5000];
	(void)state;
	assert_true(explain_near("BUZY", near) >= 1);
	assert_string_equal(near[0], "BUSY");
	assert_true(explain_near("treshold_not_met", near) >= 1);
	assert_string_equal(near[0], "THRESHOLD_NOT_MET");
	assert_true(explain_near("treshold", near) >= 1); /* only its beginning, and that mistyped */
	assert_string_equal(near[0], "THRESHOLD_NOT_MET");
	assert_int_equal(explain_near("pool", near), 2);
	assert_int_equal(explain_near("key", near), EXPLAIN_NEAR);
	assert_int_equal(explain_near("SOMETHING_ELSE_ALTOGETHER", near), 0);
	memset(huge, 'X', sizeof(huge) - 1);
	huge[sizeof(huge) - 1] = 0;
	assert_int_equal(explain_near(huge, near), 0);
}

/* A text is one clause without a full stop, a remedy whole sentences. */
static void test_every_row_says_what_and_what_to_do(void **state)
{
	size_t n;
	const struct error_row *rows = error_table(&n);
	(void)state;
	for (size_t i = 0; i < n; i++) {
		size_t text = strlen(rows[i].text);
		size_t remedy = strlen(rows[i].remedy);
		assert_true(text > 10 && rows[i].text[text - 1] != '.');
		assert_true(remedy > 9 && rows[i].remedy[remedy - 1] == '.');
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(rows[j].number, rows[i].number);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_near),
		cmocka_unit_test(test_every_row_says_what_and_what_to_do),
	};
	return cmocka_run_group_tests_name("explain", tests, NULL, NULL);
}
