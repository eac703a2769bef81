/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A damaged database is repaired while one allocation after the other fails, or one call of the disk: once
 * and from then on. What comes is a database with every fact, or the old one, which the next try repairs; and
 * no memory is lost. FAULT_STRIDE=1 looks at each; otherwise every so many are looked at.
 */
#include "fixture.h"

#include <errno.h>
#include <sqlite3.h>
#include <unistd.h>

#include "fail_walk.h"
#include "log.h"
#include "repair.h"
#include "store.h"

#define PAGE 2048
#define ROWS 150
#define STRIDE 499
#define MOST 300000

static char good_db[256];
static char bad_db[256];
static uint8_t bytes[4 << 20];
static size_t n_bytes;

/* --- a damaged database --- */

static void run_sql(const char *at, const char *text)
{
	sqlite3 *db;
	char *message = NULL;
	assert_int_equal(sqlite3_open(at, &db), SQLITE_OK);
	if (sqlite3_exec(db, text, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%s: %s", text, message);
	sqlite3_close(db);
}

static int64_t number(const char *at, const char *text)
{
	sqlite3 *db;
	sqlite3_stmt *stmt;
	assert_int_equal(sqlite3_open(at, &db), SQLITE_OK);
	if (sqlite3_prepare_v2(db, text, -1, &stmt, NULL) != SQLITE_OK)
		fail_msg("%s: %s", text, sqlite3_errmsg(db));
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	int64_t n = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return n;
}

/* Devices with what they hold, refusals; some counts are wrong; an index and a page of the refusals are
 * rubbish. */
static int start(void **state)
{
	static const char fill[] =
		"WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 150) "
		"INSERT INTO device (num, tag, id, hostname, os, agent, first_seen) "
		"SELECT i, i * 7919, CAST(printf('%032d', i) AS BLOB), 'pc-' || i, 'linux', '1', 1700000000 "
		"FROM n;"
		"INSERT INTO activation SELECT num, 1, 0, 2, 1, 1, 1700000000, 1900000000, 1, 0, 1 FROM "
		"device;"
		"INSERT INTO denial SELECT num, num, 0, 'acme-cad', 41, 1, num, 1 FROM device;"
		"INSERT INTO ratchet SELECT 999, 1, x'01', x'02', 1, x'03', x'' FROM device LIMIT 1";
	char url[300];
	struct store *store;
	(void)state;
	fixture_file("good.db", good_db);
	fixture_file("bad.db", bad_db);
	snprintf(url, sizeof(url), "sqlite:%s", good_db);
	log_level_set(LOG_LEVEL_ERROR);
	assert_int_equal(store_open(url, &store), 0);
	store_close(store);
	run_sql(good_db, fill);
	run_sql(good_db, "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE");
	int64_t index =
		number(good_db, "SELECT pageno FROM dbstat WHERE name = 'device_tag' AND pagetype = 'leaf'");
	int64_t page = number(
		good_db, "SELECT pageno FROM dbstat WHERE name = 'denial' AND pagetype = 'leaf' LIMIT 1");
	FILE *in = fopen(good_db, "rb");
	assert_non_null(in);
	n_bytes = fread(bytes, 1, sizeof(bytes), in);
	fclose(in);
	memset(bytes + (index - 1) * PAGE, 0xff, 300);
	memset(bytes + (page - 1) * PAGE, 0, PAGE);
	return 0;
}

static void remove_all(void)
{
	char line[600];
	snprintf(line, sizeof(line), "rm -f %s*", bad_db);
	assert_int_equal(system(line), 0);
}

/* --- rounds --- */

static int repair(void)
{
	char detail[BACKUP_DETAIL] = "";
	json_t *told = NULL;
	struct repair_order order = {
		.database = bad_db, .folder = fixture_folder(), .now = 1800000000, .actor = "uid:0"};
	fail_on();
	int error = repair_run(&order, &told, detail);
	fail_off();
	if (!error && told)
		assert_true(json_is_true(json_object_get(told, "repaired")) ==
			    json_is_true(json_object_get(told, "needed")));
	json_decref(told);
	return error;
}

static void expect_repaired(void)
{
	char text[700];
	snprintf(text, sizeof(text),
		 "ATTACH '%s' AS was; CREATE TEMP TABLE lost AS SELECT * FROM was.activation EXCEPT SELECT * "
		 "FROM activation "
		 "UNION ALL SELECT num, tag, id, hostname, os, agent, 1, 1, 1, 1, 1 FROM (SELECT * FROM "
		 "was.device EXCEPT "
		 "SELECT * FROM device); CREATE TEMP TABLE none (i CHECK (i = 0)); INSERT INTO none SELECT "
		 "count(*) FROM lost",
		 good_db);
	run_sql(bad_db, text);
	assert_int_equal(number(bad_db, "SELECT count(*) FROM activation"), ROWS);
	assert_int_equal(number(bad_db, "SELECT count(*) FROM ratchet"), 0);
	assert_int_equal(number(bad_db, "SELECT n FROM bucket WHERE kind = 0 AND entitlement = 1"), ROWS);
	assert_int_equal(number(bad_db, "SELECT count(*) FROM audit WHERE action = 'store.repaired'"), 1);
	assert_int_equal(
		number(bad_db, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"),
		1);
	int64_t denials = number(bad_db, "SELECT count(*) FROM denial");
	assert_in_range(denials, ROWS / 3, ROWS - 1);
}

static int result; /* of the repair that a call failed of */

static void try_repair(void)
{
	result = repair();
}

/* Returns whether there was such a call. */
static bool round_at(const struct failing *f, long at)
{
	char file[300];
	remove_all();
	fixture_write(bad_db, bytes, n_bytes);
	bool met = fail_during(f, at, try_repair);
	if (result) /* the old one is in place still, or the new one's turn has come */
		assert_int_equal(repair(), 0);
	snprintf(file, sizeof(file), "%s.ready", bad_db);
	assert_int_not_equal(access(file, F_OK), 0);
	snprintf(file, sizeof(file), "%s.repairing", bad_db);
	assert_int_not_equal(access(file, F_OK), 0);
	expect_repaired();
	return met;
}

static void every_call(enum fail_kind kind, long stride, bool for_good, int error)
{
	const struct failing f = {kind, for_good, error};
	fixture_write(bad_db, bytes, n_bytes);
	assert_int_equal(repair(), 0); /* what libraries keep for ever is there then */
	fail_everywhere(&f, round_at, fail_stride(stride), 100, MOST);
}

static void test_an_allocation_that_fails_once(void **state)
{
	(void)state;
	every_call(FAIL_MEMORY, STRIDE, false, 0);
}

static void test_allocations_that_fail_from_then_on(void **state)
{
	(void)state;
	every_call(FAIL_MEMORY, 3 * STRIDE, true, 0);
}

static void test_a_disk_that_fails(void **state)
{
	(void)state;
	every_call(FAIL_DISK, 13, false, EIO);
	every_call(FAIL_DISK, 23, true, EIO);
}

static void test_a_disk_that_is_full(void **state)
{
	(void)state;
	every_call(FAIL_DISK, 23, true, ENOSPC);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_an_allocation_that_fails_once, fail_say),
		cmocka_unit_test_teardown(test_allocations_that_fail_from_then_on, fail_say),
		cmocka_unit_test_teardown(test_a_disk_that_fails, fail_say),
		cmocka_unit_test_teardown(test_a_disk_that_is_full, fail_say),
	};
	return cmocka_run_group_tests_name("faults: repair", tests, start, NULL);
}
