/* SPDX-License-Identifier: Apache-2.0 */
/* Putting a backup in place of the database of a daemon that is stopped; the caller holds its state folder's
 * lock. */
#ifndef BACKUP_RESTORE_H
#define BACKUP_RESTORE_H

#include <jansson.h>

#include "backup.h"
#include "facts.h"

struct restore_order {
	const char *file;
	const char *folder;     /* the state folder */
	const char *database;   /* path of the SQLite file */
	const char *passphrase; /* of the keys in the file; NULL: they are not restored */
	size_t passphrase_n;
	bool force;   /* also over a newer database, or another ledger's */
	bool dry_run; /* only say what would be lost */
	int64_t now;
	const char *actor; /* for the audit log */
};

/*
 * Verify the file, compare it with what is there, put it in place. What was there is kept beside it under a
 * dated name. *ret_json: what was done, or would be, the caller's (NULL without memory). E_BACKUP_DAMAGED,
 * E_STORE_NEWER, E_BACKUP_OLDER and E_LEDGER_MISMATCH (both unless forced; numbers: rows of the audit log in
 * the file, and there), E_PASSPHRASE_WRONG, E_KEY_INVALID (there are no keys in it), E_STORE_FULL, E_IO,
 * E_CANNOT_CREATE. After an error nothing was changed.
 */
int restore_run(const struct restore_order *, json_t **ret_json, struct numbers *ret_numbers,
		char detail[BACKUP_DETAIL]);

#endif
