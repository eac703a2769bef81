/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ledger_statement.h"

#define APPLICATION 0x4d535449 /* "MSTI" */
#define SCHEMA_VERSION 4
#define BUSY_MS 5000

/* Migrations, forward only: the n-th makes version n of version n - 1. Facts only; nothing here can be
 * derived. */
static const char *const schema[SCHEMA_VERSION] = {
	"CREATE TABLE vendor (" /* one row: whose ledger this is */
	"	one INTEGER PRIMARY KEY CHECK (one = 1),"
	"	name TEXT NOT NULL,"
	"	key TEXT NOT NULL," /* k4.public */
	"	created INTEGER NOT NULL"
	") STRICT;"
	"CREATE TABLE product ("
	"	id TEXT PRIMARY KEY,"
	"	claims TEXT NOT NULL," /* as a license embeds it */
	"	grace_days INTEGER NOT NULL,"
	"	prompt_days INTEGER NOT NULL,"
	"	on_expiry TEXT NOT NULL,"
	"	added INTEGER NOT NULL"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE license (" /* what stays the same when it is renewed */
	"	id TEXT PRIMARY KEY,"
	"	org TEXT NOT NULL,"
	"	fp_salt BLOB NOT NULL CHECK (length(fp_salt) = 32)"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE issue (" /* every serial that was ever signed */
	"	license TEXT NOT NULL REFERENCES license (id),"
	"	serial INTEGER NOT NULL CHECK (serial >= 1),"
	"	org_name TEXT NOT NULL,"
	"	nbf INTEGER NOT NULL,"
	"	exp INTEGER NOT NULL,"
	"	hosts_max INTEGER NOT NULL,"
	"	issued INTEGER NOT NULL,"
	"	token TEXT NOT NULL,"
	"	PRIMARY KEY (license, serial)"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE certificate (" /* every host certificate that was ever signed */
	"	seq INTEGER PRIMARY KEY,"
	"	jti TEXT NOT NULL UNIQUE,"
	"	license TEXT NOT NULL REFERENCES license (id),"
	"	serial INTEGER NOT NULL,"
	"	sign BLOB NOT NULL CHECK (length(sign) = 32),"
	"	fixed BLOB NOT NULL CHECK (length(fixed) = 32),"
	"	ledger BLOB NOT NULL CHECK (length(ledger) = 16),"
	"	name TEXT NOT NULL,"
	"	issued INTEGER NOT NULL,"
	"	exp INTEGER NOT NULL,"
	"	token TEXT NOT NULL"
	") STRICT;"
	"CREATE INDEX certificate_of_host ON certificate (license, sign, seq);",

	"CREATE TABLE key_salt (" /* under which the keys of a grant are hashed */
	"	license TEXT NOT NULL REFERENCES license (id),"
	"	grant_id TEXT NOT NULL,"
	"	salt BLOB NOT NULL CHECK (length(salt) = 16),"
	"	PRIMARY KEY (license, grant_id)"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE product_key (" /* every key that was ever made, by its hash */
	"	seq INTEGER PRIMARY KEY,"
	"	hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),"
	"	license TEXT NOT NULL,"
	"	grant_id TEXT NOT NULL,"
	"	pool INTEGER NOT NULL CHECK (pool IN (0, 1))," /* enrols devices; or is redeemed */
	"	quantity INTEGER NOT NULL,"
	"	days INTEGER NOT NULL,"
	"	exp INTEGER NOT NULL," /* 0: none */
	"	made INTEGER NOT NULL,"
	"	blocked INTEGER NOT NULL DEFAULT 0," /* when; 0: it is not */
	"	FOREIGN KEY (license, grant_id) REFERENCES key_salt (license, grant_id)"
	") STRICT;"
	"CREATE INDEX product_key_of_grant ON product_key (license, grant_id, seq);"
	"CREATE TABLE revoked_license ("
	"	license TEXT PRIMARY KEY REFERENCES license (id),"
	"	at INTEGER NOT NULL,"
	"	reason TEXT NOT NULL"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE revoked_host (" /* a host's key, whatever it was certified for */
	"	sign BLOB PRIMARY KEY CHECK (length(sign) = 32),"
	"	at INTEGER NOT NULL,"
	"	reason TEXT NOT NULL"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE revocation_list (" /* every list that was ever signed */
	"	number INTEGER PRIMARY KEY CHECK (number >= 1),"
	"	issued INTEGER NOT NULL,"
	"	token TEXT NOT NULL"
	") STRICT;",

	"CREATE TABLE replaced_host (" /* whose ledger another host took over: both count as one */
	"	license TEXT NOT NULL REFERENCES license (id),"
	"	sign BLOB NOT NULL CHECK (length(sign) = 32),"
	"	by BLOB NOT NULL CHECK (length(by) = 32),"
	"	at INTEGER NOT NULL,"
	"	PRIMARY KEY (license, sign)"
	") STRICT, WITHOUT ROWID;",

	"CREATE TABLE signer (" /* keys that sign in the vendor's name: issuing keys and roots */
	"	pid TEXT PRIMARY KEY,"
	"	statement TEXT NOT NULL," /* of an issuing key; '': a root */
	"	made INTEGER NOT NULL,"
	"	revoked INTEGER NOT NULL DEFAULT 0," /* when; 0: it is not */
	"	reason TEXT NOT NULL DEFAULT ''"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE host_key (" /* lets one host certify itself at the clearing house */
	"	hash BLOB PRIMARY KEY CHECK (length(hash) = 32),"
	"	license TEXT NOT NULL REFERENCES license (id),"
	"	made INTEGER NOT NULL,"
	"	used INTEGER NOT NULL DEFAULT 0," /* when; 0: it is not */
	"	sign BLOB"                        /* of the host that used it */
	") STRICT, WITHOUT ROWID;",
};

int ledger_explain(const struct ledger *ledger, int error, struct failure *f)
{
	return sqlite_explain(ledger->db, error, f);
}

/* --- the file --- */

/*
 * One file without companions, so that a copy of the folder is a backup: a rollback journal. With that kind
 * of journal only EXTRA makes a commit outlive a power cut that follows it at once; FULL would allow it to be
 * undone.
 */
static int configure(sqlite3 *db)
{
	return sqlite_execute(
		db, "PRAGMA journal_mode = DELETE; PRAGMA synchronous = EXTRA; PRAGMA foreign_keys = ON;"
		    "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON");
}

/* Another run may hold the file for a moment, already while it is opened. */
static int open_file(const char *path, sqlite3 **ret)
{
	int error = sqlite_error(sqlite3_open_v2(path, ret, SQLITE_OPEN_READWRITE, NULL));
	if (!error)
		sqlite3_busy_timeout(*ret, BUSY_MS);
	return error;
}

static int pragma_integer(sqlite3 *db, const char *sql, int *ret)
{
	sqlite3_stmt *s = NULL;
	int result = sqlite3_prepare_v2(db, sql, -1, &s, NULL);
	if (result == SQLITE_OK) {
		result = sqlite3_step(s);
		*ret = result == SQLITE_ROW ? sqlite3_column_int(s, 0) : 0;
	}
	sqlite3_finalize(s);
	return sqlite_error(result);
}

static int migrate(sqlite3 *db, int from)
{
	char stamp[96];
	int error = sqlite_execute(db, "BEGIN IMMEDIATE");
	for (int version = from; version < SCHEMA_VERSION && !error; version++)
		error = sqlite_execute(db, schema[version]);
	snprintf(stamp, sizeof(stamp), "PRAGMA application_id = %d; PRAGMA user_version = %d", APPLICATION,
		 SCHEMA_VERSION);
	if (!error)
		error = sqlite_execute(db, stamp);
	if (!error)
		error = sqlite_execute(db, "COMMIT");
	if (error && !sqlite3_get_autocommit(db))
		sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return error;
}

static int add_vendor(struct ledger *ledger, const char *name, const uint8_t public[PASETO_PUBLIC],
		      int64_t now)
{
	char key[PASERK_PUBLIC_TEXT];
	sqlite3_stmt *s = statement(ledger, VENDOR_ADD);
	paserk_public_write(public, key);
	bind_text(s, 1, name);
	bind_text(s, 2, key);
	sqlite3_bind_int64(s, 3, now);
	return statement_finish(s, statement_step(ledger, s));
}

int ledger_create(const char *path, const char *vendor_name, const uint8_t public[PASETO_PUBLIC], int64_t now,
		  struct failure *f)
{
	struct ledger ledger = {0};
	/* Made here and not by SQLite, so that an existing file is never taken and the mode is ours. */
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return failure_system(f, E_CANNOT_CREATE, path);
	close(fd);
	int error = open_file(path, &ledger.db);
	if (!error)
		error = configure(ledger.db);
	if (!error)
		error = migrate(ledger.db, 0);
	if (!error)
		error = add_vendor(&ledger, vendor_name, public, now);
	if (error)
		ledger_explain(&ledger, error, f);
	statements_close(&ledger);
	return error;
}

/* Is it a ledger, and one that this version understands? Older ones are brought up to date. */
static int check_version(sqlite3 *db, const char *path, struct failure *f)
{
	int application = 0;
	int version = 0;
	int error = pragma_integer(db, "PRAGMA application_id", &application);
	if (!error)
		error = pragma_integer(db, "PRAGMA user_version", &version);
	if (error)
		return sqlite_explain(db, error, f);
	if (application != APPLICATION || version < 1) {
		failure_set(f, E_STORE_CORRUPT, "%s is no ledger of muster-issuer", path);
		return failure_remedy(f, "Restore the vendor's folder from a backup.");
	}
	if (version > SCHEMA_VERSION) {
		failure_set(f, E_STORE_NEWER, "%s has schema %d, and this version knows %d", path, version,
			    SCHEMA_VERSION);
		return failure_remedy(
			f, "Use the newer muster-issuer, or restore an older backup of the folder.");
	}
	error = version < SCHEMA_VERSION ? migrate(db, version) : 0;
	return error ? sqlite_explain(db, error, f) : 0;
}

static int read_vendor(struct ledger *ledger, char name[LIMIT_NAME + 1], uint8_t public[PASETO_PUBLIC],
		       struct failure *f)
{
	char key[PASERK_PUBLIC_TEXT] = "";
	sqlite3_stmt *s = statement(ledger, VENDOR_GET);
	int result = statement_step(ledger, s);
	if (result == SQLITE_ROW) {
		column_text(s, 0, name, LIMIT_NAME + 1);
		column_text(s, 1, key, sizeof(key));
	}
	int error = statement_finish(s, result);
	if (error)
		return ledger_explain(ledger, error, f);
	if (paserk_public_read(key, strlen(key), public))
		return failure_set(f, E_STORE_CORRUPT, "the ledger does not say whose it is");
	return 0;
}

int ledger_open(const char *path, struct ledger **ret, char name[LIMIT_NAME + 1],
		uint8_t public[PASETO_PUBLIC], struct failure *f)
{
	if (access(path, F_OK))
		return failure_system(f, errno == ENOENT ? E_NOT_FOUND : E_IO, path);
	struct ledger *ledger = calloc(1, sizeof(*ledger));
	if (!ledger)
		return failure_set(f, E_NO_MEMORY, "%s", path);
	int error = open_file(path, &ledger->db);
	if (error)
		sqlite_explain(ledger->db, error, f);
	if (!error) {
		error = check_version(ledger->db, path, f);
		/* After the version: what is not ours is not touched. */
		if (!error && (error = configure(ledger->db)))
			sqlite_explain(ledger->db, error, f);
	}
	if (!error)
		error = read_vendor(ledger, name, public, f);
	if (error)
		ledger_close(ledger);
	else
		*ret = ledger;
	return error;
}

void ledger_close(struct ledger *ledger)
{
	if (!ledger)
		return;
	statements_close(ledger);
	free(ledger);
}

/* --- transactions --- */

int ledger_begin(struct ledger *ledger)
{
	return sqlite_execute(ledger->db, "BEGIN IMMEDIATE");
}

int ledger_commit(struct ledger *ledger)
{
	return sqlite_execute(ledger->db, "COMMIT");
}
