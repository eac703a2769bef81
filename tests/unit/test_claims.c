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

#include "claims.h"
#include "error.h"

/* A text of n letters as a JSON member: {"k":"aaa"}. */
/* Let an absurd allocation fail under the sanitizer as it does without it. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

static json_t *letters(size_t n)
{
	char *text = malloc(n + 1);
	memset(text, 'a', n);
	text[n] = 0;
	json_t *object = json_pack("{s:s}", "k", text);
	free(text);
	return object;
}

static json_t *parse(const char *text)
{
	json_t *value = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(value);
	return value;
}

/* A member of every JSON type but text, and none at all. */
static const char *const no_text[] = {"{}",           "{\"k\":null}", "{\"k\":1}",       "{\"k\":1.5}",
				      "{\"k\":true}", "{\"k\":[]}",   "{\"k\":[\"a\"]}", "{\"k\":{}}",
				      "[\"k\"]"};

static void expect_fault(const struct claims *c)
{
	assert_int_equal(c->error, E_CLAIM_INVALID);
	assert_string_equal(c->where, "k");
}

static void test_text_bounds(void **state)
{
	(void)state;
	for (size_t n = 0; n < 12; n++) {
		struct claims c = {0};
		char out[9] = "before";
		json_t *object = letters(n);
		claims_text(&c, object, "k", out, sizeof(out));
		bool good = n >= 1 && n <= 8;
		assert_int_equal(c.error, good ? 0 : E_CLAIM_INVALID);
		if (good)
			assert_int_equal(strlen(out), n);
		else
			assert_string_equal(out, "before");
		json_decref(object);
	}
}

static void test_text_must_be_printable(void **state)
{
	static const struct {
		const char *json;
		bool good;
	} rows[] = {
		{"{\"k\":\"Fjord AS\"}", true},   {"{\"k\":\"\\u00e6\\u00f8\\u00e5\"}", true},
		{"{\"k\":\"\\u00a0\"}", true},    {"{\"k\":\"\\ud83d\\ude00\"}", true},
		{"{\"k\":\"a\\nb\"}", false},     {"{\"k\":\"a\\u001b[2J\"}", false},
		{"{\"k\":\"\\u0001\"}", false},   {"{\"k\":\"\\u001f\"}", false},
		{"{\"k\":\"a\\u007f\"}", false},  {"{\"k\":\"a\\u0080\"}", false},
		{"{\"k\":\"\\u009b2J\"}", false}, {"{\"k\":\"a\\u009f\"}", false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct claims c = {0};
		char out[64];
		json_t *object = parse(rows[i].json);
		claims_text(&c, object, "k", out, sizeof(out));
		assert_int_equal(c.error, rows[i].good ? 0 : E_CLAIM_INVALID);
		json_decref(object);
	}
}

static void test_other_types_are_no_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(no_text) / sizeof(no_text[0]); i++) {
		json_t *object = parse(no_text[i]);
		char out[64] = "before";
		uint8_t bytes[32];
		int64_t time = 77;
		struct claims c[5] = {0};
		claims_text(&c[0], object, "k", out, sizeof(out));
		claims_slug(&c[1], object, "k", out);
		claims_time(&c[2], object, "k", &time);
		claims_bytes(&c[3], object, "k", bytes, 32);
		claims_public(&c[4], object, "k", bytes);
		for (size_t j = 0; j < 5; j++)
			expect_fault(&c[j]);
		assert_string_equal(out, "before");
		assert_int_equal(time, 77);
		json_decref(object);
	}
}

static void test_slugs(void **state)
{
	static const char *const good[] = {"a",    "0",  "acme-cad", "a.b_c-d",
					   "7zip", "a-", "a--b",     "acme.cad.2024"};
	static const char *const bad[] = {"",         "-a",       "_a",        ".a",  "..",  "A",
					  "acme CAD", "acme/cad", "acme\\cad", "a\n", "a:",  "\xc3\xa5",
					  "a*",       " a",       "a ",        "a'b", "a\"b"};
	char longest[LIMIT_ID + 2];
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(slug_ok(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(slug_ok(bad[i]));
	memset(longest, 'a', sizeof(longest));
	longest[LIMIT_ID + 1] = 0;
	assert_false(slug_ok(longest));
	longest[LIMIT_ID] = 0;
	assert_true(slug_ok(longest));
	for (size_t n = LIMIT_ID - 1; n <= LIMIT_ID + 1; n++) {
		struct claims c = {0};
		char out[LIMIT_ID + 1] = "";
		json_t *object = letters(n);
		claims_slug(&c, object, "k", out);
		assert_int_equal(c.error, n <= LIMIT_ID ? 0 : E_CLAIM_INVALID);
		json_decref(object);
	}
}

static void test_integers(void **state)
{
	static const struct {
		const char *json;
		int64_t min, max;
		bool good;
	} rows[] = {
		{"{\"k\":5}", 5, 5, true},
		{"{\"k\":4}", 5, 9, false},
		{"{\"k\":10}", 5, 9, false},
		{"{\"k\":-1}", -1, 0, true},
		{"{\"k\":9223372036854775807}", 0, INT64_MAX, true},
		{"{\"k\":-9223372036854775808}", INT64_MIN, 0, true},
		{"{\"k\":5.0}", 0, 9, false},
		{"{\"k\":5e0}", 0, 9, false},
		{"{\"k\":\"5\"}", 0, 9, false},
		{"{\"k\":true}", 0, 9, false},
		{"{\"k\":null}", 0, 9, false},
		{"{\"k\":[5]}", 0, 9, false},
		{"{}", 0, 9, false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct claims c = {0};
		int64_t value = 77;
		json_t *object = parse(rows[i].json);
		claims_integer(&c, object, "k", rows[i].min, rows[i].max, &value);
		assert_int_equal(c.error, rows[i].good ? 0 : E_CLAIM_INVALID);
		assert_true(rows[i].good ? value == json_integer_value(json_object_get(object, "k"))
					 : value == 77);
		json_decref(object);
	}
}

static void test_optional_members_keep_their_value(void **state)
{
	static const char *const absent[] = {"{}", "{\"k\":null}"};
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct claims c = {0};
		json_t *object = parse(absent[i]);
		int64_t integer = 7;
		int64_t time = 8;
		uint32_t u32 = 9;
		char text[8] = "kept";
		size_t n = 99;
		char slugs[2][LIMIT_ID + 1];
		claims_integer_opt(&c, object, "k", 0, 1, &integer);
		claims_time_opt(&c, object, "k", &time);
		claims_u32_opt(&c, object, "k", 1, &u32);
		claims_text_opt(&c, object, "k", text, sizeof(text));
		assert_null(claims_array_opt(&c, object, "k", 3, &n));
		assert_int_equal(n, 0);
		claims_slugs_opt(&c, object, "k", slugs, 2, &n);
		assert_int_equal(n, 0);
		assert_int_equal(c.error, 0);
		assert_true(integer == 7 && time == 8 && u32 == 9 && strcmp(text, "kept") == 0);
		assert_false(claims_has(object, "k"));
		json_decref(object);
	}
}

static void test_booleans(void **state)
{
	static const struct {
		const char *json;
		bool value;
		int error;
	} rows[] = {
		{"{\"k\":true}", true, 0}, {"{\"k\":false}", false, 0},
		{"{}", true, 0},           {"{\"k\":1}", true, E_CLAIM_INVALID},
		{"{\"k\":null}", true, 0}, {"{\"k\":\"true\"}", true, E_CLAIM_INVALID},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct claims c = {0};
		json_t *object = parse(rows[i].json);
		bool value = true;
		claims_bool_opt(&c, object, "k", &value);
		assert_int_equal(c.error, rows[i].error);
		assert_int_equal(value, rows[i].value);
		json_decref(object);
	}
}

static void test_room_that_cannot_be_had_is_a_fault(void **state)
{
	struct claims c = {0};
	uint8_t *room = claims_room(&c, 3, 16);
	(void)state;
	assert_non_null(room);
	assert_true(sodium_is_zero(room, 48));
	free(room);
	assert_int_equal(c.error, 0);
	assert_null(claims_room(&c, SIZE_MAX / 2, 16));
	assert_int_equal(c.error, E_NO_MEMORY);
	c = (struct claims){.error = E_CLAIM_INVALID};
	assert_null(claims_room(&c, SIZE_MAX / 2, 16));
	assert_int_equal(c.error, E_CLAIM_INVALID);
}

static void test_optional_members_of_the_wrong_kind_are_faults(void **state)
{
	static const char *const wrong[] = {"{\"k\":false}", "{\"k\":-1}", "{\"k\":4294967296}",
					    "{\"k\":{}}"};
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct claims c[5] = {0};
		json_t *object = parse(wrong[i]);
		int64_t integer = 7;
		uint32_t u32 = 9;
		char text[8] = "kept";
		size_t n = 99;
		claims_integer_opt(&c[0], object, "k", 0, 9, &integer);
		claims_time_opt(&c[1], object, "k", &integer);
		claims_u32_opt(&c[2], object, "k", UINT32_MAX, &u32);
		claims_text_opt(&c[3], object, "k", text, sizeof(text));
		assert_null(claims_array_opt(&c[4], object, "k", 3, &n));
		for (size_t j = 0; j < 5; j++)
			expect_fault(&c[j]);
		assert_true(integer == 7 && u32 == 9 && strcmp(text, "kept") == 0 && n == 0);
		assert_true(claims_has(object, "k"));
		json_decref(object);
	}
}

static void test_bytes_and_keys(void **state)
{
	char text[PASERK_PUBLIC_TEXT + 1] = "";
	uint8_t key[32];
	uint8_t out[32];
	(void)state;
	randombytes_buf(key, sizeof(key));
	json_t *object = json_object();
	claims_set_bytes(object, "k", key, 32);
	claims_set_public(object, "p", key);
	for (size_t n = 30; n < 35; n++) {
		struct claims c = {0};
		claims_bytes(&c, object, "k", out, n == 32 ? 32 : n > 32 ? 31 : n);
		assert_int_equal(c.error, n == 32 ? 0 : E_CLAIM_INVALID);
	}
	assert_memory_equal(out, key, 32);
	struct claims c = {0};
	claims_public(&c, object, "p", out);
	assert_int_equal(c.error, 0);
	assert_memory_equal(out, key, 32);
	claims_public(&c, object, "k", out); /* bytes are no k4.public text */
	expect_fault(&c);
	paserk_public_write(key, text);
	text[PASERK_PUBLIC_TEXT - 1] = '=';
	claims_set_text(object, "k", text);
	c = (struct claims){0};
	claims_public(&c, object, "k", out);
	expect_fault(&c);
	json_decref(object);
}

static void test_lists_of_slugs(void **state)
{
	static const struct {
		const char *json;
		size_t n;
		bool good;
	} rows[] = {
		{"{\"k\":[]}", 0, true},
		{"{\"k\":[\"a\"]}", 1, true},
		{"{\"k\":[\"a\",\"b\",\"c\"]}", 3, true},
		{"{\"k\":[\"a\",\"b\",\"c\",\"d\"]}", 0, false},
		{"{\"k\":[\"a\",\"b\",\"a\"]}", 0, false},
		{"{\"k\":[\"a\",7]}", 0, false},
		{"{\"k\":[\"a\",null]}", 0, false},
		{"{\"k\":[\"A\"]}", 0, false},
		{"{\"k\":[\"\"]}", 0, false},
		{"{\"k\":[[\"a\"]]}", 0, false},
		{"{\"k\":\"a\"}", 0, false},
		{"{\"k\":{\"a\":1}}", 0, false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct claims c = {0};
		char out[3][LIMIT_ID + 1];
		size_t n = 99;
		json_t *object = parse(rows[i].json);
		claims_slugs_opt(&c, object, "k", out, 3, &n);
		assert_int_equal(c.error, rows[i].good ? 0 : E_CLAIM_INVALID);
		if (rows[i].good)
			assert_int_equal(n, rows[i].n);
		json_decref(object);
	}
}

static void test_objects_and_arrays(void **state)
{
	struct claims c = {0};
	json_t *object = parse("{\"k\":{\"x\":1},\"a\":[1,2,3]}");
	size_t n = 0;
	(void)state;
	assert_ptr_equal(claims_object(&c, object, "k"), json_object_get(object, "k"));
	assert_ptr_equal(claims_array_opt(&c, object, "a", 3, &n), json_object_get(object, "a"));
	assert_int_equal(n, 3);
	assert_int_equal(c.error, 0);
	assert_null(claims_array_opt(&c, object, "a", 2, &n));
	assert_string_equal(c.where, "a");
	assert_int_equal(n, 0);
	c = (struct claims){0};
	assert_null(claims_object(&c, object, "a"));
	assert_string_equal(c.where, "a");
	json_decref(object);
}

static void test_the_first_fault_stays(void **state)
{
	struct claims c = {0};
	json_t *object = parse("{\"k\":5,\"t\":\"text\",\"o\":{},\"l\":[\"a\"]}");
	int64_t value = 77;
	char out[LIMIT_ID + 1] = "before";
	char slugs[1][LIMIT_ID + 1] = {"before"};
	size_t n = 99;
	uint32_t u32 = 9;
	(void)state;
	claims_fault(&c, "first");
	claims_fault(&c, "second");
	claims_integer(&c, object, "k", 0, 9, &value);
	claims_u32_opt(&c, object, "k", 9, &u32);
	claims_text(&c, object, "t", out, sizeof(out));
	claims_slug(&c, object, "t", out);
	claims_slugs_opt(&c, object, "l", slugs, 1, &n);
	assert_null(claims_object(&c, object, "o"));
	assert_null(claims_array_opt(&c, object, "l", 1, &n));
	assert_int_equal(value, 77);
	assert_int_equal(u32, 9);
	assert_string_equal(out, "before");
	assert_string_equal(slugs[0], "before");
	assert_int_equal(n, 0);
	assert_string_equal(c.where, "first");
	json_decref(object);
}

static void test_a_long_name_of_a_fault_is_cut(void **state)
{
	struct claims c = {0};
	char name[300];
	(void)state;
	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = 0;
	claims_fault(&c, name);
	assert_int_equal(strlen(c.where), sizeof(c.where) - 1);
}

static void test_the_head(void **state)
{
	static const char *const keys[] = {"iss", "iat", "jti"};
	(void)state;
	for (size_t i = 0; i <= 3; i++) {
		struct claims c = {0};
		struct claims_head head = {.iat = 0};
		json_t *object =
			parse("{\"iss\":\"k4.pid.x\",\"iat\":\"2026-11-23T18:00:00Z\",\"jti\":\"abc\"}");
		if (i < 3)
			json_object_del(object, keys[i]);
		claims_head(&c, object, &head);
		if (i < 3) {
			assert_int_equal(c.error, E_CLAIM_INVALID);
			assert_string_equal(c.where, keys[i]);
		} else {
			assert_int_equal(c.error, 0);
			assert_string_equal(head.iss, "k4.pid.x");
			assert_int_equal(head.iat, 1795456800);
			assert_string_equal(head.jti, "abc");
		}
		json_decref(object);
	}
}

static void test_what_is_written_can_be_read(void **state)
{
	static const char slugs[2][LIMIT_ID + 1] = {"one", "two"};
	uint8_t bytes[64];
	uint8_t back[64];
	char text[32];
	char list[4][LIMIT_ID + 1];
	int64_t integer = 0;
	int64_t time = 0;
	size_t n = 0;
	struct claims c = {0};
	json_t *object = json_object();
	(void)state;
	randombytes_buf(bytes, sizeof(bytes));
	claims_set_text(object, "text", "a \xc3\xa5 \"quoted\"");
	claims_set_integer(object, "integer", INT64_MIN);
	claims_set_time(object, "time", 1700000000);
	claims_set_bytes(object, "bytes", bytes, 64);
	claims_set_slugs(object, "slugs", slugs, 2);
	claims_text(&c, object, "text", text, sizeof(text));
	claims_integer(&c, object, "integer", INT64_MIN, 0, &integer);
	claims_time(&c, object, "time", &time);
	claims_bytes(&c, object, "bytes", back, 64);
	claims_slugs_opt(&c, object, "slugs", list, 4, &n);
	assert_int_equal(c.error, 0);
	assert_string_equal(text, "a \xc3\xa5 \"quoted\"");
	assert_true(integer == INT64_MIN && time == 1700000000 && n == 2);
	assert_memory_equal(back, bytes, 64);
	assert_string_equal(list[1], "two");
	json_decref(object);
}

static void test_every_jti_is_another(void **state)
{
	char seen[64][CLAIMS_JTI];
	(void)state;
	for (size_t i = 0; i < 64; i++) {
		claims_jti(seen[i]);
		assert_int_equal(strlen(seen[i]), CLAIMS_JTI - 1);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(seen[i], seen[j]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_bounds),
		cmocka_unit_test(test_text_must_be_printable),
		cmocka_unit_test(test_other_types_are_no_text),
		cmocka_unit_test(test_slugs),
		cmocka_unit_test(test_integers),
		cmocka_unit_test(test_optional_members_keep_their_value),
		cmocka_unit_test(test_optional_members_of_the_wrong_kind_are_faults),
		cmocka_unit_test(test_booleans),
		cmocka_unit_test(test_room_that_cannot_be_had_is_a_fault),
		cmocka_unit_test(test_bytes_and_keys),
		cmocka_unit_test(test_lists_of_slugs),
		cmocka_unit_test(test_objects_and_arrays),
		cmocka_unit_test(test_the_first_fault_stays),
		cmocka_unit_test(test_a_long_name_of_a_fault_is_cut),
		cmocka_unit_test(test_the_head),
		cmocka_unit_test(test_what_is_written_can_be_read),
		cmocka_unit_test(test_every_jti_is_another),
	};
	return cmocka_run_group_tests_name("claims", tests, NULL, NULL);
}
