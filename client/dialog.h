/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection to one host: the handshake, then calls, all within a deadline. Between dialog_open and the
 * first dialog_call the host has proved its static key and nothing about this machine has left it. Not shared
 * between threads.
 */
#ifndef CLIENT_DIALOG_H
#define CLIENT_DIALOG_H

#include "channel.h"
#include "deadline.h"
#include "message.h"
#include "noise.h"
#include "paserk.h"

struct dialog {
	struct channel channel;
	struct deadline deadline;
	int fd;
	bool called;
	uint32_t last_id;
	wire_server_hello hello; /* what the host says of itself: not yet checked */
};

/*
 * Take over a connected non-blocking descriptor and do the handshake up to the host's answer, asking for the
 * certificates of n <= LIMIT_VENDORS vendors. Always followed by dialog_close, which closes the descriptor.
 * Errors: the host's clear refusal such as E_BUSY (dialog_retry_after), E_TIMEOUT, E_CANCELLED, E_CLOSED,
 * E_MALFORMED, E_HANDSHAKE_FAILED, E_NO_MEMORY.
 */
int dialog_open(struct dialog *, int fd, const struct noise_pair *device, const uint8_t (*vendors)[PASERK_ID],
		size_t n, struct deadline);

/*
 * Send a request (its id is set here) and wait for its response. The first one goes with the last handshake
 * message, which also reveals this machine. Errors as dialog_open; the response's own status is the caller's
 * to read.
 */
int dialog_call(struct dialog *, wire_request *, wire_response *ret);

/* The key that the host proved. Borrowed. */
const uint8_t *dialog_remote(const struct dialog *);

/* Seconds that a clear refusal asks to wait. */
unsigned dialog_retry_after(const struct dialog *);

void dialog_close(struct dialog *);

#endif
