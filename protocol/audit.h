/* SPDX-License-Identifier: Apache-2.0 */
/* The chain of the audit log: each row's hash covers the row and the hash before it (DESIGN 10.10). Pure; any
 * thread. */
#ifndef PROTOCOL_AUDIT_H
#define PROTOCOL_AUDIT_H

#include <stdint.h>

#define AUDIT_HASH 32
#define AUDIT_PRUNED "audit.pruned" /* the row that names the last one that a pruning took */

/* One row of the audit log. Texts borrowed. */
struct audit {
	int64_t at;
	const char *actor;  /* "device:ID", "uid:N" or "host" */
	const char *action; /* dotted: "activation.granted" */
	const char *object;
	const char *detail; /* a JSON object */
};

/* hash = BLAKE2b-256(previous hash || seq || at || each text with its length); the first row follows 32 zero
 * bytes. */
void audit_hash(const uint8_t previous[AUDIT_HASH], int64_t seq, const struct audit *row,
		uint8_t ret[AUDIT_HASH]);

#endif
