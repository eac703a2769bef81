/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Growable bytes with a maximum given at birth: what a peer can make us hold is bounded here. Freed memory is
 * wiped only on request (buffer_wipe). Not shared between threads.
 */
#ifndef PROTOCOL_BUFFER_H
#define PROTOCOL_BUFFER_H

#include <stddef.h>
#include <stdint.h>

struct buffer {
	uint8_t *bytes;
	size_t used;
	size_t room;
	size_t max;
};

/* An empty buffer that holds no memory yet. */
void buffer_init(struct buffer *, size_t max);

/* Free the memory; the buffer may be used again. */
void buffer_fini(struct buffer *);

/* The same, after overwriting what it held. */
void buffer_wipe(struct buffer *);

/* Room for n more bytes at *ret_at, counted as used at once. E_TOO_LARGE, E_NO_MEMORY: nothing changed. */
int buffer_extend(struct buffer *, size_t n, uint8_t **ret_at);

/* Append n bytes. Errors as buffer_extend. */
int buffer_append(struct buffer *, const void *bytes, size_t n);

/* Drop the first n bytes (n <= used); the memory is given back when nothing is left. */
void buffer_drop(struct buffer *, size_t n);

#endif
