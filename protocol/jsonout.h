/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A JSON object written straight as text, member after member, without blanks: for what is signed thousands
 * of times a second; everything else is made of jansson's values (claims.h, jsontext.h), and the bytes are
 * the same. Not shared between threads.
 */
#ifndef PROTOCOL_JSONOUT_H
#define PROTOCOL_JSONOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "limit.h"

struct jsonout {
	char *text; /* borrowed */
	size_t room;
	size_t n;
	bool comma; /* a member stands before the next one */
	bool full;
};

/* Begin in room bytes, which are the caller's. */
void jsonout_begin(struct jsonout *, char *text, size_t room);

/* Members. What does not fit is told at the end. key: nothing that must be escaped; text: UTF-8; time:
 * seconds since 1970. */
void jsonout_text(struct jsonout *, const char *key, const char *text);
void jsonout_integer(struct jsonout *, const char *key, int64_t value);
void jsonout_time(struct jsonout *, const char *key, int64_t time);
void jsonout_bytes(struct jsonout *, const char *key, const void *bytes, size_t n); /* n <= 64, base64url */
void jsonout_slugs(struct jsonout *, const char *key, const char (*slugs)[LIMIT_ID + 1], size_t n);

/* An object as a member; its members follow until it is closed. */
void jsonout_open(struct jsonout *, const char *key);
void jsonout_close(struct jsonout *);

/* End, with a NUL behind it. *ret_n: the text's length. E_TOO_LARGE: it has no room. */
int jsonout_end(struct jsonout *, size_t *ret_n);

#endif
