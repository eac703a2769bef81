/* SPDX-License-Identifier: Apache-2.0 */
#include "buffer.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"

#define BUFFER_FIRST 256

void buffer_init(struct buffer *b, size_t max)
{
	*b = (struct buffer){.max = max};
}

void buffer_fini(struct buffer *b)
{
	free(b->bytes);
	buffer_init(b, b->max);
}

void buffer_wipe(struct buffer *b)
{
	if (b->bytes)
		sodium_memzero(b->bytes, b->room);
	buffer_fini(b);
}

int buffer_extend(struct buffer *b, size_t n, uint8_t **ret_at)
{
	if (n > b->max - b->used)
		return E_TOO_LARGE;
	if (b->used + n > b->room) {
		size_t room = b->room ? b->room : BUFFER_FIRST;
		while (room < b->used + n)
			room *= 2;
		if (room > b->max)
			room = b->max;
		uint8_t *bytes = realloc(b->bytes, room);
		if (!bytes)
			return E_NO_MEMORY;
		b->bytes = bytes;
		b->room = room;
	}
	*ret_at = b->bytes + b->used;
	b->used += n;
	return 0;
}

int buffer_append(struct buffer *b, const void *bytes, size_t n)
{
	if (n == 0)
		return 0;
	uint8_t *at;
	int error = buffer_extend(b, n, &at);
	if (error == 0)
		memcpy(at, bytes, n);
	return error;
}

void buffer_drop(struct buffer *b, size_t n)
{
	b->used -= n;
	if (b->used == 0)
		buffer_fini(b);
	else if (n)
		memmove(b->bytes, b->bytes + n, b->used);
}
