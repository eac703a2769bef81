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

/* The statements of records are made from their tables, when they are first used. */
#define RECORD_FINDS 64

struct record_finder {
	enum record_kind kind;
	uint32_t by;
	bool counts;
	sqlite3_stmt *stmt;
};

struct sqlite_store {
	struct store store;
	sqlite3 *db;
	sqlite3_file *log; /* of the writer: the write-ahead log; SQLite's */
	bool unsynced;     /* a commit has written to it since the last sync */
	int frames;        /* in it */
	int merge_at;      /* so many; 0: never */
	char *path;
	bool writer;
	bool in_transaction;
	bool broken; /* a commit's result is unknown: never write again */
	int64_t audit_seq;
	uint8_t audit_hash[AUDIT_HASH];
	bool audit_known; /* the two above are those of the last row */
	sqlite3_stmt *statements[STMT_COUNT];
	sqlite3_stmt *puts[RECORD_KINDS];
	sqlite3_stmt *drops[RECORD_KINDS];
	struct record_finder finders[RECORD_FINDS];
	size_t n_finders;
	size_t finder_turn;
};

/* Open a connection; a writer makes the file when there is none, and sets it up. Errors as store_open. */
int sqlite_handle_open(const char *path, bool writer, struct sqlite_store **ret);

/* The statement, prepared once, with its bindings cleared; NULL when that failed. */
sqlite3_stmt *sqlite_statement(struct sqlite_store *, enum statement);

/* Our code for the connection's last failure. */
int sqlite_error(struct sqlite_store *);

/* Run a statement that gives no row, and reset it. */
int sqlite_run(struct sqlite_store *, sqlite3_stmt *);

/* After a step whose row, if it gave one, has been read: reset the statement, and say whether the step
 * failed. */
int sqlite_finish(struct sqlite_store *, sqlite3_stmt *, int result);

/* Run a statement that gives one number, and reset it. */
int sqlite_number(struct sqlite_store *, sqlite3_stmt *, int64_t *ret);

/*
 * Run integrity_check or quick_check; each finding is shown. Returns 0, what `finding` returned when that is
 * not 0, or why it could not be looked at: a page that cannot be read for want of memory is no damage.
 */
int sqlite_look(struct sqlite_store *, const char *sql, int (*finding)(const char *text, void *context),
		void *context);

/* A blob of n bytes, left alone when the row is damaged; a holding from the first eight columns; marks from a
 * column on. */
void sqlite_copy_bytes(sqlite3_stmt *, int column, void *out, size_t n);
void sqlite_read_holding(sqlite3_stmt *, struct holding *ret);
void sqlite_read_marks(sqlite3_stmt *, int column, struct grant_marks *ret);

/* Records: add (num is set) or replace, take out, list by example, read a row that begins with num at a
 * column. */
int sqlite_record_put(struct sqlite_store *, struct record *);
int sqlite_record_drop(struct sqlite_store *, enum record_kind, int64_t num);
int sqlite_record_page(struct sqlite_store *, const struct listing *, row_function *, void *context);
void sqlite_record_read(sqlite3_stmt *, int column, enum record_kind, struct record *ret);
void sqlite_records_close(struct sqlite_store *);

/* Decisions' two halves. */
int sqlite_facts(struct store *, const struct asker *, int64_t now, struct device_facts *ret_device,
		 struct line_facts *lines, size_t n);
int sqlite_apply(struct store *, const struct effect *);

/* Listings and check, the reading half of the operations. */
int sqlite_page(struct store *, const struct listing *, row_function *, void *context);
int sqlite_check(struct store *, int64_t now, finding_function *, void *context);
int sqlite_devices(struct store *, int64_t *ret);

/* Making anew what follows from the rest. */
int sqlite_orphans(struct store *, mend_function *, void *context);
int sqlite_mend(struct store *, bool indexes, mend_function *, void *context);

/* store_copy. */
int sqlite_copy(struct store *, const char *path, copy_step *, void *context);

#endif
