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

#include "armour.h"
#include "bundle.h"
#include "error.h"

static int setup(void **state)
{
	(void)state;
	return sodium_init() < 0;
}

static void add_numbered(struct bundle *b, size_t i)
{
	char token[64];
	snprintf(token, sizeof(token), "v4.public.%zu-%zu", i, i * i);
	assert_int_equal(bundle_add(b, token), 0);
}

static char *make(const struct token_kind *kind, size_t n)
{
	struct bundle b = {.kind = kind};
	static char *text;
	for (size_t i = 0; i < n; i++)
		add_numbered(&b, i);
	assert_int_equal(bundle_write(&b, &text), 0);
	bundle_fini(&b);
	return text;
}

static int read_error(const struct token_kind *kind, const char *text)
{
	struct bundle b;
	int error = bundle_read(kind, text, strlen(text), &b);
	bundle_fini(&b);
	return error;
}

static void test_there_and_back(void **state)
{
	(void)state;
	for (size_t n = 1; n < 30; n++) {
		struct bundle b;
		char want[64];
		char *text = make(&token_request, n);
		assert_int_equal(bundle_read(&token_request, text, strlen(text), &b), 0);
		assert_int_equal(b.n, n);
		assert_true(b.many);
		snprintf(want, sizeof(want), "v4.public.%zu-%zu", n - 1, (n - 1) * (n - 1));
		assert_string_equal(b.tokens[n - 1], want);
		bundle_fini(&b);
		free(text);
	}
}

/* Every place at which a bundle may be cut, and every line that may be lost from it. */
static void test_a_part_is_never_the_whole(void **state)
{
	char *text = make(&token_request, 12);
	size_t n = strlen(text);
	(void)state;
	for (size_t cut = 0; cut < n - 1; cut++) {
		struct bundle b;
		assert_int_not_equal(bundle_read(&token_request, text, cut, &b), 0);
		bundle_fini(&b);
	}
	for (char *line = strchr(text, '\n') + 1; line[0] != '-'; line = strchr(line, '\n') + 1) {
		size_t before = (size_t)(line - text);
		char *copy = strdup(text);
		strcpy(copy + before, strchr(line, '\n') + 1);
		assert_int_equal(read_error(&token_request, copy), E_BUNDLE_INVALID);
		free(copy);
	}
	free(text);
}

static void test_a_changed_character_is_seen(void **state)
{
	char *text = make(&token_answer, 3);
	char *from = strchr(text, '\n') + 1;
	char *to = strstr(text, "-----END");
	(void)state;
	for (char *at = from; at < to; at++) {
		char was = *at;
		if (was == '\n')
			continue;
		*at = was == 'A' ? 'B' : 'A';
		assert_int_equal(read_error(&token_answer, text), E_BUNDLE_INVALID);
		*at = was;
	}
	assert_int_equal(read_error(&token_answer, text), 0);
	assert_int_equal(read_error(&token_request, text), E_WRONG_TYPE);
	free(text);
}

/* A body of our own making, with the right hash. */
static int read_body(const char *body)
{
	uint8_t hash[32];
	char hex[64];
	char inside[512];
	char *text = NULL;
	crypto_generichash(hash, sizeof(hash), (const uint8_t *)body, strlen(body), NULL, 0);
	sodium_bin2base64(hex, sizeof(hex), hash, sizeof(hash), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	snprintf(inside, sizeof(inside), "%s%s", body, hex);
	assert_int_equal(armour_write("BUNDLE", inside, &text), 0);
	int error = read_error(&token_request, text);
	free(text);
	return error;
}

static void test_what_the_hash_covers_must_make_sense(void **state)
{
	(void)state;
	assert_int_equal(read_body("1,REQUEST,1,v4.public.x,"), 0);
	assert_int_equal(read_body("2,REQUEST,1,v4.public.x,"), E_CRITICAL_UNKNOWN);
	assert_int_equal(read_body("1,ANSWER,1,v4.public.x,"), E_WRONG_TYPE);
	assert_int_equal(read_body("1,REQUEST,2,v4.public.x,"), E_BUNDLE_INVALID);
	assert_int_equal(read_body("1,REQUEST,01,v4.public.x,"), E_BUNDLE_INVALID);
	assert_int_equal(read_body("1,REQUEST,0,"), E_BUNDLE_INVALID);
	assert_int_equal(read_body("1,REQUEST,1,,"), E_BUNDLE_INVALID);
	assert_int_equal(read_body("1,REQUEST,"), E_BUNDLE_INVALID);
	assert_int_equal(read_body("1,"), E_WRONG_TYPE);
	assert_int_equal(read_body(","), E_CRITICAL_UNKNOWN);
	assert_int_equal(read_body(""), E_BUNDLE_INVALID);
	assert_int_equal(read_body("1,REQUEST,1,v4.public.x"), E_BUNDLE_INVALID);
}

static void test_white_space_and_text_around(void **state)
{
	char *text = make(&token_request, 5);
	char *mail = malloc(strlen(text) * 4 + 64);
	size_t at = (size_t)sprintf(mail, "Dear Kari,\r\n\r\n");
	(void)state;
	for (const char *c = text; *c; c++)
		at += (size_t)sprintf(mail + at, *c == '\n' ? "\r\n  \t" : "%c", *c);
	sprintf(mail + at, "\r\n-- \r\nOla");
	assert_int_equal(read_error(&token_request, mail), 0);
	free(mail);
	free(text);
}

static void test_blocks_in_a_row_and_a_bare_token(void **state)
{
	struct bundle b;
	char *one = NULL;
	char *two = NULL;
	char both[512];
	(void)state;
	armour_write("REQUEST", "v4.public.one", &one);
	armour_write("REQUEST", "v4.public.two", &two);
	assert_int_equal(bundle_read(&token_request, one, strlen(one), &b), 0);
	assert_int_equal(b.n, 1);
	assert_false(b.many);
	bundle_fini(&b);
	snprintf(both, sizeof(both), "first\n%s\r\nsecond\n%s", one, two);
	assert_int_equal(bundle_read(&token_request, both, strlen(both), &b), 0);
	assert_int_equal(b.n, 2);
	assert_true(b.many);
	assert_string_equal(b.tokens[0], "v4.public.one");
	assert_string_equal(b.tokens[1], "v4.public.two");
	bundle_fini(&b);
	both[strlen(both) - 5] = 0; /* the second one's end is cut off */
	assert_int_equal(read_error(&token_request, both), E_ARMOUR_INVALID);
	assert_int_equal(read_error(&token_answer, one), E_ARMOUR_INVALID);
	assert_int_equal(read_error(&token_request, ""), E_ARMOUR_INVALID);
	assert_int_equal(bundle_read(&token_request, " v4.public.x\r\n", 14, &b), 0);
	assert_string_equal(b.tokens[0], "v4.public.x");
	assert_false(b.many);
	bundle_fini(&b);
	free(one);
	free(two);
}

static void test_limits(void **state)
{
	struct bundle b = {.kind = &token_request};
	char *text = NULL;
	(void)state;
	for (size_t i = 0; i < LIMIT_BUNDLE; i++)
		add_numbered(&b, i);
	assert_int_equal(bundle_add(&b, "v4.public.x"), E_TOO_LARGE);
	assert_int_equal(bundle_write(&b, &text), 0);
	assert_int_equal(read_error(&token_request, text), 0);
	free(text);
	bundle_fini(&b);
	char *large = malloc(LIMIT_BUNDLE_BYTES + 1);
	memset(large, 'A', LIMIT_BUNDLE_BYTES + 1);
	assert_int_equal(bundle_read(&token_request, large, LIMIT_BUNDLE_BYTES + 1, &b), E_TOO_LARGE);
	bundle_fini(&b);
	/* As many of the largest answers as there may be fit. */
	large[LIMIT_OFFLINE_ANSWER] = 0;
	b.kind = &token_answer;
	for (size_t i = 0; i < LIMIT_BUNDLE; i++)
		assert_int_equal(bundle_add(&b, large), 0);
	assert_int_equal(bundle_write(&b, &text), 0);
	assert_int_equal(read_error(&token_answer, text), 0);
	free(text);
	free(large);
	bundle_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_a_part_is_never_the_whole),
		cmocka_unit_test(test_a_changed_character_is_seen),
		cmocka_unit_test(test_what_the_hash_covers_must_make_sense),
		cmocka_unit_test(test_white_space_and_text_around),
		cmocka_unit_test(test_blocks_in_a_row_and_a_bare_token),
		cmocka_unit_test(test_limits),
	};
	return cmocka_run_group_tests_name("bundle", tests, setup, NULL);
}
