/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input as the claims of an issuing key's statement that the vendor's root signed, and as a footer, whole
 * token and all, of a license that an issuing key signed. What can be read can be signed, and reads the same.
 */
#include <stdio.h>

#include "chain.h"
#include "fuzz.h"
#include "issuing_key.h"
#include "license.h"

/* A license under the statement: it opens when the statement is for this key, this use and this time. */
static void sign_below(const char *statement, const struct roots *vendor)
{
	static struct license license;
	struct claims c = {0};
	uint8_t public[PASETO_PUBLIC];
	uint8_t secret[PASETO_SECRET];
	char *token = NULL;
	char name[PASERK_ID_TEXT];
	char claims[256];
	paserk_pid_write(vendor->keys[0], name);
	snprintf(claims, sizeof(claims),
		 "{\"typ\":\"muster.license\",\"iss\":\"%s\",\"iat\":\"2026-11-23T00:00:00Z\",\"jti\":\"a\"}",
		 name);
	fuzz_keys('h', public, secret);
	if (paseto_sign(secret, (const uint8_t *)claims, strlen(claims), statement, "muster.license", &token))
		return;
	fuzz_use((size_t)-license_open(token, strlen(token), vendor, &license, &c));
	free(token);
}

static void try_statement(const char *token, const struct roots *vendor, const uint8_t secret[PASETO_SECRET])
{
	struct issuing_key key;
	struct issuing_key again;
	struct claims fault;
	size_t root = ROOTS_MAX;
	char *copy = NULL;
	if (issuing_key_open(token, strlen(token), vendor, &key, &root, &fault) == 0) {
		fuzz_require(root == 0 && issuing_key_at(&key, key.nbf) == 0 &&
			     issuing_key_at(&key, key.exp));
		if (issuing_key_sign(&key, secret, &copy) == 0) {
			fuzz_require(issuing_key_open(copy, strlen(copy), vendor, &again, NULL, NULL) == 0);
			fuzz_require(again.uses == key.uses && again.nbf == key.nbf && again.exp == key.exp);
			fuzz_require(memcmp(again.key, key.key, sizeof(key.key)) == 0);
			fuzz_require(memcmp(again.fixed, key.fixed, sizeof(key.fixed)) == 0);
			sign_below(copy, vendor);
		} else {
			fuzz_require(!key.uses); /* only words that this version does not know */
		}
		free(copy);
	}
	sign_below(token, vendor);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	uint8_t public[PASETO_PUBLIC];
	uint8_t secret[PASETO_SECRET];
	fuzz_keys('v', public, secret);
	struct roots vendor = roots_of(public);
	char *token = fuzz_sign(data, n, "muster.key", secret);
	char *text = fuzz_text(data, n);
	if (token)
		try_statement(token, &vendor, secret);
	sign_below(text, &vendor);
	free(text);
	free(token);
	return 0;
}
