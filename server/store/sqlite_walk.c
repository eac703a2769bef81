/* SPDX-License-Identifier: Apache-2.0 */
#include "sqlite_walk.h"

#include <stdio.h>
#include <string.h>

#include "error.h"

#define COLUMNS 24
#define LIST_TEXT 600
#define SQL_TEXT 1600
#define RUNS_MAX 10000 /* around holes; a hole takes some 10 */
#define OCTAVES 40     /* no table has numbers beyond 2^40 */
#define FINER_MAX 4

enum run { RUN_DONE, RUN_DAMAGED };

struct walk {
	sqlite3 *from;
	sqlite3 *to;
	const char *table;
	const char *number; /* "": none */
	char columns[LIST_TEXT];
	char ascending[LIST_TEXT]; /* the keys */
	char descending[LIST_TEXT];
	char type[COLUMNS]; /* the first letter of what each is declared as; 0: anything */
	bool nullable[COLUMNS];
	int n;
	int number_at; /* among the columns */
	sqlite3_stmt *insert;
	struct walked *found;
	int error;
	int runs;

	/* of the run at hand */
	int64_t first;
	int64_t last;
	int64_t inserted;
};

/* --- what the table looks like --- */

static int fault_of(sqlite3 *db)
{
	switch (sqlite3_errcode(db) & 0xff) {
	case SQLITE_NOMEM:
		return E_NO_MEMORY;
	case SQLITE_FULL:
		return E_STORE_FULL;
	default:
		return E_STORE_IO;
	}
}

static int take_column(struct walk *w, sqlite3_stmt *stmt)
{
	const char *name = (const char *)sqlite3_column_text(stmt, 1);
	const char *type = (const char *)sqlite3_column_text(stmt, 2);
	size_t used = strlen(w->columns);
	if (!name || w->n == COLUMNS || used + strlen(name) + 3 > sizeof(w->columns))
		return E_NO_MEMORY;
	snprintf(w->columns + used, sizeof(w->columns) - used, "%s%s", w->n ? ", " : "", name);
	if (strcmp(name, w->number) == 0)
		w->number_at = w->n;
	w->type[w->n] = type ? type[0] : 0;
	/* An integer key is never null, though it does not say so. */
	w->nullable[w->n++] = !sqlite3_column_int(stmt, 3) && !sqlite3_column_int(stmt, 5);
	return 0;
}

/* By the new file, which is sound. */
static int read_columns(struct walk *w)
{
	char sql[SQL_TEXT];
	sqlite3_stmt *stmt = NULL;
	int result = SQLITE_DONE;
	int error = 0;
	snprintf(sql, sizeof(sql), "PRAGMA table_info(%s)", w->table);
	if (sqlite3_prepare_v2(w->to, sql, -1, &stmt, NULL) != SQLITE_OK)
		return fault_of(w->to);
	while (!error && (result = sqlite3_step(stmt)) == SQLITE_ROW)
		error = take_column(w, stmt);
	if (!error && result != SQLITE_DONE)
		error = fault_of(w->to);
	sqlite3_finalize(stmt);
	return error;
}

static int prepare_insert(struct walk *w)
{
	char sql[SQL_TEXT];
	int used = snprintf(sql, sizeof(sql), "INSERT INTO %s (%s) VALUES (", w->table, w->columns);
	for (int i = 0; i < w->n; i++)
		used += snprintf(sql + used, sizeof(sql) - (size_t)used, i ? ", ?" : "?");
	snprintf(sql + used, sizeof(sql) - (size_t)used, ")");
	return sqlite3_prepare_v2(w->to, sql, -1, &w->insert, NULL) == SQLITE_OK ? 0 : fault_of(w->to);
}

static bool has_column(const struct walk *w, const char *name, size_t n)
{
	for (const char *at = w->columns; *at; at += *at == ',' ? 2 : 0) {
		size_t length = strcspn(at, ",");
		if (length == n && strncmp(at, name, n) == 0)
			return true;
		at += length;
	}
	return false;
}

/* The order up and down, of the keys that this version's table has. */
static void read_keys(struct walk *w, const char *keys)
{
	size_t up = 0;
	size_t down = 0;
	for (const char *at = keys; *at; at += strspn(at, ", ")) {
		size_t n = strcspn(at, ",");
		if (strcmp(keys, "rowid") == 0 || has_column(w, at, n)) {
			up += (size_t)snprintf(w->ascending + up, sizeof(w->ascending) - up, "%s%.*s",
					       up ? ", " : "", (int)n, at);
			down += (size_t)snprintf(w->descending + down, sizeof(w->descending) - down,
						 "%s%.*s DESC", down ? ", " : "", (int)n, at);
		}
		at += n;
	}
}

/* --- one run --- */

/* What a damaged page makes up has seldom the right types. */
static bool plausible(const struct walk *w, sqlite3_stmt *row)
{
	for (int i = 0; i < w->n; i++) {
		int type = sqlite3_column_type(row, i);
		bool fits = type == SQLITE_NULL ? w->nullable[i]
			    : w->type[i] == 'I' ? type == SQLITE_INTEGER
			    : w->type[i] == 'T' ? type == SQLITE_TEXT
			    : w->type[i] == 'B' ? type == SQLITE_BLOB
						: true;
		if (!fits)
			return false;
	}
	return true;
}

static void put(struct walk *w, sqlite3_stmt *row)
{
	for (int i = 0; i < w->n; i++)
		if (sqlite3_bind_value(w->insert, i + 1, sqlite3_column_value(row, i)) != SQLITE_OK) {
			w->error = E_NO_MEMORY;
			return;
		}
	int result = sqlite3_step(w->insert);
	int code = sqlite3_extended_errcode(w->to);
	sqlite3_reset(w->insert);
	if (result == SQLITE_DONE) {
		w->inserted++;
		w->found->read++;
	} else if ((code & 0xff) != SQLITE_CONSTRAINT) {
		w->error = fault_of(w->to);
	} else if (!w->found->holes ||
		   (code != SQLITE_CONSTRAINT_PRIMARYKEY && code != SQLITE_CONSTRAINT_ROWID)) {
		w->found->bad++; /* and not one that is seen from the hole's other side */
	}
}

/* One row; false: the walk has gone astray. */
static bool take_row(struct walk *w, sqlite3_stmt *row, bool descending, bool first)
{
	int64_t number = w->number[0] ? sqlite3_column_int64(row, w->number_at) : 0;
	if (!first && (descending ? number > w->last : number < w->last))
		return false;
	if (!plausible(w, row)) {
		w->found->bad++;
	} else {
		put(w, row);
	}
	if (first)
		w->first = number;
	w->last = number;
	return true;
}

/* Why no more can be read; sets the error when it is not damage. */
static enum run end_of(struct walk *w, int result)
{
	int code = sqlite3_extended_errcode(w->from);
	if (result == SQLITE_DONE)
		return RUN_DONE;
	if ((code & 0xff) == SQLITE_NOMEM || code == SQLITE_IOERR_NOMEM)
		w->error = E_NO_MEMORY;
	else if ((code & 0xff) == SQLITE_BUSY)
		w->error = E_STORE_BUSY;
	return RUN_DAMAGED;
}

/* Read from one number to another, up or down. */
static enum run run(struct walk *w, int64_t low, int64_t high, bool descending)
{
	char sql[SQL_TEXT];
	sqlite3_stmt *stmt = NULL;
	bool first = true;
	int result;
	w->inserted = 0;
	w->runs++;
	snprintf(sql, sizeof(sql), "SELECT %s FROM %s NOT INDEXED %s%s%s ORDER BY %s", w->columns, w->table,
		 w->number[0] ? "WHERE " : "", w->number, w->number[0] ? " BETWEEN ?1 AND ?2" : "",
		 descending ? w->descending : w->ascending);
	result = sqlite3_prepare_v2(w->from, sql, -1, &stmt, NULL);
	if (result != SQLITE_OK)
		return end_of(w, result);
	if (w->number[0]) {
		sqlite3_bind_int64(stmt, 1, low);
		sqlite3_bind_int64(stmt, 2, high);
	}
	while (!w->error && (result = sqlite3_step(stmt)) == SQLITE_ROW) {
		if (!take_row(w, stmt, descending, first)) {
			sqlite3_finalize(stmt);
			return RUN_DAMAGED;
		}
		first = false;
	}
	enum run end = w->error ? RUN_DAMAGED : end_of(w, result);
	sqlite3_finalize(stmt);
	return end;
}

/* --- around the holes --- */

/* Try to read from here on; when rows come, go back to the hole's upper edge. False: it is still the hole. */
static bool land(struct walk *w, int64_t at, int64_t here, enum run *end)
{
	*end = run(w, here, INT64_MAX, false);
	if (w->inserted == 0 && *end == RUN_DAMAGED)
		return false;
	int64_t upper = w->inserted ? w->first : here;
	int64_t last = w->inserted ? w->last : at;
	if (upper > at + 1)
		run(w, at + 1, upper - 1, true);
	w->last = last;
	return true;
}

/* Behind a hole that begins after `at`: further and further away until rows can be read again; and when all
 * of these points lie in holes, finer and finer between them. *end tells how the reading there ended. */
static bool leap(struct walk *w, int64_t at, enum run *end)
{
	if (land(w, at, at, end)) /* more rows of the same number */
		return true;
	for (int finer = 0; finer <= FINER_MAX; finer++) {
		for (int i = 0; i < OCTAVES; i++) {
			int64_t octave = (int64_t)1 << i;
			int64_t step = octave >> finer;
			if (step == 0 || at > INT64_MAX - 2 * octave)
				continue;
			for (int64_t point = octave + (finer ? step : 0); point < 2 * octave;
			     point += 2 * step) {
				if (w->error || w->runs >= RUNS_MAX)
					return false;
				if (land(w, at, at + point, end))
					return true;
			}
		}
	}
	return false;
}

static void walk_numbers(struct walk *w)
{
	enum run end = run(w, INT64_MIN, INT64_MAX, false);
	int64_t at = w->found->read ? w->last : 0;
	w->found->start_lost = end == RUN_DAMAGED && !w->found->read;
	while (end == RUN_DAMAGED && !w->error) {
		w->found->holes = true;
		if (!leap(w, at, &end)) {
			w->found->end_lost = true;
			return;
		}
		at = w->last;
	}
}

/* From both ends. */
static void walk_plain(struct walk *w)
{
	if (run(w, 0, 0, false) == RUN_DONE || w->error)
		return;
	w->found->holes = true;
	w->found->end_lost = run(w, 0, 0, true) == RUN_DAMAGED && w->inserted == 0;
}

int sqlite_walk(sqlite3 *from, sqlite3 *to, const char *table, const char *number, const char *keys,
		struct walked *ret)
{
	struct walk w = {.from = from, .to = to, .table = table, .number = number, .found = ret};
	*ret = (struct walked){0};
	w.error = read_columns(&w);
	read_keys(&w, keys);
	if (!w.error)
		w.error = prepare_insert(&w);
	if (!w.error && number[0])
		walk_numbers(&w);
	else if (!w.error)
		walk_plain(&w);
	sqlite3_finalize(w.insert);
	return w.error;
}
