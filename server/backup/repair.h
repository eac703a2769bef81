/* SPDX-License-Identifier: Apache-2.0 */
/* Making a damaged database whole again where that is certain, while its daemon is stopped; the caller holds
 * the lock of the folder that it lies in. */
#ifndef BACKUP_REPAIR_H
#define BACKUP_REPAIR_H

#include <jansson.h>

#include "backup.h"

struct repair_order {
	const char *database; /* path of the SQLite file */
	const char *folder;   /* that it lies in */
	bool dry_run;         /* only tell what would be done */
	int64_t now;
	const char *actor; /* for the audit log */
};

/*
 * Copy all that can be read into a new database, make anew what follows from that, check it, and put it in
 * place; the damaged one is kept beside it under a dated name, as it was, with its log. When nothing is
 * wrong, nothing is done. *ret_json: what was done, or would be; also with E_STORE_LOST; the caller's (NULL
 * without memory).
 *
 * E_STORE_LOST: facts cannot be read, that nothing makes anew; detail names them. E_STORE_CORRUPT: not even
 * the list of tables can be read. E_STORE_NEWER; E_STORE_BUSY; E_STORE_FULL; E_IO; E_CANNOT_CREATE. After an
 * error nothing was changed.
 */
int repair_run(const struct repair_order *, json_t **ret_json, char detail[BACKUP_DETAIL]);

#endif
