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
#include "license_request.h"
#include "mutate.h"

static uint8_t host[PASETO_PUBLIC];
static uint8_t secret[PASETO_SECRET];
static char pid[PASERK_ID_TEXT];
static char vendor[PASERK_ID_TEXT];

static int setup(void **state)
{
	static const uint8_t seed[crypto_sign_SEEDBYTES] = {43};
	(void)state;
	if (sodium_init() < 0 || crypto_sign_seed_keypair(host, secret, seed))
		return -1;
	paserk_pid_write(host, pid);
	paserk_pid_write(seed, vendor);
	return 0;
}

static char *example_token(const char *reason)
{
	static struct license_request request;
	char *token = NULL;
	request = (struct license_request){
		.head = {.iat = 1700000000, .jti = "jti"},
		.license = "fjord-1",
		.serial = 3,
		.org = "fjord",
		.wants = {{"cad-pool", 90, 50, 48}, {"sim-user", 5, 0, 0}},
		.n_wants = 2,
	};
	memcpy(request.head.iss, pid, sizeof(pid));
	memcpy(request.vendor, vendor, sizeof(vendor));
	strcpy(request.reason, reason);
	assert_int_equal(license_request_sign(&request, secret, &token), 0);
	return token;
}

static void test_every_field_survives(void **state)
{
	static const char *const reasons[] = {"A new office", ""};
	static struct license_request back;
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		char *token = example_token(reasons[i]);
		assert_int_equal(license_request_open(token, strlen(token), host, &back, NULL), 0);
		assert_string_equal(back.head.iss, pid);
		assert_int_equal(back.head.iat, 1700000000);
		assert_string_equal(back.license, "fjord-1");
		assert_int_equal(back.serial, 3);
		assert_string_equal(back.org, "fjord");
		assert_string_equal(back.vendor, vendor);
		assert_string_equal(back.reason, reasons[i]);
		assert_int_equal(back.n_wants, 2);
		assert_string_equal(back.wants[0].grant, "cad-pool");
		assert_int_equal(back.wants[0].quantity, 90);
		assert_int_equal(back.wants[0].has, 50);
		assert_int_equal(back.wants[0].used, 48);
		assert_string_equal(back.wants[1].grant, "sim-user");
		assert_int_equal(back.wants[1].quantity, 5);
		free(token);
	}
}

#define BAD(path, json, where)                                                                               \
	{                                                                                                    \
		path, json, E_CLAIM_INVALID, where                                                           \
	}

static const struct mutation mutations[] = {
	{"unknown", "true", 0, NULL},
	BAD("iss", "\"k4.pid.other\"", "iss"),
	BAD("iss", NULL, "iss"),
	BAD("iat", NULL, "iat"),
	BAD("jti", "\"\"", "jti"),
	BAD("license", NULL, "license"),
	BAD("license", "\"Fjord 1\"", "license"),
	BAD("serial", NULL, "serial"),
	BAD("serial", "0", "serial"),
	BAD("org", NULL, "org"),
	BAD("org", "{\"id\":\"fjord\"}", "org"),
	BAD("vendor", NULL, "vendor"),
	BAD("vendor", "\"acme\"", "vendor"),
	BAD("vendor", "\"k4.sid.5KgqgZNIJqZCI9l183WDz9JA6_yAIAmBNkRmiWFdM6JA\"", "vendor"),
	{"reason", NULL, 0, NULL},
	BAD("reason", "\"\"", "reason"),
	BAD("reason", "\"a\\nb\"", "reason"),
	BAD("reason", "3", "reason"),
	BAD("wants", NULL, "wants"),
	BAD("wants", "[]", "wants"),
	BAD("wants", "{}", "wants"),
	BAD("wants/1", "null", "grant"),
	BAD("wants/1/grant", NULL, "grant"),
	BAD("wants/1/grant", "\"cad-pool\"", "wants: grant"),
	BAD("wants/0/quantity", NULL, "quantity"),
	BAD("wants/0/quantity", "50", "quantity"), /* what it has is no wish */
	{"wants/0/quantity", "51", 0, NULL},
	{"wants/0/quantity", "2147483647", 0, NULL},
	BAD("wants/0/quantity", "2147483648", "quantity"),
	BAD("wants/1/quantity", "0", "quantity"),
	BAD("wants/0/has", NULL, "has"),
	BAD("wants/0/has", "-1", "has"),
	BAD("wants/0/has", "2147483647", "quantity"),
	BAD("wants/0/has", "9223372036854775807", "has"),
	BAD("wants/0/used", NULL, "used"),
	BAD("wants/0/used", "-1", "used"),
	BAD("wants/0/used", "2147483648", "used"),
	{"ver", "2", E_CRITICAL_UNKNOWN, NULL},
	{"crit", "[\"quantum\"]", E_CRITICAL_UNKNOWN, NULL},
	{"typ", "\"muster.host-request\"", E_WRONG_TYPE, NULL},
};

static void test_strict_reading(void **state)
{
	char *token = example_token("A new office");
	static struct license_request back;
	(void)state;
	for (size_t i = 0; i < sizeof(mutations) / sizeof(mutations[0]); i++) {
		struct claims fault;
		char *changed = mutate_token(token, &mutations[i], "muster.license-request", secret);
		int error = license_request_open(changed, strlen(changed), host, &back, &fault);
		mutate_check(&mutations[i], error, fault.where);
		assert_int_equal(license_request_open(changed, strlen(changed), host, &back, NULL), error);
		free(changed);
	}
	free(token);
}

static void test_counts_of_wants(void **state)
{
	char *token = example_token("");
	static struct license_request back;
	(void)state;
	for (size_t n = LIMIT_GRANTS; n <= LIMIT_GRANTS + 1; n++) {
		char *json = malloc(n * 64 + 3);
		size_t at = (size_t)sprintf(json, "[");
		for (size_t i = 0; i < n; i++)
			at += (size_t)sprintf(json + at,
					      "%s{\"grant\":\"g%zu\",\"quantity\":2,\"has\":1,\"used\":1}",
					      i ? "," : "", i);
		sprintf(json + at, "]");
		struct mutation m = {"wants", json, n > LIMIT_GRANTS ? E_CLAIM_INVALID : 0, "wants"};
		struct claims fault;
		char *changed = mutate_token(token, &m, "muster.license-request", secret);
		mutate_check(&m, license_request_open(changed, strlen(changed), host, &back, &fault),
			     fault.where);
		free(changed);
		free(json);
	}
	free(token);
}

static void test_altered_tokens(void **state)
{
	char *token = example_token("");
	static struct license_request back;
	uint8_t other[PASETO_PUBLIC] = {1};
	(void)state;
	for (size_t i = 10; i < strlen(token); i += 7) {
		char was = token[i];
		token[i] = was == 'A' ? 'B' : 'A';
		int error = license_request_open(token, strlen(token), host, &back, NULL);
		assert_true(error == E_SIGNATURE_INVALID || error == E_MALFORMED);
		assert_int_equal(back.n_wants, 0);
		token[i] = was;
	}
	assert_int_equal(license_request_open(token, strlen(token), other, &back, NULL), E_SIGNATURE_INVALID);
	free(token);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_field_survives),
		cmocka_unit_test(test_strict_reading),
		cmocka_unit_test(test_counts_of_wants),
		cmocka_unit_test(test_altered_tokens),
	};
	return cmocka_run_group_tests_name("license_request", tests, setup, NULL);
}
