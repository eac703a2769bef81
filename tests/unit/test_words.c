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

#include "error.h"
#include "words.h"

static uint8_t host[PASETO_PUBLIC];
static uint8_t secret[PASETO_SECRET];
static uint8_t iid[VOICE_IID];
static const struct voice_grant grant = {.day = 2700, .flags = 1, .sequence = 3};
static struct spoken_words good;
static char text[WORDS_TEXT];

static int setup(void **state)
{
	static const uint8_t seed[crypto_sign_SEEDBYTES] = {71};
	static const uint8_t keys[2][32] = {{1}, {2}};
	(void)state;
	if (sodium_init() < 0 || crypto_sign_seed_keypair(host, secret, seed))
		return -1;
	voice_installation_make(keys[0], keys[1], 5, 6, iid);
	words_sign(secret, iid, &grant, &good);
	words_write(&good, text);
	return 0;
}

/* The list as its header promises it. */
static void test_the_list(void **state)
{
	(void)state;
	for (unsigned i = 0; i < WORDS_LIST; i++) {
		const char *w = words_word(i);
		size_t n = strlen(w);
		assert_true(n >= 4 && n <= 8 && strspn(w, "abcdefghijklmnopqrstuvwxyz") == n);
		if (i)
			assert_true(strcmp(words_word(i - 1), w) < 0 &&
				    strncmp(words_word(i - 1), w, 4) != 0);
	}
}

/* b is a with a letter changed, missing, surplus, or two neighbours crossed. */
static bool confusable(const char *a, const char *b)
{
	size_t n = strlen(a);
	size_t m = strlen(b);
	size_t i = 0;
	while (a[i] && a[i] == b[i])
		i++;
	if (n == m && a[i] && a[i + 1] && a[i] == b[i + 1] && a[i + 1] == b[i])
		return strcmp(a + i + 2, b + i + 2) == 0;
	if (n == m)
		return strcmp(a + i + 1, b + i + 1) == 0;
	if (n + 1 == m)
		return strcmp(a + i, b + i + 1) == 0;
	return m + 1 == n && strcmp(a + i + 1, b + i) == 0;
}

static void test_no_slip_makes_one_word_another(void **state)
{
	(void)state;
	for (unsigned i = 0; i < WORDS_LIST; i++)
		for (unsigned j = i + 1; j < WORDS_LIST; j++)
			if (confusable(words_word(i), words_word(j)))
				fail_msg("%s and %s", words_word(i), words_word(j));
}

static int read_words(const char *typed, struct spoken_words *ret, struct words_report *report)
{
	uint16_t numbers[WORDS];
	return words_read(typed, numbers, ret, report);
}

static void test_there_and_back(void **state)
{
	struct spoken_words back;
	struct words_report report;
	struct voice_grant got;
	uint8_t other[VOICE_IID];
	(void)state;
	assert_int_equal(read_words(text, &back, &report), 0);
	assert_memory_equal(&good, &back, sizeof(good));
	assert_int_equal(words_check(host, iid, &back, &got), 0);
	assert_memory_equal(&got, &grant, sizeof(got));
	memcpy(other, iid, sizeof(other));
	other[9] ^= 1;
	assert_int_equal(words_check(host, other, &back, &got), E_VOICE_REFUSED);
	assert_int_equal(words_check(secret, iid, &back, &got), E_VOICE_REFUSED);
	for (size_t i = 0; i < VOICE_HEAD * 8; i++) {
		back.head[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_int_equal(words_check(host, iid, &back, &got), E_VOICE_REFUSED);
		back.head[i / 8] ^= (uint8_t)(1 << i % 8);
	}
}

/* The words of the text, one changed into another. */
static void replace(unsigned at, const char *word, char out[2 * WORDS_TEXT])
{
	char copy[WORDS_TEXT];
	unsigned i = 1;
	memcpy(copy, text, sizeof(copy));
	out[0] = 0;
	for (char *w = strtok(copy, " "); w; w = strtok(NULL, " "), i++) {
		strcat(out, i == at ? word : w);
		strcat(out, " ");
	}
}

static void word_at(unsigned at, char out[WORDS_WORD])
{
	char copy[WORDS_TEXT];
	memcpy(copy, text, sizeof(copy));
	char *w = strtok(copy, " ");
	for (unsigned i = 1; i < at; i++)
		w = strtok(NULL, " ");
	snprintf(out, WORDS_WORD, "%s", w);
}

static void test_four_letters_are_enough(void **state)
{
	char typed[2 * WORDS_TEXT] = "";
	struct spoken_words back;
	struct words_report report;
	(void)state;
	for (unsigned i = 1; i <= WORDS; i++) {
		char word[WORDS_WORD];
		word_at(i, word);
		sprintf(typed + strlen(typed), "%u. %c%.3s,\r\n", i, word[0] - 'a' + 'A', word + 1);
	}
	assert_int_equal(read_words(typed, &back, &report), 0);
	assert_memory_equal(&good, &back, sizeof(good));
}

static bool is_good(const struct spoken_words *s, void *context)
{
	++*(int *)context;
	return memcmp(s, &good, sizeof(good)) == 0;
}

static void expect_mended(const char *typed, const char *want)
{
	uint16_t numbers[WORDS];
	struct spoken_words back;
	struct words_report report;
	char told[WORDS_EXPLAIN];
	int trials = 0;
	assert_int_equal(words_read(typed, numbers, &back, &report), E_DIGITS_WRONG);
	assert_true(words_mend(numbers, is_good, &trials, &report));
	assert_string_equal(words_explain(&report, told), want);
	assert_true(trials < 1000); /* each costs a signature's verification */
}

static void test_every_mistaken_word_is_named(void **state)
{
	(void)state;
	for (unsigned at = 1; at <= WORDS; at += 5) {
		char typed[2 * WORDS_TEXT];
		char right[WORDS_WORD];
		char want[64];
		struct spoken_words back;
		struct words_report report;
		word_at(at, right);
		const char *other = words_word(at * 37);
		replace(at, strcmp(other, right) ? other : words_word(1), typed);
		snprintf(want, sizeof(want), "word %u should be '%s'", at, right);
		/* One mistaken word in 512 passes the check; then the signature tells. */
		if (read_words(typed, &back, &report))
			expect_mended(typed, want);
	}
}

static void test_strange_words_are_named_with_what_was_meant(void **state)
{
	char typed[2 * WORDS_TEXT];
	char right[WORDS_WORD];
	char wrong[WORDS_WORD];
	char want[128];
	char told[WORDS_EXPLAIN];
	struct spoken_words back;
	struct words_report report;
	(void)state;
	for (unsigned at = 1; at <= WORDS; at++) {
		word_at(at, right);
		snprintf(wrong, sizeof(wrong), "%s", right);
		wrong[1] = wrong[1] == 'q' ? 'x' : 'q'; /* a slip of the finger */
		replace(at, wrong, typed);
		assert_int_equal(read_words(typed, &back, &report), E_DIGITS_WRONG);
		snprintf(want, sizeof(want), "word %u: there is no '%s'; is it '%s'?", at, wrong, right);
		words_explain(&report, told);
		assert_true(strncmp(told, want, strlen(wrong) + 20) == 0);
		snprintf(want, sizeof(want), "word %u should be '%s'", at, right);
		expect_mended(typed, want);
	}
	replace(7, "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz", typed);
	assert_int_equal(read_words(typed, &back, &report), E_DIGITS_WRONG);
	assert_int_equal(report.faults[0].trouble, WORDS_STRANGE);
	assert_int_equal(report.faults[0].word, 7);
}

static void test_swapped_words_are_named(void **state)
{
	(void)state;
	for (unsigned a = 1; a < WORDS; a += 11) {
		unsigned b = a + 1 + a % 9;
		char once[2 * WORDS_TEXT];
		char typed[2 * WORDS_TEXT];
		char x[WORDS_WORD];
		char y[WORDS_WORD];
		char want[64];
		uint16_t numbers[WORDS];
		struct spoken_words back;
		struct words_report report;
		char told[WORDS_EXPLAIN];
		int trials = 0;
		word_at(a, x);
		word_at(b, y);
		replace(a, y, once);
		char keep[WORDS_TEXT];
		memcpy(keep, text, sizeof(keep));
		memcpy(text, once, sizeof(text));
		replace(b, x, typed);
		memcpy(text, keep, sizeof(keep));
		if (!words_read(typed, numbers, &back, &report))
			continue;
		assert_true(words_mend(numbers, is_good, &trials, &report));
		snprintf(want, sizeof(want), "words %u and %u are swapped", a, b);
		assert_string_equal(words_explain(&report, told), want);
	}
}

static void test_too_few_and_too_many(void **state)
{
	char typed[2 * WORDS_TEXT];
	char told[WORDS_EXPLAIN];
	struct spoken_words back;
	struct words_report report;
	(void)state;
	replace(9, "", typed);
	assert_int_equal(read_words(typed, &back, &report), E_DIGITS_WRONG);
	assert_string_equal(words_explain(&report, told), "50 words were typed in place of 51");
	replace(9, "acorn acorn", typed);
	assert_int_equal(read_words(typed, &back, &report), E_DIGITS_WRONG);
	assert_string_equal(words_explain(&report, told), "52 words were typed in place of 51");
	assert_int_equal(read_words("", &back, &report), E_DIGITS_WRONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_list),
		cmocka_unit_test(test_no_slip_makes_one_word_another),
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_four_letters_are_enough),
		cmocka_unit_test(test_every_mistaken_word_is_named),
		cmocka_unit_test(test_strange_words_are_named_with_what_was_meant),
		cmocka_unit_test(test_swapped_words_are_named),
		cmocka_unit_test(test_too_few_and_too_many),
	};
	return cmocka_run_group_tests_name("words", tests, setup, NULL);
}
