/* SPDX-License-Identifier: Apache-2.0 */
#include "noise.h"

#include <sodium.h>
#include <string.h>

#include "error.h"

static const char protocol_name[] =
	"Noise_XX_25519_ChaChaPoly_SHA256"; /* 32 bytes: its own hash input (5.2) */

void noise_pair_make(struct noise_pair *ret)
{
	randombytes_buf(ret->secret, sizeof(ret->secret));
	crypto_scalarmult_base(ret->public, ret->secret);
}

void noise_pair_from(const uint8_t secret[NOISE_KEY], struct noise_pair *ret)
{
	memcpy(ret->secret, secret, NOISE_KEY);
	crypto_scalarmult_base(ret->public, ret->secret);
}

/* --- SymmetricState and CipherState (Noise 5.1, 5.2) --- */

static void nonce_bytes(uint64_t nonce, uint8_t out[crypto_aead_chacha20poly1305_ietf_NPUBBYTES])
{
	memset(out, 0, 4);
	for (size_t i = 0; i < 8; i++)
		out[4 + i] = (uint8_t)(nonce >> 8 * i);
}

int noise_seal(struct noise_cipher *c, const uint8_t *ad, size_t ad_n, const uint8_t *in, size_t n,
	       uint8_t *out)
{
	uint8_t nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];
	if (c->nonce == UINT64_MAX)
		return E_HANDSHAKE_FAILED;
	nonce_bytes(c->nonce++, nonce);
	crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, in, n, ad, ad_n, NULL, nonce, c->key);
	return 0;
}

int noise_open(struct noise_cipher *c, const uint8_t *ad, size_t ad_n, const uint8_t *in, size_t n,
	       uint8_t *out)
{
	uint8_t nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];
	uint8_t tag[NOISE_TAG];
	if (c->nonce == UINT64_MAX || n < NOISE_TAG)
		return E_HANDSHAKE_FAILED;
	nonce_bytes(c->nonce, nonce);
	n -= NOISE_TAG;
	memcpy(tag, in + n, NOISE_TAG);
	/* libsodium opens in place or apart, but not into memory that overlaps by a part. */
	if (n && out != in)
		memmove(out, in, n);
	if (crypto_aead_chacha20poly1305_ietf_decrypt_detached(out, NULL, out, n, tag, ad, ad_n, nonce,
							       c->key) != 0)
		return E_HANDSHAKE_FAILED;
	c->nonce++;
	return 0;
}

static void mix_hash(struct noise *x, const void *data, size_t n)
{
	crypto_hash_sha256_state state;
	crypto_hash_sha256_init(&state);
	crypto_hash_sha256_update(&state, x->hash, sizeof(x->hash));
	crypto_hash_sha256_update(&state, data, n);
	crypto_hash_sha256_final(&state, x->hash);
}

/* The HMAC of a and a last byte, under the key that keyed has taken; keyed stays. */
static void hmac(const crypto_auth_hmacsha256_state *keyed, const uint8_t *a, size_t a_n, uint8_t last,
		 size_t last_n, uint8_t out[NOISE_HASH])
{
	crypto_auth_hmacsha256_state state = *keyed;
	crypto_auth_hmacsha256_update(&state, a, a_n);
	crypto_auth_hmacsha256_update(&state, &last, last_n);
	crypto_auth_hmacsha256_final(&state, out);
	sodium_memzero(&state, sizeof(state));
}

/* HKDF with two outputs (Noise 4.3). */
static void hkdf(const uint8_t chain[NOISE_HASH], const uint8_t *input, size_t n, uint8_t first[NOISE_HASH],
		 uint8_t second[NOISE_HASH])
{
	crypto_auth_hmacsha256_state keyed;
	uint8_t temp[NOISE_HASH];
	crypto_auth_hmacsha256_init(&keyed, chain, NOISE_HASH);
	hmac(&keyed, input, n, 0, 0, temp);
	crypto_auth_hmacsha256_init(&keyed, temp, sizeof(temp));
	hmac(&keyed, NULL, 0, 1, 1, first);
	hmac(&keyed, first, NOISE_HASH, 2, 1, second);
	sodium_memzero(&keyed, sizeof(keyed));
	sodium_memzero(temp, sizeof(temp));
}

static int mix_dh(struct noise *x, const uint8_t secret[NOISE_KEY], const uint8_t public[NOISE_KEY])
{
	uint8_t shared[NOISE_KEY];
	if (crypto_scalarmult(shared, secret, public) != 0)
		return E_HANDSHAKE_FAILED;
	hkdf(x->chain, shared, sizeof(shared), x->chain, x->cipher.key);
	x->cipher.nonce = 0;
	x->cipher.keyed = true;
	sodium_memzero(shared, sizeof(shared));
	return 0;
}

static int encrypt_and_hash(struct noise *x, const uint8_t *in, size_t n, uint8_t *out)
{
	size_t made = n;
	if (x->cipher.keyed) {
		int error = noise_seal(&x->cipher, x->hash, sizeof(x->hash), in, n, out);
		if (error)
			return error;
		made += NOISE_TAG;
	} else if (n) {
		memmove(out, in, n);
	}
	mix_hash(x, out, made);
	return 0;
}

static int decrypt_and_hash(struct noise *x, const uint8_t *in, size_t n, uint8_t *out)
{
	uint8_t before[NOISE_HASH];
	memcpy(before, x->hash, sizeof(before));
	mix_hash(x, in, n); /* first, so that out may be the memory of in */
	if (x->cipher.keyed)
		return noise_open(&x->cipher, before, sizeof(before), in, n, out);
	if (n)
		memmove(out, in, n);
	return 0;
}

/* --- the pattern XX (Noise 7.5) --- */

void noise_init(struct noise *x, enum noise_role role, const void *prologue, size_t n,
		const struct noise_pair *local, const struct noise_pair *ephemeral)
{
	*x = (struct noise){.role = role, .local = *local};
	memcpy(x->hash, protocol_name, sizeof(x->hash));
	memcpy(x->chain, x->hash, sizeof(x->chain));
	mix_hash(x, prologue, n);
	if (ephemeral)
		x->ephemeral = *ephemeral;
}

void noise_fini(struct noise *x)
{
	sodium_memzero(x, sizeof(*x));
	x->step = -1;
}

/* Is message number x->step ours to write? */
static bool our_turn(const struct noise *x)
{
	return x->step >= 0 && x->step < 3 && (x->step % 2 == 0) == (x->role == NOISE_INITIATOR);
}

bool noise_finished(const struct noise *x)
{
	return x->step == 3;
}

size_t noise_overhead(const struct noise *x)
{
	static const size_t bytes[3] = {
		NOISE_KEY,
		NOISE_KEY + NOISE_KEY + NOISE_TAG + NOISE_TAG,
		NOISE_KEY + NOISE_TAG + NOISE_TAG,
	};
	return x->step >= 0 && x->step < 3 ? bytes[x->step] : 0;
}

static void write_ephemeral(struct noise *x, uint8_t *out)
{
	if (sodium_is_zero(x->ephemeral.public, NOISE_KEY))
		noise_pair_make(&x->ephemeral);
	memcpy(out, x->ephemeral.public, NOISE_KEY);
	mix_hash(x, out, NOISE_KEY);
}

static int write_tokens(struct noise *x, uint8_t *out)
{
	int error = 0;
	switch (x->step) {
	case 0: /* e */
		write_ephemeral(x, out);
		return 0;
	case 1: /* e, ee, s, es */
		write_ephemeral(x, out);
		error = mix_dh(x, x->ephemeral.secret, x->remote_ephemeral);
		if (!error)
			error = encrypt_and_hash(x, x->local.public, NOISE_KEY, out + NOISE_KEY);
		if (!error)
			error = mix_dh(x, x->local.secret, x->remote_ephemeral);
		return error;
	default: /* s, se */
		error = encrypt_and_hash(x, x->local.public, NOISE_KEY, out);
		if (!error)
			error = mix_dh(x, x->local.secret, x->remote_ephemeral);
		return error;
	}
}

int noise_write(struct noise *x, const uint8_t *payload, size_t n, uint8_t *out, size_t room, size_t *ret_n)
{
	if (!our_turn(x))
		return E_HANDSHAKE_FAILED;
	size_t overhead = noise_overhead(x);
	if (n > NOISE_MESSAGE_MAX - overhead || n + overhead > room)
		return E_TOO_LARGE;
	size_t tokens = overhead - (x->step == 0 ? 0 : NOISE_TAG);
	int error = write_tokens(x, out);
	if (!error)
		error = encrypt_and_hash(x, payload, n, out + tokens);
	x->step = error ? -1 : x->step + 1;
	if (!error)
		*ret_n = n + overhead;
	return error;
}

static int read_tokens(struct noise *x, const uint8_t *in)
{
	int error = 0;
	if (x->step < 2) { /* e */
		memcpy(x->remote_ephemeral, in, NOISE_KEY);
		mix_hash(x, in, NOISE_KEY);
		in += NOISE_KEY;
	}
	switch (x->step) {
	case 0:
		return 0;
	case 1: /* ee, s, es */
		error = mix_dh(x, x->ephemeral.secret, x->remote_ephemeral);
		if (!error)
			error = decrypt_and_hash(x, in, NOISE_KEY + NOISE_TAG, x->remote);
		if (!error)
			error = mix_dh(x, x->ephemeral.secret, x->remote);
		return error;
	default: /* s, se */
		error = decrypt_and_hash(x, in, NOISE_KEY + NOISE_TAG, x->remote);
		if (!error)
			error = mix_dh(x, x->ephemeral.secret, x->remote);
		return error;
	}
}

int noise_read(struct noise *x, const uint8_t *message, size_t n, uint8_t *out, size_t room, size_t *ret_n)
{
	size_t overhead = noise_overhead(x);
	if (x->step < 0 || x->step > 2 || our_turn(x) || n < overhead)
		return E_HANDSHAKE_FAILED;
	if (n - overhead > room)
		return E_TOO_LARGE;
	size_t tokens = overhead - (x->step == 0 ? 0 : NOISE_TAG);
	int error = read_tokens(x, message);
	if (!error)
		error = decrypt_and_hash(x, message + tokens, n - tokens, out);
	x->step = error ? -1 : x->step + 1;
	if (!error)
		*ret_n = n - overhead;
	return error;
}

void noise_split(struct noise *x, struct noise_cipher *ret_send, struct noise_cipher *ret_receive)
{
	struct noise_cipher first = {.keyed = true};
	struct noise_cipher second = {.keyed = true};
	hkdf(x->chain, NULL, 0, first.key, second.key);
	*ret_send = x->role == NOISE_INITIATOR ? first : second;
	*ret_receive = x->role == NOISE_INITIATOR ? second : first;
	sodium_memzero(&first, sizeof(first));
	sodium_memzero(&second, sizeof(second));
	sodium_memzero(x->chain, sizeof(x->chain));
	sodium_memzero(&x->cipher, sizeof(x->cipher));
	sodium_memzero(&x->local, sizeof(x->local));
	sodium_memzero(&x->ephemeral, sizeof(x->ephemeral));
}
