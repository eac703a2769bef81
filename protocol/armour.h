/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text block around a signed file:  -----BEGIN MUSTER LICENSE-----  lines of the token  -----END ...-----
 * Readers stand CRLF, stray blanks, text around the block, and the bare token without any block. Any thread.
 */
#ifndef PROTOCOL_ARMOUR_H
#define PROTOCOL_ARMOUR_H

#include <stdbool.h>
#include <stddef.h>

/* Wrap a token. label: for example "LICENSE". *ret_text: freed by the caller. E_NO_MEMORY. */
int armour_write(const char *label, const char *token, char **ret_text);

/*
 * The token inside the first block with this label, or the text itself when it is a bare token. *ret_token:
 * freed by the caller. E_ARMOUR_INVALID: no whole block of this label; E_TOO_LARGE; E_NO_MEMORY.
 */
int armour_read(const char *label, const char *text, size_t n, char **ret_token);

/*
 * What is inside the next block with this label in a text of any length, looked for from *at on, which moves
 * behind the block. *ret: without white space, freed by the caller. E_NOT_FOUND: there is none any more;
 * E_ARMOUR_INVALID: its end is missing; E_NO_MEMORY.
 */
int armour_next(const char *label, const char *text, size_t n, size_t *at, char **ret);

/* Is it a token without any block around it? */
bool armour_is_bare(const char *text, size_t n);

/* The label of the first block, into out; "" for a bare token. E_ARMOUR_INVALID: neither. */
int armour_label(const char *text, size_t n, char *out, size_t room);

#endif
