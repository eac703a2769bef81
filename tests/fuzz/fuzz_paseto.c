/* SPDX-License-Identifier: Apache-2.0 */
/* The input as a token, as an unverified token, and as a payload to be signed and opened. Keys in text form
 * as well. */
#include "error.h"
#include "fuzz.h"
#include "paserk.h"
#include "token.h"

static void try_token(const char *text, size_t n, const uint8_t public[PASETO_PUBLIC])
{
	uint8_t *payload = NULL;
	size_t made = 0;
	char footer[64];
	if (paseto_open(text, n, public, "muster.lease", &payload, &made) == 0) {
		fuzz_accepted(paseto_open);
		fuzz_require(payload[made] == 0);
	}
	free(payload);
	payload = NULL;
	if (paseto_peek(text, n, &payload, &made) == 0) {
		fuzz_accepted(paseto_peek);
		fuzz_require(payload[made] == 0);
		fuzz_use(made);
	}
	free(payload);
	if (paseto_footer(text, n, footer, sizeof(footer)) == 0)
		fuzz_use_text(footer);
}

/* Claims that nobody has verified. */
static void try_peek(const char *token)
{
	uint8_t id[PASERK_ID];
	char issuer[PASERK_ID_TEXT];
	json_t *claims = NULL;
	if (token_peek(token, strlen(token), &claims))
		return;
	fuzz_accepted(token_peek);
	fuzz_require(json_is_object(claims));
	json_decref(claims);
	if (token_peek_issuer(token, strlen(token), issuer))
		return;
	fuzz_accepted(token_peek_issuer);
	fuzz_require(paserk_pid_read(issuer, strlen(issuer), id) == 0);
}

static void try_payload(const uint8_t *data, size_t n, const uint8_t public[PASETO_PUBLIC],
			const uint8_t secret[PASETO_SECRET])
{
	uint8_t *payload = NULL;
	size_t made = 0;
	char *token = fuzz_sign(data, n, "muster.lease", secret);
	if (!token)
		return;
	fuzz_require(paseto_open(token, strlen(token), public, "muster.lease", &payload, &made) == 0);
	fuzz_require(made == n && (n == 0 || memcmp(payload, data, n) == 0));
	free(payload);
	fuzz_require(paseto_open(token, strlen(token), public, "muster.license", &payload, &made) ==
		     E_SIGNATURE_INVALID);
	try_peek(token);
	free(token);
}

/* A text that is read as a key must be the text of that key. */
static void try_keys(const char *text, size_t n)
{
	uint8_t key[PASETO_SECRET];
	char back[PASERK_SECRET_TEXT];
	if (paserk_public_read(text, n, key) == 0) {
		fuzz_accepted(paserk_public_read);
		paserk_public_write(key, back);
		fuzz_require(strlen(back) == n && memcmp(back, text, n) == 0);
	}
	if (paserk_secret_read(text, n, key) == 0) {
		fuzz_accepted(paserk_secret_read);
		paserk_secret_write(key, back);
		fuzz_require(strlen(back) == n && memcmp(back, text, n) == 0);
	}
	if (paserk_pid_read(text, n, key) == 0) {
		fuzz_accepted(paserk_pid_read);
		paserk_pid_text(key, back);
		fuzz_require(strlen(back) == n && memcmp(back, text, n) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	uint8_t public[PASETO_PUBLIC];
	uint8_t secret[PASETO_SECRET];
	if (n == 0)
		return 0;
	fuzz_keys('v', public, secret);
	if (data[0] & 1) {
		try_payload(data + 1, n - 1, public, secret);
	} else {
		try_token((const char *)data + 1, n - 1, public);
		try_keys((const char *)data + 1, n - 1);
	}
	return 0;
}
