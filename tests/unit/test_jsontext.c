/* SPDX-License-Identifier: Apache-2.0 */
/* JSON text: what is read and refused, and where the fault is. fuzz_jsontext compares with jansson besides.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "error.h"
#include "jsontext.h"

static void good_texts(void **unused)
{
	/* and how it is written */
	static const struct {
		const char *text, *same;
	} rows[] = {
		{"{}", "{}"},
		{" [ ] ", "[]"},
		{"{\"a\":1,\"b\":[true,false,null]}", "{\"a\":1,\"b\":[true,false,null]}"},
		{"[0,-0,-1,9223372036854775807,-9223372036854775808]",
		 "[0,0,-1,9223372036854775807,-9223372036854775808]"},
		{"[1.5,-2e3,0.25E-1]", "[1.5,-2000.0,0.025000000000000001]"},
		{"[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]", "[\"\\\"\\\\/\\b\\f\\n\\r\\t\"]"},
		{"[\"\\u00f8\xc3\xb8\\ud83d\\ude00\\u0041\"]", "[\"\xc3\xb8\xc3\xb8\xf0\x9f\x98\x80\x41\"]"},
		{"\t\r\n{ \"\" : \"\" }\n", "{\"\":\"\"}"},
		{"[\"\xc2\x85\x7f\"]", "[\"\xc2\x85\x7f\"]"},
		{"{\"\\u0061\":1,\"b\":1}", "{\"a\":1,\"b\":1}"},
	};
	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *value = NULL;
		assert_int_equal(jsontext_read(rows[i].text, strlen(rows[i].text), &value, NULL), 0);
		char *again = jsontext_write(value, JSON_COMPACT);
		assert_string_equal(again, rows[i].same);
		free(again);
		json_decref(value);
	}
}

static void bad_texts(void **unused)
{
	static const struct {
		const char *text;
		int line, column;
	} rows[] = {
		{"", 1, 1},
		{"  ", 1, 3},
		{"1", 1, 1},
		{"\"a\"", 1, 1},
		{"{", 1, 2},
		{"[1", 1, 3},
		{"[1,]", 1, 4},
		{"[1 2]", 1, 4},
		{"{\"a\"}", 1, 5},
		{"{\"a\":}", 1, 6},
		{"{\"a\":1,}", 1, 8},
		{"{a:1}", 1, 2},
		{"{} x", 1, 4},
		{"[\n\n 01]", 3, 3},
		{"[-]", 1, 3},
		{"[1.]", 1, 4},
		{"[1e]", 1, 4},
		{"[+1]", 1, 2},
		{"[.5]", 1, 2},
		{"[NaN]", 1, 2},
		{"[tru]", 1, 2},
		{"[9223372036854775808]", 1, 21},
		{"[1e999]", 1, 7},
		{"[\"a]", 1, 5},
		{"[\"\\x\"]", 1, 4},
		{"[\"\\u12g4\"]", 1, 7},
		{"[\"\\u0000\"]", 1, 9},
		{"[\"\\ud83d\"]", 1, 9},
		{"[\"\\ud83d\\u0041\"]", 1, 15},
		{"[\"\\ude00\"]", 1, 9},
		{"[\"a\nb\"]", 1, 4},
		{"[\"\xff\"]", 1, 3},
		{"[\"\xc3\xb8\xc3\"]", 1, 4},
		{"{\"a\":1,\"\\u0061\":2}", 1, 16},
		{"\xef\xbb\xbf{}", 1, 1},
	};
	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *value = NULL;
		struct jsontext_fault fault = {0};
		assert_int_equal(jsontext_read(rows[i].text, strlen(rows[i].text), &value, &fault),
				 E_MALFORMED);
		assert_null(value);
		assert_non_null(fault.what);
		if (fault.line != rows[i].line || fault.column != rows[i].column)
			fail_msg("%s: %s at %d:%d", rows[i].text, fault.what, fault.line, fault.column);
	}
	assert_int_equal(jsontext_read("[1]\0", 4, &(json_t *){NULL}, NULL), E_MALFORMED);
}

static void depth_is_bounded(void **unused)
{
	char text[2 * JSONTEXT_DEPTH + 3];
	json_t *value = NULL;
	(void)unused;
	memset(text, '[', JSONTEXT_DEPTH);
	memset(text + JSONTEXT_DEPTH, ']', JSONTEXT_DEPTH);
	assert_int_equal(jsontext_read(text, (size_t)2 * JSONTEXT_DEPTH, &value, NULL), 0);
	json_decref(value);
	memset(text, '[', JSONTEXT_DEPTH + 1);
	memset(text + JSONTEXT_DEPTH + 1, ']', JSONTEXT_DEPTH + 1);
	assert_int_equal(jsontext_read(text, sizeof(text) - 1, &value, NULL), E_MALFORMED);
}

static void values_in_a_row(void **unused)
{
	static const char text[] = "{\"a\":1} \"b\", 3";
	json_t *value;
	size_t at = 0;
	(void)unused;
	assert_int_equal(jsontext_next(text, strlen(text), &at, &value, NULL), 0);
	assert_int_equal(at, 7);
	json_decref(value);
	assert_int_equal(jsontext_next(text, strlen(text), &at, &value, NULL), 0);
	assert_string_equal(json_string_value(value), "b");
	json_decref(value);
	assert_int_equal(jsontext_next(text, strlen(text), &at, &value, NULL), E_MALFORMED);
	assert_int_equal(at, 11);
}

/* Larger than what is written at once. */
static void large_documents(void **unused)
{
	json_t *array = json_array();
	json_t *again = NULL;
	(void)unused;
	for (int i = 0; i < 2000; i++)
		json_array_append_new(array, json_integer(i));
	char *text = jsontext_write(array, JSON_INDENT(1));
	char *same = json_dumps(array, JSON_INDENT(1));
	assert_string_equal(text, same);
	assert_int_equal(jsontext_read(text, strlen(text), &again, NULL), 0);
	assert_true(json_equal(array, again));
	free(text);
	free(same);
	json_decref(array);
	json_decref(again);
	assert_null(jsontext_write(NULL, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_texts),       cmocka_unit_test(bad_texts),
		cmocka_unit_test(depth_is_bounded), cmocka_unit_test(values_in_a_row),
		cmocka_unit_test(large_documents),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
