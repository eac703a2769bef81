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

#include "error.h"
#include "mutate.h"
#include "revocations.h"
#include "vendor_key.h"

/* A list with two of each kind; the host is any key. */
static char *example_token(void)
{
	char hosts[2][PASERK_ID_TEXT];
	char licenses[2][LIMIT_ID + 1] = {"fjord-1", "lagoon-2"};
	uint8_t keys[2][KEYCODE_HASH] = {{1}, {2}};
	struct revocations list = {.head = {.iat = 1700000000, .jti = "jti"},
				   .number = 7,
				   .hosts = hosts,
				   .n_hosts = 2,
				   .licenses = licenses,
				   .n_licenses = 2,
				   .keys = keys,
				   .n_keys = 2};
	char *token = NULL;
	memcpy(list.head.iss, pid, sizeof(pid));
	memcpy(hosts[0], pid, sizeof(pid));
	paserk_pid_write(keys[0], hosts[1]);
	assert_int_equal(revocations_sign(&list, secret, &token), 0);
	return token;
}

static void test_every_field_survives(void **state)
{
	struct revocations back;
	static const uint8_t keys[2][KEYCODE_HASH] = {{1}, {2}};
	char other[PASERK_ID_TEXT];
	char *token = example_token();
	(void)state;
	assert_int_equal(revocations_open(token, strlen(token), ROOTS_OF(public), &back, NULL), 0);
	assert_string_equal(back.head.iss, pid);
	assert_int_equal(back.head.iat, 1700000000);
	assert_int_equal(back.number, 7);
	assert_int_equal(back.n_hosts, 2);
	assert_string_equal(back.hosts[0], pid);
	paserk_pid_write(keys[0], other);
	assert_string_equal(back.hosts[1], other);
	assert_int_equal(back.n_licenses, 2);
	assert_string_equal(back.licenses[1], "lagoon-2");
	assert_int_equal(back.n_keys, 2);
	assert_memory_equal(back.keys[1], keys[1], KEYCODE_HASH);
	revocations_fini(&back);
	revocations_fini(&back); /* twice does no harm */
	free(token);
}

static void test_who_is_on_it(void **state)
{
	struct revocations back;
	static const uint8_t keys[2][KEYCODE_HASH] = {{2}, {3}};
	char stranger[PASERK_ID_TEXT];
	char *token = example_token();
	(void)state;
	assert_int_equal(revocations_open(token, strlen(token), ROOTS_OF(public), &back, NULL), 0);
	paserk_pid_write(keys[1], stranger);
	assert_true(revocations_host(&back, pid));
	assert_false(revocations_host(&back, stranger));
	assert_false(revocations_host(&back, ""));
	assert_true(revocations_license(&back, "fjord-1") && revocations_license(&back, "lagoon-2"));
	assert_false(revocations_license(&back, "fjord"));
	assert_false(revocations_license(&back, "fjord-10"));
	assert_true(revocations_key(&back, keys[0]));
	assert_false(revocations_key(&back, keys[1]));
	revocations_fini(&back);
	assert_false(revocations_host(&back, pid) || revocations_license(&back, "fjord-1") ||
		     revocations_key(&back, keys[0]));
	free(token);
}

#define BAD(path, json, where)                                                                               \
	{                                                                                                    \
		path, json, E_CLAIM_INVALID, where                                                           \
	}

static const struct mutation mutations[] = {
	{"unknown", "{\"a\":1}", 0, NULL},
	BAD("number", NULL, "number"),
	BAD("number", "0", "number"),
	BAD("number", "\"7\"", "number"),
	{"number", "9223372036854775807", 0, NULL},
	BAD("iss", "\"k4.pid.other\"", "iss"),
	BAD("iss", NULL, "iss"),
	BAD("iat", "5", "iat"),
	BAD("jti", NULL, "jti"),
	{"hosts", NULL, 0, NULL},
	{"hosts", "[]", 0, NULL},
	BAD("hosts", "{}", "hosts"),
	BAD("hosts/1", "\"\"", "hosts"),
	BAD("hosts/1", "5", "hosts"),
	BAD("hosts/1", "\"k4.pid.AAAA\"", "hosts"),
	BAD("hosts/0", "\"k4.sid.5KgqgZNIJqZCI9l183WDz9JA6_yAIAmBNkRmiWFdM6JA\"", "hosts"),
	{"hosts/0", "\"k4.pid.5KgqgZNIJqZCI9l183WDz9JA6_yAIAmBNkRmiWFdM6JA\"", 0, NULL},
	{"licenses", NULL, 0, NULL},
	BAD("licenses", "\"fjord-1\"", "licenses"),
	BAD("licenses/1", "\"Fjord\"", "licenses"),
	BAD("licenses/1", "null", "licenses"),
	BAD("licenses/0", "\"a2345678901234567890123456789012345678901234567890123456789012345\"",
	    "licenses"),
	{"keys", NULL, 0, NULL},
	BAD("keys", "1", "keys"),
	BAD("keys/1", "\"AAAA\"", "keys"),
	BAD("keys/1", "[]", "keys"),
	{"ver", "2", E_CRITICAL_UNKNOWN, NULL},
	{"crit", "[\"quantum\"]", E_CRITICAL_UNKNOWN, NULL},
	{"typ", "\"muster.license\"", E_WRONG_TYPE, NULL},
};

static void test_strict_reading(void **state)
{
	char *token = example_token();
	(void)state;
	for (size_t i = 0; i < sizeof(mutations) / sizeof(mutations[0]); i++) {
		struct revocations back;
		struct claims fault;
		char *changed = mutate_token(token, &mutations[i], "muster.revocations", secret);
		int error = revocations_open(changed, strlen(changed), ROOTS_OF(public), &back, &fault);
		mutate_check(&mutations[i], error, fault.where);
		revocations_fini(&back); /* also after an error */
		free(changed);
	}
	free(token);
}

/* A JSON array of n times the same member. */
static char *many(size_t n, const char *member)
{
	char *json = malloc(n * (strlen(member) + 1) + 3);
	size_t at = (size_t)sprintf(json, "[");
	for (size_t i = 0; i < n; i++)
		at += (size_t)sprintf(json + at, "%s%s", i ? "," : "", member);
	sprintf(json + at, "]");
	return json;
}

static void test_counts(void **state)
{
	static const struct {
		const char *kind;
		const char *member;
	} rows[] = {
		{"licenses", "\"a\""},
		{"keys", "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\""},
		{"hosts", "\"k4.pid.AA\""}, /* counted before they are looked at */
	};
	char *token = example_token();
	(void)state;
	for (size_t i = 0; i < 6; i++) {
		size_t n = LIMIT_REVOCATIONS + i % 2;
		bool refused = i % 2 || i / 2 == 2;
		char *json = many(n, rows[i / 2].member);
		struct mutation m = {rows[i / 2].kind, json, refused ? E_CLAIM_INVALID : 0, rows[i / 2].kind};
		struct revocations back;
		struct claims fault;
		char *changed = mutate_token(token, &m, "muster.revocations", secret);
		mutate_check(&m, revocations_open(changed, strlen(changed), ROOTS_OF(public), &back, &fault),
			     fault.where);
		if (!refused)
			assert_int_equal(i / 2 ? back.n_keys : back.n_licenses, n);
		revocations_fini(&back);
		free(changed);
		free(json);
	}
	free(token);
}

/* As many keys as one list takes fit into a file. */
static void test_a_full_list_fits(void **state)
{
	struct revocations list = {.head = {.iat = 1700000000, .jti = "jti"}, .number = 1};
	char *token = NULL;
	(void)state;
	memcpy(list.head.iss, pid, sizeof(pid));
	list.n_keys = LIMIT_REVOCATIONS;
	list.keys = calloc(list.n_keys, KEYCODE_HASH);
	assert_int_equal(revocations_sign(&list, secret, &token), 0);
	assert_true(strlen(token) < LIMIT_TOKEN);
	free(token);
	revocations_fini(&list);
}

static void test_altered_tokens(void **state)
{
	char *token = example_token();
	struct revocations back;
	uint8_t other[PASETO_PUBLIC] = {1};
	(void)state;
	for (size_t i = 10; i < strlen(token); i += 7) {
		char was = token[i];
		token[i] = was == 'A' ? 'B' : 'A';
		int error = revocations_open(token, strlen(token), ROOTS_OF(public), &back, NULL);
		assert_true(error == E_SIGNATURE_INVALID || error == E_MALFORMED);
		assert_null(back.keys);
		token[i] = was;
	}
	assert_int_equal(revocations_open(token, strlen(token), ROOTS_OF(other), &back, NULL),
			 E_SIGNATURE_INVALID);
	free(token);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_field_survives), cmocka_unit_test(test_who_is_on_it),
		cmocka_unit_test(test_strict_reading),       cmocka_unit_test(test_counts),
		cmocka_unit_test(test_a_full_list_fits),     cmocka_unit_test(test_altered_tokens),
	};
	return cmocka_run_group_tests_name("revocations", tests, setup, NULL);
}
