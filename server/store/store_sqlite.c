/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "log.h"
#include "migrate.h"
#include "sqlite_handle.h"

static const char *const statement_texts[STMT_COUNT] = {
#define STMT(id, text) [STMT_##id] = text,
#include "statements.def"
#undef STMT
};

#define MERGE_FRAMES 8000 /* 16 MiB: merging is off most batches' path, and the log stays small */

static const struct store_ops sqlite_ops;

int sqlite_error(struct sqlite_store *s)
{
	int code = sqlite3_extended_errcode(s->db);
	switch (code & 0xff) {
	case SQLITE_FULL:
		return E_STORE_FULL;
	case SQLITE_IOERR:
		if (code == SQLITE_IOERR_NOMEM)
			return E_NO_MEMORY;
		if (code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC) /* for want of room, too */
			return E_STORE_IO;
		return sqlite3_system_errno(s->db) == ENOSPC ? E_STORE_FULL : E_STORE_IO;
	case SQLITE_READONLY:
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
		return E_STORE_IO;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return E_STORE_CORRUPT;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return E_STORE_BUSY;
	case SQLITE_NOMEM:
		return E_NO_MEMORY;
	case SQLITE_INTERRUPT:
		return E_STOPPING;
	default:
		log_event(EVENT_STORE_ERROR, LOG_NUMBER(NUMBER, code),
			  LOG_TEXT(DETAIL, sqlite3_errmsg(s->db)));
		return E_INTERNAL;
	}
}

sqlite3_stmt *sqlite_statement(struct sqlite_store *s, enum statement id)
{
	if (!s->statements[id])
		sqlite3_prepare_v3(s->db, statement_texts[id], -1, SQLITE_PREPARE_PERSISTENT,
				   &s->statements[id], NULL);
	if (s->statements[id])
		sqlite3_clear_bindings(s->statements[id]);
	return s->statements[id];
}

int sqlite_run(struct sqlite_store *s, sqlite3_stmt *stmt)
{
	if (!stmt)
		return sqlite_error(s);
	int result = sqlite3_step(stmt);
	int error = result == SQLITE_DONE ? 0 : sqlite_error(s);
	sqlite3_reset(stmt);
	return error;
}

int sqlite_finish(struct sqlite_store *s, sqlite3_stmt *stmt, int result)
{
	int error = result == SQLITE_ROW || result == SQLITE_DONE ? 0 : sqlite_error(s);
	sqlite3_reset(stmt);
	return error;
}

int sqlite_number(struct sqlite_store *s, sqlite3_stmt *stmt, int64_t *ret)
{
	if (!stmt)
		return sqlite_error(s);
	int error = sqlite3_step(stmt) == SQLITE_ROW ? 0 : sqlite_error(s);
	if (!error)
		*ret = sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	return error;
}

/* --- open and close --- */

static int set_up(struct sqlite_store *s)
{
	static const char shared[] = "PRAGMA busy_timeout = 2000; PRAGMA mmap_size = 0;";
	/* NORMAL: all syncs but that of the log at a commit, which is sqlite_sync's. The log is merged by
	 * sqlite_begin, not by a commit that is not synced yet: SQLite would not tell of a sync that failed
	 * there. */
	static const char writer[] =
		"PRAGMA page_size = 2048; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
		"PRAGMA wal_autocheckpoint = 0; PRAGMA foreign_keys = ON;"
		"PRAGMA cache_size = -24576;";
	if (sqlite3_exec(s->db, shared, NULL, NULL, NULL) != SQLITE_OK)
		return sqlite_error(s);
	int error = s->writer ? migrate_check(s->db) : 0;
	if (error)
		return error == E_INTERNAL ? sqlite_error(s) : error;
	if (s->writer && sqlite3_exec(s->db, writer, NULL, NULL, NULL) != SQLITE_OK)
		return sqlite_error(s);
	return 0;
}

int sqlite_handle_open(const char *path, bool writer, struct sqlite_store **ret)
{
	int flags = SQLITE_OPEN_NOMUTEX |
		    (writer ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY);
	struct sqlite_store *s = calloc(1, sizeof(*s));
	if (!s)
		return E_NO_MEMORY;
	s->store.ops = &sqlite_ops;
	s->writer = writer;
	s->path = strdup(path);
	int error = s->path ? 0 : E_NO_MEMORY;
	if (!error && sqlite3_open_v2(path, &s->db, flags, NULL) != SQLITE_OK)
		error = s->db && (sqlite3_errcode(s->db) & 0xff) != SQLITE_CANTOPEN ? sqlite_error(s)
										    : E_CANNOT_CREATE;
	if (!error)
		error = set_up(s);
	if (error) {
		s->writer = false; /* a file that was refused is not marked, either */
		s->broken = error == E_STORE_IO;
		store_close(&s->store);
		return error;
	}
	*ret = s;
	return 0;
}

static int refuse_damage(const char *text, void *context)
{
	(void)text;
	(void)context;
	return E_STORE_CORRUPT;
}

/*
 * Where a sync has failed, the system may hold pages for written that are not, and no later sync tells. So
 * what the log says is written into the database itself, and synced there, before anything is built upon it.
 */
static int write_log_anew(struct sqlite_store *s)
{
	static const char sql[] = "PRAGMA wal_checkpoint(TRUNCATE)";
	return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : sqlite_error(s);
}

/* After a stop that was not clean the file is checked before it is trusted; kept closed state says which it
 * was. */
static int check_unclean(struct sqlite_store *s)
{
	static const char sql[] = "SELECT coalesce((SELECT value = x'01' FROM meta WHERE key = 'clean'), 1)";
	sqlite3_stmt *stmt = NULL;
	int64_t clean = 0;
	sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL);
	int error = sqlite_number(s, stmt, &clean);
	sqlite3_finalize(stmt);
	if (error)
		return error;
	if (clean)
		return 0;
	log_event(EVENT_STORE_CHECKING);
	return sqlite_look(s, "PRAGMA quick_check(1)", refuse_damage, NULL);
}

/* Without memory a transaction could not even be ended, had the statements not been made before. */
static int prepare_ends(struct sqlite_store *s)
{
	return sqlite_statement(s, STMT_COMMIT) && sqlite_statement(s, STMT_ROLLBACK) ? 0 : sqlite_error(s);
}

static int mark_clean(struct sqlite_store *s, bool clean)
{
	const char *sql = clean ? "INSERT OR REPLACE INTO meta VALUES ('clean', x'01')"
				: "INSERT OR REPLACE INTO meta VALUES ('clean', x'00')";
	return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : sqlite_error(s);
}

static int log_grew(void *context, sqlite3 *db, const char *name, int frames)
{
	struct sqlite_store *s = context;
	(void)db, (void)name;
	s->frames = frames;
	s->unsynced = true;
	return SQLITE_OK;
}

/* From here on the log is synced and merged by this file. */
static int take_log(struct sqlite_store *s)
{
	int result = sqlite3_file_control(s->db, NULL, SQLITE_FCNTL_JOURNAL_POINTER, &s->log);
	if (result != SQLITE_OK)
		return sqlite_error(s);
	sqlite3_wal_hook(s->db, log_grew, s);
	s->unsynced = true;
	s->merge_at = MERGE_FRAMES;
	return 0;
}

int store_sqlite_open(const char *path, struct store **ret)
{
	struct sqlite_store *s;
	int error = sqlite_handle_open(path, true, &s);
	if (error)
		return error;
	error = migrate(s->db);
	if (error == E_INTERNAL)
		error = sqlite_error(s);
	if (!error)
		error = check_unclean(s);
	if (!error)
		error = write_log_anew(s);
	if (!error)
		error = prepare_ends(s);
	if (!error)
		error = mark_clean(s, false);
	if (!error)
		error = take_log(s);
	if (error) {
		s->writer = false; /* nothing to mark clean */
		s->broken = true;
		store_close(&s->store);
		return error;
	}
	*ret = &s->store;
	return 0;
}

static int sqlite_reader(struct store *store, struct store **ret)
{
	struct sqlite_store *reader;
	int error = sqlite_handle_open(((struct sqlite_store *)store)->path, false, &reader);
	if (!error)
		*ret = &reader->store;
	return error;
}

/* SQLite rolls some failures back by itself. Without memory even this may fail, and is tried again by the
 * next. */
static int end_transaction(struct sqlite_store *s)
{
	return sqlite3_get_autocommit(s->db) ? 0 : sqlite_run(s, sqlite_statement(s, STMT_ROLLBACK));
}

static void sqlite_rollback(struct store *store)
{
	struct sqlite_store *s = (struct sqlite_store *)store;
	if (!s->in_transaction)
		return;
	s->in_transaction = false;
	s->audit_known = false;
	end_transaction(s);
}

static void sqlite_close(struct store *store)
{
	struct sqlite_store *s = (struct sqlite_store *)store;
	sqlite_rollback(store);
	if (s->writer && !s->broken && s->db && mark_clean(s, true))
		s->broken = true;
	if (s->broken && s->db) /* nothing that failed is tried again, not even a sync */
		sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	for (size_t i = 0; i < STMT_COUNT; i++)
		sqlite3_finalize(s->statements[i]);
	sqlite_records_close(s);
	sqlite3_close(s->db);
	free(s->path);
	free(s);
}

/* --- transactions --- */

/* After these the handle is used on: nothing was written that recovery would take for committed. After any
 * other, above all a failed sync, the file's state is unknown: it is done for, and the daemon restarts. */
static int judge(struct sqlite_store *s, int error)
{
	if (error == E_STORE_FULL || error == E_STORE_BUSY || error == E_NO_MEMORY)
		return error;
	s->broken = true;
	return E_STORE_UNKNOWN;
}

/* Bring a log that has grown into the database, as far as readers let it. All of it is synced by now. */
static int merge(struct sqlite_store *s)
{
	if (!s->merge_at || s->frames < s->merge_at)
		return 0;
	if (sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL) == SQLITE_OK)
		return 0;
	int error = judge(s, sqlite_error(s));
	return error == E_STORE_UNKNOWN ? error : 0; /* or the log grows on */
}

static int sqlite_begin(struct store *store)
{
	struct sqlite_store *s = (struct sqlite_store *)store;
	if (s->broken)
		return E_STORE_IO;
	int error = end_transaction(s);
	if (!error)
		error = merge(s);
	if (!error)
		error = sqlite_run(s, sqlite_statement(s, STMT_BEGIN));
	s->in_transaction = !error;
	return error;
}

static int sqlite_commit(struct store *store)
{
	struct sqlite_store *s = (struct sqlite_store *)store;
	int error = sqlite_run(s, sqlite_statement(s, STMT_COMMIT));
	if (!error) {
		s->in_transaction = false;
		return 0;
	}
	sqlite_rollback(store);
	return judge(s, error);
}

/* The log's sync, when something was written. That of its header, and of the folder when it is new, SQLite
 * has done by then. */
static int sqlite_sync(struct store *store)
{
	struct sqlite_store *s = (struct sqlite_store *)store;
	if (!s->unsynced)
		return 0;
	s->unsynced = false;
	return s->log->pMethods->xSync(s->log, SQLITE_SYNC_NORMAL) == SQLITE_OK ? 0 : judge(s, E_STORE_IO);
}

/* Parts of a transaction: savepoints of one name, which SQLite keeps as a stack. */
static int sqlite_mark(struct store *store)
{
	struct sqlite_store *s = (struct sqlite_store *)store;
	return sqlite_run(s, sqlite_statement(s, STMT_MARK));
}

static int sqlite_keep(struct store *store)
{
	struct sqlite_store *s = (struct sqlite_store *)store;
	return sqlite_run(s, sqlite_statement(s, STMT_KEEP));
}

static int sqlite_undo(struct store *store)
{
	struct sqlite_store *s = (struct sqlite_store *)store;
	s->audit_known = false;
	int error = sqlite_run(s, sqlite_statement(s, STMT_UNDO));
	return error ? error : sqlite_keep(store);
}

static void sqlite_stop(struct store *store)
{
	sqlite3_interrupt(((struct sqlite_store *)store)->db);
}

static const struct store_ops sqlite_ops = {
	.version = 4,
	.name = "sqlite",
	.reader = sqlite_reader,
	.close = sqlite_close,
	.begin = sqlite_begin,
	.facts = sqlite_facts,
	.apply = sqlite_apply,
	.commit = sqlite_commit,
	.sync = sqlite_sync,
	.rollback = sqlite_rollback,
	.mark = sqlite_mark,
	.keep = sqlite_keep,
	.undo = sqlite_undo,
	.page = sqlite_page,
	.check = sqlite_check,
	.devices = sqlite_devices,
	.copy = sqlite_copy,
	.interrupt = sqlite_stop,
	.orphans = sqlite_orphans,
	.mend = sqlite_mend,
};
