/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger_statement.h"

#include <stdio.h>
#include <string.h>

#define PRODUCT_COLUMNS "SELECT claims, grace_days, prompt_days, on_expiry, added FROM product "
#define LICENSE_COLUMNS                                                                                      \
	"SELECT l.id, l.org, i.org_name, i.serial, i.nbf, i.exp, i.hosts_max, i.issued,"                     \
	" (SELECT count(DISTINCT sign) FROM certificate c WHERE c.license = l.id), l.fp_salt, i.token,"      \
	" v.at, v.reason FROM license l JOIN issue i ON i.license = l.id"                                    \
	" AND i.serial = (SELECT max(serial) FROM issue n WHERE n.license = l.id)"                           \
	" LEFT JOIN revoked_license v ON v.license = l.id "
#define KEY_COLUMNS                                                                                          \
	"SELECT license, grant_id, hash, pool, quantity, days, exp, made, blocked FROM product_key "

#define SIGNER_COLUMNS "SELECT pid, statement, made, revoked, reason FROM signer "

static const char *const statements[STATEMENTS] = {
	[VENDOR_ADD] = "INSERT INTO vendor (one, name, key, created) VALUES (1, ?1, ?2, ?3)",
	[VENDOR_GET] = "SELECT name, key FROM vendor",
	[PRODUCT_ADD] = "INSERT INTO product (id, claims, grace_days, prompt_days, on_expiry, added)"
			" VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
	[PRODUCT_CHANGE] = "UPDATE product SET claims = ?2 WHERE id = ?1",
	[PRODUCT_GET] = PRODUCT_COLUMNS "WHERE id = ?1",
	[PRODUCT_EACH] = PRODUCT_COLUMNS "ORDER BY id",
	[LICENSE_ADD] = "INSERT INTO license (id, org, fp_salt) VALUES (?1, ?2, ?3)",
	[ISSUE_ADD] = "INSERT INTO issue (license, serial, org_name, nbf, exp, hosts_max, issued, token)"
		      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
	[LICENSE_GET] = LICENSE_COLUMNS "WHERE l.id = ?1",
	[LICENSE_EACH] = LICENSE_COLUMNS "ORDER BY l.id",
	[HOST_ADD] = "INSERT INTO certificate (jti, license, serial, sign, fixed, ledger, name, issued, exp, "
		     "token)"
		     " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
	[HOST_OTHERS] = "SELECT count(DISTINCT sign), count(DISTINCT CASE WHEN exp > ?3 THEN sign END)"
			" FROM certificate WHERE license = ?1 AND sign <> ?2"
			" AND sign NOT IN (SELECT sign FROM revoked_host)"
			" AND sign NOT IN (SELECT sign FROM replaced_host WHERE license = ?1)",
	[HOST_REPLACE] = "INSERT INTO replaced_host (license, sign, by, at) VALUES (?1, ?2, ?3, ?4)"
			 " ON CONFLICT DO UPDATE SET by = ?3, at = ?4",
	[HOST_REPLACED] = "SELECT at FROM replaced_host WHERE license = ?1 AND sign = ?2",
	[HOST_EACH] =
		"SELECT c.sign, c.ledger, c.name, c.license, l.org, c.jti, c.serial, c.issued, c.exp, g.n,"
		" v.at, v.reason"
		" FROM (SELECT max(seq) AS seq, count(*) AS n FROM certificate GROUP BY license, sign) g"
		" JOIN certificate c ON c.seq = g.seq JOIN license l ON l.id = c.license"
		" LEFT JOIN revoked_host v ON v.sign = c.sign"
		" ORDER BY c.license, c.name, c.seq",
	[SALT_GET] = "SELECT salt FROM key_salt WHERE license = ?1 AND grant_id = ?2",
	[SALT_ADD] = "INSERT INTO key_salt (license, grant_id, salt) VALUES (?1, ?2, ?3)",
	[SALT_EACH] = "SELECT salt FROM key_salt",
	[KEY_ADD] = "INSERT INTO product_key (license, grant_id, hash, pool, quantity, days, exp, made)"
		    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
	[KEY_BLOCK] = "UPDATE product_key SET blocked = ?2 WHERE hash = ?1 AND blocked = 0",
	[KEY_BY_HASH] = KEY_COLUMNS "WHERE hash = ?1",
	[KEY_BY_ID] = KEY_COLUMNS "WHERE hex(hash) LIKE ?1 || '%' ORDER BY seq LIMIT 2",
	[KEY_EACH] = KEY_COLUMNS "WHERE ?1 IS NULL OR license = ?1 ORDER BY license, grant_id, seq",
	[LICENSE_REVOKE] = "INSERT INTO revoked_license (license, at, reason) VALUES (?1, ?2, ?3)",
	[HOST_REVOKE] = "INSERT INTO revoked_host (sign, at, reason) VALUES (?1, ?2, ?3)",
	[HOST_REVOKED] = "SELECT at FROM revoked_host WHERE sign = ?1",
	[REVOKED_HOSTS] = "SELECT sign FROM revoked_host ORDER BY at, sign",
	[REVOKED_LICENSES] = "SELECT license FROM revoked_license ORDER BY at, license",
	[REVOKED_KEYS] = "SELECT hash FROM product_key WHERE blocked <> 0 AND license NOT IN"
			 " (SELECT license FROM revoked_license) ORDER BY blocked, seq",
	[HOST_KEY_ADD] = "INSERT INTO host_key (hash, license, made) VALUES (?1, ?2, ?3)",
	[HOST_KEY_GET] = "SELECT license, used, sign FROM host_key WHERE hash = ?1",
	[HOST_KEY_USE] = "UPDATE host_key SET used = ?2, sign = ?3 WHERE hash = ?1 AND used = 0",
	[SIGNER_ADD] = "INSERT INTO signer (pid, statement, made) VALUES (?1, ?2, ?3)",
	[SIGNER_GET] = SIGNER_COLUMNS "WHERE pid = ?1",
	[SIGNER_REVOKE] = "UPDATE signer SET revoked = ?2, reason = ?3 WHERE pid = ?1 AND revoked = 0",
	[SIGNER_EACH] = SIGNER_COLUMNS "ORDER BY made, pid",
	[REVOKED_SIGNERS] = "SELECT pid FROM signer WHERE revoked <> 0 ORDER BY revoked, pid",
	[LIST_LAST] = "SELECT number, token FROM revocation_list ORDER BY number DESC LIMIT 1",
	[LIST_ADD] = "INSERT INTO revocation_list (number, issued, token) VALUES (?1, ?2, ?3)",
};

/* --- errors --- */

static const struct {
	int sqlite;
	int error;
	const char *remedy; /* "": the table's */
} error_map[] = {
	{SQLITE_FULL, E_STORE_FULL, "Make room on the disk and run the command again; nothing was changed."},
	{SQLITE_BUSY, E_STORE_BUSY,
	 "Wait until the other muster-issuer has ended, then run the command again."},
	{SQLITE_LOCKED, E_STORE_BUSY,
	 "Wait until the other muster-issuer has ended, then run the command again."},
	{SQLITE_CORRUPT, E_STORE_CORRUPT, "Restore the vendor's folder from a backup."},
	{SQLITE_NOTADB, E_STORE_CORRUPT, "Restore the vendor's folder from a backup."},
	{SQLITE_IOERR, E_STORE_IO, ""},
	{SQLITE_CANTOPEN, E_IO, ""},
	{SQLITE_READONLY, E_IO, ""},
	{SQLITE_PERM, E_IO, ""},
	{SQLITE_NOMEM, E_NO_MEMORY, ""},
	{SQLITE_CONSTRAINT, E_DUPLICATE, ""},
};

#define ERROR_MAP (sizeof(error_map) / sizeof(error_map[0]))

int sqlite_error(int sqlite)
{
	for (size_t i = 0; i < ERROR_MAP; i++)
		if (error_map[i].sqlite == (sqlite & 0xff))
			return error_map[i].error;
	return sqlite == SQLITE_OK || sqlite == SQLITE_DONE || sqlite == SQLITE_ROW ? 0 : E_INTERNAL;
}

int sqlite_explain(sqlite3 *db, int error, struct failure *f)
{
	failure_set(f, error, "the ledger: %s", db ? sqlite3_errmsg(db) : "cannot be opened");
	for (size_t i = 0; i < ERROR_MAP; i++)
		if (error_map[i].error == error)
			return failure_remedy(f, error_map[i].remedy);
	return error;
}

int sqlite_execute(sqlite3 *db, const char *sql)
{
	return sqlite_error(sqlite3_exec(db, sql, NULL, NULL, NULL));
}

sqlite3_stmt *statement(struct ledger *ledger, enum statement which)
{
	sqlite3_stmt **slot = &ledger->prepared[which];
	if (!*slot)
		sqlite3_prepare_v3(ledger->db, statements[which], -1, SQLITE_PREPARE_PERSISTENT, slot, NULL);
	return *slot;
}

void bind_text(sqlite3_stmt *s, int at, const char *text)
{
	sqlite3_bind_text(s, at, text, -1, SQLITE_STATIC);
}

void bind_bytes(sqlite3_stmt *s, int at, const uint8_t *bytes, int n)
{
	sqlite3_bind_blob(s, at, bytes, n, SQLITE_STATIC);
}

int statement_step(struct ledger *ledger, sqlite3_stmt *s)
{
	return s ? sqlite3_step(s) : sqlite3_errcode(ledger->db);
}

/* The error is read before the reset, which keeps the connection's message. */
int statement_finish(sqlite3_stmt *s, int result)
{
	if (s) {
		sqlite3_reset(s);
		sqlite3_clear_bindings(s);
	}
	return sqlite_error(result);
}

void column_text(sqlite3_stmt *s, int at, char *out, size_t room)
{
	const char *text = (const char *)sqlite3_column_text(s, at);
	snprintf(out, room, "%s", text ? text : "");
}

void column_bytes(sqlite3_stmt *s, int at, uint8_t *out, size_t n)
{
	const void *bytes = sqlite3_column_blob(s, at);
	if (bytes && (size_t)sqlite3_column_bytes(s, at) == n)
		memcpy(out, bytes, n);
}

char *column_copy(sqlite3_stmt *s, int at)
{
	const char *text = (const char *)sqlite3_column_text(s, at);
	return text ? strdup(text) : NULL;
}

void statements_close(struct ledger *ledger)
{
	for (size_t i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(ledger->prepared[i]);
	sqlite3_close(ledger->db);
	*ledger = (struct ledger){0};
}
