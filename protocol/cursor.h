/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounded reader and writer over bytes that somebody else owns. The first overrun is remembered and every
 * later call does nothing, so a caller reads ten fields and checks once. Integers are big-endian. Any thread.
 */
#ifndef PROTOCOL_CURSOR_H
#define PROTOCOL_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reader {
	const uint8_t *at;
	size_t left;
	bool failed;
};

struct writer {
	uint8_t *at;
	size_t left;
	bool failed;
};

/* Start over the bytes, which must outlive the cursor. */
struct reader reader_over(const void *bytes, size_t n);
struct writer writer_over(void *bytes, size_t n);

/* The next integer; 0 once failed. */
uint8_t reader_u8(struct reader *);
uint16_t reader_u16(struct reader *);
uint32_t reader_u32(struct reader *);
uint64_t reader_u64(struct reader *);

/* The next n bytes, borrowed from under the cursor; NULL once failed. */
const uint8_t *reader_bytes(struct reader *, size_t n);

/* True when nothing failed and nothing is left over. */
bool reader_done(const struct reader *);

void writer_u8(struct writer *, uint8_t);
void writer_u16(struct writer *, uint16_t);
void writer_u32(struct writer *, uint32_t);
void writer_u64(struct writer *, uint64_t);
void writer_bytes(struct writer *, const void *bytes, size_t n);

#endif
