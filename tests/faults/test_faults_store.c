/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The broker on SQLite on a disk that fails at each of its calls in turn, and one whose power is cut (DESIGN
 * 10, promises 1 and 2): what was acknowledged is there, and nothing is counted twice. FAULT_STRIDE=1 looks
 * at each call.
 */
#include "disk.h"
#include "fail.h"
#include "host.h"
#include "sqlite_handle.h"
#include "syncer.h"

#define MACHINES 8
#define DENSE 60 /* so many calls are looked at each, and of the others every so many */
#define STRIDE 7
#define MOST 2000
#define CUTS 150
#define CONTROL_CUTS 150

static char path[256];
static char left[256];
static struct store *store;
static struct machine machines[MACHINES];
static int64_t serials[MACHINES]; /* of leases that were acknowledged; 0: none */
static uint64_t counters_told[MACHINES];
static bool doubtful[MACHINES]; /* a release may or may not have been done */

static void remove_files(const char *at)
{
	static const char *const ends[] = {"", "-wal", "-shm", "-journal"};
	char file[300];
	for (size_t i = 0; i < 4; i++) {
		snprintf(file, sizeof(file), "%s%s", at, ends[i]);
		unlink(file);
	}
}

static int open_at(const char *at)
{
	char url[300];
	snprintf(url, sizeof(url), "sqlite:%s", at);
	memset(&counters, 0, sizeof(counters));
	int error = store_open(url, &store);
	if (error)
		return error;
	error = broker_open(&broker, store, key, &counters);
	if (error)
		store_close(store);
	else
		assert_int_equal(syncer_start(store, &broker.syncer), 0);
	broker.beside = 1;
	return error;
}

static void close_all(void)
{
	syncer_stop(broker.syncer);
	broker_close(&broker);
	store_close(store);
}

static void begin(void)
{
	fixture_file("disk.db", path);
	fixture_file("left.db", left);
	remove_files(path);
	remove_files(left);
	now = NOW;
	memset(serials, 0, sizeof(serials));
	memset(counters_told, 0, sizeof(counters_told));
	memset(doubtful, 0, sizeof(doubtful));
	for (uint8_t i = 0; i < MACHINES; i++)
		machines[i] = machine(i + 1u);
	disk_begin();
	assert_int_equal(open_at(path), 0);
	((struct sqlite_store *)store)->merge_at = 30; /* so that it is done among the work */
	license_host(1);
}

/* --- the work --- */

/* One batch: some machines ask; what they are told is kept. Returns whether the host still writes. */
static bool batch(unsigned seed)
{
	struct job *jobs[3];
	size_t who[3];
	bool fresh[3];
	size_t n = 1 + seed % 3;
	now += 3600 * (1 + seed % 50);
	for (size_t i = 0; i < n; i++) {
		enum job_kind kind = (seed + i) % 11 == 7 ? JOB_RELEASE : JOB_ACTIVATE;
		who[i] = (seed * 5 + i) % MACHINES;
		fresh[i] = true;
		jobs[i] = request(&machines[who[i]], kind, true);
		doubtful[who[i]] |= kind == JOB_RELEASE;
	}
	broker_run(&broker, jobs, n, now);
	for (size_t i = 0; i < n; i++) {
		const struct job *job = jobs[i];
		if (!job->code && !job->lines[0].answer.code && fresh[i]) {
			learn(&machines[who[i]], job);
			counters_told[who[i]] = job->counter;
			serials[who[i]] = job->kind == JOB_RELEASE ? 0 : job->lines[0].answer.serial;
			doubtful[who[i]] = false;
		}
		job_free(jobs[i]);
	}
	return !atomic_load(&broker.fatal);
}

static void refuse(int code, const char *text, void *context)
{
	int *findings = context;
	print_error("%s: %s\n", error_name(code), text);
	++*findings;
}

/* How many acknowledged answers the store has forgotten. */
static int forgotten(void)
{
	int n = 0;
	for (size_t i = 0; i < MACHINES; i++) {
		struct device_facts facts;
		int64_t serial = held_serial(store, &machines[i], &facts);
		n += facts.ratchet.counter < counters_told[i] || (!doubtful[i] && serial < serials[i]);
	}
	return n;
}

static void expect_sound(void)
{
	int findings = 0;
	assert_int_equal(store_check(store, now, refuse, &findings), 0);
	assert_int_equal(findings, 0);
}

/* --- a call that fails --- */

/* Fail at the n-th call; returns whether there was such a call. */
static bool run_with_fault(long at, bool for_good, int error)
{
	begin();
	for (unsigned i = 0; i < 6; i++)
		batch(i);
	disk_fail(at, for_good, error);
	for (unsigned i = 6; i < 14 && batch(i); i++)
		;
	bool met = disk.failures > 0;
	disk_fail(0, false, 0);
	/* A sync that fails ends it, for whatever reason; a disk that was only full is written again by
	 * itself. */
	if (disk.failed_sync)
		assert_int_equal(atomic_load(&broker.fatal), E_STORE_UNKNOWN);
	if (met && error == SQLITE_FULL && !disk.failed_sync) {
		assert_int_equal(atomic_load(&broker.fatal), 0);
		assert_int_equal(ask(&machines[0], JOB_ACTIVATE, NULL), 0);
		counters_told[0] = machines[0].counter;
	}
	disk_cut(path, left, (unsigned)at);
	/* What failed is not tried again, not even at the end: a sync would tell that all is well. */
	bool unknown = atomic_load(&broker.fatal) == E_STORE_UNKNOWN;
	long changes = disk.changes;
	close_all();
	if (unknown)
		assert_int_equal(disk.changes, changes);
	assert_int_equal(open_at(path), 0);
	assert_int_equal(forgotten(), 0);
	expect_sound();
	for (size_t i = 0; i < MACHINES; i++) /* and everybody is served */
		assert_int_equal(ask(&machines[i], JOB_ACTIVATE, NULL), 0);
	expect_sound();
	close_all();
	disk_end();
	assert_int_equal(open_at(left), 0); /* or the power was gone meanwhile */
	assert_int_equal(forgotten(), 0);
	expect_sound();
	close_all();
	return met;
}

static void every_call(int error, bool for_good)
{
	long at = fail_first();
	log_level_set(LOG_LEVEL_ERROR);
	while (at < MOST && run_with_fault(at, for_good, error))
		at += fail_stride(at < DENSE ? 1 : STRIDE);
	print_message("%ld calls\n", at);
	assert_true(at > DENSE && at < MOST);
}

static void test_a_call_that_fails_once(void **state)
{
	(void)state;
	every_call(SQLITE_IOERR, false);
}

static void test_calls_that_fail_from_then_on(void **state)
{
	(void)state;
	every_call(SQLITE_IOERR, true);
}

static void test_a_disk_that_is_full_once(void **state)
{
	(void)state;
	every_call(SQLITE_FULL, false);
}

static void test_a_disk_that_stays_full(void **state)
{
	(void)state;
	every_call(SQLITE_FULL, true);
}

/* Opening, migrating and closing: an error, or all is well; never a damaged file. */
static void test_a_fault_at_the_start(void **state)
{
	bool met = true;
	(void)state;
	fixture_file("disk.db", path);
	for (long at = 1; met && at < 500; at++) {
		remove_files(path);
		disk_begin();
		disk_fail(at, at % 2, SQLITE_IOERR);
		int error = open_at(path);
		if (!error)
			close_all();
		met = disk.failures > 0;
		disk_fail(0, false, 0);
		assert_int_equal(open_at(path), 0);
		expect_sound();
		close_all();
		disk_end();
	}
	assert_false(met);
}

/* --- power cuts --- */

/* The answers that a power cut at some write has taken back. */
static int cut(unsigned seed, bool synced)
{
	begin();
	struct store_ops ops = *store->ops;
	if (!synced)
		ops.sync = NULL;
	store->ops = &ops;
	disk_fail(1 + (long)(seed * 37 % 400), true, SQLITE_IOERR);
	for (unsigned i = 0; i < 60 && !disk.failures && batch(i * 7 + seed); i++)
		;
	disk.off = true;
	close_all();
	disk_cut(path, left, seed);
	disk_end();
	assert_int_equal(open_at(left), 0);
	int lost = forgotten();
	expect_sound();
	close_all();
	return lost;
}

static void test_power_cuts_lose_nothing(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= CUTS; seed++)
		if (cut(seed, true))
			fail_msg("cut %u lost an acknowledged answer", seed);
}

/* The control: without a sync for each commit the same cuts lose answers, so the test can tell. */
static void test_without_syncs_they_would(void **state)
{
	int lost = 0;
	(void)state;
	for (unsigned seed = 1; seed <= CONTROL_CUTS; seed++)
		lost += cut(seed, false) != 0;
	print_message("%d of %d cuts lose answers without a sync for each commit\n", lost, CONTROL_CUTS);
	assert_true(lost > CONTROL_CUTS / 10);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_call_that_fails_once),
		cmocka_unit_test(test_calls_that_fail_from_then_on),
		cmocka_unit_test(test_a_disk_that_is_full_once),
		cmocka_unit_test(test_a_disk_that_stays_full),
		cmocka_unit_test(test_a_fault_at_the_start),
		cmocka_unit_test(test_power_cuts_lose_nothing),
		cmocka_unit_test(test_without_syncs_they_would),
	};
	return cmocka_run_group_tests_name("faults: store", tests, group_setup, group_teardown);
}
