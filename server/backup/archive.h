/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A backup file: a SQLite database that any SQLite opens, with rows about the backup in its meta table, and
 * behind it a seal over all of its bytes, which SQLite does not look at. Any thread.
 */
#ifndef BACKUP_ARCHIVE_H
#define BACKUP_ARCHIVE_H

#include <jansson.h>

#include "certificate.h"
#include "paserk.h"
#include "store_file.h"

#define ARCHIVE_SEAL 48 /* bytes behind the database: a magic and a BLAKE2b-256 */

/* What a backup says of itself. */
struct archive_info {
	int64_t time; /* of the copy's instant */
	char host[PASERK_ID_TEXT];
	char name[LIMIT_HOSTNAME + 1];
	char version[32]; /* of the program that made it */
	uint8_t ledger[LEDGER_ID];
	bool has_key;
	struct store_file file; /* what is in it */
};

/* Write the info, and the keys' texts (NULL: none), into a copy. Errors as store_file_put. */
int archive_describe(const char *path, const struct archive_info *, const char *keys);

/* Put the seal behind the bytes, and sync. E_IO, E_STORE_FULL. */
int archive_seal(const char *path);

/* Does the seal hold? *ret_n: bytes of the database before it. E_BACKUP_DAMAGED, E_IO. */
int archive_sealed(const char *path, int64_t *ret_n);

/* Read the info of a file that was opened with store_file_open. keys: its texts, freed by the caller, or NULL
 * (may be NULL itself). E_BACKUP_DAMAGED: it has none; errors of the store. */
int archive_read(struct store *, struct archive_info *ret, char **ret_keys);

/* The info out of its text; what is in the database is left alone. E_BACKUP_DAMAGED. */
int archive_parse(const char *text, struct archive_info *ret);

/* The info for people's programs; NULL without memory. */
json_t *archive_json(const struct archive_info *);

#endif
