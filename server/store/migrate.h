/* SPDX-License-Identifier: Apache-2.0 */
/* Forward-only migrations of the SQLite file: schema/NNNN_name.sql, each in one transaction. */
#ifndef SERVER_MIGRATE_H
#define SERVER_MIGRATE_H

#include <sqlite3.h>
#include <stdbool.h>

#define MIGRATE_APPLICATION 0x4d555354 /* "MUST" */

/* May this program touch the file? Changes nothing. Errors as migrate. */
int migrate_check(sqlite3 *db);

/* Is the schema older than this program's? E_INTERNAL. */
int migrate_older(sqlite3 *db, bool *ret);

/*
 * Bring the schema up to date. E_STORE_NEWER: it is newer than this program; E_STORE_CORRUPT: another
 * program's database; E_INTERNAL: SQLite failed, its connection says how.
 */
int migrate(sqlite3 *db);

/* Make the schema of a version in an empty database, which other rows are copied into. E_INTERNAL. */
int migrate_as_of(sqlite3 *db, int version);

/* The version of its schema. E_INTERNAL. */
int migrate_version(sqlite3 *db, int *ret);

#endif
