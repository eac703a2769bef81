/* SPDX-License-Identifier: Apache-2.0 */
/* The chain of the audit log: each row's hash covers the row and the hash before it (DESIGN 10.10). Pure; any
 * thread. */
#ifndef SERVER_AUDIT_H
#define SERVER_AUDIT_H

#include "facts.h"

/* hash = BLAKE2b-256(previous hash || seq || at || each text with its length); the first row follows 32 zero
 * bytes. */
void audit_hash(const uint8_t previous[AUDIT_HASH], int64_t seq, const struct audit *row,
		uint8_t ret[AUDIT_HASH]);

/* The chain so far, for checking it row by row; zero at the start. */
struct audit_chain {
	uint8_t hash[AUDIT_HASH];
	int64_t rows;
};

/* Take the next row. False: it does not follow (altered, removed or inserted); the chain is then of no more
 * use. */
bool audit_follows(struct audit_chain *, int64_t seq, const struct audit *row,
		   const uint8_t hash[AUDIT_HASH]);

#endif
