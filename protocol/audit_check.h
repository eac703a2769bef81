/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is the record of what was done whole? Rows and checkpoints of an audit log are shown to it in order, each
 * checkpoint right behind the row that it covers, whether they come from a database or from an export. Pure,
 * and of one size however long the log is. Any thread; not shared.
 */
#ifndef PROTOCOL_AUDIT_CHECK_H
#define PROTOCOL_AUDIT_CHECK_H

#include <stdbool.h>

#include "checkpoint.h"

#define AUDIT_SIGNERS 64

/* A host that has signed. */
struct audit_signer {
	uint8_t sign[PASETO_PUBLIC];
	int64_t points; /* checkpoints of it that were seen */
};

/* Zeroed at first, then with what is known set by the caller. */
struct audit_check {
	/* the caller's */
	const uint8_t *ledger;                      /* LEDGER_ID bytes; NULL: any, but always the same */
	struct audit_signer signers[AUDIT_SIGNERS]; /* hosts of this ledger */
	size_t n_signers;
	bool strangers; /* other hosts are added to the signers, and not refused */

	/* what came of it */
	int code;       /* 0, E_AUDIT_BROKEN or E_AUDIT_CHECKPOINT: of the first fault; or E_NO_MEMORY */
	int64_t bad;    /* seq of the first row that is altered or missing */
	char what[160]; /* for people */
	int64_t rows;
	int64_t first; /* seq of the first row that is there; 0: there is none */
	int64_t last;
	uint8_t hash[AUDIT_HASH]; /* of the last row */
	int64_t points;
	int64_t signed_through; /* seq of the newest checkpoint */
	int64_t signed_at;
	int64_t pruned; /* rows up to here were pruned */

	/* its own */
	bool begun;          /* the chain is anchored */
	bool pruning_stands; /* a row says that what is missing was pruned */
	uint8_t seen_ledger[LEDGER_ID];
	uint8_t signer[PASETO_PUBLIC]; /* of the newest checkpoint */
};

/* The next row. False: a fault was found, now or before. */
bool audit_check_row(struct audit_check *, int64_t seq, const struct audit *, const uint8_t hash[AUDIT_HASH]);

/* The next checkpoint, and where and when the database says that it belongs. */
bool audit_check_point(struct audit_check *, int64_t seq, int64_t at, const char *token);

/* There are no more. False: a fault was found, now or before. */
bool audit_check_end(struct audit_check *);

/* A host of this ledger, unless it is there already or there is no room. */
void audit_check_signer(struct audit_check *, const uint8_t sign[PASETO_PUBLIC]);

#endif
