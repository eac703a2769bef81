/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many signed files of one kind in one text, counted and closed with a hash, so that a part is never taken
 * for the whole (DESIGN 5.5). It proves nothing: each member has its own signature. Any thread, not shared.
 */
#ifndef PROTOCOL_BUNDLE_H
#define PROTOCOL_BUNDLE_H

#include "token.h"

struct bundle {
	const struct token_kind *kind;
	char **tokens; /* owned; at most LIMIT_BUNDLE */
	size_t n;
	bool many; /* it was read from a bundle, or from more than one block */
};

/*
 * The members in a text of n bytes: a bundle, a bare token, or blocks of the kind one after another with
 * anything between them. *ret: freed with bundle_fini, also after an error. E_ARMOUR_INVALID: none of these,
 * or a block without its end; E_BUNDLE_INVALID: cut off, or changed; E_WRONG_TYPE: a bundle of another kind;
 * E_TOO_LARGE: over LIMIT_BUNDLE members or LIMIT_BUNDLE_BYTES; E_NO_MEMORY.
 */
int bundle_read(const struct token_kind *, const char *text, size_t n, struct bundle *ret);

/* Add a copy of a token. E_TOO_LARGE, E_NO_MEMORY. */
int bundle_add(struct bundle *, const char *token);

/* Write it as one block. *ret_text: freed by the caller. E_TOO_LARGE, E_NO_MEMORY. */
int bundle_write(const struct bundle *, char **ret_text);

void bundle_fini(struct bundle *);

#endif
