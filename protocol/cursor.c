/* SPDX-License-Identifier: Apache-2.0 */
#include "cursor.h"

#include <string.h>

struct reader reader_over(const void *bytes, size_t n)
{
	return (struct reader){.at = bytes, .left = n};
}

struct writer writer_over(void *bytes, size_t n)
{
	return (struct writer){.at = bytes, .left = n};
}

const uint8_t *reader_bytes(struct reader *r, size_t n)
{
	if (r->failed || n > r->left) {
		r->failed = true;
		return NULL;
	}
	const uint8_t *bytes = r->at;
	r->at += n;
	r->left -= n;
	return bytes;
}

static uint64_t read_integer(struct reader *r, size_t width)
{
	const uint8_t *bytes = reader_bytes(r, width);
	uint64_t value = 0;
	for (size_t i = 0; bytes && i < width; i++)
		value = value << 8 | bytes[i];
	return value;
}

uint8_t reader_u8(struct reader *r)
{
	return (uint8_t)read_integer(r, 1);
}

uint16_t reader_u16(struct reader *r)
{
	return (uint16_t)read_integer(r, 2);
}

uint32_t reader_u32(struct reader *r)
{
	return (uint32_t)read_integer(r, 4);
}

uint64_t reader_u64(struct reader *r)
{
	return read_integer(r, 8);
}

bool reader_done(const struct reader *r)
{
	return !r->failed && r->left == 0;
}

void writer_bytes(struct writer *w, const void *bytes, size_t n)
{
	if (w->failed || n > w->left) {
		w->failed = true;
		return;
	}
	if (n)
		memcpy(w->at, bytes, n);
	w->at += n;
	w->left -= n;
}

static void write_integer(struct writer *w, uint64_t value, size_t width)
{
	uint8_t bytes[8];
	for (size_t i = 0; i < width; i++)
		bytes[i] = (uint8_t)(value >> 8 * (width - 1 - i));
	writer_bytes(w, bytes, width);
}

void writer_u8(struct writer *w, uint8_t value)
{
	write_integer(w, value, 1);
}

void writer_u16(struct writer *w, uint16_t value)
{
	write_integer(w, value, 2);
}

void writer_u32(struct writer *w, uint32_t value)
{
	write_integer(w, value, 4);
}

void writer_u64(struct writer *w, uint64_t value)
{
	write_integer(w, value, 8);
}
