/* SPDX-License-Identifier: Apache-2.0 */
/* Objects written as text: the same bytes as jansson's, and never beyond their room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "claims.h"
#include "error.h"
#include "jsonout.h"
#include "jsontext.h"

#define ROOM 4096

static const char *const texts[] = {"",
				    "plain",
				    "\"quoted\" and \\ and /",
				    "\b\f\n\r\t",
				    "\x01\x1f\x7f",
				    "k\xc3\xa6ri \xf0\x9f\x94\x91",
				    "ends with \\",
				    "\""};
static const int64_t numbers[] = {0, 1, -1, 180, INT64_MAX, INT64_MIN};
static const char slugs[3][LIMIT_ID + 1] = {"modeler", "render", "a.b_c-1"};

static int write_all(char *text, size_t room, size_t *ret_n)
{
	struct jsonout o;
	jsonout_begin(&o, text, room);
	jsonout_open(&o, "texts");
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char key[2] = {(char)('a' + i)};
		jsonout_text(&o, key, texts[i]);
	}
	jsonout_close(&o);
	jsonout_open(&o, "numbers");
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		char key[2] = {(char)('a' + i)};
		jsonout_integer(&o, key, numbers[i]);
	}
	jsonout_close(&o);
	jsonout_open(&o, "none");
	jsonout_close(&o);
	jsonout_slugs(&o, "slugs", slugs, 3);
	jsonout_slugs(&o, "no slugs", slugs, 0);
	jsonout_time(&o, "time", 1800000000);
	jsonout_bytes(&o, "bytes", slugs[0], 64);
	return jsonout_end(&o, ret_n);
}

static char *as_jansson_has_it(void)
{
	json_t *all = json_object();
	json_t *some = json_object();
	claims_begin();
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char key[2] = {(char)('a' + i)};
		claims_set_text(some, key, texts[i]);
	}
	claims_set(all, "texts", some);
	some = json_object();
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		char key[2] = {(char)('a' + i)};
		claims_set_integer(some, key, numbers[i]);
	}
	claims_set(all, "numbers", some);
	claims_set(all, "none", json_object());
	claims_set_slugs(all, "slugs", slugs, 3);
	claims_set_slugs(all, "no slugs", slugs, 0);
	claims_set_time(all, "time", 1800000000);
	claims_set_bytes(all, "bytes", slugs[0], 64);
	assert_int_equal(claims_made(), 0);
	char *text = jsontext_write(all, JSON_COMPACT);
	json_decref(all);
	return text;
}

static void the_same_bytes(void **unused)
{
	char text[ROOM];
	size_t n;
	char *other = as_jansson_has_it();
	(void)unused;
	assert_int_equal(write_all(text, sizeof(text), &n), 0);
	assert_string_equal(text, other);
	assert_int_equal(n, strlen(other));
	free(other);
}

/* Each room that is too small is told; what lies behind it is not touched. */
static void no_room(void **unused)
{
	char text[ROOM];
	size_t whole;
	size_t n = 1;
	(void)unused;
	assert_int_equal(write_all(text, sizeof(text), &whole), 0);
	for (size_t room = 0; room <= whole; room++) {
		memset(text, '#', sizeof(text));
		assert_int_equal(write_all(text, room, &n), E_TOO_LARGE);
		assert_int_equal(n, 0);
		assert_int_equal(text[room], '#');
	}
	assert_int_equal(write_all(text, whole + 1, &n), 0);
	assert_int_equal(n, whole);
	assert_int_equal(text[whole], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_bytes),
		cmocka_unit_test(no_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
