/* SPDX-License-Identifier: Apache-2.0 */
/* Plain records in SQLite: every statement is made from records.def. */
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "sqlite_handle.h"

#define SQL_ROOM 1024

/* --- values --- */

static void bind_field(sqlite3_stmt *stmt, int index, const struct record *r, const struct record_field *f)
{
	struct bytes bytes;
	switch (f->type) {
	case FIELD_INT:
		sqlite3_bind_int64(stmt, index, record_int(r, f));
		break;
	case FIELD_TEXT:
		sqlite3_bind_text(stmt, index, record_text(r, f), -1, SQLITE_STATIC);
		break;
	case FIELD_BYTES:
		bytes = record_bytes(r, f);
		sqlite3_bind_blob(stmt, index, bytes.at, (int)bytes.n, SQLITE_STATIC);
		break;
	}
}

void sqlite_record_read(sqlite3_stmt *stmt, int column, enum record_kind kind, struct record *ret)
{
	size_t n;
	const struct record_field *fields = record_fields(kind, &n);
	*ret = (struct record){.kind = kind, .num = sqlite3_column_int64(stmt, column)};
	for (size_t i = 0; i < n; i++) {
		int at = column + 1 + (int)i;
		const char *text = "";
		if (fields[i].type == FIELD_INT)
			record_set_int(ret, &fields[i], sqlite3_column_int64(stmt, at));
		else if (fields[i].type == FIELD_BYTES)
			record_set_bytes(ret, &fields[i],
					 (struct bytes){sqlite3_column_blob(stmt, at),
							(size_t)sqlite3_column_bytes(stmt, at)});
		else if ((text = (const char *)sqlite3_column_text(stmt, at)))
			record_set_text(ret, &fields[i], text);
		else
			record_set_text(ret, &fields[i], "");
	}
}

/* --- statements --- */

static void add(char *sql, const char *text)
{
	strncat(sql, text, SQL_ROOM - strlen(sql) - 1);
}

static sqlite3_stmt *prepare(struct sqlite_store *s, const char *sql)
{
	sqlite3_stmt *stmt = NULL;
	sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL);
	return stmt;
}

/* INSERT OR REPLACE would take out another record with the same unique key, and hide a mistake. */
static sqlite3_stmt *prepare_put(struct sqlite_store *s, enum record_kind kind)
{
	char sql[SQL_ROOM];
	char part[64];
	size_t n;
	const struct record_field *fields = record_fields(kind, &n);
	snprintf(sql, sizeof(sql), "INSERT INTO %s VALUES (?1", record_name(kind));
	for (size_t i = 0; i < n; i++) {
		snprintf(part, sizeof(part), ", ?%zu", i + 2);
		add(sql, part);
	}
	add(sql, ") ON CONFLICT (num) DO UPDATE SET ");
	for (size_t i = 0; i < n; i++) {
		snprintf(part, sizeof(part), "%s%s = ?%zu", i ? ", " : "", fields[i].name, i + 2);
		add(sql, part);
	}
	return prepare(s, sql);
}

/* counts: of ?1 and ?2, cursor and limit, nothing is left. */
static sqlite3_stmt *prepare_find(struct sqlite_store *s, enum record_kind kind, uint32_t by, bool counts)
{
	char sql[SQL_ROOM];
	char part[64];
	size_t n;
	const struct record_field *fields = record_fields(kind, &n);
	snprintf(sql, sizeof(sql), "SELECT %s", counts ? "count(*)" : "num");
	for (size_t i = 0; i < n && !counts; i++) {
		snprintf(part, sizeof(part), ", %s", fields[i].name);
		add(sql, part);
	}
	snprintf(part, sizeof(part), " FROM %s WHERE %s", record_name(kind), counts ? "1" : "num > ?1");
	add(sql, part);
	for (size_t i = 0; i < n; i++) {
		if (!(by & 1u << i))
			continue;
		snprintf(part, sizeof(part), " AND %s = ?%zu", fields[i].name, i + 3);
		add(sql, part);
	}
	if (!counts)
		add(sql, " ORDER BY num LIMIT ?2");
	return prepare(s, sql);
}

/* Where the next statement is kept: a free place, or one in turn whose statement nobody steps through. */
static struct record_finder *finder_place(struct sqlite_store *s)
{
	if (s->n_finders < RECORD_FINDS)
		return &s->finders[s->n_finders++];
	do
		s->finder_turn = (s->finder_turn + 1) % RECORD_FINDS;
	while (sqlite3_stmt_busy(s->finders[s->finder_turn].stmt));
	return &s->finders[s->finder_turn];
}

static sqlite3_stmt *finder(struct sqlite_store *s, enum record_kind kind, uint32_t by, bool counts)
{
	for (size_t i = 0; i < s->n_finders; i++)
		if (s->finders[i].kind == kind && s->finders[i].by == by && s->finders[i].counts == counts)
			return s->finders[i].stmt;
	sqlite3_stmt *stmt = prepare_find(s, kind, by, counts);
	if (!stmt)
		return NULL;
	struct record_finder *place = finder_place(s);
	sqlite3_finalize(place->stmt);
	*place = (struct record_finder){kind, by, counts, stmt};
	return stmt;
}

void sqlite_records_close(struct sqlite_store *s)
{
	for (size_t i = 0; i < RECORD_KINDS; i++) {
		sqlite3_finalize(s->puts[i]);
		sqlite3_finalize(s->drops[i]);
	}
	for (size_t i = 0; i < s->n_finders; i++)
		sqlite3_finalize(s->finders[i].stmt);
}

/* --- operations --- */

int sqlite_record_put(struct sqlite_store *s, struct record *r)
{
	size_t n;
	const struct record_field *fields = record_fields(r->kind, &n);
	sqlite3_stmt *stmt = s->puts[r->kind];
	if (!stmt)
		stmt = s->puts[r->kind] = prepare_put(s, r->kind);
	if (!stmt)
		return sqlite_error(s);
	if (r->num)
		sqlite3_bind_int64(stmt, 1, r->num);
	else
		sqlite3_bind_null(stmt, 1);
	for (size_t i = 0; i < n; i++)
		bind_field(stmt, (int)i + 2, r, &fields[i]);
	int error = sqlite_run(s, stmt);
	if (!error && !r->num)
		r->num = sqlite3_last_insert_rowid(s->db);
	return error;
}

int sqlite_record_drop(struct sqlite_store *s, enum record_kind kind, int64_t num)
{
	char sql[64];
	snprintf(sql, sizeof(sql), "DELETE FROM %s WHERE num = ?1", record_name(kind));
	if (!s->drops[kind])
		s->drops[kind] = prepare(s, sql);
	if (!s->drops[kind])
		return sqlite_error(s);
	sqlite3_bind_int64(s->drops[kind], 1, num);
	return sqlite_run(s, s->drops[kind]);
}

int sqlite_record_page(struct sqlite_store *s, const struct listing *l, row_function *callback, void *context)
{
	size_t n;
	const struct record_field *fields = record_fields(l->like->kind, &n);
	bool counts = l->kind == LIST_COUNT;
	sqlite3_stmt *stmt = finder(s, l->like->kind, l->by, counts);
	int result = SQLITE_DONE;
	int stopped = 0;
	if (!stmt)
		return sqlite_error(s);
	sqlite3_bind_int64(stmt, 1, l->after[0]);
	sqlite3_bind_int64(stmt, 2, l->limit ? l->limit : -1);
	for (size_t i = 0; i < n; i++)
		if (l->by & 1u << i)
			bind_field(stmt, (int)i + 3, l->like, &fields[i]);
	while (!stopped && (result = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct row row = {0};
		if (counts) {
			row.u.count = sqlite3_column_int64(stmt, 0);
		} else {
			sqlite_record_read(stmt, 0, l->like->kind, &row.u.record);
			row.cursor[0] = row.u.record.num;
		}
		stopped = callback(&row, context);
	}
	int error = stopped ? stopped : result == SQLITE_DONE ? 0 : sqlite_error(s);
	sqlite3_reset(stmt);
	return error;
}
