/* SPDX-License-Identifier: Apache-2.0 */
/* Errors as values: what is kept of a detail, and which numbers are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "fault.h"

static void excerpts(void **unused)
{
	static const struct {
		const char *detail, *kept;
	} rows[] = {
		{"", ""},
		{"short", "short"},
		{"1234567", "1234567"},
		{"12345678", "1234567"},
		{"a\nb\x1b[m", "a?b?[m"},
		{"123456\xc3\xb8", "123456"},       /* a character that does not fit is left out as a whole */
		{"12345\xc3\xb8", "12345\xc3\xb8"}, /* and one that fits is kept */
		{"1234\xe2\x82\xac!", "1234\xe2\x82\xac"},
		{"12345\xe2\x82\xac", "12345"},
		{"a\xc2\x85z", "a??z"}, /* a control character of two bytes */
		{"\x7f", "?"},
	};
	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char out[8];
		assert_string_equal(fault_excerpt(rows[i].detail, out, sizeof(out)), rows[i].kept);
	}
}

static void details_are_joined(void **unused)
{
	struct fault f;
	(void)unused;
	assert_int_equal(fault_set(&f, -3, "%s", ""), -3);
	fault_add(&f, "one");
	fault_add(&f, "%d", 2);
	assert_string_equal(f.detail, "one; 2");
	for (int i = 0; i < FAULT_DETAIL; i++)
		fault_add(&f, "more");
	assert_int_equal(strlen(f.detail), FAULT_DETAIL - 1);
}

static void numbers(void **unused)
{
	const struct numbers n = {.need = 25, .quantity = 5, .used = 5};
	int64_t value = -1;
	(void)unused;
	assert_true(numbers_value(&n, "have", &value));
	assert_int_equal(value, 0);
	assert_true(numbers_value(&n, "used", &value));
	assert_int_equal(value, 5);
	assert_false(numbers_value(&n, "until", &value));
	assert_false(numbers_value(&n, "no such", &value));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(excerpts),
		cmocka_unit_test(details_are_joined),
		cmocka_unit_test(numbers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
