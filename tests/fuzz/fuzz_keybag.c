/* SPDX-License-Identifier: Apache-2.0 */
/* The input as the keys that a backup carries (behind a first byte 0: changes to good ones). What opens can
 * be wrapped, and opens the same again. */
#include "fuzz.h"
#include "keybag.h"

static const char passphrase[] = "correct horse";

/* Argon2id is slow on purpose, and another's code: a fast hash stands for it here, over all that it takes. */
int crypto_pwhash(unsigned char *const out, unsigned long long outlen, const char *const passwd,
		  unsigned long long passwdlen, const unsigned char *const salt, unsigned long long opslimit,
		  size_t memlimit, int alg)
{
	crypto_generichash_state state;
	crypto_generichash_init(&state, salt, crypto_pwhash_SALTBYTES, (size_t)outlen);
	crypto_generichash_update(&state, (const unsigned char *)passwd, passwdlen);
	crypto_generichash_update(&state, (const unsigned char *)&opslimit, sizeof(opslimit));
	crypto_generichash_update(&state, (const unsigned char *)&memlimit, sizeof(memlimit));
	crypto_generichash_final(&state, out, (size_t)outlen);
	return alg == crypto_pwhash_ALG_ARGON2ID13 ? 0 : -1;
}

static void try_text(const char *text)
{
	struct host_key *key;
	struct host_key *again;
	char *copy;
	if (keybag_read(text, passphrase, strlen(passphrase), &key))
		return;
	fuzz_accepted(keybag_read);
	fuzz_require(keybag_write(key, passphrase, strlen(passphrase), &copy) == 0);
	fuzz_require(keybag_read(copy, passphrase, strlen(passphrase), &again) == 0);
	fuzz_require(sodium_memcmp(key, again, sizeof(*key)) == 0);
	host_key_free(again);
	host_key_free(key);
	free(copy);
}

/* A bag of which bytes are changed: they are pairs of a place and what is put there. */
static void try_changes(const uint8_t *data, size_t n)
{
	struct host_key *key;
	uint8_t public[PASETO_PUBLIC];
	uint8_t secret[PASETO_SECRET];
	char *text;
	fuzz_keys('h', public, secret);
	fuzz_require(host_key_make(secret, public, &key) == 0);
	fuzz_require(keybag_write(key, passphrase, strlen(passphrase), &text) == 0);
	for (size_t i = 0; i + 3 <= n; i += 3)
		text[((size_t)data[i] << 8 | data[i + 1]) % strlen(text)] =
			(char)(data[i + 2] ? data[i + 2] : ' ');
	try_text(text);
	free(text);
	host_key_free(key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (n && data[0] == 0) {
		try_changes(data + 1, n - 1);
		return 0;
	}
	char *text = fuzz_text(data, n);
	try_text(text);
	free(text);
	return 0;
}
