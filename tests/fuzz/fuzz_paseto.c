/* SPDX-License-Identifier: Apache-2.0 */
/* The input as a token, as an unverified token, and as a payload to be signed and opened. Keys in text form
 * as well. */
#include "error.h"
#include "fuzz.h"
#include "paserk.h"

static void try_token(const char *text, size_t n, const uint8_t public[PASETO_PUBLIC])
{
	uint8_t *payload = NULL;
	size_t made = 0;
	char footer[64];
	if (paseto_open(text, n, public, "muster.lease", &payload, &made) == 0)
		fuzz_require(payload[made] == 0);
	free(payload);
	payload = NULL;
	if (paseto_peek(text, n, &payload, &made) == 0) {
		fuzz_require(payload[made] == 0);
		fuzz_use(made);
	}
	free(payload);
	if (paseto_footer(text, n, footer, sizeof(footer)) == 0)
		fuzz_use_text(footer);
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
	free(token);
}

/* A text that is read as a key must be the text of that key. */
static void try_keys(const char *text, size_t n)
{
	uint8_t key[PASETO_SECRET];
	char back[PASERK_SECRET_TEXT];
	if (paserk_public_read(text, n, key) == 0) {
		paserk_public_write(key, back);
		fuzz_require(strlen(back) == n && memcmp(back, text, n) == 0);
	}
	if (paserk_secret_read(text, n, key) == 0) {
		paserk_secret_write(key, back);
		fuzz_require(strlen(back) == n && memcmp(back, text, n) == 0);
	}
	if (paserk_pid_read(text, n, key) == 0) {
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
