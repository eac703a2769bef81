/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands on the wire around Noise messages: the clear preamble, the 2-byte length, and the clear refusal
 * (PROTOCOL.md, "Transport"). Pure; any thread.
 */
#ifndef PROTOCOL_FRAME_H
#define PROTOCOL_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "limit.h"

#define FRAME_HEADER 2
#define FRAME_VERSION 1 /* the only protocol version yet */
#define FRAME_REFUSAL_BODY 4
#define FRAME_REFUSAL (LIMIT_PREAMBLE + FRAME_HEADER + FRAME_REFUSAL_BODY)

enum frame_type { FRAME_HANDSHAKE = 1, FRAME_REFUSED = 2 };

struct preamble {
	uint8_t lowest;
	uint8_t highest;
	uint8_t type; /* enum frame_type */
};

/* Write the preamble of this version. */
void preamble_write(enum frame_type, uint8_t out[LIMIT_PREAMBLE]);

/* Read a peer's preamble. E_MALFORMED: not Muster, or an unknown type; E_VERSION_UNSUPPORTED: no common
 * version. */
int preamble_read(const uint8_t in[LIMIT_PREAMBLE], struct preamble *ret);

/*
 * Is a whole frame at the front of the bytes? 1: its body is at in + FRAME_HEADER, *ret_body long. 0: more
 * bytes are needed. E_TOO_LARGE: it announces more than max; known from the header, before anything is
 * stored. E_MALFORMED: empty.
 */
int frame_peek(const uint8_t *in, size_t n, size_t max, size_t *ret_body);

/* Write a frame's header. body: at most 65535. */
void frame_header(size_t body, uint8_t out[FRAME_HEADER]);

/* A whole clear refusal: preamble, header, code, seconds to wait. code: an error; retry_after: seconds. */
void refusal_write(int code, unsigned retry_after, uint8_t out[FRAME_REFUSAL]);

/*
 * Read a refusal's body. *ret_retry is capped at LIMIT_BUSY_DELAY_S: nobody has signed it. Returns the
 * negative code that the host gave (E_MALFORMED if it is none of the transport's).
 */
int refusal_read(const uint8_t *body, size_t n, unsigned *ret_retry);

#endif
