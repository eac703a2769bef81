/* SPDX-License-Identifier: Apache-2.0 */
/* Making anew what follows from the rest, and what can be read of a file of which any page is damaged. */
#include "storekit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sqlite_handle.h"
#include "store_file.h"

#define PAGE 2048
#define FILL 120 /* rows in each table */
#define TABLES_MAX 40

static const char *const orphan_tables[] = {
#define ORPHAN(table, condition) #table,
#include "orphans.def"
#undef ORPHAN
};

#define ORPHANS (sizeof(orphan_tables) / sizeof(orphan_tables[0]))

static const struct {
	const char *name;
	enum table_part part;
} known[] = {
#define TABLE(name, number, keys, part) {#name, part},
#include "tables.def"
#undef TABLE
};

#define KNOWN (sizeof(known) / sizeof(known[0]))

/* --- databases of our own --- */

static sqlite3 *open_raw(const char *name)
{
	char path[256];
	sqlite3 *db;
	assert_int_equal(sqlite3_open(fixture_file(name, path), &db), SQLITE_OK);
	return db;
}

static void run_on(sqlite3 *db, const char *text)
{
	char *message = NULL;
	if (sqlite3_exec(db, text, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%s: %s", text, message);
}

static void sql(const char *name, const char *text)
{
	sqlite3 *db = open_raw(name);
	run_on(db, text);
	sqlite3_close(db);
}

static int64_t number(const char *name, const char *text)
{
	sqlite3 *db = open_raw(name);
	sqlite3_stmt *stmt;
	assert_int_equal(sqlite3_prepare_v2(db, text, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	int64_t n = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return n;
}

/* A row of any table, of the right types, whose integers are n. */
static void insert_any(sqlite3 *db, const char *table, int n)
{
	char list[1200];
	char text[160];
	sqlite3_stmt *stmt;
	int used = snprintf(list, sizeof(list), "INSERT INTO %s VALUES (", table);
	snprintf(text, sizeof(text), "SELECT name, type FROM pragma_table_info('%s')", table);
	assert_int_equal(sqlite3_prepare_v2(db, text, -1, &stmt, NULL), SQLITE_OK);
	for (int i = 0; sqlite3_step(stmt) == SQLITE_ROW; i++) {
		const char *type = (const char *)sqlite3_column_text(stmt, 1);
		const char *name = (const char *)sqlite3_column_text(stmt, 0);
		const char *form = strcmp(name, "kind") == 0 ? "%s0"
				   : type[0] == 'I'          ? "%s%d"
				   : type[0] == 'T'          ? "%s'a text that is somewhat long %d'"
							     : "%sCAST('bytes of a row %d' AS BLOB)";
		used += snprintf(list + used, sizeof(list) - (size_t)used, form, i ? ", " : "", n);
	}
	sqlite3_finalize(stmt);
	snprintf(list + used, sizeof(list) - (size_t)used, ")");
	run_on(db, list);
}

/* Some rows in every table, whatever they mean. */
static void make_full(const char *name)
{
	sqlite3 *db = open_raw(name);
	run_on(db, "BEGIN; DELETE FROM meta");
	for (size_t i = 0; i < KNOWN; i++)
		for (int n = 1; n <= FILL && strncmp(known[i].name, "sqlite_", 7) != 0; n++)
			insert_any(db, known[i].name, n);
	run_on(db, "CREATE TABLE filler AS SELECT zeroblob(900) FROM device; DROP TABLE filler; COMMIT;"
		   "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE");
	sqlite3_close(db);
}

static int start(void **state)
{
	(void)state;
	fixture_empty();
	open_sqlite();
	return 0;
}

static void reopen(void)
{
	store_close(store);
	store = NULL;
	open_sqlite();
}

/* --- the tables --- */

/* Whoever adds a table has to say what it means that a row of it cannot be read. */
static void test_every_table_is_known(void **state)
{
	sqlite3 *db = open_raw("store.db");
	sqlite3_stmt *stmt;
	size_t n = 0;
	(void)state;
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT name FROM sqlite_schema WHERE type = 'table'", -1,
					    &stmt, NULL),
			 SQLITE_OK);
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(stmt, 0);
		bool found = false;
		for (size_t i = 0; i < KNOWN; i++)
			found |= strcmp(known[i].name, name) == 0;
		if (!found)
			fail_msg("%s is not in tables.def", name);
		n++;
	}
	assert_int_equal(n, KNOWN);
	sqlite3_finalize(stmt);
	sqlite3_close(db);
}

/* --- on a store that is open --- */

struct mends {
	struct mended all[64];
	char names[64][32];
	size_t n;
};

static void take(const struct mended *m, void *context)
{
	struct mends *all = context;
	assert_in_range(all->n, 0, 63);
	snprintf(all->names[all->n], sizeof(all->names[0]), "%s", m->what);
	all->all[all->n++] = *m;
}

static struct mends mend(bool indexes)
{
	struct mends m = {.n = 0};
	begin();
	assert_int_equal(store_mend(store, indexes, take, &m), 0);
	commit();
	return m;
}

static void test_counts_come_from_the_rows(void **state)
{
	(void)state;
	fill_many();
	sql("store.db", "INSERT INTO seat (kind, holder, product, entitlement, plans, direct, code, since, "
			"detail) VALUES "
			"(1, 1, 'acme-cad', 3, 0, 1, 0, 0, ''), (1, 2, 'acme-cad', 0, 0, 1, 9, 0, '');"
			"INSERT INTO bucket VALUES (3, 3, 0, 1); INSERT INTO waiting VALUES ('acme-cad', 1)");
	assert_int_equal(check().n, 0);
	assert_int_equal(mend(true).n, 1); /* the indexes; no count */
	dump_from(store, &here);
	sql("store.db", "UPDATE bucket SET n = n + 1 WHERE entitlement = 1 AND kind = 0;"
			"DELETE FROM bucket WHERE kind = 2; DELETE FROM bucket WHERE kind = 3;"
			"INSERT INTO bucket VALUES (1, 1, 7, 5); UPDATE waiting SET n = 4");
	assert_true(check().n > 3);
	struct mends m = mend(false);
	bool devices = false;
	bool lease = false;
	bool waiting = false;
	for (size_t i = 0; i < m.n; i++) {
		const struct mended *c = &m.all[i];
		assert_int_equal(c->kind, MEND_COUNT);
		assert_true(c->had != c->is);
		devices |= c->bucket == BUCKET_DEVICES && c->had == 0 && c->is == 23;
		lease |= c->bucket == BUCKET_LEASE && c->day == 7 && c->had == 5 && c->is == 0 &&
			 strcmp(m.names[i], "cad") == 0;
		waiting |= c->bucket == BUCKET_SEATS + 1 && c->had == 4 && c->is == 1 &&
			   strcmp(m.names[i], "acme-cad") == 0;
	}
	assert_true(devices && lease && waiting);
	assert_int_equal(check().n, 0);
	dump_from(store, &there);
	assert_same_texts(&here, &there);
	assert_int_equal(mend(false).n, 0);
}

static void test_what_is_undone_was_not_done(void **state)
{
	struct mends m = {.n = 0};
	(void)state;
	fill_many();
	sql("store.db",
	    "UPDATE bucket SET n = n + 1; INSERT INTO membership (kind, member, circle) VALUES (1, 1, 99)");
	int wrong = check().n;
	begin();
	assert_int_equal(store_mark(store), 0);
	assert_int_equal(store_mend(store, true, take, &m), 0);
	assert_int_equal(store_undo(store), 0);
	put_audit("after", "x");
	commit();
	assert_int_equal(m.all[0].kind, MEND_INDEXES);
	assert_true(m.n > 2);
	assert_int_equal(check().n, wrong);
	assert_int_equal(number("store.db", "SELECT count(*) FROM membership"), 1);
}

/* Each table of orphans.def: a row of nobody is found, by a reader too, and goes; a row of somebody stays. */
static void test_rows_without_an_owner(void **state)
{
	struct store *reader;
	sqlite3 *db;
	(void)state;
	db = open_raw("store.db");
	run_on(db, "BEGIN");
	insert_any(db, "device", 5);
	insert_any(db, "user", 5);
	insert_any(db, "circle", 5);
	for (size_t i = 0; i < ORPHANS; i++) {
		insert_any(db, orphan_tables[i], 5);
		insert_any(db, orphan_tables[i], 6);
	}
	run_on(db, "INSERT INTO membership VALUES (7, 1, 6, 5), (8, 2, 6, 5), (9, 1, 5, 5), (10, 2, 5, 5);"
		   "INSERT INTO assignment VALUES (7, 1, 6, 'p', 0, '', 0), (8, 2, 6, 'p', 0, '', 0), (9, 2, "
		   "5, 'p', 0, '', 0);"
		   "INSERT INTO denial VALUES (7, 0, 0, 'p', 1, 1, 1, 1);"
		   "INSERT INTO binding VALUES (7, 5, 6, 1), (8, 6, 5, 1); COMMIT");
	sqlite3_close(db);
	mend(false); /* the counts of all this */
	assert_int_equal(number("store.db", "SELECT count(*) FROM membership"), 3);
	assert_int_equal(number("store.db", "SELECT count(*) FROM assignment"), 2);
	assert_int_equal(number("store.db", "SELECT count(*) FROM binding"), 1);
	assert_int_equal(number("store.db", "SELECT count(*) FROM denial"), 2);
	for (size_t i = 0; i < ORPHANS; i++) {
		char text[80];
		db = open_raw("store.db");
		insert_any(db, orphan_tables[i], 6);
		sqlite3_close(db);
		assert_int_equal(store_reader(store, &reader), 0);
		struct mends seen = {.n = 0};
		assert_int_equal(store_orphans(reader, take, &seen), 0);
		store_close(reader);
		assert_int_equal(seen.n, 1);
		assert_string_equal(seen.names[0], orphan_tables[i]);
		assert_int_equal(seen.all[0].rows, 1);
		struct mends m = mend(false);
		assert_int_equal(m.all[0].kind, MEND_ORPHANS);
		assert_string_equal(m.names[0], orphan_tables[i]);
		snprintf(text, sizeof(text), "SELECT count(*) > 0 FROM %s", orphan_tables[i]);
		assert_int_equal(number("store.db", text), 1);
	}
	assert_int_equal(mend(false).n, 0);
}

static void test_indexes_are_made_anew(void **state)
{
	static const char spoil[] = "PRAGMA writable_schema = ON;"
				    "CREATE TABLE saved AS SELECT type, name, tbl_name, rootpage, sql FROM "
				    "sqlite_schema WHERE name = 'device_tag';"
				    "DELETE FROM sqlite_schema WHERE name = 'device_tag'";
	(void)state;
	fill_many();
	store_close(store);
	store = NULL;
	sql("store.db", spoil);
	sql("store.db", "UPDATE device SET tag = tag + 1 WHERE num > 3; PRAGMA writable_schema = ON;"
			"INSERT INTO sqlite_schema SELECT * FROM saved");
	sql("store.db", "DROP TABLE saved");
	reopen();
	struct findings f = check();
	assert_true(f.n > 0);
	for (int i = 0; i < f.n && i < 32; i++)
		assert_int_equal(f.codes[i], E_INDEX_BROKEN);
	assert_int_equal(mend(true).all[0].kind, MEND_INDEXES);
	assert_int_equal(check().n, 0);
}

static void test_a_store_in_memory_has_nothing_to_mend(void **state)
{
	struct mends m = {.n = 0};
	struct store *memory;
	(void)state;
	assert_int_equal(store_open("memory:", &memory), 0);
	assert_int_equal(store_begin(memory), 0);
	assert_int_equal(store_mend(memory, true, take, &m), 0);
	assert_int_equal(store_orphans(memory, take, &m), 0);
	assert_int_equal(store_commit(memory), 0);
	assert_int_equal(m.n, 0);
	store_close(memory);
}

/* --- files of which any page is damaged --- */

/* Both tables have the same rows. */
static bool same(sqlite3 *db, const char *table)
{
	char text[200];
	sqlite3_stmt *stmt;
	snprintf(text, sizeof(text),
		 "SELECT NOT EXISTS (SELECT * FROM was.%s EXCEPT SELECT * FROM main.%s) AND "
		 "(SELECT count(*) FROM was.%s) = (SELECT count(*) FROM main.%s)",
		 table, table, table, table);
	assert_int_equal(sqlite3_prepare_v2(db, text, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	bool is = sqlite3_column_int(stmt, 0);
	sqlite3_finalize(stmt);
	return is;
}

static const struct table_found *found_of(const struct salvage *s, const char *table)
{
	for (size_t i = 0; i < s->n_tables; i++)
		if (strcmp(s->tables[i].name, table) == 0)
			return &s->tables[i];
	fail_msg("%s was not looked at", table);
	return NULL;
}

static int64_t rows_of(sqlite3 *db, const char *schema, const char *table)
{
	char text[100];
	sqlite3_stmt *stmt;
	snprintf(text, sizeof(text), "SELECT count(*) FROM %s.%s", schema, table);
	assert_int_equal(sqlite3_prepare_v2(db, text, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	int64_t n = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return n;
}

/* What the copy says it has, it has; and what it says is whole, is. */
static void compare(const struct salvage *s, bool content)
{
	char text[300];
	char path[256];
	sqlite3 *db = open_raw("fresh.db");
	snprintf(text, sizeof(text), "ATTACH '%s' AS was", fixture_file("good.db", path));
	run_on(db, text);
	for (size_t i = 0; i < KNOWN; i++) {
		const struct table_found *t = found_of(s, known[i].name);
		int64_t had = rows_of(db, "was", t->name);
		assert_int_equal(rows_of(db, "main", t->name), t->read);
		if (t->damaged && t->lost >= 0)
			assert_true(content ? t->read + t->lost == had : t->read + t->lost >= had);
		if (t->damaged || s->unplaced)
			continue;
		if (t->read != had || (content && !same(db, t->name)))
			fail_msg("%s is told to be whole, and is not: %lld of %lld rows; %s", t->name,
				 (long long)t->read, (long long)had, s->n_lines ? s->lines[0] : "no fault");
	}
	sqlite3_close(db);
}

/* Returns whether the copy may serve. */
static bool salvage(const uint8_t *bytes, size_t n, bool content)
{
	char from[256];
	char to[256];
	uint8_t *after;
	struct salvage s;
	fixture_write(fixture_file("bad.db", from), bytes, n);
	unlink(fixture_file("fresh.db", to));
	int error = store_salvage(from, to, &s);
	assert_int_equal(fixture_read("bad.db", &after), n); /* it was only read */
	assert_memory_equal(after, bytes, n);
	free(after);
	if (error) {
		assert_int_equal(error, E_STORE_CORRUPT);
		return false;
	}
	compare(&s, content);
	return salvage_whole(&s);
}

static uint8_t *good(size_t *ret_n)
{
	uint8_t *bytes;
	store_close(store);
	store = NULL;
	make_full("store.db");
	*ret_n = fixture_read("store.db", &bytes);
	char path[256];
	fixture_write(fixture_file("good.db", path), bytes, *ret_n);
	return bytes;
}

/* Each page in turn: noughts, ones, rubbish. Some may be lost, and the copy serves all the same. */
static void test_any_page_may_be_lost(void **state)
{
	size_t n;
	uint8_t page[PAGE];
	int served = 0;
	int refused = 0;
	(void)state;
	uint8_t *bytes = good(&n);
	assert_true(salvage(bytes, n, true));
	for (size_t at = 0; at < n; at += PAGE) {
		for (int how = 0; how < 3; how++) {
			if ((at / PAGE + (size_t)how) % 9) /* each harm to every ninth page */
				continue;
			memcpy(page, bytes + at, PAGE);
			memset(bytes + at, how == 1 ? 0xff : 0, PAGE);
			for (size_t i = 0; i < PAGE && how == 2; i++)
				bytes[at + i] = (uint8_t)(i * 37 + at / PAGE * 11);
			bool whole = salvage(bytes, n, true);
			served += whole;
			refused += !whole;
			memcpy(bytes + at, page, PAGE);
		}
	}
	free(bytes);
	assert_true(served > 20 && refused > 20);
}

/* SQLite keeps no sums of its pages, so that a changed letter inside a row is not seen; no row is lost
 * unseen. */
static void test_any_byte_may_be_wrong(void **state)
{
	size_t n;
	unsigned seed = 1;
	(void)state;
	uint8_t *bytes = good(&n);
	for (int i = 0; i < 80; i++) {
		seed = seed * 1103515245 + 12345;
		size_t page = seed / 7 % (n / PAGE);
		size_t at = page * PAGE + (i % 2 ? seed >> 20 & 15 : seed >> 16 & (PAGE - 1));
		uint8_t was = bytes[at];
		bytes[at] ^= (uint8_t)(1 << (seed >> 13 & 7));
		salvage(bytes, n, false);
		bytes[at] = was;
	}
	free(bytes);
}

static void test_a_file_that_ends_early(void **state)
{
	size_t n;
	(void)state;
	uint8_t *bytes = good(&n);
	for (size_t left = 0; left < n; left += n / 8 + 1)
		salvage(bytes, left, true);
	for (size_t left = n - PAGE; left < n; left += 1000)
		salvage(bytes, left, true);
	free(bytes);
}

/* One of an older version stays one, and is brought up to date when it is opened. */
static void test_an_older_schema_is_kept(void **state)
{
	static const struct {
		const char *name;
		const char *sql;
	} schema[] = {
#include "schema.inc"
	};
	char from[256];
	char to[256];
	struct salvage s;
	(void)state;
	sqlite3 *db = open_raw("old.db");
	run_on(db, "PRAGMA page_size = 2048; PRAGMA application_id = 1297437524; PRAGMA user_version = 1");
	run_on(db, schema[0].sql);
	insert_any(db, "device", 1);
	insert_any(db, "activation", 1);
	sqlite3_close(db);
	assert_int_equal(store_salvage(fixture_file("old.db", from), fixture_file("new.db", to), &s), 0);
	assert_int_equal(number("new.db", "PRAGMA user_version"), 1);
	assert_int_equal(number("new.db", "SELECT count(*) FROM activation"), 1);
}

static void test_what_is_in_use_or_not_there(void **state)
{
	char from[256];
	char to[256];
	struct salvage s;
	(void)state;
	fill();
	assert_int_equal(store_salvage(fixture_file("store.db", from), fixture_file("new.db", to), &s),
			 E_STORE_BUSY);
	assert_int_equal(store_salvage(fixture_file("none.db", from), fixture_file("new2.db", to), &s), E_IO);
	assert_int_equal(access(to, F_OK), -1);
	assert_int_equal(check().n, 0);
}

#define FILES(test)                                                                                          \
	{                                                                                                    \
#test, test, start, close_store, NULL                                                        \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FILES(test_every_table_is_known),        FILES(test_counts_come_from_the_rows),
		FILES(test_what_is_undone_was_not_done), FILES(test_rows_without_an_owner),
		FILES(test_indexes_are_made_anew),       FILES(test_a_store_in_memory_has_nothing_to_mend),
		FILES(test_any_page_may_be_lost),        FILES(test_any_byte_may_be_wrong),
		FILES(test_a_file_that_ends_early),      FILES(test_an_older_schema_is_kept),
		FILES(test_what_is_in_use_or_not_there),
	};
	log_level_set(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("server/store: mending and salvage", tests, NULL, NULL);
}
