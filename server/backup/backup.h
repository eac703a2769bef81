/* SPDX-License-Identifier: Apache-2.0 */
/* Making a backup of a living database, and telling whether a backup is good. Takes as long as the database
 * is large: on a thread of the caller's own. */
#ifndef BACKUP_BACKUP_H
#define BACKUP_BACKUP_H

#include "archive.h"
#include "keybag.h"

#define BACKUP_DETAIL 256

struct backup_order {
	struct store *reader; /* the caller's own */
	const struct host_key *key;
	const uint8_t *ledger;
	const char *name; /* of the host */
	int64_t now;
	const char *passphrase; /* the keys go with it, under this; NULL: no keys */
	size_t passphrase_n;
	copy_step *watch; /* may be NULL; done = total: it is being verified */
	void *context;
};

/*
 * Make the file (0600), verify it, and only then give it its name; what had that name is replaced.
 * E_BACKUP_ROOM: the disk would be filled; E_BACKUP_DAMAGED: it is not good, detail says why; errors of
 * store_copy. After an error nothing is left behind.
 */
int backup_make(const struct backup_order *, const char *path, struct archive_info *ret,
		char detail[BACKUP_DETAIL]);

/* Is the file good: its seal, SQLite's own check, every count against a recount, the audit chain. Changes
 * nothing. E_BACKUP_DAMAGED; E_STORE_NEWER; E_IO. detail: what was found first. */
int backup_verify(const char *path, int64_t now, struct archive_info *ret, char detail[BACKUP_DETAIL]);

/* Remove what making a backup in this folder has left behind when it was killed. */
void backup_tidy(const char *folder);

#endif
