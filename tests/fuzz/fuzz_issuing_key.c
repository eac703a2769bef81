/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input as the claims of an issuing key's statement that the vendor's root signed, and as a footer, whole
 * token and all, of a license that an issuing key signed. What can be read can be signed, and reads the same.
 */
#include "chain.h"
#include "fuzz.h"
#include "issuing_key.h"
#include "license.h"

#define SIGNED_AT 1795392000 /* 2026-11-23, as the seeds have it */

/* May the statement be behind a license of the key HOST, signed at that time? */
static bool is_good(const char *statement, const struct roots *vendor, const uint8_t host[PASETO_PUBLIC])
{
	struct issuing_key key;
	return strlen(statement) < ISSUING_TOKEN &&
	       issuing_key_open(statement, strlen(statement), vendor, &key, NULL, NULL) == 0 &&
	       memcmp(key.key, host, PASETO_PUBLIC) == 0 && key.uses & ISSUING_LICENSE &&
	       issuing_key_at(&key, SIGNED_AT) == 0;
}

/* A license under the statement: it opens when the statement is for this key, this use and this time. */
static void sign_below(const char *statement, const struct roots *vendor)
{
	struct license license = {.head = {.iat = SIGNED_AT, .jti = "a", .footer = statement},
				  .id = "fjord-1",
				  .serial = 1,
				  .org = "fjord",
				  .org_name = "Fjord",
				  .exp = SIGNED_AT};
	struct license read;
	uint8_t public[PASETO_PUBLIC];
	uint8_t secret[PASETO_SECRET];
	char signer[PASERK_ID_TEXT];
	char *token = NULL;
	fuzz_keys('h', public, secret);
	paserk_pid_write(public, signer);
	paserk_pid_write(vendor->keys[0], license.head.iss);
	if (license_sign(&license, secret, &token))
		return; /* too long with this footer */
	bool opens = license_open(token, strlen(token), vendor, &read, NULL) == 0;
	fuzz_require(opens == is_good(statement, vendor, public));
	if (opens) {
		fuzz_accepted(license_open);
		fuzz_require(strcmp(read.chain.signer, signer) == 0);
		fuzz_require(strcmp(read.chain.root, license.head.iss) == 0);
	}
	license_fini(&read);
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
		fuzz_accepted(issuing_key_open);
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
