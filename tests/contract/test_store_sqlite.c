/* SPDX-License-Identifier: Apache-2.0 */
/* What only a file can promise: reopening, refusing, damage, an unclean stop, a full disk. */
#include "storekit.h"

#include <sys/stat.h>

#include "sqlite_handle.h"

static const struct {
	const char *name;
	const char *sql;
} schema[] = {
#include "schema.inc"
};

static int start_sqlite(void **state)
{
	(void)state;
	fixture_empty();
	store = NULL;
	return 0;
}

/* Run SQL of our own on a file that no store holds, or beside it. */
static void sql(const char *name, const char *text)
{
	char path[256];
	sqlite3 *db;
	assert_int_equal(sqlite3_open(fixture_file(name, path), &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 2000);
	char *message = NULL;
	if (sqlite3_exec(db, text, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%s: %s", text, message);
	sqlite3_close(db);
}

static int open_code(const char *name)
{
	char path[256];
	char url[300];
	struct store *other = NULL;
	snprintf(url, sizeof(url), "sqlite:%s", fixture_file(name, path));
	int error = store_open(url, &other);
	assert_true(error == 0 ? other != NULL : other == NULL);
	store_close(other);
	return error;
}

static void copy(const char *from, const char *to, size_t most)
{
	char path[256];
	uint8_t *bytes;
	size_t n = fixture_read(from, &bytes);
	assert_non_null(bytes);
	fixture_write(fixture_file(to, path), bytes, n < most ? n : most);
	free(bytes);
}

static void test_reopening_keeps_everything(void **state)
{
	(void)state;
	open_sqlite();
	fill();
	dump_from(store, &there);
	for (int i = 0; i < 3; i++) {
		store_close(store);
		open_sqlite();
		dump_from(store, &here);
		assert_same_texts(&here, &there);
	}
	struct asker a = asker(1, 0);
	assert_int_equal(device_of(&a).ratchet.counter, 7);
	begin();
	put_audit("after", "x"); /* the chain goes on where it stood */
	commit();
	assert_int_equal(check().n, 0);
}

static void assert_refused_untouched(const char *name, int code)
{
	uint8_t *before;
	uint8_t *after;
	size_t n = fixture_read(name, &before);
	assert_int_equal(open_code(name), code);
	size_t m = fixture_read(name, &after);
	assert_int_equal(n, m);
	assert_memory_equal(before, after, n);
	free(before);
	free(after);
	char path[256];
	snprintf(path, sizeof(path), "%s/%s-wal", fixture_folder(), name);
	assert_int_not_equal(access(path, F_OK), 0);
}

static void test_a_newer_schema_is_refused(void **state)
{
	const int known = (int)(sizeof(schema) / sizeof(schema[0]));
	char text[64];
	(void)state;
	open_sqlite();
	fill();
	store_close(store);
	store = NULL;
	sql("store.db", "PRAGMA user_version = 99; UPDATE meta SET value = x'00' WHERE key = 'clean'");
	assert_refused_untouched("store.db", E_STORE_NEWER);
	snprintf(text, sizeof(text), "PRAGMA user_version = %d", known);
	sql("store.db", text);
	assert_int_equal(open_code("store.db"), 0);
}

static void test_a_foreign_database_is_refused_untouched(void **state)
{
	(void)state;
	sql("foreign.db", "CREATE TABLE cats (name TEXT); INSERT INTO cats VALUES ('Tom')");
	assert_refused_untouched("foreign.db", E_STORE_CORRUPT);
	sql("stamped.db", "PRAGMA application_id = 4711; CREATE TABLE cats (name TEXT)");
	assert_refused_untouched("stamped.db", E_STORE_CORRUPT);
	sql("alike.db", "CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB)");
	assert_refused_untouched("alike.db", E_STORE_CORRUPT);
	sql("versioned.db", "PRAGMA user_version = 1");
	assert_refused_untouched("versioned.db", E_STORE_CORRUPT);
}

static void test_garbage_is_refused_untouched(void **state)
{
	char path[256];
	uint8_t bytes[8192];
	(void)state;
	randombytes_buf(bytes, sizeof(bytes));
	fixture_write(fixture_file("garbage.db", path), bytes, sizeof(bytes));
	assert_refused_untouched("garbage.db", E_STORE_CORRUPT);
}

static void test_a_place_that_cannot_be(void **state)
{
	(void)state;
	assert_int_equal(open_code("no-folder/store.db"), E_CANNOT_CREATE);
	assert_int_equal(open_code("."), E_CANNOT_CREATE);
}

static void test_an_empty_file_becomes_a_store(void **state)
{
	char path[256];
	(void)state;
	fixture_write(database(path), "", 0);
	open_sqlite();
	fill();
	assert_int_equal(check().n, 0);
}

/* What damage must be found, one at a time. */
static const struct {
	const char *sql;
	int code;
} damages[] = {
	{"UPDATE audit SET detail = '{ }' WHERE seq = 1", E_AUDIT_BROKEN},
	{"UPDATE audit SET at = at + 1 WHERE seq = 2", E_AUDIT_BROKEN},
	{"UPDATE audit SET hash = zeroblob(32) WHERE seq = 1", E_AUDIT_BROKEN},
	{"UPDATE audit SET hash = zeroblob(7) WHERE seq = 2", E_AUDIT_BROKEN},
	{"DELETE FROM audit WHERE seq = 1", E_AUDIT_BROKEN},
	{"UPDATE bucket SET n = n + 1 WHERE entitlement = 1 AND kind = 0", E_COUNT_BROKEN},
	{"DELETE FROM bucket WHERE entitlement = 1 AND kind = 1", E_COUNT_BROKEN},
	{"UPDATE bucket SET n = 3 WHERE entitlement = 0", E_COUNT_BROKEN},
	{"INSERT INTO bucket VALUES (1, 0, 5, 1)", E_COUNT_BROKEN},
	{"INSERT INTO waiting VALUES ('acme-cad', 1)", E_COUNT_BROKEN},
	{"DELETE FROM activation WHERE device = 1", E_COUNT_BROKEN},
	{"UPDATE activation SET contacted = contacted - 86400 WHERE device = 2", E_COUNT_BROKEN},
	{"DELETE FROM device WHERE num = 2", E_COUNT_BROKEN},
};

static void test_damage_is_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		fixture_empty();
		open_sqlite();
		fill();
		assert_int_equal(check().n, 0);
		sql("store.db", damages[i].sql);
		struct findings f = check();
		if (f.n == 0 || f.codes[0] != damages[i].code)
			print_error("%s: %d findings, first %d\n", damages[i].sql, f.n, f.n ? f.codes[0] : 0);
		assert_true(f.n > 0);
		assert_int_equal(f.codes[0], damages[i].code);
		store_close(store);
	}
	store = NULL;
}

/* The files as a crash leaves them: copied while the store is open, with a transaction under way. */
static void crash(size_t wal_bytes)
{
	copy("store.db", "crash.db", SIZE_MAX);
	copy("store.db-wal", "crash.db-wal", wal_bytes);
}

static void open_crashed(void)
{
	char path[256];
	char url[300];
	snprintf(url, sizeof(url), "sqlite:%s", fixture_file("crash.db", path));
	assert_int_equal(store_open(url, &store), 0);
}

static void test_an_unclean_stop_keeps_what_was_committed(void **state)
{
	(void)state;
	open_sqlite();
	fill();
	dump_from(store, &there);
	begin();
	change_everything();
	crash(SIZE_MAX);
	store_rollback(store);
	store_close(store);
	open_crashed();
	dump_from(store, &here);
	assert_same_texts(&here, &there);
	assert_int_equal(check().n, 0);
	begin();
	change_everything();
	commit();
	assert_int_equal(check().n, 0);
}

/* A torn tail costs whole transactions from the end, never a part of one. */
static void test_a_torn_log_loses_whole_transactions_only(void **state)
{
	char path[256];
	struct stat st;
	int64_t most = 0;
	(void)state;
	open_sqlite();
	for (int i = 1; i <= 30; i++) {
		struct asker a = asker((uint8_t)i, 0);
		begin();
		put_device(i, &a, true, NOW);
		put_holding(i, 1, none, counted(NOW));
		put_audit("torn", "x");
		commit();
	}
	snprintf(path, sizeof(path), "%s/store.db-wal", fixture_folder());
	assert_int_equal(stat(path, &st), 0);
	struct store *whole = store;
	for (int cut = 0; cut <= 40; cut++) {
		crash((size_t)(st.st_size * cut / 40));
		if (cut == 0 || open_code("crash.db") != 0)
			continue; /* before the schema's own transaction there is no store yet */
		open_crashed();
		struct listing audit = {.kind = LIST_AUDIT};
		int64_t n = (int64_t)list(&audit);
		assert_int_equal(devices(), n);
		assert_true(n >= most);
		assert_int_equal(check().n, 0);
		struct asker who = asker(1, 0);
		assert_int_equal(candidate_of(&who, 1, 30, NOW).count, n);
		most = n;
		store_close(store);
	}
	store = whole;
	assert_int_equal(most, 30);
}

static void test_a_damaged_page_is_found_after_an_unclean_stop(void **state)
{
	char path[256];
	uint8_t *bytes;
	(void)state;
	open_sqlite();
	fill_many();
	store_close(store);
	open_sqlite(); /* marks the file as in use */
	sqlite3_wal_checkpoint_v2(((struct sqlite_store *)store)->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL,
				  NULL);
	size_t n = fixture_read("store.db", &bytes);
	assert_true(n > 5 * 2048);
	memset(bytes + 3 * 2048, 0x5a, 2048 * 2);
	fixture_write(fixture_file("crash.db", path), bytes, n);
	free(bytes);
	assert_int_equal(open_code("crash.db"), E_STORE_CORRUPT);
}

static void test_a_second_writer_waits_and_is_told(void **state)
{
	char path[256];
	char url[300];
	struct store *other;
	(void)state;
	open_sqlite();
	snprintf(url, sizeof(url), "sqlite:%s", database(path));
	assert_int_equal(store_open(url, &other), 0);
	begin();
	assert_int_equal(store_begin(other), E_STORE_BUSY);
	commit();
	assert_int_equal(store_begin(other), 0);
	store_rollback(other);
	store_close(other);
}

/* No room: the change is refused with its code, nothing of it stays, and the store goes on when there is room
 * again. */
static void test_a_full_disk_loses_nothing(void **state)
{
	char big[40000];
	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = 0;
	open_sqlite();
	fill();
	dump_from(store, &there);
	sqlite3 *db = ((struct sqlite_store *)store)->db;
	sqlite3_exec(db, "PRAGMA max_page_count = 1", NULL, NULL, NULL); /* as small as the file is now */
	for (int i = 0; i < 3; i++) {
		struct effect e = {
			.kind = EFFECT_AUDIT, .at = NOW, .u.audit = {NOW, "uid:0", "big", "x", big}};
		begin();
		assert_int_equal(store_apply(store, &e), E_STORE_FULL);
		store_rollback(store);
		dump_from(store, &here);
		assert_same_texts(&here, &there);
		assert_int_equal(check().n, 0);
	}
	sqlite3_exec(db, "PRAGMA max_page_count = 1000000", NULL, NULL, NULL);
	begin();
	change_everything();
	commit();
	assert_int_equal(check().n, 0);
}

static void test_readers_cannot_write(void **state)
{
	struct store *reader;
	struct effect e = {.kind = EFFECT_META, .u.meta = {"k", "v", 1}};
	(void)state;
	open_sqlite();
	assert_int_equal(store_reader(store, &reader), 0);
	assert_true(store_begin(reader) < 0 || store_apply(reader, &e) < 0);
	store_rollback(reader);
	store_close(reader);
}

#define SQLITE(test)                                                                                         \
	{                                                                                                    \
		"sqlite:" #test, test, start_sqlite, close_store, NULL                                       \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SQLITE(test_reopening_keeps_everything),
		SQLITE(test_a_newer_schema_is_refused),
		SQLITE(test_a_foreign_database_is_refused_untouched),
		SQLITE(test_garbage_is_refused_untouched),
		SQLITE(test_a_place_that_cannot_be),
		SQLITE(test_an_empty_file_becomes_a_store),
		SQLITE(test_damage_is_found),
		SQLITE(test_an_unclean_stop_keeps_what_was_committed),
		SQLITE(test_a_torn_log_loses_whole_transactions_only),
		SQLITE(test_a_damaged_page_is_found_after_an_unclean_stop),
		SQLITE(test_a_second_writer_waits_and_is_told),
		SQLITE(test_a_full_disk_loses_nothing),
		SQLITE(test_readers_cannot_write),
	};
	log_level_set(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("server/store: sqlite", tests, NULL, NULL);
}
