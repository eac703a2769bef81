/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Noise_XX_25519_ChaChaPoly_SHA256 for both roles, exactly as the Noise Protocol Framework, revision 34,
 * sections 5 and 7.5 have it: no sockets, no clock, no allocation. A failed read leaves the handshake
 * unusable: start again.
 *
 *     -> e            <- e, ee, s, es            -> s, se
 */
#ifndef PROTOCOL_NOISE_H
#define PROTOCOL_NOISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NOISE_KEY 32
#define NOISE_HASH 32
#define NOISE_TAG 16
#define NOISE_MESSAGE_MAX 65535

enum noise_role { NOISE_INITIATOR, NOISE_RESPONDER };

struct noise_pair {
	uint8_t secret[NOISE_KEY];
	uint8_t public[NOISE_KEY];
};

/* One direction after the handshake, or the handshake's own (Noise 5.1). */
struct noise_cipher {
	uint8_t key[NOISE_KEY];
	uint64_t nonce;
	bool keyed;
};

struct noise {
	enum noise_role role;
	int step; /* messages written and read so far; -1 after a failure */
	uint8_t chain[NOISE_HASH];
	uint8_t hash[NOISE_HASH]; /* after the handshake: the channel binding (Noise 11.2) */
	struct noise_cipher cipher;
	struct noise_pair local;
	struct noise_pair ephemeral;
	uint8_t remote_ephemeral[NOISE_KEY];
	uint8_t remote[NOISE_KEY]; /* the peer's static key, once its message was read */
};

/* A fresh X25519 pair. The caller wipes it. Any thread. */
void noise_pair_make(struct noise_pair *ret);

/* The pair of a given secret. Any thread. */
void noise_pair_from(const uint8_t secret[NOISE_KEY], struct noise_pair *ret);

/* Begin. local: this side's static pair, copied. ephemeral: NULL for a fresh one when it is needed. */
void noise_init(struct noise *, enum noise_role, const void *prologue, size_t n,
		const struct noise_pair *local, const struct noise_pair *ephemeral);

/* Wipe all secrets. */
void noise_fini(struct noise *);

/* Bytes that the next message adds to its payload. */
size_t noise_overhead(const struct noise *);

/*
 * Write the next message around the payload into out, *ret_n bytes. Costs public-key work except for
 * message 1. E_TOO_LARGE: it does not fit into room or NOISE_MESSAGE_MAX; E_HANDSHAKE_FAILED: not our turn,
 * or a weak peer key.
 */
int noise_write(struct noise *, const uint8_t *payload, size_t n, uint8_t *out, size_t room, size_t *ret_n);

/*
 * Read the peer's next message; its payload goes to out (may be the message's own memory), *ret_n bytes.
 * E_HANDSHAKE_FAILED: altered, out of turn, or a low-order key. E_TOO_LARGE: payload larger than room.
 */
int noise_read(struct noise *, const uint8_t *message, size_t n, uint8_t *out, size_t room, size_t *ret_n);

/* True when the three messages are done and noise_split may be called. */
bool noise_finished(const struct noise *);

/* The two directions, and the handshake is wiped but for hash and remote. */
void noise_split(struct noise *, struct noise_cipher *ret_send, struct noise_cipher *ret_receive);

/* Seal n bytes into out (n + NOISE_TAG; may be in place). E_HANDSHAKE_FAILED when the nonce is used up. */
int noise_seal(struct noise_cipher *, const uint8_t *ad, size_t ad_n, const uint8_t *in, size_t n,
	       uint8_t *out);

/* Open n bytes into out (n - NOISE_TAG; may overlap in). E_HANDSHAKE_FAILED: altered; the nonce is then not
 * spent. */
int noise_open(struct noise_cipher *, const uint8_t *ad, size_t ad_n, const uint8_t *in, size_t n,
	       uint8_t *out);

#endif
