/* SPDX-License-Identifier: Apache-2.0 */
#include "paserk.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base64url.h"
#include "cursor.h"
#include "error.h"

#define PUBLIC "k4.public."
#define SECRET "k4.secret."
#define SECRET_PW "k4.secret-pw."
#define LOCAL_PW "k4.local-pw."
#define PID "k4.pid."
#define SID "k4.sid."

static void write_text(const char *prefix, const uint8_t *bytes, size_t n, char *out, size_t room)
{
	size_t at = strlen(prefix);
	memcpy(out, prefix, at);
	base64url_write(bytes, n, out + at, room - at);
}

static int read_text(const char *prefix, const char *text, size_t n, uint8_t *ret, size_t want)
{
	size_t at = strlen(prefix);
	if (n < at || memcmp(text, prefix, at) != 0)
		return E_KEY_INVALID;
	return base64url_read_exact(text + at, n - at, ret, want) ? E_KEY_INVALID : 0;
}

void paserk_public_write(const uint8_t public[PASETO_PUBLIC], char out[PASERK_PUBLIC_TEXT])
{
	write_text(PUBLIC, public, PASETO_PUBLIC, out, PASERK_PUBLIC_TEXT);
}

void paserk_secret_write(const uint8_t secret[PASETO_SECRET], char out[PASERK_SECRET_TEXT])
{
	write_text(SECRET, secret, PASETO_SECRET, out, PASERK_SECRET_TEXT);
}

int paserk_public_read(const char *text, size_t n, uint8_t ret[PASETO_PUBLIC])
{
	return read_text(PUBLIC, text, n, ret, PASETO_PUBLIC);
}

/* Does the public half belong to the seed? Otherwise a signature would leak the key. */
static int check_halves(const uint8_t secret[PASETO_SECRET])
{
	uint8_t public[crypto_sign_PUBLICKEYBYTES];
	uint8_t made[crypto_sign_SECRETKEYBYTES];
	crypto_sign_seed_keypair(public, made, secret);
	int different = sodium_memcmp(made, secret, PASETO_SECRET);
	sodium_memzero(made, sizeof(made));
	return different ? E_KEY_INVALID : 0;
}

int paserk_secret_read(const char *text, size_t n, uint8_t ret[PASETO_SECRET])
{
	int error = read_text(SECRET, text, n, ret, PASETO_SECRET);
	return error ? error : check_halves(ret);
}

/* BLAKE2b-264 over the id's own prefix and the key's text (PASERK, "ID"). */
static void make_id(const char *prefix, const char *key_text, uint8_t ret[PASERK_ID])
{
	crypto_generichash_state state;
	crypto_generichash_init(&state, NULL, 0, PASERK_ID);
	crypto_generichash_update(&state, (const uint8_t *)prefix, strlen(prefix));
	crypto_generichash_update(&state, (const uint8_t *)key_text, strlen(key_text));
	crypto_generichash_final(&state, ret, PASERK_ID);
}

void paserk_pid(const uint8_t public[PASETO_PUBLIC], uint8_t ret[PASERK_ID])
{
	char text[PASERK_PUBLIC_TEXT];
	paserk_public_write(public, text);
	make_id(PID, text, ret);
}

void paserk_pid_write(const uint8_t public[PASETO_PUBLIC], char out[PASERK_ID_TEXT])
{
	uint8_t id[PASERK_ID];
	paserk_pid(public, id);
	paserk_pid_text(id, out);
}

void paserk_sid_write(const uint8_t secret[PASETO_SECRET], char out[PASERK_ID_TEXT])
{
	char text[PASERK_SECRET_TEXT];
	uint8_t id[PASERK_ID];
	paserk_secret_write(secret, text);
	make_id(SID, text, id);
	sodium_memzero(text, sizeof(text));
	write_text(SID, id, sizeof(id), out, PASERK_ID_TEXT);
}

void paserk_pid_text(const uint8_t id[PASERK_ID], char out[PASERK_ID_TEXT])
{
	write_text(PID, id, PASERK_ID, out, PASERK_ID_TEXT);
}

int paserk_pid_read(const char *text, size_t n, uint8_t ret[PASERK_ID])
{
	return read_text(PID, text, n, ret, PASERK_ID);
}

/* --- k4.secret-pw and k4.local-pw (PASERK, "PBKW", version 4) --- */

#define SALT 16
#define NONCE 24
#define TAG 32
#define HEAD (SALT + 8 + 4 + 4 + NONCE)
#define WRAPPED_MAX (HEAD + PASETO_SECRET + TAG)

/* The fields of the wrapped form, in place. */
struct wrapped {
	const uint8_t *salt;
	struct paserk_cost cost;
	uint32_t parallelism;
	const uint8_t *nonce;
};

static void derive(uint8_t domain, const uint8_t key[32], uint8_t ret[32])
{
	crypto_generichash_state state;
	crypto_generichash_init(&state, NULL, 0, 32);
	crypto_generichash_update(&state, &domain, 1);
	crypto_generichash_update(&state, key, 32);
	crypto_generichash_final(&state, ret, 32);
	sodium_memzero(&state, sizeof(state));
}

static int stretch(const char *passphrase, size_t n, const struct wrapped *w, uint8_t encrypt[32],
		   uint8_t authenticate[32])
{
	uint8_t key[32];
	if (crypto_pwhash(key, sizeof(key), passphrase, n, w->salt, w->cost.passes, (size_t)w->cost.memory,
			  crypto_pwhash_ALG_ARGON2ID13) != 0)
		return E_NO_MEMORY;
	derive(0xFF, key, encrypt);
	derive(0xFE, key, authenticate);
	sodium_memzero(key, sizeof(key));
	return 0;
}

static void make_tag(const char *prefix, const uint8_t key[32], const uint8_t *bytes, size_t n,
		     uint8_t ret[TAG])
{
	crypto_generichash_state state;
	crypto_generichash_init(&state, key, 32, TAG);
	crypto_generichash_update(&state, (const uint8_t *)prefix, strlen(prefix));
	crypto_generichash_update(&state, bytes, n);
	crypto_generichash_final(&state, ret, TAG);
	sodium_memzero(&state, sizeof(state));
}

static int wrap(const char *prefix, const uint8_t *secret, size_t secret_n, const char *passphrase, size_t n,
		struct paserk_cost cost, char out[PASERK_SECRET_PW_TEXT])
{
	uint8_t bytes[WRAPPED_MAX];
	uint8_t encrypt[32];
	uint8_t authenticate[32];
	struct wrapped w = {.salt = bytes, .cost = cost, .parallelism = 1, .nonce = bytes + SALT + 16};
	struct writer writer = writer_over(bytes + SALT, 16);
	randombytes_buf(bytes, SALT);
	writer_u64(&writer, cost.memory);
	writer_u32(&writer, cost.passes);
	writer_u32(&writer, w.parallelism);
	randombytes_buf(bytes + SALT + 16, NONCE);
	int error = stretch(passphrase, n, &w, encrypt, authenticate);
	if (error)
		return error;
	crypto_stream_xchacha20_xor(bytes + HEAD, secret, secret_n, w.nonce, encrypt);
	make_tag(prefix, authenticate, bytes, HEAD + secret_n, bytes + HEAD + secret_n);
	write_text(prefix, bytes, HEAD + secret_n + TAG, out, PASERK_SECRET_PW_TEXT);
	sodium_memzero(encrypt, sizeof(encrypt));
	sodium_memzero(authenticate, sizeof(authenticate));
	return 0;
}

static int read_wrapped(const uint8_t bytes[HEAD], struct wrapped *ret)
{
	struct reader r = reader_over(bytes, HEAD);
	ret->salt = reader_bytes(&r, SALT);
	ret->cost.memory = reader_u64(&r);
	ret->cost.passes = reader_u32(&r);
	ret->parallelism = reader_u32(&r);
	ret->nonce = reader_bytes(&r, NONCE);
	if (ret->parallelism != 1 || ret->cost.memory > PASERK_MEMORY_MAX ||
	    ret->cost.passes > PASERK_PASSES_MAX)
		return E_KEY_INVALID;
	if (ret->cost.memory < crypto_pwhash_MEMLIMIT_MIN || ret->cost.passes < crypto_pwhash_OPSLIMIT_MIN)
		return E_KEY_INVALID;
	return 0;
}

static int unwrap(const char *prefix, const char *text, size_t text_n, const char *passphrase, size_t n,
		  uint8_t *ret, size_t secret_n)
{
	uint8_t bytes[WRAPPED_MAX];
	uint8_t encrypt[32];
	uint8_t authenticate[32];
	uint8_t tag[TAG];
	struct wrapped w;
	int error = read_text(prefix, text, text_n, bytes, HEAD + secret_n + TAG);
	if (!error)
		error = read_wrapped(bytes, &w);
	if (!error)
		error = stretch(passphrase, n, &w, encrypt, authenticate);
	if (error)
		return error;
	make_tag(prefix, authenticate, bytes, HEAD + secret_n, tag);
	if (sodium_memcmp(tag, bytes + HEAD + secret_n, TAG) != 0)
		error = E_PASSPHRASE_WRONG;
	else
		crypto_stream_xchacha20_xor(ret, bytes + HEAD, secret_n, w.nonce, encrypt);
	sodium_memzero(encrypt, sizeof(encrypt));
	sodium_memzero(authenticate, sizeof(authenticate));
	return error;
}

int paserk_wrap(const uint8_t secret[PASETO_SECRET], const char *passphrase, size_t n,
		struct paserk_cost cost, char out[PASERK_SECRET_PW_TEXT])
{
	return wrap(SECRET_PW, secret, PASETO_SECRET, passphrase, n, cost, out);
}

int paserk_unwrap(const char *text, size_t text_n, const char *passphrase, size_t n,
		  uint8_t ret[PASETO_SECRET])
{
	int error = unwrap(SECRET_PW, text, text_n, passphrase, n, ret, PASETO_SECRET);
	return error ? error : check_halves(ret);
}

int paserk_wrap_local(const uint8_t secret[PASERK_LOCAL], const char *passphrase, size_t n,
		      struct paserk_cost cost, char out[PASERK_SECRET_PW_TEXT])
{
	return wrap(LOCAL_PW, secret, PASERK_LOCAL, passphrase, n, cost, out);
}

int paserk_unwrap_local(const char *text, size_t text_n, const char *passphrase, size_t n,
			uint8_t ret[PASERK_LOCAL])
{
	return unwrap(LOCAL_PW, text, text_n, passphrase, n, ret, PASERK_LOCAL);
}
