/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON text (RFC 8259) to jansson's values and back. jansson's own reader and writer (2.14) go on when there
 * is no memory for a text or a member's name: they lose some of it, and the reader then runs beyond its
 * memory. Here it is the whole document or E_NO_MEMORY. Strict: names stand once in an object, texts are
 * UTF-8 without U+0000, integers fit into 64 bits, at most JSONTEXT_DEPTH arrays and objects lie within each
 * other. Any thread.
 */
#ifndef PROTOCOL_JSONTEXT_H
#define PROTOCOL_JSONTEXT_H

#include <jansson.h>
#include <stddef.h>

#define JSONTEXT_DEPTH 64

/* What is wrong, and where: both count from 1, columns in characters. */
struct jsontext_fault {
	int line;
	int column;
	const char *what; /* lives for ever */
};

/* Read an object or array of n bytes. *ret: the caller's. fault: may be NULL. E_MALFORMED; E_NO_MEMORY. */
int jsontext_read(const void *text, size_t n, json_t **ret, struct jsontext_fault *fault);

/* Read the value of any kind that begins at *at, and move *at behind it. Otherwise the same. */
int jsontext_next(const void *text, size_t n, size_t *at, json_t **ret, struct jsontext_fault *fault);

/* The text of a value in memory of the caller's; NULL without memory, or for NULL. flags: JSON_COMPACT and
 * the like. */
char *jsontext_write(const json_t *, size_t flags);

#endif
