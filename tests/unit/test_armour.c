/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>

#include "armour.h"
#include "error.h"
#include "limit.h"

#define TOKEN "v4.public.QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo.Zm9vdGVy"

/* Reading `text` as a license must give `want`, or the error. */
static void expect(const char *text, const char *want, int error)
{
	char *token = NULL;
	assert_int_equal(armour_read("LICENSE", text, strlen(text), &token), error);
	if (want)
		assert_string_equal(token, want);
	else
		assert_null(token);
	free(token);
}

static void test_there_and_back_at_every_length(void **state)
{
	char token[400] = "v4.public.";
	(void)state;
	for (size_t n = 10; n < sizeof(token) - 1; n++) {
		char *text = NULL;
		assert_int_equal(armour_write("HOST REQUEST", token, &text), 0);
		char *back = NULL;
		assert_int_equal(armour_read("HOST REQUEST", text, strlen(text), &back), 0);
		assert_string_equal(back, token);
		for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
			assert_true(strlen(line) <= 64);
		free(back);
		free(text);
		token[n] = (char)('A' + n % 26);
		token[n + 1] = 0;
	}
}

static void test_the_block_as_it_is_written(void **state)
{
	char *text = NULL;
	(void)state;
	assert_int_equal(armour_write("LICENSE", TOKEN, &text), 0);
	assert_string_equal(text,
			    "-----BEGIN MUSTER LICENSE-----\n" TOKEN "\n-----END MUSTER LICENSE-----\n");
	free(text);
}

#define BEGIN "-----BEGIN MUSTER LICENSE-----"
#define END "-----END MUSTER LICENSE-----"

static void test_what_mail_and_editors_do_to_a_block(void **state)
{
	(void)state;
	expect(BEGIN "\n" TOKEN "\n" END "\n", TOKEN, 0);
	expect(BEGIN "\r\n" TOKEN "\r\n" END "\r\n", TOKEN, 0);
	expect(BEGIN "\r" TOKEN "\r" END, TOKEN, 0);
	expect("   " BEGIN "\n\t  " TOKEN "  \n\n   " END "   ", TOKEN, 0);
	expect(BEGIN "v4.public.QUJD\n  REVGR0hJ \r\n SktMTU5PUFFSU1RVVldYWVo\n.\nZm9vdGVy" END, TOKEN, 0);
	expect("Dear customer,\n\nhere it is:\n" BEGIN "\n" TOKEN "\n" END "\n-- \nAcme\n", TOKEN, 0);
	expect("\xef\xbb\xbf" BEGIN "\n" TOKEN "\n" END "\n", TOKEN, 0);
}

static void test_the_bare_token(void **state)
{
	(void)state;
	expect(TOKEN, TOKEN, 0);
	expect("\n  " TOKEN "\r\n\r\n", TOKEN, 0);
	expect("v4.public.", "v4.public.", 0);
}

static void test_the_first_block_of_the_label_counts(void **state)
{
	static const char other[] =
		"-----BEGIN MUSTER LEASE-----\nv4.public.bm8\n-----END MUSTER LEASE-----\n";
	char text[512];
	(void)state;
	snprintf(text, sizeof(text), "%s" BEGIN "\n" TOKEN "\n" END "\n" BEGIN "\nv4.public.c2Vjb25k\n" END,
		 other);
	expect(text, TOKEN, 0);
	expect(other, NULL, E_ARMOUR_INVALID);
}

static void test_what_is_no_block(void **state)
{
	static const char whole[] = BEGIN "\n" TOKEN "\n" END;
	(void)state;
	expect("", NULL, E_ARMOUR_INVALID);
	expect(" \r\n\t", NULL, E_ARMOUR_INVALID);
	expect("v4.publi", NULL, E_ARMOUR_INVALID);
	expect("v3.public.AAAA", NULL, E_ARMOUR_INVALID);
	expect(END "\n" TOKEN "\n" BEGIN, NULL, E_ARMOUR_INVALID);
	expect("-----BEGIN MUSTER license-----\n" TOKEN "\n" END, NULL, E_ARMOUR_INVALID);
	expect("-----BEGIN MUSTER LICENSE----\n" TOKEN "\n" END, NULL, E_ARMOUR_INVALID);
	for (size_t n = 0; n < sizeof(whole) - 1; n++) {
		char *token = NULL;
		assert_int_equal(armour_read("LICENSE", whole, n, &token), E_ARMOUR_INVALID);
		assert_null(token);
	}
}

static void test_a_file_too_large(void **state)
{
	char *text = malloc(LIMIT_TOKEN + 1);
	char *token = NULL;
	char label[32];
	(void)state;
	memset(text, 'A', LIMIT_TOKEN + 1);
	memcpy(text, "v4.public.", 10);
	assert_int_equal(armour_read("LICENSE", text, LIMIT_TOKEN + 1, &token), E_TOO_LARGE);
	assert_int_equal(armour_label(text, LIMIT_TOKEN + 1, label, sizeof(label)), E_TOO_LARGE);
	assert_int_equal(armour_read("LICENSE", text, LIMIT_TOKEN, &token), 0);
	assert_int_equal(strlen(token), LIMIT_TOKEN);
	assert_int_equal(armour_label(text, LIMIT_TOKEN, label, sizeof(label)), 0);
	free(token);
	free(text);
}

static void expect_label(const char *text, const char *want, int error)
{
	char label[16] = "?";
	assert_int_equal(armour_label(text, strlen(text), label, sizeof(label)), error);
	assert_string_equal(label, error ? "?" : want);
}

static void test_labels(void **state)
{
	(void)state;
	expect_label(TOKEN, "", 0);
	expect_label("  \n" TOKEN, "", 0);
	expect_label(BEGIN "\n" TOKEN "\n" END, "LICENSE", 0);
	expect_label("text " BEGIN, "LICENSE", 0);
	expect_label("-----BEGIN MUSTER HOST REQUEST-----", "HOST REQUEST", 0);
	expect_label("-----BEGIN MUSTER 123456789012345-----", "123456789012345", 0);
	expect_label("-----BEGIN MUSTER 1234567890123456-----", "", E_ARMOUR_INVALID);
	expect_label("-----BEGIN MUSTER LICENSE", "", E_ARMOUR_INVALID);
	expect_label("-----BEGIN MUSTER ", "", E_ARMOUR_INVALID);
	expect_label("-----BEGIN PGP MESSAGE-----", "", E_ARMOUR_INVALID);
	expect_label("", "", E_ARMOUR_INVALID);
}

/* A label is shown to people: whatever stands there must be a plain one. */
static void test_a_label_is_one_plain_line(void **state)
{
	(void)state;
	expect_label("-----BEGIN MUSTER \x1b[2Jx-----", "", E_ARMOUR_INVALID);
	expect_label("-----BEGIN MUSTER A\nB-----", "", E_ARMOUR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back_at_every_length),
		cmocka_unit_test(test_the_block_as_it_is_written),
		cmocka_unit_test(test_what_mail_and_editors_do_to_a_block),
		cmocka_unit_test(test_the_bare_token),
		cmocka_unit_test(test_the_first_block_of_the_label_counts),
		cmocka_unit_test(test_what_is_no_block),
		cmocka_unit_test(test_a_file_too_large),
		cmocka_unit_test(test_labels),
		cmocka_unit_test(test_a_label_is_one_plain_line),
	};
	return cmocka_run_group_tests_name("armour", tests, NULL, NULL);
}
