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
#include <stdio.h>
#include <unistd.h>

#include "error.h"
#include "file.h"
#include "token.h"

static uint8_t public[PASETO_PUBLIC];
static uint8_t secret[PASETO_SECRET];

static const struct token_kind *const kinds[] = {
	&token_license,      &token_product,         &token_certificate, &token_lease,
	&token_host_request, &token_license_request, &token_revocations};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static int setup(void **state)
{
	static const uint8_t seed[crypto_sign_SEEDBYTES] = {42};
	(void)state;
	if (sodium_init() < 0)
		return -1;
	return crypto_sign_seed_keypair(public, secret, seed);
}

static char *sign_kind(const struct token_kind *kind)
{
	char *token = NULL;
	json_t *claims = token_claims(kind, "k4.pid.issuer", 1700000000, "jti-1");
	assert_non_null(claims);
	assert_int_equal(token_sign(claims, secret, "footer", &token), 0);
	json_decref(claims);
	return token;
}

static void test_claims_that_every_token_has(void **state)
{
	json_t *claims = token_claims(&token_lease, "k4.pid.x", 1700000000, "abc");
	char *text = json_dumps(claims, JSON_COMPACT);
	(void)state;
	assert_string_equal(text, "{\"typ\":\"muster.lease\",\"ver\":1,\"iss\":\"k4.pid.x\","
				  "\"iat\":\"2023-11-14T22:13:20Z\",\"jti\":\"abc\"}");
	free(text);
	json_decref(claims);
}

static void test_each_kind_opens_as_itself_only(void **state)
{
	(void)state;
	for (size_t i = 0; i < KINDS; i++) {
		char *token = sign_kind(kinds[i]);
		for (size_t j = 0; j < KINDS; j++) {
			json_t *claims = NULL;
			int error = token_open(kinds[j], token, strlen(token), public, &claims);
			assert_int_equal(error, i == j ? 0 : E_SIGNATURE_INVALID);
			assert_true((claims != NULL) == (i == j));
			json_decref(claims);
		}
		free(token);
	}
}

static void test_kinds_by_label_and_typ(void **state)
{
	(void)state;
	for (size_t i = 0; i < KINDS; i++) {
		assert_ptr_equal(token_kind_by_label(kinds[i]->label), kinds[i]);
		assert_ptr_equal(token_kind_by_typ(kinds[i]->typ), kinds[i]);
		assert_memory_equal(kinds[i]->typ, "muster.", 7);
	}
	assert_null(token_kind_by_label("license"));
	assert_null(token_kind_by_label(""));
	assert_null(token_kind_by_typ("LICENSE"));
	assert_null(token_kind_by_typ("muster."));
}

/* Payloads that are signed by the right key as a lease, and what must be said of each. */
static const struct {
	const char *payload;
	int error;
} payloads[] = {
	{"{\"typ\":\"muster.lease\",\"ver\":1}", 0},
	{" {\"ver\": 1, \"typ\": \"muster.lease\"}\n", 0},
	{"{\"typ\":\"muster.lease\",\"ver\":1,\"crit\":[]}", 0},
	{"{\"typ\":\"muster.lease\",\"ver\":1,\"unknown\":{\"a\":[1,2]}}", 0},
	{"{\"typ\":\"muster.lease\",\"ver\":1,\"crit\":[\"moon-phase\"]}", E_CRITICAL_UNKNOWN},
	{"{\"typ\":\"muster.lease\",\"ver\":1,\"crit\":[1]}", E_CRITICAL_UNKNOWN},
	{"{\"typ\":\"muster.lease\",\"ver\":2}", E_CRITICAL_UNKNOWN},
	{"{\"typ\":\"muster.lease\",\"ver\":0}", E_CRITICAL_UNKNOWN},
	{"{\"typ\":\"muster.lease\",\"ver\":-1}", E_CRITICAL_UNKNOWN},
	{"{\"typ\":\"muster.lease\",\"ver\":1,\"crit\":\"moon-phase\"}", E_CLAIM_INVALID},
	{"{\"typ\":\"muster.lease\",\"ver\":1,\"crit\":{\"a\":1}}", E_CLAIM_INVALID},
	{"{\"typ\":\"muster.lease\",\"ver\":1,\"crit\":null}", E_CLAIM_INVALID},
	{"{\"typ\":\"muster.lease\",\"ver\":1.0}", E_CLAIM_INVALID},
	{"{\"typ\":\"muster.lease\",\"ver\":\"1\"}", E_CLAIM_INVALID},
	{"{\"typ\":\"muster.lease\",\"ver\":true}", E_CLAIM_INVALID},
	{"{\"typ\":\"muster.lease\"}", E_CLAIM_INVALID},
	{"{\"typ\":\"muster.license\",\"ver\":1}", E_WRONG_TYPE},
	{"{\"typ\":\"muster.lease2\",\"ver\":1}", E_WRONG_TYPE},
	{"{\"typ\":\"\",\"ver\":1}", E_WRONG_TYPE},
	{"{\"typ\":5,\"ver\":1}", E_CLAIM_INVALID},
	{"{\"typ\":[\"muster.lease\"],\"ver\":1}", E_CLAIM_INVALID},
	{"{\"ver\":1}", E_CLAIM_INVALID},
	{"{\"typ\":\"muster.lease\",\"ver\":1,\"ver\":1}", E_CLAIM_INVALID},
	{"{\"typ\":\"muster.license\",\"typ\":\"muster.lease\",\"ver\":1}", E_CLAIM_INVALID},
	{"{\"typ\":\"muster.lease\",\"ver\":1,\"a\":{\"b\":1,\"b\":2}}", E_CLAIM_INVALID},
	{"{\"typ\":\"muster.lease\",\"ver\":1} {}", E_CLAIM_INVALID},
	{"{\"typ\":\"muster.lease\",\"ver\":1}x", E_CLAIM_INVALID},
	{"{\"typ\":\"muster.lease\",\"ver\":1", E_CLAIM_INVALID},
	{"{\"typ\":\"muster.lease\",\"ver\":1,}", E_CLAIM_INVALID},
	{"{\"typ\":\"muster.lease\",\"ver\":1,\"t\":\"\\u0000\"}", E_CLAIM_INVALID},
	{"{\"typ\":\"muster.lease\",\"ver\":1,\"t\":\"\xff\"}", E_CLAIM_INVALID},
	{"{\"typ\":\"muster.lease\",\"ver\":1,\"t\":\"\xc0\x80\"}", E_CLAIM_INVALID},
	{"{\"typ\":\"muster.lease\",\"ver\":1,\"n\":99999999999999999999}", E_CLAIM_INVALID},
	{"[\"muster.lease\"]", E_CLAIM_INVALID},
	{"\"muster.lease\"", E_CLAIM_INVALID},
	{"null", E_CLAIM_INVALID},
	{"", E_CLAIM_INVALID},
	{"{}", E_CLAIM_INVALID},
};

static void test_payloads_behind_a_good_signature(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
		const char *payload = payloads[i].payload;
		char *token = NULL;
		json_t *claims = NULL;
		assert_int_equal(paseto_sign(secret, payload, strlen(payload), "", "muster.lease", &token),
				 0);
		int error = token_open(&token_lease, token, strlen(token), public, &claims);
		if (error != payloads[i].error)
			print_error("%s: %d, wanted %d\n", payload, error, payloads[i].error);
		assert_int_equal(error, payloads[i].error);
		assert_true((claims != NULL) == (error == 0));
		json_decref(claims);
		free(token);
	}
}

static void test_bytes_behind_a_nul_are_seen(void **state)
{
	static const char payload[] = "{\"typ\":\"muster.lease\",\"ver\":1}\0{}";
	char *token = NULL;
	json_t *claims = NULL;
	(void)state;
	assert_int_equal(paseto_sign(secret, payload, sizeof(payload) - 1, "", "muster.lease", &token), 0);
	assert_int_equal(token_open(&token_lease, token, strlen(token), public, &claims), E_CLAIM_INVALID);
	free(token);
}

static void test_deep_nesting_does_not_harm(void **state)
{
	size_t depth = 60000;
	char *payload = malloc(2 * depth);
	char *token = NULL;
	json_t *claims = NULL;
	(void)state;
	memset(payload, '[', depth);
	memset(payload + depth, ']', depth);
	assert_int_equal(paseto_sign(secret, payload, 2 * depth, "", "muster.lease", &token), 0);
	assert_int_equal(token_open(&token_lease, token, strlen(token), public, &claims), E_CLAIM_INVALID);
	assert_int_equal(token_peek(token, strlen(token), &claims), E_CLAIM_INVALID);
	free(token);
	free(payload);
}

static void test_peek_needs_no_key(void **state)
{
	char *token = sign_kind(&token_license);
	json_t *claims = NULL;
	(void)state;
	assert_int_equal(token_peek(token, strlen(token), &claims), 0);
	assert_string_equal(json_string_value(json_object_get(claims, "typ")), "muster.license");
	json_decref(claims);
	claims = NULL;
	assert_int_equal(token_peek("v4.public.AA", 12, &claims), E_MALFORMED);
	assert_null(claims);
	free(token);
}

static void test_save_and_load(void **state)
{
	char path[] = "/tmp/muster-test-token-XXXXXX";
	char *token = sign_kind(&token_certificate);
	char *back = NULL;
	(void)state;
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(token_save(&token_certificate, path, token, 0600), 0);
	assert_int_equal(token_load(&token_certificate, path, &back), 0);
	assert_string_equal(back, token);
	free(back);
	back = NULL;
	assert_int_equal(token_load(&token_license, path, &back), E_ARMOUR_INVALID);
	assert_int_equal(file_replace(path, token, strlen(token), 0600), 0); /* bare */
	assert_int_equal(token_load(&token_certificate, path, &back), 0);
	assert_string_equal(back, token);
	free(back);
	back = NULL;
	assert_int_equal(file_replace(path, "", 0, 0600), 0);
	assert_int_equal(token_load(&token_certificate, path, &back), E_ARMOUR_INVALID);
	assert_null(back);
	free(token);
	unlink(path);
	assert_int_equal(token_load(&token_certificate, path, &back), E_IO);
	assert_int_equal(token_save(&token_certificate, "/nonexistent/x", "v4.public.", 0600),
			 E_CANNOT_CREATE);
}

/* The largest token that can be signed also survives the file. */
static void test_the_largest_file(void **state)
{
	char path[] = "/tmp/muster-test-token-XXXXXX";
	(void)state;
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	int error = 0;
	for (size_t n = 180000; n < LIMIT_TOKEN && !error; n += 997) {
		char *text = malloc(n + 1);
		char *token = NULL;
		char *back = NULL;
		memset(text, 'a', n);
		text[n] = 0;
		json_t *claims = token_claims(&token_license, "k4.pid.issuer", 1700000000, "j");
		claims_set_text(claims, "text", text);
		error = token_sign(claims, secret, "", &token);
		if (!error) {
			assert_int_equal(token_save(&token_license, path, token, 0600), 0);
			assert_int_equal(token_load(&token_license, path, &back), 0);
			assert_string_equal(back, token);
		}
		json_decref(claims);
		free(token);
		free(back);
		free(text);
	}
	assert_int_equal(error, E_TOO_LARGE);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_claims_that_every_token_has),
		cmocka_unit_test(test_each_kind_opens_as_itself_only),
		cmocka_unit_test(test_kinds_by_label_and_typ),
		cmocka_unit_test(test_payloads_behind_a_good_signature),
		cmocka_unit_test(test_bytes_behind_a_nul_are_seen),
		cmocka_unit_test(test_deep_nesting_does_not_harm),
		cmocka_unit_test(test_peek_needs_no_key),
		cmocka_unit_test(test_save_and_load),
		cmocka_unit_test(test_the_largest_file),
	};
	return cmocka_run_group_tests_name("token", tests, setup, NULL);
}
