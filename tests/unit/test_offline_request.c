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
#include "offline_request.h"

static uint8_t sign[PASETO_PUBLIC];
static uint8_t secret[PASETO_SECRET];
static char vendor[PASERK_ID_TEXT];

static int setup(void **state)
{
	static const uint8_t seed[crypto_sign_SEEDBYTES] = {51};
	(void)state;
	if (sodium_init() < 0 || crypto_sign_seed_keypair(sign, secret, seed))
		return -1;
	paserk_pid_write(seed, vendor);
	return 0;
}

static struct offline_request example(void)
{
	struct offline_request r = {
		.head = {.iat = 1700000000},
		.token = {1, 2, 3},
		.fixed = {9, 8, 7},
		.org = "fjord",
		.product = "acme-cad",
		.version = "7.1",
		.plans = {"modeler", "render"},
		.n_plans = 2,
		.user = "kari@fjord.example",
		.serial = 4,
		.spoken = true,
		.voice = {4, 5, 6},
		.reinstalled = true,
		.hostname = "ws-0042",
		.os = "Linux",
		.agent = "muster/0.1",
		.components = {{2, 65535}, {9, 0}},
		.n_components = 2,
	};
	memcpy(r.sign, sign, sizeof(sign));
	memcpy(r.vendor, vendor, sizeof(vendor));
	return r;
}

static char *example_token(void)
{
	struct offline_request r = example();
	char *token = NULL;
	assert_int_equal(offline_request_sign(&r, secret, &token), 0);
	return token;
}

static void test_every_field_survives(void **state)
{
	struct offline_request want = example();
	struct offline_request back;
	uint8_t id[DEVICE_ID];
	char text[DEVICE_ID_TEXT];
	(void)state;
	char *token = example_token();
	assert_int_equal(offline_request_open(token, strlen(token), &back, NULL), 0);
	device_id(want.fixed, sign, id);
	device_id_write(id, text);
	assert_string_equal(back.head.iss, text);
	assert_memory_equal(back.device, id, DEVICE_ID);
	assert_int_equal(back.head.iat, 1700000000);
	assert_memory_equal(back.token, want.token, OFFLINE_TOKEN);
	assert_memory_equal(back.sign, sign, sizeof(sign));
	assert_memory_equal(back.fixed, want.fixed, NOISE_KEY);
	assert_string_equal(back.vendor, vendor);
	assert_string_equal(back.org, "fjord");
	assert_string_equal(back.product, "acme-cad");
	assert_string_equal(back.version, "7.1");
	assert_int_equal(back.n_plans, 2);
	assert_string_equal(back.plans[1], "render");
	assert_string_equal(back.user, "kari@fjord.example");
	assert_int_equal(back.serial, 4);
	assert_true(back.spoken);
	assert_memory_equal(back.voice, want.voice, VOICE_SHOWN);
	assert_true(back.reinstalled);
	assert_string_equal(back.hostname, "ws-0042");
	assert_string_equal(back.os, "Linux");
	assert_string_equal(back.agent, "muster/0.1");
	assert_int_equal(back.n_components, 2);
	assert_int_equal(back.components[0].kind, 2);
	assert_int_equal(back.components[0].tag, 65535);
	assert_int_equal(back.components[1].tag, 0);
	free(token);
}

/* A request that names nobody holds no hostname and no user. */
static void test_what_is_not_told_is_not_there(void **state)
{
	struct offline_request r = example();
	struct offline_request back;
	char *token = NULL;
	json_t *claims;
	(void)state;
	r.org[0] = r.version[0] = r.user[0] = r.hostname[0] = r.os[0] = r.agent[0] = 0;
	r.n_plans = r.n_components = 0;
	r.serial = 0;
	r.reinstalled = r.spoken = false;
	assert_int_equal(offline_request_sign(&r, secret, &token), 0);
	assert_int_equal(token_peek(token, strlen(token), &claims), 0);
	assert_int_equal(json_object_size(claims), 9);
	json_decref(claims);
	assert_int_equal(offline_request_open(token, strlen(token), &back, NULL), 0);
	assert_string_equal(back.hostname, "");
	assert_string_equal(back.user, "");
	assert_int_equal(back.n_plans + back.n_components, 0);
	assert_false(back.reinstalled);
	free(token);
}

#define BAD(path, json, where)                                                                               \
	{                                                                                                    \
		path, json, E_CLAIM_INVALID, where                                                           \
	}

static const struct mutation mutations[] = {
	{"unknown", "true", 0, NULL},
	BAD("iss", NULL, "iss"),
	BAD("iss", "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"", "iss"), /* another device's */
	BAD("iat", NULL, "iat"),
	BAD("jti", NULL, "jti"),
	BAD("jti", "\"short\"", "jti"),
	BAD("jti", "\"AAAAAAAAAAAAAAAAAAAAAA\"", "jti"), /* a token is not zero */
	BAD("jti", "\"AAAAAAAAAAAAAAAAAAAAAB\"", "jti"), /* stray bits */
	BAD("sign", NULL, "sign"),
	BAD("sign", "\"k4.pid.AAAA\"", "sign"),
	BAD("static", NULL, "static"),
	BAD("static", "\"AAAA\"", "static"),
	BAD("static", "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"", "iss"),
	BAD("vendor", NULL, "vendor"),
	BAD("vendor", "\"acme\"", "vendor"),
	{"org", NULL, 0, NULL},
	BAD("org", "\"Fjord AS\"", "org"),
	BAD("product", NULL, "product"),
	BAD("product", "\"Acme CAD\"", "product"),
	{"version", NULL, 0, NULL},
	BAD("version", "7", "version"),
	{"plans", NULL, 0, NULL},
	BAD("plans", "[\"a\",\"a\"]", "plans"),
	{"user", NULL, 0, NULL},
	BAD("user", "\"kari;drop\"", "user"),
	{"serial", NULL, 0, NULL},
	BAD("serial", "0", "serial"),
	BAD("serial", "-1", "serial"),
	{"voice", NULL, 0, NULL},
	BAD("voice", "\"AAAA\"", "voice"),
	{"reinstalled", NULL, 0, NULL},
	{"reinstalled", "false", 0, NULL},
	BAD("reinstalled", "1", "reinstalled"),
	{"hostname", NULL, 0, NULL},
	BAD("hostname", "\"a\\u001b[2J\"", "hostname"),
	{"os", NULL, 0, NULL},
	BAD("os", "\"0123456789012345678901234567890123456789012345678901234567890123\"", "os"),
	{"agent", NULL, 0, NULL},
	{"components", NULL, 0, NULL},
	{"components", "[]", 0, NULL},
	BAD("components", "{}", "components"),
	BAD("components/0", "[2,3]", "kind"),
	BAD("components/0/kind", "0", "kind"),
	BAD("components/0/kind", NULL, "kind"),
	{"components/0/kind", "4294967295", 0, NULL}, /* of a newer client */
	BAD("components/0/tag", "65536", "tag"),
	BAD("components/0/tag", "-1", "tag"),
	BAD("components",
	    "[{\"kind\":1,\"tag\":1},{\"kind\":1,\"tag\":1},{\"kind\":1,\"tag\":1},{\"kind\":1,\"tag\":1},"
	    "{\"kind\":1,\"tag\":1},{\"kind\":1,\"tag\":1},{\"kind\":1,\"tag\":1},{\"kind\":1,\"tag\":1},"
	    "{\"kind\":1,\"tag\":1},{\"kind\":1,\"tag\":1},{\"kind\":1,\"tag\":1},{\"kind\":1,\"tag\":1},"
	    "{\"kind\":1,\"tag\":1}]",
	    "components"),
	{"ver", "2", E_CRITICAL_UNKNOWN, NULL},
	{"crit", "[\"quantum\"]", E_CRITICAL_UNKNOWN, NULL},
	{"typ", "\"muster.host-request\"", E_WRONG_TYPE, NULL},
};

static void test_strict_reading(void **state)
{
	char *token = example_token();
	struct offline_request back;
	(void)state;
	for (size_t i = 0; i < sizeof(mutations) / sizeof(mutations[0]); i++) {
		struct claims fault;
		char *changed = mutate_token(token, &mutations[i], "muster.request", secret);
		int error = offline_request_open(changed, strlen(changed), &back, &fault);
		mutate_check(&mutations[i], error, fault.where);
		assert_int_equal(offline_request_open(changed, strlen(changed), &back, NULL), error);
		free(changed);
	}
	free(token);
}

/* Who has not the Ed25519 key of the device cannot ask in its name. */
static void test_another_key_does_not_speak_for_the_device(void **state)
{
	static const uint8_t seed[crypto_sign_SEEDBYTES] = {52};
	uint8_t other[PASETO_PUBLIC];
	uint8_t other_secret[PASETO_SECRET];
	struct offline_request r = example();
	struct offline_request back;
	struct claims fault;
	char *token = NULL;
	(void)state;
	crypto_sign_seed_keypair(other, other_secret, seed);
	assert_int_equal(offline_request_sign(&r, other_secret, &token), 0);
	assert_int_equal(offline_request_open(token, strlen(token), &back, NULL), E_SIGNATURE_INVALID);
	free(token);
	/* Its own key beside the device's id. */
	char *good = example_token();
	char key[PASERK_PUBLIC_TEXT + 2];
	char text[PASERK_PUBLIC_TEXT];
	paserk_public_write(other, text);
	snprintf(key, sizeof(key), "\"%s\"", text);
	struct mutation m = {"sign", key, E_CLAIM_INVALID, "iss"};
	token = mutate_token(good, &m, "muster.request", other_secret);
	mutate_check(&m, offline_request_open(token, strlen(token), &back, &fault), fault.where);
	free(token);
	free(good);
}

static void test_altered_tokens(void **state)
{
	char *token = example_token();
	struct offline_request back;
	(void)state;
	for (size_t i = 0; i < strlen(token); i += 7) {
		char was = token[i];
		token[i] = was == 'A' ? 'B' : 'A';
		assert_int_not_equal(offline_request_open(token, strlen(token), &back, NULL), 0);
		token[i] = was;
	}
	free(token);
}

static void test_too_large(void **state)
{
	struct offline_request r = example();
	struct offline_request back;
	char *token = NULL;
	char *large = malloc(LIMIT_OFFLINE_REQUEST + 2);
	(void)state;
	memset(r.hostname, 'h', LIMIT_HOSTNAME);
	memset(r.user, 'u', LIMIT_USER);
	r.n_plans = LIMIT_PLANS;
	for (size_t i = 0; i < LIMIT_PLANS; i++) {
		memset(r.plans[i], 'p', LIMIT_ID);
		r.plans[i][0] = (char)('a' + i);
	}
	assert_int_equal(offline_request_sign(&r, secret, &token), 0);
	assert_int_equal(offline_request_open(token, strlen(token), &back, NULL), 0);
	free(token);
	memset(large, 'A', LIMIT_OFFLINE_REQUEST + 1);
	large[LIMIT_OFFLINE_REQUEST + 1] = 0;
	assert_int_equal(offline_request_open(large, LIMIT_OFFLINE_REQUEST + 1, &back, NULL), E_TOO_LARGE);
	assert_int_equal(offline_request_open(large, LIMIT_OFFLINE_REQUEST, &back, NULL), E_MALFORMED);
	free(large);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_field_survives),
		cmocka_unit_test(test_what_is_not_told_is_not_there),
		cmocka_unit_test(test_strict_reading),
		cmocka_unit_test(test_another_key_does_not_speak_for_the_device),
		cmocka_unit_test(test_altered_tokens),
		cmocka_unit_test(test_too_large),
	};
	return cmocka_run_group_tests_name("offline_request", tests, setup, NULL);
}
