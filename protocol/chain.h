/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who signed a vendor's file: one of its roots, or an issuing key whose statement is the file's footer.
 * Chains end there: a statement is always a root's (DESIGN 4). Any thread.
 */
#ifndef PROTOCOL_CHAIN_H
#define PROTOCOL_CHAIN_H

#include "issuing_key.h"

struct chain {
	char signer[PASERK_ID_TEXT]; /* k4.pid of the key that signed */
	char root[PASERK_ID_TEXT];   /* and of the root that it comes from; the same one, if it is a root */
};

/*
 * Verify and parse as token_open, and take the claims that all of them begin with: iss must be the vendor's
 * name. Besides: E_SIGNER_UNFIT: the issuing key may not sign this kind, or its term does not cover the
 * file's iat. Faults of the head are c's.
 */
int chain_open(const struct token_kind *, const char *token, size_t n, const struct roots *vendor,
	       struct claims *c, struct claims_head *ret_head, struct chain *ret, json_t **ret_claims);

#endif
