/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "error.h"

static const struct error_row *rows(size_t *ret_n)
{
	const struct error_row *table = error_table(ret_n);
	assert_true(*ret_n > 50);
	return table;
}

static void test_numbers_and_names_are_unique(void **state)
{
	size_t n;
	const struct error_row *table = rows(&n);
	(void)state;
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < i; j++) {
			assert_int_not_equal(table[i].number, table[j].number);
			assert_string_not_equal(table[i].name, table[j].name);
		}
	}
}

static void test_numbers_rise_and_fit_the_wire(void **state)
{
	size_t n;
	const struct error_row *table = rows(&n);
	(void)state;
	for (size_t i = 0; i < n; i++) {
		assert_in_range(table[i].number, i == 0 ? 1 : table[i - 1].number + 1, UINT16_MAX);
	}
}

static void test_texts_follow_the_rules(void **state)
{
	static const char name_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ_";
	size_t n;
	const struct error_row *table = rows(&n);
	(void)state;
	for (size_t i = 0; i < n; i++) {
		const struct error_row *row = &table[i];
		size_t text = strlen(row->text);
		size_t remedy = strlen(row->remedy);
		assert_int_equal(strspn(row->name, name_letters), strlen(row->name));
		assert_true(text > 8 && text < 120);
		assert_int_not_equal(row->text[text - 1], '.');
		assert_null(strchr(row->text, '\n'));
		assert_true(remedy > 8 && remedy < 160);
		assert_int_equal(row->remedy[remedy - 1], '.');
		assert_in_range(row->remedy[0], 'A', 'Z');
		assert_null(strchr(row->remedy, '\n'));
	}
}

static void test_exits_http_and_retry_are_of_the_lists(void **state)
{
	static const LargestIntegralType exits[] = {1, 2, 3, 4, 64, 69, 73, 75, 77, 78};
	size_t n;
	const struct error_row *table = rows(&n);
	(void)state;
	for (size_t i = 0; i < n; i++) {
		assert_in_set((LargestIntegralType)table[i].exit, exits, sizeof(exits) / sizeof(exits[0]));
		assert_in_range(table[i].http, 400, 599);
		assert_in_range(table[i].retry, RETRY_NEVER, RETRY_NEXT);
	}
}

static void test_lookup_by_either_sign_and_by_name(void **state)
{
	size_t n;
	const struct error_row *table = rows(&n);
	(void)state;
	for (size_t i = 0; i < n; i++) {
		assert_ptr_equal(error_row(table[i].number), &table[i]);
		assert_ptr_equal(error_row(-table[i].number), &table[i]);
		assert_ptr_equal(error_by_name(table[i].name), &table[i]);
		assert_string_equal(error_name(-table[i].number), table[i].name);
		assert_string_equal(error_text(-table[i].number), table[i].text);
	}
	assert_int_equal(E_BUSY, -3);
	assert_int_equal(E_THRESHOLD_NOT_MET, -41);
	assert_int_equal(error_row(E_THRESHOLD_NOT_MET)->retry, RETRY_LATER);
}

static void test_unknown_codes_give_internal(void **state)
{
	static const int codes[] = {0, 11, -11, 65535, -65535, INT32_MAX, INT32_MIN};
	(void)state;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		assert_string_equal(error_row(codes[i])->name, "INTERNAL");
	assert_null(error_by_name("NO_SUCH_CODE"));
	assert_null(error_by_name(""));
	assert_null(error_by_name("busy"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers_and_names_are_unique),
		cmocka_unit_test(test_numbers_rise_and_fit_the_wire),
		cmocka_unit_test(test_texts_follow_the_rules),
		cmocka_unit_test(test_exits_http_and_retry_are_of_the_lists),
		cmocka_unit_test(test_lookup_by_either_sign_and_by_name),
		cmocka_unit_test(test_unknown_codes_give_internal),
	};
	return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
