/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sodium.h>

#include "base64url.h"
#include "error.h"

static void test_known_texts(void **state)
{
	static const char *const rows[][2] = {
		{"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
		{"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff\xfe", "-__-"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[16];
		uint8_t bytes[16];
		size_t n = strlen(rows[i][0]);
		size_t made = 99;
		assert_int_equal(base64url_write(rows[i][0], n, text, base64url_length(n) + 1),
				 strlen(rows[i][1]));
		assert_string_equal(text, rows[i][1]);
		memset(text, 'x', sizeof(text));
		assert_int_equal(base64url_write_public(rows[i][0], n, text), strlen(rows[i][1]));
		assert_string_equal(text, rows[i][1]);
		assert_int_equal(base64url_read(text, strlen(text), bytes, n, &made), 0);
		assert_int_equal(made, n);
		assert_memory_equal(bytes, rows[i][0], n);
	}
}

static void test_there_and_back_at_every_length(void **state)
{
	uint8_t bytes[200];
	uint8_t back[200];
	char text[300];
	char same[300];
	size_t made;
	(void)state;
	for (size_t n = 0; n <= sizeof(bytes); n++) {
		randombytes_buf(bytes, n);
		assert_int_equal(base64url_write(bytes, n, text, base64url_length(n) + 1),
				 base64url_length(n));
		assert_int_equal(strlen(text), base64url_length(n));
		assert_null(strpbrk(text, "+/="));
		assert_int_equal(base64url_write_public(bytes, n, same), base64url_length(n));
		assert_string_equal(same, text);
		assert_int_equal(base64url_read(text, strlen(text), back, n, &made), 0);
		assert_int_equal(made, n);
		assert_memory_equal(back, bytes, n);
		assert_int_equal(base64url_read_exact(text, strlen(text), back, n), 0);
		if (n)
			assert_int_equal(base64url_read(text, strlen(text), back, n - 1, &made), E_TOO_LARGE);
	}
}

static void test_only_the_alphabet(void **state)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	(void)state;
	for (int c = 0; c < 256; c++) {
		char text[4] = {'A', (char)c, 'A', 'A'};
		uint8_t out[3];
		size_t made = 77;
		bool good = c && strchr(alphabet, c);
		assert_int_equal(base64url_read(text, 4, out, 3, &made), good ? 0 : E_MALFORMED);
		assert_int_equal(made, good ? 3 : 77);
	}
}

static void test_one_text_for_each_bytes(void **state)
{
	uint8_t out[8];
	size_t made;
	(void)state;
	/* Bits behind the last byte must be zero, or one signature would have many texts. */
	for (int c = 0; c < 64; c++) {
		static const char alphabet[] =
			"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
		char two[2] = {'A', alphabet[c]};
		char three[3] = {'A', 'A', alphabet[c]};
		assert_int_equal(base64url_read(two, 2, out, 8, &made), c % 16 ? E_MALFORMED : 0);
		assert_int_equal(base64url_read(three, 3, out, 8, &made), c % 4 ? E_MALFORMED : 0);
	}
}

static void test_what_is_refused(void **state)
{
	static const char *const bad[] = {"A",      "AAAAA", "Zg==",  "Zm8=", "=",   " Zm9v",
					  "Zm9v\n", "Zm 9v", "Zm9v=", "Zm+v", "Z/9v"};
	uint8_t out[16];
	size_t made = 5;
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(base64url_read(bad[i], strlen(bad[i]), out, sizeof(out), &made),
				 E_MALFORMED);
	assert_int_equal(base64url_read("Zm\0v", 4, out, sizeof(out), &made), E_MALFORMED);
	assert_int_equal(made, 5);
}

static void test_exact_lengths(void **state)
{
	uint8_t out[32];
	char text[64];
	(void)state;
	memset(text, 'A', sizeof(text));
	for (size_t n = 0; n < sizeof(text); n++)
		assert_int_equal(base64url_read_exact(text, n, out, 32), n == 43 ? 0 : E_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_texts),
		cmocka_unit_test(test_there_and_back_at_every_length),
		cmocka_unit_test(test_only_the_alphabet),
		cmocka_unit_test(test_one_text_for_each_bytes),
		cmocka_unit_test(test_what_is_refused),
		cmocka_unit_test(test_exact_lengths),
	};
	return cmocka_run_group_tests_name("base64url", tests, NULL, NULL);
}
