/* SPDX-License-Identifier: Apache-2.0 */
/* Base64url without padding (RFC 4648 section 5), as PASETO, PASERK and our claims write bytes. Any thread.
 */
#ifndef PROTOCOL_BASE64URL_H
#define PROTOCOL_BASE64URL_H

#include <stddef.h>
#include <stdint.h>

/* Characters for n bytes, without NUL. */
size_t base64url_length(size_t n);

/* Write n bytes as text; room must hold base64url_length(n) + 1. Returns the text's length. Takes as long
 * whatever the bytes are. */
size_t base64url_write(const void *bytes, size_t n, char *out, size_t room);

/* The same for bytes that are no secret, and faster: it was a tenth of what signing a lease costs. */
size_t base64url_write_public(const void *bytes, size_t n, char *out);

/* Read text of length n strictly: no padding, no white space, no stray bits. E_MALFORMED, E_TOO_LARGE (over
 * room). */
int base64url_read(const char *text, size_t n, uint8_t *out, size_t room, size_t *ret_n);

/* Read text that must stand for exactly `want` bytes. E_MALFORMED otherwise. */
int base64url_read_exact(const char *text, size_t n, uint8_t *out, size_t want);

#endif
