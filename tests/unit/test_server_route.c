/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of the API: routes found and missed, query parameters, patterns, ETags. */
#include "fixture.h"

#include <ctype.h>
#include <fnmatch.h>

#include "answer.h"
#include "exchange.h"
#include "route.h"

static const struct route *find(const char *method, const char *path)
{
	const char *id;
	char allow[ROUTE_ALLOW];
	return route_find(method, path, false, &id, allow);
}

static void test_routes_are_found(void **state)
{
	const char *id;
	char allow[ROUTE_ALLOW];
	(void)state;
	assert_ptr_equal(route_find("GET", "/v1/devices", false, &id, allow)->handle, device_list);
	assert_null(id);
	assert_ptr_equal(route_find("GET", "/v1/devices/abc", false, &id, allow)->handle, device_show);
	assert_string_equal(id, "abc");
	/* A literal path is found before a pattern. */
	assert_ptr_equal(find("GET", "/v1/audit/verify")->handle, audit_verify);
	assert_null(find("GET", "/v1/devices/"));
	assert_null(find("GET", "/v1/devices/a/b"));
	assert_null(route_find("DELETE", "/v1/licenses", false, &id, allow));
	assert_string_equal(allow, "GET, HEAD, POST");
	assert_null(route_find("GET", "/v1/changes", false, &id, allow));
	assert_string_equal(allow, "POST");
	assert_null(route_find("GET", "/nowhere", false, &id, allow));
	assert_string_equal(allow, "");
	assert_null(route_find("GET", "/v1/devices", true, &id, allow)); /* not on the status socket */
	assert_non_null(route_find("GET", "/v1/status", true, &id, allow));
}

static void test_the_path_written_most_alike(void **state)
{
	char path[300];
	(void)state;
	assert_string_equal(route_nearest("/v1/device", false), "/v1/devices");
	assert_string_equal(route_nearest("/v1/usres", false), "/v1/users");
	assert_string_equal(route_nearest("v1/seats", false), "/v1/seats");
	assert_null(route_nearest("/index.html", false));
	assert_null(route_nearest("/v1/devices", true)); /* nothing there is like it */
	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = 0;
	assert_null(route_nearest(path, false));
}

/* Every row names a known handler, has a type that is understood and a meaning, and no route has a name
 * twice. */
static void test_parameters(void **state)
{
	size_t n;
	const struct query *all = query_all(&n);
	(void)state;
	for (size_t i = 0; i < n; i++) {
		assert_true(*all[i].meaning);
		for (size_t j = 0; j < i; j++)
			assert_false((all[i].handle == all[j].handle || !all[j].handle) &&
				     strcmp(all[i].name, all[j].name) == 0);
		assert_false(query_fits(&all[i], ""));
	}
	const struct query *since = query_find(find("GET", "/v1/audit"), "since");
	assert_true(query_fits(since, "2026-01-01"));
	assert_true(query_fits(since, "2026-01-01T10:00:00Z"));
	assert_false(query_fits(since, "yesterday"));
	const struct query *format = query_find(find("GET", "/v1/audit"), "format");
	assert_true(query_fits(format, "csv"));
	assert_false(query_fits(format, "cs"));
	assert_false(query_fits(format, "json|csv"));
	assert_null(query_find(find("GET", "/v1/status"), "format"));
	const struct query *limit = query_find(find("GET", "/v1/users"), "limit");
	assert_true(query_fits(limit, "17"));
	assert_false(query_fits(limit, "-1"));
	assert_false(query_fits(limit, "1e3"));
	assert_false(query_fits(limit, "99999999999999999999"));
}

/* As the C library has it for patterns of * and ?, over all short ones; and in time where that would take
 * years. */
static void test_patterns(void **state)
{
	static const char letters[] = "*?ab";
	char pattern[5] = "";
	char text[5] = "";
	(void)state;
	for (int p = 0; p < 256; p++) {
		for (int i = 0; i < 4; i++)
			pattern[i] = letters[p >> (2 * i) & 3];
		for (int t = 0; t < 31; t++) {
			int length = t < 1 ? 0 : t < 3 ? 1 : t < 7 ? 2 : t < 15 ? 3 : 4;
			for (int i = 0; i < length; i++)
				text[i] = "ab"[t >> i & 1];
			text[length] = 0;
			assert_int_equal(glob_fits(pattern, text), fnmatch(pattern, text, 0) == 0);
		}
	}
	assert_true(glob_fits("LAB-*", "lab-7"));
	assert_false(glob_fits("lab-*", "xlab-7"));
	char evil[64];
	char long_text[256];
	for (int i = 0; i < 62; i += 2)
		memcpy(evil + i, "*a", 2);
	strcpy(evil + 62, "b");
	memset(long_text, 'a', 255);
	long_text[255] = 0;
	assert_false(glob_fits(evil, long_text));
}

static json_t *device(const char *hostname, const char *last_seen, bool shared)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:b, s:b, s:s, s:n}", "device", "D", "hostname", hostname,
			 "first_seen", "f", "last_seen", last_seen, "shared", shared, "approved", 0, "state",
			 "licensed", "forked_from");
}

/* What moves by itself does not change an ETag; what an administrator changes does. */
static void test_tags(void **state)
{
	char tags[4][ANSWER_TAG];
	json_t *all[] = {device("a", "1", false), device("a", "2", false), device("a", "1", true),
			 device("b", "1", false)};
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		answer_tag("device", all[i], tags[i]);
		json_decref(all[i]);
	}
	assert_string_equal(tags[0], tags[1]);
	assert_string_not_equal(tags[0], tags[2]);
	assert_string_not_equal(tags[0], tags[3]);
	assert_int_equal(tags[0][0], '"');
	assert_int_equal(strlen(tags[0]), 26);
}

static void check_of(const struct answer_field *f, void *context)
{
	size_t *n = context;
	assert_true(*f->key || f->type == VALUE_REST);
	++*n;
}

/* Each object that a route or another object names has members. */
static void test_answers_are_there(void **state)
{
	size_t n;
	size_t n_fields;
	const struct route *routes = route_all(&n);
	const struct answer_field *fields = answer_all(&n_fields);
	(void)state;
	for (size_t i = 0; i < n; i++) {
		char name[64];
		size_t members = 0;
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(routes[i].gives, "["), routes[i].gives);
		answer_each(name, check_of, &members);
		assert_true(members || strcmp(name, "text") == 0 || strcmp(name, "bytes") == 0);
	}
	for (size_t i = 0; i < n_fields; i++) {
		size_t members = 0;
		if (!*fields[i].of || strcmp(fields[i].of, "change") == 0)
			continue;
		answer_each(fields[i].of, check_of, &members);
		assert_true(members);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_routes_are_found),
		cmocka_unit_test(test_the_path_written_most_alike),
		cmocka_unit_test(test_parameters),
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_tags),
		cmocka_unit_test(test_answers_are_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
