/* SPDX-License-Identifier: Apache-2.0 */
/* Codes that people type: what is passed over, what is found out, and the hash. */
#include "fixture.h"

#include "keycode.h"

static const char alphabet[] = "346789ABCDEFGHJKMNPQRTVWXY";

static void test_a_new_code_reads_back(void **state)
{
	static const size_t lengths[] = {KEYCODE_KEY, KEYCODE_CODE};
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		for (int j = 0; j < 200; j++) {
			char text[KEYCODE_TEXT];
			char bare[KEYCODE_KEY + 1];
			keycode_make(lengths[i], text);
			assert_int_equal(keycode_read(text, lengths[i], bare), 0);
			assert_int_equal(strlen(bare), lengths[i]);
			assert_int_equal(strspn(bare, alphabet), lengths[i]);
		}
	}
}

static void test_groups(void **state)
{
	char text[KEYCODE_TEXT];
	(void)state;
	keycode_make(KEYCODE_KEY, text);
	assert_int_equal(strlen(text), 29);
	assert_int_equal(text[5], '-');
	keycode_make(KEYCODE_CODE, text);
	assert_int_equal(strlen(text), 19);
	assert_int_equal(text[4], '-');
}

/* ISO/IEC 7064 worked by hand for the alphabet's values: "AB" has values 6 and 7. */
static void test_the_check_character(void **state)
{
	char bare[KEYCODE_KEY + 1];
	(void)state;
	/* p: 26 -> (26+6)%26=6 -> 12; (12+7)%26=19 -> 38%27=11; check (27-11)%26 = 16 -> 'M'. */
	assert_int_equal(keycode_read("ABM", 3, bare), 0);
	assert_int_equal(keycode_read("ABN", 3, bare), E_KEY_MALFORMED);
}

static void test_what_people_type_is_understood(void **state)
{
	char text[KEYCODE_TEXT];
	char bare[KEYCODE_KEY + 1];
	char same[KEYCODE_KEY + 1];
	char typed[160] = "";
	(void)state;
	keycode_make(KEYCODE_KEY, text);
	assert_int_equal(keycode_read(text, KEYCODE_KEY, bare), 0);
	for (size_t i = 0; bare[i]; i++) {
		static const char *const between[] = {"\xe2\x80\x94", "\xe2\x80\x93", " ",
						      "\t",           "\xc2\xa0",     "\xe2\x88\x92"};
		char one[2] = {(char)(bare[i] >= 'A' ? bare[i] - 'A' + 'a' : bare[i]), 0};
		strcat(typed, one);
		if (i % 4 == 0)
			strcat(typed, between[i / 4 % 6]);
	}
	assert_int_equal(keycode_read(typed, KEYCODE_KEY, same), 0);
	assert_string_equal(same, bare);
}

/* Every single wrong character and every swap of two neighbours that differ. */
static void test_typing_errors_are_found(void **state)
{
	char text[KEYCODE_TEXT];
	char bare[KEYCODE_KEY + 1];
	char out[KEYCODE_KEY + 1];
	int swaps = 0;
	int missed = 0;
	(void)state;
	for (int round = 0; round < 50; round++) {
		keycode_make(KEYCODE_KEY, text);
		assert_int_equal(keycode_read(text, KEYCODE_KEY, bare), 0);
		for (size_t i = 0; i < KEYCODE_KEY; i++) {
			char right = bare[i];
			for (const char *c = alphabet; *c; c++) {
				bare[i] = *c;
				assert_int_equal(keycode_read(bare, KEYCODE_KEY, out),
						 *c == right ? 0 : E_KEY_MALFORMED);
			}
			bare[i] = right;
			if (i + 1 == KEYCODE_KEY || bare[i] == bare[i + 1])
				continue;
			bare[i] = bare[i + 1];
			bare[i + 1] = right;
			swaps++;
			missed += keycode_read(bare, KEYCODE_KEY, out) == 0;
			bare[i + 1] = bare[i];
			bare[i] = right;
		}
	}
	/* The hybrid system finds nearly all swaps; the standard promises no more. */
	assert_true(missed * 50 < swaps);
}

static void test_what_is_no_code(void **state)
{
	static const char *const bad[] = {"",
					  "A",
					  "0123456789012345678901234",
					  "AAAAA-AAAAA-AAAAA-AAAAA-AAAAO",
					  "AAAAA-AAAAA-AAAAA-AAAAA-AAAAA-AAAAA",
					  "AAAAA/AAAAA",
					  "\xe2\x80",
					  "\xc2"};
	char bare[KEYCODE_KEY + 1];
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(keycode_read(bad[i], KEYCODE_KEY, bare), E_KEY_MALFORMED);
}

static void test_the_hash_depends_on_all(void **state)
{
	uint8_t salt[KEYCODE_SALT] = {1};
	uint8_t other[KEYCODE_SALT] = {2};
	uint8_t a[KEYCODE_HASH];
	uint8_t b[KEYCODE_HASH];
	(void)state;
	keycode_hash("ABM", salt, sizeof(salt), a);
	keycode_hash("ABM", other, sizeof(other), b);
	assert_memory_not_equal(a, b, sizeof(a));
	keycode_hash("ABN", salt, sizeof(salt), b);
	assert_memory_not_equal(a, b, sizeof(a));
	keycode_hash("ABM", salt, sizeof(salt), b);
	assert_memory_equal(a, b, sizeof(a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_new_code_reads_back),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_the_check_character),
		cmocka_unit_test(test_what_people_type_is_understood),
		cmocka_unit_test(test_typing_errors_are_found),
		cmocka_unit_test(test_what_is_no_code),
		cmocka_unit_test(test_the_hash_depends_on_all),
	};
	return cmocka_run_group_tests_name("keycode", tests, NULL, NULL);
}
