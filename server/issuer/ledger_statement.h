/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite under the ledger: its statements, prepared when first needed, and its errors as ours. For ledger*.c
 * only. */
#ifndef ISSUER_LEDGER_STATEMENT_H
#define ISSUER_LEDGER_STATEMENT_H

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

#include "failure.h"

enum statement {
	VENDOR_ADD,
	VENDOR_GET,
	PRODUCT_ADD,
	PRODUCT_CHANGE,
	PRODUCT_GET,
	PRODUCT_EACH,
	LICENSE_ADD,
	ISSUE_ADD,
	LICENSE_GET,
	LICENSE_EACH,
	HOST_ADD,
	HOST_OTHERS,
	HOST_REPLACE,
	HOST_REPLACED,
	HOST_EACH,
	SALT_GET,
	SALT_ADD,
	SALT_EACH,
	KEY_ADD,
	KEY_BLOCK,
	KEY_BY_HASH,
	KEY_BY_ID,
	KEY_EACH,
	LICENSE_REVOKE,
	HOST_REVOKE,
	HOST_REVOKED,
	REVOKED_HOSTS,
	REVOKED_LICENSES,
	REVOKED_KEYS,
	HOST_KEY_ADD,
	HOST_KEY_GET,
	HOST_KEY_USE,
	SIGNER_ADD,
	SIGNER_GET,
	SIGNER_REVOKE,
	SIGNER_EACH,
	REVOKED_SIGNERS,
	LIST_LAST,
	LIST_ADD,
	STATEMENTS,
};

struct ledger {
	sqlite3 *db;
	sqlite3_stmt *prepared[STATEMENTS];
};

/* The error of one of SQLite's result codes; 0 for SQLITE_OK, SQLITE_ROW and SQLITE_DONE. */
int sqlite_error(int result);

/* Set the failure to an error of this connection (NULL: it could not be made), in SQLite's words. Returns
 * error. */
int sqlite_explain(sqlite3 *, int error, struct failure *);

/* Run statements without results. */
int sqlite_execute(sqlite3 *, const char *sql);

/*
 * A statement ready for binding, or NULL when it cannot be prepared. Binding to NULL does nothing, and the
 * step then gives the reason, so that one check is enough.
 */
sqlite3_stmt *statement(struct ledger *, enum statement);

/* Bind borrowed values, which must live until statement_finish. */
void bind_text(sqlite3_stmt *, int at, const char *text);
void bind_bytes(sqlite3_stmt *, int at, const uint8_t *bytes, int n);

/* One step: SQLITE_ROW, and the columns may be read; or any other result of SQLite. */
int statement_step(struct ledger *, sqlite3_stmt *);

/* Reset after the last step, whose result is given. Returns its error. */
int statement_finish(sqlite3_stmt *, int result);

/* Copy a column: text is cut to its room, bytes of another length are left out. */
void column_text(sqlite3_stmt *, int at, char *out, size_t room);
void column_bytes(sqlite3_stmt *, int at, uint8_t *out, size_t n);

/* A column's text, which the caller frees; NULL without memory. */
char *column_copy(sqlite3_stmt *, int at);

/* Finalise all statements and close the file, which undoes an open transaction. */
void statements_close(struct ledger *);

#endif
