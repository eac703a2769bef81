/* SPDX-License-Identifier: Apache-2.0 */
/* Making anew what follows from the rest: indexes, counts; and rows whose owner is gone. */
#include <stdio.h>

#include "error.h"
#include "sqlite_handle.h"

static const struct {
	const char *table;
	const char *count;
	const char *drop;
} orphans[] = {
#define ORPHAN(table, condition)                                                                             \
	{#table, "SELECT count(*) FROM " #table " o WHERE " condition,                                       \
	 "DELETE FROM " #table " AS o WHERE " condition},
#include "orphans.def"
#undef ORPHAN
};

#define ORPHANS (sizeof(orphans) / sizeof(orphans[0]))

static int count(struct sqlite_store *s, const char *sql, int64_t *ret)
{
	sqlite3_stmt *stmt = NULL;
	sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL);
	int error = sqlite_number(s, stmt, ret);
	sqlite3_finalize(stmt);
	return error;
}

static int run(struct sqlite_store *s, const char *sql)
{
	return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : sqlite_error(s);
}

static int each_orphan(struct sqlite_store *s, bool drop, mend_function *show, void *context)
{
	int error = 0;
	for (size_t i = 0; i < ORPHANS && !error; i++) {
		struct mended m = {.kind = MEND_ORPHANS, .what = orphans[i].table};
		error = count(s, orphans[i].count, &m.rows);
		if (error || !m.rows)
			continue;
		if (drop)
			error = run(s, orphans[i].drop);
		if (!error)
			show(&m, context);
	}
	return error;
}

int sqlite_orphans(struct store *store, mend_function *show, void *context)
{
	return each_orphan((struct sqlite_store *)store, false, show, context);
}

/* Each count that is not as it should be. */
static int show_counts(struct sqlite_store *s, mend_function *show, void *context)
{
	sqlite3_stmt *stmt = sqlite_statement(s, STMT_MEND_COUNTS);
	if (!stmt)
		return sqlite_error(s);
	int result;
	while ((result = sqlite3_step(stmt)) == SQLITE_ROW) {
		const char *what = (const char *)sqlite3_column_text(stmt, 0);
		struct mended m = {.kind = MEND_COUNT,
				   .what = what ? what : "",
				   .bucket = sqlite3_column_int(stmt, 1),
				   .day = sqlite3_column_int(stmt, 2),
				   .had = sqlite3_column_int64(stmt, 3),
				   .is = sqlite3_column_int64(stmt, 4)};
		show(&m, context);
	}
	return sqlite_finish(s, stmt, result);
}

static int count_anew(struct sqlite_store *s)
{
	static const enum statement all[] = {STMT_MEND_CLEAR_BUCKETS, STMT_MEND_BUCKETS,
					     STMT_MEND_CLEAR_WAITING, STMT_MEND_WAITING};
	int error = 0;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]) && !error; i++)
		error = sqlite_run(s, sqlite_statement(s, all[i]));
	return error;
}

/* Indexes first, as the rest goes by them. */
int sqlite_mend(struct store *store, bool indexes, mend_function *show, void *context)
{
	struct sqlite_store *s = (struct sqlite_store *)store;
	struct mended made = {.kind = MEND_INDEXES, .what = ""};
	int error = indexes ? run(s, "REINDEX") : 0;
	if (!error && indexes)
		show(&made, context);
	if (!error)
		error = each_orphan(s, true, show, context);
	if (!error)
		error = show_counts(s, show, context);
	return error ? error : count_anew(s);
}
