/* SPDX-License-Identifier: Apache-2.0 */
/* A database as a file of its own: a consistent copy of a living one, and looking at such a copy. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "migrate.h"
#include "sqlite_handle.h"
#include "store_file.h"

#define STEP_PAGES 128 /* a quarter of a MiB */

/* --- copying --- */

static int one_number(struct sqlite_store *s, const char *sql, int64_t *ret)
{
	sqlite3_stmt *stmt = NULL;
	sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL);
	int error = stmt ? sqlite_number(s, stmt, ret) : sqlite_error(s);
	sqlite3_finalize(stmt);
	return error;
}

/* One step after the other inside one read transaction of the source, so that writers go on and the copy is
 * of one instant. */
static int copy_pages(struct sqlite_store *from, sqlite3 *to, copy_step *step, void *context)
{
	sqlite3_backup *b = sqlite3_backup_init(to, "main", from->db, "main");
	int result = SQLITE_OK;
	int stop = 0;
	int64_t page = 0;
	if (!b)
		return E_STORE_IO;
	if (one_number(from, "PRAGMA page_size", &page))
		page = 1;
	while (result == SQLITE_OK && !stop) {
		result = sqlite3_backup_step(b, STEP_PAGES);
		int64_t total = page * sqlite3_backup_pagecount(b);
		stop = step ? step(total - page * sqlite3_backup_remaining(b), total, context) : 0;
	}
	sqlite3_backup_finish(b);
	if (stop || result == SQLITE_DONE)
		return stop;
	switch (result & 0xff) {
	case SQLITE_FULL:
		return E_STORE_FULL;
	case SQLITE_NOMEM:
		return E_NO_MEMORY;
	case SQLITE_INTERRUPT:
		return E_STOPPING;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return E_STORE_CORRUPT;
	case SQLITE_IOERR:
		return sqlite3_system_errno(to) == ENOSPC ? E_STORE_FULL : E_STORE_IO;
	default:
		return E_STORE_IO;
	}
}

/* The copy is thrown away when it was not finished, so nothing of it needs a journal. */
static int open_copy(const char *path, sqlite3 **ret)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno == ENOSPC ? E_STORE_FULL : E_CANNOT_CREATE;
	close(fd);
	if (sqlite3_open_v2(path, ret, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		return E_CANNOT_CREATE;
	sqlite3_exec(*ret, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF", NULL, NULL, NULL);
	return 0;
}

/* One file without a journal beside it, marked as cleanly closed. */
static int settle(sqlite3 *db)
{
	static const char sql[] = "PRAGMA journal_mode = DELETE;"
				  "INSERT OR REPLACE INTO meta VALUES ('clean', x'01')";
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK)
		return 0;
	return (sqlite3_errcode(db) & 0xff) == SQLITE_FULL ? E_STORE_FULL : E_STORE_IO;
}

int sqlite_copy(struct store *store, const char *path, copy_step *step, void *context)
{
	struct sqlite_store *from = (struct sqlite_store *)store;
	sqlite3 *to = NULL;
	int error = open_copy(path, &to);
	if (!error &&
	    sqlite3_exec(from->db, "BEGIN; SELECT 1 FROM meta LIMIT 1", NULL, NULL, NULL) != SQLITE_OK)
		error = sqlite_error(from);
	if (!error)
		error = copy_pages(from, to, step, context);
	if (!sqlite3_get_autocommit(from->db))
		sqlite3_exec(from->db, "COMMIT", NULL, NULL, NULL);
	if (!error)
		error = settle(to);
	sqlite3_close(to);
	return error;
}

/* --- looking at a copy --- */

/* An older schema is brought up to date in a temporary copy that only this handle sees. */
static int open_migrated(struct sqlite_store *old, struct sqlite_store **ret)
{
	struct sqlite_store *s;
	int error = sqlite_handle_open("", true, &s);
	if (error)
		return error;
	error = copy_pages(old, s->db, NULL, NULL);
	if (!error)
		error = migrate(s->db);
	s->writer = false; /* nothing to mark clean */
	if (error)
		store_close(&s->store);
	else
		*ret = s;
	return error == E_INTERNAL ? E_STORE_CORRUPT : error;
}

int store_file_open(const char *path, struct store **ret)
{
	struct sqlite_store *s;
	struct sqlite_store *fresh = NULL;
	bool older;
	int error = sqlite_handle_open(path, false, &s);
	if (error)
		return error == E_CANNOT_CREATE ? E_IO : error;
	error = migrate_check(s->db);
	if (!error)
		error = migrate_older(s->db, &older);
	if (!error && older)
		error = open_migrated(s, &fresh);
	if (error || fresh)
		store_close(&s->store);
	if (!error)
		*ret = fresh ? &fresh->store : &s->store;
	return error == E_INTERNAL ? E_STORE_CORRUPT : error;
}

int store_file_facts(struct store *store, struct store_file *ret)
{
	struct sqlite_store *s = (struct sqlite_store *)store;
	static const char last[] = "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1";
	sqlite3_stmt *stmt = NULL;
	*ret = (struct store_file){0};
	int error = one_number(s, "PRAGMA user_version", &ret->schema);
	if (!error)
		error = one_number(s, "SELECT count(*) FROM device", &ret->devices);
	if (!error)
		error = one_number(s, "SELECT count(*) FROM activation WHERE state = 2", &ret->activations);
	if (!error)
		error = one_number(s, "SELECT count(*) FROM certificate", &ret->certificates);
	if (!error && sqlite3_prepare_v2(s->db, last, -1, &stmt, NULL) != SQLITE_OK)
		error = sqlite_error(s);
	int result = error ? SQLITE_DONE : sqlite3_step(stmt);
	if (result == SQLITE_ROW) {
		ret->audit = sqlite3_column_int64(stmt, 0);
		sqlite_copy_bytes(stmt, 1, ret->hash, AUDIT_HASH);
	} else if (!error && result != SQLITE_DONE) {
		error = sqlite_error(s);
	}
	sqlite3_finalize(stmt);
	return error;
}

int store_file_put(const char *path, const struct file_note *notes, size_t n)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *stmt = NULL;
	int result = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (result == SQLITE_OK)
		result = sqlite3_exec(db, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF", NULL, NULL,
				      NULL);
	if (result == SQLITE_OK)
		result = sqlite3_prepare_v2(db, "INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)",
					    -1, &stmt, NULL);
	for (size_t i = 0; i < n && result == SQLITE_OK; i++) {
		sqlite3_bind_text(stmt, 1, notes[i].key, -1, SQLITE_STATIC);
		sqlite3_bind_blob64(stmt, 2, notes[i].bytes, notes[i].n, SQLITE_STATIC);
		result = sqlite3_step(stmt) == SQLITE_DONE ? SQLITE_OK : sqlite3_errcode(db);
		sqlite3_reset(stmt);
	}
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return result == SQLITE_OK ? 0 : (result & 0xff) == SQLITE_FULL ? E_STORE_FULL : E_STORE_IO;
}

int store_file_settle(const char *path)
{
	struct sqlite_store *s;
	int error = sqlite_handle_open(path, true, &s);
	if (error)
		return error;
	s->writer = false;
	if (sqlite3_exec(s->db,
			 "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA synchronous = FULL; PRAGMA journal_mode = "
			 "DELETE",
			 NULL, NULL, NULL) != SQLITE_OK)
		error = sqlite_error(s);
	store_close(&s->store);
	return error;
}
