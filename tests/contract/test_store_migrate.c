/* SPDX-License-Identifier: Apache-2.0 */
/* A database of the first schema, with data, under today's program: nothing is lost, every count is as it
 * was. */
#include "storekit.h"

#include "audit.h"
#include "sqlite_handle.h"

static const struct {
	const char *name;
	const char *sql;
} schema[] = {
#include "schema.inc"
};

#define DEVICES 40
#define GRANTS 3

static sqlite3 *db;

static void sql(const char *text)
{
	char *message = NULL;
	if (sqlite3_exec(db, text, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%s: %s", text, message);
}

static void row(const char *format, ...)
{
	char text[1000];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	sql(text);
}

/* --- the old database --- */

static struct holding old_holding(int device, int grant)
{
	int64_t at = NOW - device * (int64_t)DAY / 2;
	struct holding h = {(enum holding_state)(1 + (device + grant) % 3),
			    at - DAY,
			    at,
			    at,
			    0,
			    device,
			    (uint32_t)(device % 4),
			    1};
	if (device % 3)
		h.expires = at + 100 * (int64_t)DAY;
	return h;
}

static bool holds(int device, int grant)
{
	return (device + grant) % 4 != 0;
}

static void add_bucket(int grant, int kind, int32_t day, int n)
{
	row("INSERT INTO bucket VALUES (%d, %d, %d, %d) ON CONFLICT DO UPDATE SET n = n + %d", grant, kind,
	    day, n, n);
}

static void old_activations(void)
{
	struct bucket_change changes[4];
	for (int d = 1; d <= DEVICES; d++) {
		for (int g = 1; g <= GRANTS; g++) {
			struct holding h = old_holding(d, g);
			if (!holds(d, g))
				continue;
			row("INSERT INTO activation VALUES (%d, %d, %d, %lld, %lld, %lld, %lld, %lld, %u)", d,
			    g, (int)h.state, (long long)h.activated, (long long)h.renewed,
			    (long long)h.contacted, (long long)h.expires, (long long)h.serial, h.plans);
			size_t n = bucket_changes(&none, &h, changes);
			for (size_t i = 0; i < n; i++)
				add_bucket(g, (int)changes[i].kind, changes[i].day, changes[i].change);
		}
	}
}

static void old_audit(void)
{
	uint8_t hash[AUDIT_HASH] = {0};
	for (int64_t seq = 1; seq <= 10; seq++) {
		char text[2 * AUDIT_HASH + 1];
		struct audit a = {NOW + seq, "uid:0", "activation.granted", "x", "{}"};
		audit_hash(hash, seq, &a, hash);
		hex(hash, sizeof(hash), text);
		row("INSERT INTO audit VALUES (%lld, %lld, 'uid:0', 'activation.granted', 'x', '{}', x'%s')",
		    (long long)seq, (long long)a.at, text);
	}
}

static void make_old(void)
{
	char path[256];
	assert_int_equal(sqlite3_open(database(path), &db), SQLITE_OK);
	sql("PRAGMA page_size = 2048; PRAGMA journal_mode = WAL; BEGIN");
	sql(schema[0].sql);
	sql("INSERT INTO meta VALUES ('ledger', x'30313233343536373839616263646566')");
	sql("INSERT INTO license VALUES ('k4.pid.v', 'fjord-1', 3, 'v4.public.license', 7)");
	sql("INSERT INTO certificate VALUES ('k4.pid.v', 'fjord-1', 'k4.public.v', 'v4.public.cert', 8)");
	for (int g = 1; g <= GRANTS; g++)
		row("INSERT INTO entitlement VALUES (%d, 'k4.pid.v', 'fjord-1', 'g%d', 'acme-cad', 30, %d, "
		    "%d)",
		    g, g, 100 + g, 200 + g);
	for (int d = 1; d <= DEVICES; d++) {
		char id[2 * DEVICE_ID + 1];
		struct asker a = asker((uint8_t)d, 7);
		hex(a.id, DEVICE_ID, id);
		row("INSERT INTO device VALUES (%d, %lld, x'%s', 'host', 'Debian 12', 'muster 1', %d, %d)", d,
		    (long long)store_tag(a.id), id, 1000 + d, d == 5);
		if (d % 2)
			row("INSERT INTO ratchet VALUES (%d, %d, zeroblob(16), zeroblob(16), %d, x'0102')", d,
			    3 * d, 2000 + d);
	}
	add_bucket(0, BUCKET_DEVICES, 0, DEVICES);
	old_activations();
	old_audit();
	sql("INSERT INTO daily VALUES (20000, 'granted', 1, 9)");
	row("PRAGMA application_id = %d", 0x4d555354);
	sql("PRAGMA user_version = 1; COMMIT");
	sqlite3_close(db);
}

/* --- and what is made of it --- */

static int start(void **state)
{
	(void)state;
	fixture_empty();
	store = NULL;
	make_old();
	return 0;
}

static void test_every_row_is_there(void **state)
{
	static const size_t rows[] = {[LIST_META] = 1,       [LIST_LICENSE] = 1,      [LIST_CERTIFICATE] = 1,
				      [LIST_GRANT] = GRANTS, [LIST_DEVICE] = DEVICES, [LIST_ACTIVATION] = 90,
				      [LIST_AUDIT] = 10,     [LIST_DAILY] = 1};
	(void)state;
	open_sqlite();
	for (int kind = LIST_META; kind <= LIST_DAILY; kind++) {
		struct listing l = {.kind = (enum listing_kind)kind, .now = NOW};
		assert_int_equal(list(&l), rows[kind]);
	}
	struct listing l = {.kind = LIST_LICENSE};
	list(&l);
	assert_string_equal(here.all[0], "k4.pid.v fjord-1  v4.public.license 3 7");
	l.kind = LIST_CERTIFICATE;
	list(&l);
	assert_string_equal(here.all[0], "k4.pid.v fjord-1 k4.public.v v4.public.cert 0 8");
	assert_int_equal(devices(), DEVICES);
}

static void test_every_count_equals_a_recount(void **state)
{
	(void)state;
	open_sqlite();
	assert_int_equal(check().n, 0); /* the audit chain, too */
	struct asker who = asker(1, 7);
	for (int g = 1; g <= GRANTS; g++) {
		int64_t count = 0;
		int64_t active_now = 0;
		for (int d = 1; d <= DEVICES; d++) {
			struct holding h = old_holding(d, g);
			count += holds(d, g) && bucket_counts(&h, NOW, 30);
			active_now += holds(d, g) && bucket_leased(&h, NOW);
		}
		struct candidate c = candidate_of(&who, g, 30, NOW);
		assert_int_equal(c.count, count);
		assert_int_equal(c.active, active_now);
		assert_int_equal(c.marks.reached, 100 + g);
		assert_int_equal(c.marks.below_since, 200 + g);
		assert_int_equal(c.marks.cancelled + c.marks.taken_over + c.marks.over_since +
					 c.marks.warned + c.marks.extra + c.marks.extended,
				 0);
	}
}

static void test_every_holding_is_the_devices_own(void **state)
{
	(void)state;
	open_sqlite();
	for (int d = 1; d <= DEVICES; d++) {
		struct asker a = asker((uint8_t)d, 7);
		struct device_facts facts = device_of(&a);
		assert_true(facts.known && facts.device == d && facts.described);
		assert_int_equal(facts.blocked, d == 5);
		assert_true(!facts.shared && !facts.approved);
		assert_int_equal(facts.ratchet.counter, d % 2 ? 3 * d : 0);
		for (int g = 1; g <= GRANTS; g++) {
			struct holding h = holds(d, g) ? old_holding(d, g) : none;
			struct candidate c = candidate_of(&a, g, 30, NOW);
			assert_true(same_holding(&c.holding, &h));
			assert_int_equal(c.holding.units, holds(d, g) ? 1 : 0);
			assert_false(c.held_by_users);
		}
	}
}

static void test_work_goes_on(void **state)
{
	(void)state;
	open_sqlite();
	begin();
	struct holding before = old_holding(2, 1);
	assert_true(holds(2, 1));
	put_holding(2, 1, before, active(NOW, NOW + DAY, 9));
	put_audit("after", "x");
	struct record r = {.kind = RECORD_USER, .u.user = {.name = "ann", .display = ""}};
	assert_int_equal(store_put(store, &r), 0);
	commit();
	assert_int_equal(check().n, 0);
	dump_from(store, &there);
	store_close(store); /* and a second start changes nothing */
	open_sqlite();
	dump_from(store, &here);
	assert_same_texts(&here, &there);
}

/* A migration that cannot be finished leaves the old database as it was. */
static void test_a_migration_is_whole_or_not_at_all(void **state)
{
	char path[256];
	char url[300];
	struct store *other = NULL;
	(void)state;
	assert_int_equal(sqlite3_open(database(path), &db), SQLITE_OK);
	sql("CREATE TABLE redeemed (in_the INTEGER, way INTEGER)");
	sqlite3_close(db);
	log_level_set((enum log_level) - 1);
	snprintf(url, sizeof(url), "sqlite:%s", path);
	assert_int_not_equal(store_open(url, &other), 0);
	log_level_set(LOG_LEVEL_ERROR);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	sql("INSERT INTO activation VALUES (99, 1, 1, 1, 1, 1, 1, 1, 1)"); /* nine columns, as before */
	sql("DELETE FROM activation WHERE device = 99; DROP TABLE redeemed");
	sqlite3_close(db);
	open_sqlite();
	assert_int_equal(check().n, 0);
	struct listing l = {.kind = LIST_ACTIVATION, .now = NOW};
	assert_int_equal(list(&l), 90);
}

#define OLD(test)                                                                                            \
	{                                                                                                    \
		"sqlite:" #test, test, start, close_store, NULL                                              \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		OLD(test_every_row_is_there),
		OLD(test_every_count_equals_a_recount),
		OLD(test_every_holding_is_the_devices_own),
		OLD(test_work_goes_on),
		OLD(test_a_migration_is_whole_or_not_at_all),
	};
	log_level_set(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("server/store: migration", tests, NULL, NULL);
}
