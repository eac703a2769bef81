/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection of the protocol, for both roles: preamble, Noise handshake, sealed messages. Sans-I/O: bytes
 * go in by channel_feed and come out of channel.out; there is no socket, clock or thread in it. Calls marked
 * "public-key work" cost about 50 us for each Diffie-Hellman and may run on another thread, as long as only
 * one thread uses the channel at a time.
 *
 *   client: start(hello) ... next = ANSWER -> answer() -> confirm(request) ... next = MESSAGE -> open()
 *   host:   next = HELLO -> accept(hello) ... next = SEALED -> finish() ... next = MESSAGE -> open()
 *
 * After an error the channel is dead: close the connection.
 */
#ifndef PROTOCOL_CHANNEL_H
#define PROTOCOL_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"
#include "frame.h"
#include "noise.h"

enum channel_event {
	CHANNEL_WANT,    /* more bytes are needed */
	CHANNEL_HELLO,   /* host: the client's hello is at channel_payload */
	CHANNEL_SEALED,  /* host: the client's last handshake message waits for channel_finish */
	CHANNEL_ANSWER,  /* client: the host's handshake message waits for channel_answer */
	CHANNEL_MESSAGE, /* a sealed message waits for channel_open */
};

enum channel_state {
	CHANNEL_PREAMBLE, /* the peer's preamble is awaited */
	CHANNEL_FIRST,    /* its first handshake message */
	CHANNEL_DECIDE,   /* our move: accept or confirm */
	CHANNEL_THIRD,    /* host: the client's last handshake message */
	CHANNEL_OPEN,
	CHANNEL_DEAD,
};

struct channel {
	enum noise_role role;
	enum channel_state state;
	struct noise noise;
	struct noise_cipher send;
	struct noise_cipher receive;
	struct buffer in;
	struct buffer out;
	struct buffer hello;              /* client: until the host's preamble is there */
	size_t received;                  /* bytes fed before CHANNEL_OPEN */
	size_t body;                      /* of the frame at the front of in, when one waits */
	uint8_t preamble[LIMIT_PREAMBLE]; /* our own */
	bool greeted;                     /* the peer's preamble was read and is ours */
	unsigned retry_after;             /* seconds, from a refusal */
};

/* Begin. local: our static pair, copied. ephemeral: NULL, or a pair for tests and for peers that prepare
 * them. */
void channel_init(struct channel *, enum noise_role, const struct noise_pair *local,
		  const struct noise_pair *ephemeral);

/* Wipe and free. */
void channel_fini(struct channel *);

/* Take bytes from the peer. E_TOO_LARGE: more than may wait; E_NO_MEMORY. */
int channel_feed(struct channel *, const uint8_t *bytes, size_t n);

/*
 * What now? A channel_event, or the error that ends the connection: E_MALFORMED, E_VERSION_UNSUPPORTED,
 * E_TOO_LARGE, or, for a client, the refusal that the host sent in clear (retry_after is then set).
 */
int channel_next(struct channel *);

/* Host: the hello's bytes, borrowed until the next call. */
const uint8_t *channel_payload(const struct channel *, size_t *ret_n);

/* Client: queue preamble and first message with the hello in clear. */
int channel_start(struct channel *, const uint8_t *hello, size_t n);

/* Host: queue preamble and second message. Public-key work: key pair and two DH. */
int channel_accept(struct channel *, const uint8_t *hello, size_t n);

/* Client: read the second message; its payload is borrowed until the next call. Public-key work: two DH. */
int channel_answer(struct channel *, const uint8_t **ret_payload, size_t *ret_n);

/* Client: queue the last handshake message with the first request. Public-key work: one DH. Then the channel
 * is open. */
int channel_confirm(struct channel *, const uint8_t *request, size_t n);

/* Host: read the last handshake message. Payload as channel_answer. Public-key work: one DH. Then the channel
 * is open. */
int channel_finish(struct channel *, const uint8_t **ret_payload, size_t *ret_n);

/* Open the waiting message in place; payload borrowed until channel_done. E_HANDSHAKE_FAILED: altered. */
int channel_open(struct channel *, const uint8_t **ret_payload, size_t *ret_n);

/* The payload of channel_answer, finish or open is no longer needed: drop its frame. */
void channel_done(struct channel *);

/* Seal a message and queue it. E_TOO_LARGE, E_NO_MEMORY. */
int channel_seal(struct channel *, const uint8_t *payload, size_t n);

/* The peer's static key, once its message was read; and the handshake hash. Borrowed. */
const uint8_t *channel_remote(const struct channel *);
const uint8_t *channel_hash(const struct channel *);

#endif
