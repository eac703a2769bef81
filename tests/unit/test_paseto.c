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
#include "limit.h"
#include "paseto.h"

static uint8_t public[PASETO_PUBLIC];
static uint8_t secret[PASETO_SECRET];

static int setup(void **state)
{
	static const uint8_t seed[crypto_sign_SEEDBYTES] = {42};
	(void)state;
	if (sodium_init() < 0)
		return -1;
	return crypto_sign_seed_keypair(public, secret, seed);
}

static int open_text(const char *token, const char *implicit)
{
	uint8_t *payload = NULL;
	size_t n = 0;
	int error = paseto_open(token, strlen(token), public, implicit, &payload, &n);
	assert_true((error == 0) == (payload != NULL));
	free(payload);
	return error;
}

static char *sign(const char *payload, const char *footer, const char *implicit)
{
	char *token = NULL;
	assert_int_equal(paseto_sign(secret, payload, strlen(payload), footer, implicit, &token), 0);
	return token;
}

static void test_payloads_of_every_size(void **state)
{
	uint8_t bytes[300];
	(void)state;
	randombytes_buf(bytes, sizeof(bytes));
	for (size_t n = 0; n <= sizeof(bytes); n++) {
		char *token = NULL;
		uint8_t *payload = NULL;
		size_t got;
		assert_int_equal(paseto_sign(secret, bytes, n, n % 2 ? "footer" : "", "implicit", &token), 0);
		assert_int_equal(paseto_open(token, strlen(token), public, "implicit", &payload, &got), 0);
		assert_int_equal(got, n);
		assert_memory_equal(payload, bytes, n);
		assert_int_equal(payload[n], 0);
		free(payload);
		assert_int_equal(paseto_peek(token, strlen(token), &payload, &got), 0);
		assert_int_equal(got, n);
		assert_memory_equal(payload, bytes, n);
		free(payload);
		free(token);
	}
}

static void test_signing_is_deterministic(void **state)
{
	char *a = sign("{}", "f", "i");
	char *b = sign("{}", "f", "i");
	(void)state;
	assert_string_equal(a, b);
	free(a);
	free(b);
}

static void test_every_altered_character_is_refused(void **state)
{
	char *token = sign("{\"typ\":\"muster.lease\"}", "k4.pid.footer", "muster.lease");
	size_t n = strlen(token);
	(void)state;
	for (size_t i = 0; i < n; i++) {
		static const char others[] = "AZaz09-_.=+ \n";
		char was = token[i];
		for (const char *other = others; *other; other++) {
			if (*other == was)
				continue;
			token[i] = *other;
			int error = open_text(token, "muster.lease");
			assert_true(error == E_SIGNATURE_INVALID || error == E_MALFORMED);
		}
		token[i] = was;
	}
	assert_int_equal(open_text(token, "muster.lease"), 0);
	free(token);
}

static void test_every_altered_bit_of_the_signed_bytes_is_refused(void **state)
{
	char *token = sign("payload", "", "typ");
	size_t body_n = 0;
	uint8_t body[128];
	(void)state;
	assert_int_equal(base64url_read(token + 10, strlen(token) - 10, body, sizeof(body), &body_n), 0);
	for (size_t bit = 0; bit < 8 * body_n; bit++) {
		char altered[256] = "v4.public.";
		body[bit / 8] ^= (uint8_t)(1u << bit % 8);
		base64url_write(body, body_n, altered + 10, sizeof(altered) - 10);
		assert_int_equal(open_text(altered, "typ"), E_SIGNATURE_INVALID);
		body[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	free(token);
}

static void test_every_truncation_is_refused(void **state)
{
	char *token = sign("{\"a\":1}", "foot", "typ");
	size_t n = strlen(token);
	(void)state;
	for (size_t cut = 0; cut < n; cut++) {
		uint8_t *payload;
		size_t got;
		int error = paseto_open(token, cut, public, "typ", &payload, &got);
		assert_true(error == E_SIGNATURE_INVALID || error == E_MALFORMED);
	}
	free(token);
}

static void test_the_implicit_assertion_is_bound(void **state)
{
	static const char *const others[] = {"", "muster.leas", "muster.lease ", "muster.license",
					     "MUSTER.LEASE"};
	char *token = sign("{}", "", "muster.lease");
	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_int_equal(open_text(token, others[i]), E_SIGNATURE_INVALID);
	free(token);
}

static size_t footer_at(const char *token)
{
	size_t n = strlen(token);
	while (token[n - 1] != '.')
		n--;
	return n;
}

/* The lengths in the pre-authentication encoding keep the parts apart. */
static void test_parts_cannot_move(void **state)
{
	char *token = sign("ab", "cd", "ef");
	char *other = sign("ab", "cde", "f");
	char mixed[512];
	(void)state;
	assert_int_equal(open_text(other, "ef"), E_SIGNATURE_INVALID);
	snprintf(mixed, sizeof(mixed), "%s", token);
	snprintf(mixed + footer_at(token), sizeof(mixed) - footer_at(token), "%s", other + footer_at(other));
	assert_int_equal(open_text(mixed, "f"), E_SIGNATURE_INVALID);
	assert_int_equal(open_text(mixed, "ef"), E_SIGNATURE_INVALID);
	mixed[footer_at(token) - 1] = 0; /* footer cut off */
	assert_int_equal(open_text(mixed, "ef"), E_SIGNATURE_INVALID);
	free(token);
	free(other);
}

static void test_another_key_is_refused(void **state)
{
	char *token = sign("{}", "", "t");
	uint8_t *payload;
	size_t n;
	(void)state;
	for (size_t bit = 0; bit < 256; bit++) {
		uint8_t key[PASETO_PUBLIC];
		memcpy(key, public, sizeof(key));
		key[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(paseto_open(token, strlen(token), key, "t", &payload, &n),
				 E_SIGNATURE_INVALID);
	}
	free(token);
}

static void test_what_is_no_token(void **state)
{
	static const char *const bad[] = {
		"",
		"v4.public.",
		"v4.public..",
		"v4.public.AAAA",
		"v4.public.AAAA.",
		"v4.public.AAAA.AAAA.AAAA",
		"v4.local.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"v3.public.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"V4.public.AAAA",
		"v4.public"};
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint8_t *payload;
		size_t n;
		assert_int_equal(open_text(bad[i], ""), E_MALFORMED);
		assert_int_equal(paseto_peek(bad[i], strlen(bad[i]), &payload, &n), E_MALFORMED);
	}
}

static void test_a_whole_token_with_something_behind_it(void **state)
{
	char *token = sign("{}", "f", "t");
	char longer[512];
	(void)state;
	snprintf(longer, sizeof(longer), "%s.", token);
	assert_int_equal(open_text(longer, "t"), E_MALFORMED);
	snprintf(longer, sizeof(longer), "%s\n", token);
	assert_int_equal(open_text(longer, "t"), E_MALFORMED);
	snprintf(longer, sizeof(longer), "%sAAAA", token);
	assert_int_equal(open_text(longer, "t"), E_SIGNATURE_INVALID);
	free(token);
}

static void test_footers(void **state)
{
	char *token = sign("{}", "k4.pid.x", "t");
	char *bare = sign("{}", "", "t");
	char footer[64];
	(void)state;
	assert_int_equal(paseto_footer(token, strlen(token), footer, sizeof(footer)), 0);
	assert_string_equal(footer, "k4.pid.x");
	assert_int_equal(paseto_footer(token, strlen(token), footer, 9), 0);
	assert_int_equal(paseto_footer(token, strlen(token), footer, 8), E_TOO_LARGE);
	assert_int_equal(paseto_footer(token, strlen(token), footer, 0), E_TOO_LARGE);
	assert_int_equal(paseto_footer(bare, strlen(bare), footer, 1), 0);
	assert_string_equal(footer, "");
	assert_int_equal(paseto_footer("v4.public.AAAA.AAAA", 19, footer, sizeof(footer)),
			 E_MALFORMED); /* NULs */
	assert_int_equal(paseto_footer("nonsense", 8, footer, sizeof(footer)), E_MALFORMED);
	free(token);
	free(bare);
}

/* What is signed can be opened: the largest payload, and one byte more. */
static void test_the_largest_token(void **state)
{
	char *payload = calloc(1, LIMIT_TOKEN + 1);
	uint8_t *opened = NULL;
	size_t most = 0;
	size_t n;
	(void)state;
	for (size_t step = LIMIT_TOKEN; step; step /= 2) {
		char *token = NULL;
		if (most + step > LIMIT_TOKEN)
			continue;
		int error = paseto_sign(secret, payload, most + step, "f", "t", &token);
		if (!error)
			most += step;
		else
			assert_int_equal(error, E_TOO_LARGE);
		free(token);
	}
	char *token = NULL;
	assert_true(most > LIMIT_TOKEN / 2);
	assert_int_equal(paseto_sign(secret, payload, most, "f", "t", &token), 0);
	assert_true(strlen(token) <= LIMIT_TOKEN);
	assert_int_equal(paseto_open(token, strlen(token), public, "t", &opened, &n), 0);
	assert_int_equal(n, most);
	free(opened);
	free(token);
	assert_int_equal(paseto_sign(secret, payload, LIMIT_TOKEN + 1, "", "", &token), E_TOO_LARGE);
	free(payload);
	payload = malloc(LIMIT_TOKEN + 1);
	memset(payload, 'A', LIMIT_TOKEN + 1);
	memcpy(payload, "v4.public.", 10);
	assert_int_equal(paseto_open(payload, LIMIT_TOKEN + 1, public, "t", &opened, &n), E_TOO_LARGE);
	free(payload);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_payloads_of_every_size),
		cmocka_unit_test(test_signing_is_deterministic),
		cmocka_unit_test(test_every_altered_character_is_refused),
		cmocka_unit_test(test_every_altered_bit_of_the_signed_bytes_is_refused),
		cmocka_unit_test(test_every_truncation_is_refused),
		cmocka_unit_test(test_the_implicit_assertion_is_bound),
		cmocka_unit_test(test_parts_cannot_move),
		cmocka_unit_test(test_another_key_is_refused),
		cmocka_unit_test(test_what_is_no_token),
		cmocka_unit_test(test_a_whole_token_with_something_behind_it),
		cmocka_unit_test(test_footers),
		cmocka_unit_test(test_the_largest_token),
	};
	return cmocka_run_group_tests_name("paseto", tests, setup, NULL);
}
