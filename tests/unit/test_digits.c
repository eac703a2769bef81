/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sodium.h>

#include "digits.h"
#include "error.h"

#define GROUPS 8
#define SIZE 17

static char good[DIGITS_TEXT];
static char good_bare[DIGITS_BARE];

static int setup(void **state)
{
	uint8_t number[SIZE];
	struct digits_report report;
	(void)state;
	if (sodium_init() < 0)
		return -1;
	for (size_t i = 0; i < SIZE; i++)
		number[i] = (uint8_t)(i == 0 ? 9 : i * 37);
	digits_write(number, SIZE, GROUPS, good);
	return digits_read(good, GROUPS, good_bare, &report);
}

static void put(char *text, unsigned group, const char *six)
{
	memcpy(text + (group - 1) * (DIGITS_GROUP + 1), six, DIGITS_GROUP);
}

static void get(unsigned group, char six[DIGITS_GROUP + 1])
{
	memcpy(six, good + (group - 1) * (DIGITS_GROUP + 1), DIGITS_GROUP);
	six[DIGITS_GROUP] = 0;
}

/* What is told of a text. */
static void expect(const char *typed, const char *words)
{
	char bare[DIGITS_BARE];
	char told[DIGITS_WORDS];
	struct digits_report report;
	int error = digits_read(typed, GROUPS, bare, &report);
	assert_int_equal(error, *words ? E_DIGITS_WRONG : 0);
	assert_string_equal(digits_explain(&report, told), words);
}

static void test_numbers_of_every_size(void **state)
{
	(void)state;
	for (int i = 0; i < 2000; i++) {
		uint8_t number[SIZE];
		uint8_t back[SIZE];
		char text[DIGITS_TEXT];
		char bare[DIGITS_BARE];
		struct digits_report report;
		randombytes_buf(number, sizeof(number));
		memset(number, 0, (size_t)i % SIZE);
		number[i % SIZE] |= 1;
		number[0] &= 0x0f;
		digits_write(number, SIZE, GROUPS, text);
		assert_int_equal(strlen(text), GROUPS * 7 - 1);
		assert_int_equal(digits_read(text, GROUPS, bare, &report), 0);
		assert_true(digits_number(bare, GROUPS, back, SIZE));
		assert_memory_equal(number, back, SIZE);
		assert_int_equal(digits_number(bare, GROUPS, back, 2), i % SIZE >= 15);
	}
}

/* All of them, in every group: none is missed, and the group is named. */
static void test_every_wrong_digit_is_seen(void **state)
{
	(void)state;
	for (unsigned group = 1; group <= GROUPS; group++) {
		for (size_t at = 0; at < DIGITS_GROUP; at++) {
			for (char digit = '0'; digit <= '9'; digit++) {
				char typed[DIGITS_TEXT];
				char words[64] = "";
				memcpy(typed, good, sizeof(typed));
				char *place = typed + (group - 1) * (DIGITS_GROUP + 1) + at;
				if (*place != digit)
					snprintf(words, sizeof(words), "group %u is mistyped", group);
				*place = digit;
				expect(typed, words);
			}
		}
	}
}

static void test_neighbours_that_changed_places(void **state)
{
	(void)state;
	for (unsigned group = 1; group <= GROUPS; group++) {
		for (size_t at = 0; at + 1 < DIGITS_GROUP; at++) {
			char typed[DIGITS_TEXT];
			char words[64] = "";
			memcpy(typed, good, sizeof(typed));
			char *place = typed + (group - 1) * (DIGITS_GROUP + 1) + at;
			char first = place[0];
			place[0] = place[1];
			place[1] = first;
			if (place[0] != place[1])
				snprintf(words, sizeof(words), "group %u is mistyped", group);
			expect(typed, words);
		}
	}
}

static void test_every_two_groups_that_changed_places(void **state)
{
	(void)state;
	for (unsigned a = 1; a <= GROUPS; a++) {
		for (unsigned b = a + 1; b <= GROUPS; b++) {
			char typed[DIGITS_TEXT];
			char words[64];
			char x[7];
			char y[7];
			memcpy(typed, good, sizeof(typed));
			get(a, x);
			get(b, y);
			put(typed, a, y);
			put(typed, b, x);
			snprintf(words, sizeof(words), "groups %u and %u are swapped", a, b);
			expect(typed, words);
		}
	}
}

static void test_groups_that_went_round(void **state)
{
	char typed[DIGITS_TEXT];
	char six[7];
	(void)state;
	memcpy(typed, good, sizeof(typed));
	get(2, six);
	put(typed, 5, six);
	get(5, six);
	put(typed, 7, six);
	get(7, six);
	put(typed, 2, six);
	expect(typed, "what stands in group 2 belongs into group 7; what stands in group 5 belongs into "
		      "group 2; what "
		      "stands in group 7 belongs into group 5");
	memcpy(typed, good, sizeof(typed));
	get(3, six);
	put(typed, 4, six); /* read out twice */
	expect(typed, "group 4 is group 3 once more");
}

static void test_what_people_type(void **state)
{
	char typed[256];
	char bare[DIGITS_BARE];
	struct digits_report report;
	(void)state;
	expect(good_bare, "");
	size_t n = 0;
	for (const char *c = good_bare; *c; c++)
		n += (size_t)sprintf(typed + n, "%c%s", *c, (c - good_bare) % 3 == 2 ? " " : "");
	expect(typed, "");
	snprintf(typed, sizeof(typed), "  %s\r\n", good);
	expect(typed, "");
	/* Dashes and blanks of word processors. */
	n = 0;
	for (const char *c = good; *c; c++)
		n += (size_t)sprintf(typed + n, *c == '-' ? "\u2013\u00a0" : "%c", *c);
	expect(typed, "");
	memcpy(typed, good, sizeof(good));
	typed[9] = 'O';
	expect(typed, "character 10 is no digit");
	memcpy(typed, good, sizeof(good));
	typed[strlen(good) - 1] = 0;
	expect(typed, "group 8 has 5 digits in place of 6");
	snprintf(typed, sizeof(typed), "%.6s1-%s", good, good + 7);
	expect(typed, "group 1 has 7 digits in place of 6");
	snprintf(typed, sizeof(typed), "%s", good + 7);
	expect(typed, "42 digits were typed");
	snprintf(typed, sizeof(typed), "%s-123456", good);
	expect(typed, "54 digits were typed");
	expect("", "0 digits were typed");
	memset(typed, '7', sizeof(typed) - 1);
	typed[sizeof(typed) - 1] = 0;
	expect(typed, "255 digits were typed");
	assert_int_equal(digits_read(good, GROUPS, bare, &report), 0);
	assert_string_equal(bare, good_bare);
}

/* --- finding the digit --- */

static bool is_good(const char *bare, void *context)
{
	++*(int *)context;
	return memcmp(bare, good_bare, DIGITS_GROUP * GROUPS) == 0;
}

/* Mend what was typed; what is told then. NULL: it cannot be mended. */
static void expect_mended(const char *typed, const char *words)
{
	char bare[DIGITS_BARE];
	char told[DIGITS_WORDS];
	struct digits_report report;
	int trials = 0;
	assert_int_equal(digits_read(typed, GROUPS, bare, &report), E_DIGITS_WRONG);
	bool mended = digits_mend(bare, GROUPS, is_good, &trials, &report);
	assert_int_equal(mended, words != NULL);
	assert_true(trials <= DIGITS_TRIALS);
	if (mended)
		assert_string_equal(bare, good_bare);
	if (mended && *words)
		assert_string_equal(digits_explain(&report, told), words);
}

static void test_every_wrong_digit_is_named(void **state)
{
	(void)state;
	for (unsigned group = 1; group <= GROUPS; group++) {
		for (size_t at = 0; at < DIGITS_GROUP; at++) {
			for (char digit = '0'; digit <= '9'; digit++) {
				char typed[DIGITS_TEXT];
				char words[64];
				memcpy(typed, good, sizeof(typed));
				char *place = typed + (group - 1) * (DIGITS_GROUP + 1) + at;
				snprintf(words, sizeof(words), "group %u: digit %zu should be %c", group,
					 at + 1, *place);
				bool same = *place == digit;
				*place = digit;
				if (!same)
					expect_mended(typed, words);
			}
		}
	}
}

static void test_two_faults_are_named(void **state)
{
	(void)state;
	for (int i = 0; i < 300; i++) {
		char typed[DIGITS_TEXT];
		unsigned a = 1 + randombytes_uniform(GROUPS);
		unsigned b = 1 + randombytes_uniform(GROUPS);
		memcpy(typed, good, sizeof(typed));
		char *x = typed + (a - 1) * 7 + randombytes_uniform(6);
		char *y = typed + (b - 1) * 7 + randombytes_uniform(6);
		*x = (char)('0' + (*x - '0' + 1 + (int)randombytes_uniform(9)) % 10);
		if (a != b)
			*y = (char)('0' + (*y - '0' + 1 + (int)randombytes_uniform(9)) % 10);
		expect_mended(typed, "");
	}
	char typed[DIGITS_TEXT];
	memcpy(typed, good, sizeof(typed));
	for (unsigned group = 1; group <= 3; group++) /* of three groups only the groups are told */
		typed[(group - 1) * 7] = (char)('0' + (typed[(group - 1) * 7] - '0' + 1) % 10);
	expect_mended(typed, NULL);
}

static void test_changed_places_are_mended(void **state)
{
	char typed[DIGITS_TEXT];
	char x[7];
	char y[7];
	(void)state;
	memcpy(typed, good, sizeof(typed));
	get(2, x);
	get(6, y);
	put(typed, 2, y);
	put(typed, 6, x);
	expect_mended(typed, "groups 2 and 6 are swapped");
	memcpy(typed, good, sizeof(typed));
	char crossed[7];
	memcpy(crossed, x, sizeof(crossed));
	size_t at = 0;
	while (x[at] == x[at + 1])
		at++;
	crossed[at] = x[at + 1];
	crossed[at + 1] = x[at];
	put(typed, 2, crossed);
	char words[64];
	snprintf(words, sizeof(words), "group 2: digits %zu and %zu are swapped", at + 1, at + 2);
	expect_mended(typed, words);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers_of_every_size),
		cmocka_unit_test(test_every_wrong_digit_is_seen),
		cmocka_unit_test(test_neighbours_that_changed_places),
		cmocka_unit_test(test_every_two_groups_that_changed_places),
		cmocka_unit_test(test_groups_that_went_round),
		cmocka_unit_test(test_what_people_type),
		cmocka_unit_test(test_every_wrong_digit_is_named),
		cmocka_unit_test(test_two_faults_are_named),
		cmocka_unit_test(test_changed_places_are_mended),
	};
	return cmocka_run_group_tests_name("digits", tests, setup, NULL);
}
