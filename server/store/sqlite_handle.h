/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the SQLite store, shared by its files: a connection and its prepared statements. */
#ifndef SERVER_SQLITE_HANDLE_H
#define SERVER_SQLITE_HANDLE_H

#include <sqlite3.h>

#include "store.h"

enum statement {
#define STMT(id, text) STMT_##id,
#include "statements.def"
#undef STMT
	STMT_COUNT
};

struct sqlite_store {
	struct store store;
	sqlite3 *db;
	char *path;
	bool writer;
	bool in_transaction;
	bool broken; /* a commit's result is unknown: never write again */
	int64_t audit_seq;
	uint8_t audit_hash[AUDIT_HASH];
	bool audit_known; /* the two above are those of the last row */
	sqlite3_stmt *statements[STMT_COUNT];
};

/* The statement, prepared once, with its bindings cleared; NULL when that failed. */
sqlite3_stmt *sqlite_statement(struct sqlite_store *, enum statement);

/* Our code for the connection's last failure. */
int sqlite_error(struct sqlite_store *);

/* Run a statement that gives no row, and reset it. */
int sqlite_run(struct sqlite_store *, sqlite3_stmt *);

/* Listings and check, the reading half of the operations. */
int sqlite_page(struct store *, const struct listing *, row_function *, void *context);
int sqlite_check(struct store *, int64_t now, finding_function *, void *context);
int sqlite_devices(struct store *, int64_t *ret);

#endif
