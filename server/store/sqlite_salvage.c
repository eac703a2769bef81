/* SPDX-License-Identifier: Apache-2.0 */
/* What can be read of a damaged database, table by table, into a new file; and what its damage belongs to. */
#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "migrate.h"
#include "sqlite_handle.h"
#include "sqlite_walk.h"
#include "store_file.h"

#define FAULTS_MAX 1000 /* that SQLite's check is asked for */
#define TREES_MAX 160
#define NAME_MAX_TEXT 64
#define TEXT_OF(x) #x
#define NUMBER_TEXT(x) TEXT_OF(x)

static const struct {
	const char *name;
	const char *number;
	const char *keys;
	enum table_part part;
} tables[] = {
#define TABLE(name, number, keys, part) {#name, number, keys, part},
#include "tables.def"
#undef TABLE
};

#define TABLES (sizeof(tables) / sizeof(tables[0]))
_Static_assert(TABLES <= SALVAGE_TABLES, "room for each table");

/* A table or index as a tree of pages. */
struct tree {
	char name[NAME_MAX_TEXT];
	bool damaged;
};

struct salvaging {
	sqlite3 *from;
	sqlite3 *to;
	struct salvage *ret;
	struct tree trees[TREES_MAX];
	size_t n_trees;
	int64_t pages[FAULTS_MAX]; /* that faults were found on */
	bool placed[FAULTS_MAX];
	size_t n_pages;
	bool free_list;  /* the list of free pages is damaged */
	bool never_used; /* pages are neither on it nor in a tree */
	bool no_memory;  /* something was not looked at */
};

const char *salvage_part(enum table_part part)
{
	static const char *const names[] = {"facts", "log", "history", "derived"};
	return names[part];
}

/* --- what is damaged --- */

static void note_line(struct salvage *ret, const char *line, size_t n)
{
	ret->faults++;
	if (ret->n_lines < SALVAGE_LINES)
		snprintf(ret->lines[ret->n_lines++], sizeof(ret->lines[0]), "%.*s", (int)n, line);
}

static struct tree *find_tree(struct salvaging *s, const char *name)
{
	for (size_t i = 0; i < s->n_trees; i++)
		if (strcmp(s->trees[i].name, name) == 0)
			return &s->trees[i];
	return NULL;
}

/* A fault that names its index or table: "... in index NAME", "... in NAME.COLUMN". */
static bool place_by_name(struct salvaging *s, const char *line)
{
	static const char *const marks[] = {" index ", " in "};
	char name[NAME_MAX_TEXT];
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		const char *at = strstr(line, marks[i]);
		if (!at)
			continue;
		at += strlen(marks[i]);
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(at, " .\n"), at);
		struct tree *tree = find_tree(s, name);
		if (!tree)
			continue;
		tree->damaged = true;
		return true;
	}
	return false;
}

/* The first number behind "page", or 0. */
static int64_t page_of(const char *line)
{
	const char *at = strstr(line, "age ");
	return at && isdigit((unsigned char)at[4]) ? strtoll(at + 4, NULL, 10) : 0;
}

/* One fault in words. What is free is not read, and left behind with the old file. */
static void take_line(struct salvaging *s, const char *line, size_t n)
{
	char text[sizeof(s->ret->lines[0])];
	if (n == 0 || strncmp(line, "***", 3) == 0)
		return;
	note_line(s->ret, line, n);
	snprintf(text, sizeof(text), "%.*s", (int)n, line);
	if (strncmp(text, "Main freelist:", 14) == 0 || strstr(text, " is never used")) {
		s->free_list |= text[0] == 'M';
		s->never_used |= text[0] != 'M';
		return;
	}
	if (place_by_name(s, text))
		return;
	int64_t page = page_of(text);
	if (page && s->n_pages < FAULTS_MAX)
		s->pages[s->n_pages++] = page;
	else
		s->ret->unplaced = true;
}

static int read_faults(struct salvaging *s)
{
	sqlite3_stmt *stmt = NULL;
	int result = sqlite3_prepare_v2(s->from, "PRAGMA integrity_check(" NUMBER_TEXT(FAULTS_MAX) ")", -1,
					&stmt, NULL);
	while (result == SQLITE_OK && (result = sqlite3_step(stmt)) == SQLITE_ROW) {
		const char *all = (const char *)sqlite3_column_text(stmt, 0);
		s->no_memory |= !all || strstr(all, "error code=7") || strstr(all, "error code=3082");
		for (size_t n; all && *all && strcmp(all, "ok") != 0; all += n + (all[n] == '\n')) {
			n = strcspn(all, "\n");
			take_line(s, all, n);
		}
		result = SQLITE_OK;
	}
	bool no_memory = sqlite3_extended_errcode(s->from) == SQLITE_IOERR_NOMEM || result == SQLITE_NOMEM;
	sqlite3_finalize(stmt);
	if (no_memory || s->no_memory)
		return E_NO_MEMORY;
	if (result != SQLITE_DONE && s->ret->faults == 0) {
		note_line(s->ret, "the check itself could not read all of it", 41);
		s->ret->unplaced = true;
	}
	if (s->ret->faults >= FAULTS_MAX)
		s->ret->unplaced = true; /* and there are more */
	return 0;
}

/* Which pages belong to a tree, as far as it can be followed. */
static int place_pages(struct salvaging *s, struct tree *tree)
{
	static const char sql[] = "SELECT pageno, pagetype FROM dbstat WHERE name = ?1";
	sqlite3_stmt *stmt = NULL;
	int result = sqlite3_prepare_v2(s->from, sql, -1, &stmt, NULL);
	if (result == SQLITE_OK)
		sqlite3_bind_text(stmt, 1, tree->name, -1, SQLITE_STATIC);
	while (result == SQLITE_OK && (result = sqlite3_step(stmt)) == SQLITE_ROW) {
		const char *type = (const char *)sqlite3_column_text(stmt, 1);
		int64_t page = sqlite3_column_int64(stmt, 0);
		tree->damaged |= type && strcmp(type, "corrupted") == 0;
		for (size_t i = 0; i < s->n_pages; i++) {
			if (s->pages[i] != page)
				continue;
			s->placed[i] = true;
			tree->damaged = true;
		}
		result = SQLITE_OK;
	}
	bool no_memory = result == SQLITE_NOMEM || sqlite3_extended_errcode(s->from) == SQLITE_IOERR_NOMEM;
	sqlite3_finalize(stmt);
	/* A SQLite without that table gives an error, too: then nothing can be placed. */
	tree->damaged |= result != SQLITE_DONE && result != SQLITE_ERROR;
	return no_memory ? E_NO_MEMORY : 0;
}

static int read_trees(struct salvaging *s)
{
	static const char sql[] = "SELECT name FROM sqlite_schema WHERE rootpage > 0";
	sqlite3_stmt *stmt = NULL;
	int result = sqlite3_prepare_v2(s->from, sql, -1, &stmt, NULL);
	while (result == SQLITE_OK && (result = sqlite3_step(stmt)) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(stmt, 0);
		s->no_memory |= !name;
		if (name && s->n_trees < TREES_MAX)
			snprintf(s->trees[s->n_trees++].name, NAME_MAX_TEXT, "%s", name);
		result = SQLITE_OK;
	}
	int code = sqlite3_extended_errcode(s->from);
	sqlite3_finalize(stmt);
	return s->no_memory                                         ? E_NO_MEMORY
	       : result == SQLITE_DONE                              ? 0
	       : code == SQLITE_NOMEM || code == SQLITE_IOERR_NOMEM ? E_NO_MEMORY
								    : E_STORE_CORRUPT;
}

static bool is_table(const char *name)
{
	for (size_t i = 0; i < TABLES; i++)
		if (strcmp(tables[i].name, name) == 0)
			return true;
	return false;
}

static int look(struct salvaging *s)
{
	int error = read_trees(s);
	if (!error)
		error = read_faults(s);
	for (size_t i = 0; i < s->n_trees && !error; i++)
		error = place_pages(s, &s->trees[i]);
	bool any = s->free_list;
	for (size_t i = 0; i < s->n_trees && !error; i++) {
		s->ret->index_faults += s->trees[i].damaged && !is_table(s->trees[i].name);
		any |= s->trees[i].damaged;
	}
	s->ret->unplaced |= s->never_used && !any; /* what has lost them? */
	for (size_t i = 0; i < s->n_pages && !error; i++)
		s->ret->unplaced |= !s->placed[i];
	return error;
}

/* --- what is lost --- */

static int64_t number(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *stmt = NULL;
	int64_t n = -1;
	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW &&
	    sqlite3_column_type(stmt, 0) == SQLITE_INTEGER)
		n = sqlite3_column_int64(stmt, 0);
	/* What a damaged tree ends with is an error after the row. */
	if (n >= 0 && sqlite3_step(stmt) != SQLITE_DONE)
		n = -1;
	sqlite3_finalize(stmt);
	return n;
}

/* How many rows the table had, by an index that is whole; -1: there is none. */
static int64_t rows_by_index(struct salvaging *s, const char *table)
{
	char sql[256];
	sqlite3_stmt *stmt = NULL;
	int64_t n = -1;
	snprintf(sql, sizeof(sql),
		 "SELECT name FROM pragma_index_list('%s') WHERE origin <> 'pk' AND NOT partial", table);
	sqlite3_prepare_v2(s->to, sql, -1, &stmt, NULL);
	while (n < 0 && stmt && sqlite3_step(stmt) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(stmt, 0);
		const struct tree *tree = name ? find_tree(s, name) : NULL;
		if (!tree || tree->damaged)
			continue;
		snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s INDEXED BY %s", table, name);
		n = number(s->from, sql);
	}
	sqlite3_finalize(stmt);
	return n;
}

static int64_t count_lost(struct salvaging *s, const struct table_found *t, const struct walked *w)
{
	int64_t had = rows_by_index(s, t->name);
	if (had >= t->read)
		return had - t->read;
	if (strcmp(t->name, "audit") == 0 && !w->start_lost && !w->end_lost) /* it has no other gaps */
		return number(s->to, "SELECT max(seq) - min(seq) + 1 - count(*) FROM audit");
	return w->holes || !w->bad ? -1 : w->bad;
}

/* A version's schema may lack the table. E_NO_MEMORY, E_STORE_IO: nobody knows. */
static int has_table(struct salvaging *s, const char *name, bool *ret)
{
	static const char sql[] = "SELECT count(*) FROM sqlite_schema WHERE name = ?1";
	sqlite3_stmt *stmt = NULL;
	int error = 0;
	if (sqlite3_prepare_v2(s->to, sql, -1, &stmt, NULL) != SQLITE_OK ||
	    sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_step(stmt) != SQLITE_ROW)
		error = sqlite3_errcode(s->to) == SQLITE_NOMEM ? E_NO_MEMORY : E_STORE_IO;
	*ret = !error && sqlite3_column_int(stmt, 0);
	sqlite3_finalize(stmt);
	return error;
}

static int salvage_table(struct salvaging *s, size_t i)
{
	struct walked w;
	bool is_there;
	int error = has_table(s, tables[i].name, &is_there);
	if (error || !is_there)
		return error;
	if (strcmp(tables[i].name, "sqlite_sequence") == 0 &&
	    sqlite3_exec(s->to, "DELETE FROM sqlite_sequence", NULL, NULL, NULL) != SQLITE_OK)
		return E_STORE_IO;
	const struct tree *tree = find_tree(s, tables[i].name);
	struct table_found *t = &s->ret->tables[s->ret->n_tables++];
	*t = (struct table_found){.name = tables[i].name, .part = tables[i].part};
	error = sqlite_walk(s->from, s->to, t->name, tables[i].number, tables[i].keys, &w);
	t->read = w.read;
	t->damaged = !tree || tree->damaged || w.holes || w.bad;
	t->end_lost = w.end_lost;
	if (!error && t->damaged)
		t->lost = count_lost(s, t, &w);
	return error;
}

bool salvage_whole(const struct salvage *found)
{
	bool whole = !found->unplaced;
	for (size_t i = 0; i < found->n_tables; i++) {
		const struct table_found *t = &found->tables[i];
		if (t->part == PART_FACTS)
			whole &= !t->damaged;
		if (t->part == PART_LOG)
			whole &= !t->end_lost;
	}
	return whole;
}

/* --- the two files --- */

/* Nobody else has it open, and nothing is written to it or to the log beside it. */
static int open_old(struct salvaging *s, const char *path, int *ret_version)
{
	static const char sql[] =
		"PRAGMA mmap_size = 0; PRAGMA locking_mode = EXCLUSIVE; PRAGMA query_only = ON;"
		"BEGIN; SELECT count(*) FROM sqlite_schema";
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
	if (sqlite3_open_v2(path, &s->from, flags, NULL) != SQLITE_OK)
		return s->from && sqlite3_errcode(s->from) == SQLITE_NOMEM ? E_NO_MEMORY : E_IO;
	sqlite3_db_config(s->from, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	if (sqlite3_exec(s->from, sql, NULL, NULL, NULL) != SQLITE_OK) {
		int code = sqlite3_errcode(s->from) & 0xff;
		return code == SQLITE_BUSY                                  ? E_STORE_BUSY
		       : code == SQLITE_NOMEM                               ? E_NO_MEMORY
		       : code == SQLITE_CANTOPEN || code == SQLITE_READONLY ? E_IO
									    : E_STORE_CORRUPT;
	}
	int error = migrate_check(s->from);
	if (!error)
		error = migrate_version(s->from, ret_version);
	return error == E_INTERNAL || (!error && *ret_version == 0) ? E_STORE_CORRUPT : error;
}

static int open_new(struct salvaging *s, const char *path, int version)
{
	static const char sql[] =
		"PRAGMA page_size = 2048; PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF";
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return E_CANNOT_CREATE;
	close(fd);
	if (sqlite3_open_v2(path, &s->to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK ||
	    sqlite3_exec(s->to, sql, NULL, NULL, NULL) != SQLITE_OK)
		return E_CANNOT_CREATE;
	int error = migrate_as_of(s->to, version);
	if (!error && sqlite3_exec(s->to, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
		error = E_INTERNAL;
	return error && (sqlite3_errcode(s->to) & 0xff) == SQLITE_FULL ? E_STORE_FULL : error;
}

int store_salvage(const char *from, const char *to, struct salvage *ret)
{
	struct salvaging *s = calloc(1, sizeof(*s));
	int version = 0;
	if (!s)
		return E_NO_MEMORY;
	memset(ret, 0, sizeof(*ret));
	s->ret = ret;
	int error = open_old(s, from, &version);
	if (!error)
		error = open_new(s, to, version);
	if (!error)
		error = look(s);
	for (size_t i = 0; i < TABLES && !error; i++)
		error = salvage_table(s, i);
	if (!error && sqlite3_exec(s->to, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
		error = (sqlite3_errcode(s->to) & 0xff) == SQLITE_FULL ? E_STORE_FULL : E_STORE_IO;
	sqlite3_close(s->from);
	sqlite3_close(s->to);
	free(s);
	return error;
}
