/* SPDX-License-Identifier: Apache-2.0 */
/* Batches on a store that fails at every one of its calls in turn: nothing is said to be done that is not. */
#include "host.h"
#include "syncer.h"

#define FAULTY_JOBS 5

struct faulty {
	struct machine machines[FAULTY_JOBS];
	struct job *jobs[FAULTY_JOBS];
};

/* A host with three machines licensed; a batch of two strangers, a renewal, a release and a repeat. */
static void make_faulty(struct faulty *f)
{
	static const enum job_kind kinds[] = {JOB_ACTIVATE, JOB_RENEW, JOB_RELEASE, JOB_ACTIVATE, JOB_RENEW};
	license_host(1);
	for (uint8_t i = 0; i < FAULTY_JOBS; i++) {
		f->machines[i] = machine((uint8_t)(i + 1));
		if (i == 1 || i == 2 || i == 4)
			assert_int_equal(ask(&f->machines[i], JOB_ACTIVATE, NULL), 0);
	}
	now += 100;
	for (size_t i = 0; i < FAULTY_JOBS; i++)
		f->jobs[i] = request(&f->machines[i], kinds[i], true);
}

struct held {
	const uint8_t *id;
	struct holding holding;
};

static int find_held(const struct row *row, void *context)
{
	struct held *h = context;
	if (memcmp(row->u.activation.id, h->id, DEVICE_ID) == 0)
		h->holding = row->u.activation.holding;
	return 0;
}

static struct holding held_by(const struct machine *m)
{
	struct held h = {m->id, {0}};
	struct listing l = {.kind = LIST_ACTIVATION, .now = now};
	assert_int_equal(store_page(flaky.inner, &l, find_held, &h), 0);
	return h.holding;
}

/* What is said to be done is on record; what is not done is neither on record nor signed. */
static void assert_honest(const struct faulty *f)
{
	for (size_t i = 0; i < FAULTY_JOBS; i++) {
		const struct job *job = f->jobs[i];
		const struct job_line *line = &job->lines[0];
		struct holding h = held_by(&f->machines[i]);
		if (job->code) {
			assert_null(line->lease);
			assert_true(h.contacted != now);
			continue;
		}
		assert_int_equal(line->answer.code, 0);
		assert_int_equal(h.state, job->kind == JOB_RELEASE ? HOLDING_RELEASED : HOLDING_ACTIVE);
		assert_int_equal(h.contacted, now);
		if (job->kind == JOB_RELEASE)
			continue;
		struct lease lease;
		assert_lease(job, 0, "acme-cad", &lease);
		assert_int_equal(lease.serial, h.serial);
		assert_int_equal(lease.exp, h.expires);
	}
	assert_sound();
}

static void free_faulty(struct faulty *f)
{
	for (size_t i = 0; i < FAULTY_JOBS; i++)
		job_free(f->jobs[i]);
}

/* When the fault is over, the same requests again succeed, each once. */
static void assert_recovers(struct faulty *f)
{
	heal();
	atomic_store(&broker.fatal, 0);
	for (size_t i = 0; i < FAULTY_JOBS; i++) {
		enum job_kind kind = f->jobs[i]->kind;
		job_free(f->jobs[i]);
		f->jobs[i] = request(&f->machines[i], kind, false);
	}
	broker_run(&broker, f->jobs, FAULTY_JOBS, now);
	for (size_t i = 0; i < FAULTY_JOBS; i++)
		assert_int_equal(f->jobs[i]->code, 0);
	assert_honest(f);
	assert_int_equal(devices(), FAULTY_JOBS);
	assert_int_equal(grant_row().u.grant.count, FAULTY_JOBS - 1);
	assert_int_equal(audits("activation.granted"), FAULTY_JOBS);
	assert_int_equal(audits("device.rolled-back"), 0);
	assert_sound();
}

static int run_with_fault(const char *backend, int error, int at, bool for_good)
{
	struct faulty f;
	open_host(backend);
	make_faulty(&f);
	heal();
	flaky.error = error;
	flaky.fail_at = at;
	flaky.for_good = for_good;
	broker_run(&broker, f.jobs, FAULTY_JOBS, now);
	int failures = flaky.failures;
	for (size_t i = 0; i < FAULTY_JOBS; i++)
		if (for_good && failures)
			assert_int_equal(f.jobs[i]->code == 0 || f.jobs[i]->code == error, true);
	if (failures && for_good && error != E_INTERNAL && error != E_NO_MEMORY)
		for (size_t i = 0; i < FAULTY_JOBS; i++)
			assert_int_equal(f.jobs[i]->code, error);
	assert_honest(&f);
	assert_recovers(&f);
	free_faulty(&f);
	close_host();
	return failures;
}

static void test_a_fault_at_every_call(void **state)
{
	static const int errors[] = {E_STORE_FULL, E_STORE_IO, E_NO_MEMORY, E_INTERNAL};
	close_host();
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		for (int for_good = 0; for_good < 2; for_good++) {
			int at = 1;
			while (run_with_fault(*state, errors[i], at, for_good))
				at++;
			assert_true(at > 20); /* begin, facts and effects of five jobs, tallies, commit */
			assert_true(at < 200);
		}
	}
	open_host(*state);
}

/* A job that alone cannot be done does not take its neighbours along. */
static void test_one_poisoned_job_does_not_spoil_the_batch(void **state)
{
	struct faulty f;
	int done = 0;
	(void)state;
	make_faulty(&f);
	heal();
	flaky.error = E_INTERNAL;
	flaky.fail_at = 2; /* the first job's facts; then, alone, all goes well */
	broker_run(&broker, f.jobs, FAULTY_JOBS, now);
	for (size_t i = 0; i < FAULTY_JOBS; i++)
		done += f.jobs[i]->code == 0;
	assert_int_equal(done, FAULTY_JOBS);
	assert_honest(&f);
	free_faulty(&f);
}

/* After a batch whose outcome is unknown, and a restart. */
static void assert_unknown(struct faulty *f, bool reached)
{
	assert_int_equal(atomic_load(&broker.fatal), E_STORE_UNKNOWN);
	for (size_t i = 0; i < FAULTY_JOBS; i++) {
		assert_int_equal(f->jobs[i]->code, E_STORE_UNKNOWN);
		assert_null(f->jobs[i]->lines[0].lease);
	}
	heal();
	restart();
	assert_recovers(f);
	for (size_t i = 0; i < FAULTY_JOBS; i++)
		assert_int_equal(f->jobs[i]->repeated, reached);
	free_faulty(f);
}

/* The commit's outcome is unknown: nothing is acknowledged, the daemon must restart, and the repeat is
 * counted once. */
static void test_an_unknown_commit_is_not_acknowledged(void **state)
{
	for (int reached = 0; reached < 2; reached++) {
		struct faulty f;
		close_host();
		open_host(*state);
		make_faulty(&f);
		flaky.error = E_STORE_UNKNOWN;
		flaky.after_commit = reached;
		flaky.commits_to_fail = 1;
		broker_run(&broker, f.jobs, FAULTY_JOBS, now);
		assert_unknown(&f, reached);
	}
}

/* The same of a sync, by the broker itself and beside it, when some jobs are signed already. */
static void test_an_unknown_sync_is_not_acknowledged(void **state)
{
	for (int beside = 0; beside < 2; beside++) {
		struct faulty f;
		struct syncer *syncer = NULL;
		close_host();
		open_host(*state);
		make_faulty(&f);
		assert_int_equal(syncer_start(&flaky.store, &syncer), 0);
		broker.syncer = syncer;
		broker.beside = beside ? 1 : FAULTY_JOBS + 1;
		flaky.syncs_to_fail = 1;
		flaky.signs = beside ? f.jobs[FAULTY_JOBS - 1] : NULL;
		broker_run(&broker, f.jobs, FAULTY_JOBS, now);
		syncer_stop(syncer);
		assert_unknown(&f, true);
	}
}

static void take_synced(struct job *job, void *context)
{
	const int *before = context;
	assert_true(atomic_load(&flaky.synced) > *before);
	assert_int_equal(job->code, 0);
}

/* What is signed while the disk is busy is the same, and nobody gets it before. */
static void test_nobody_is_answered_before_the_sync(void **state)
{
	struct faulty f;
	struct syncer *syncer;
	(void)state;
	make_faulty(&f);
	int before = atomic_load(&flaky.synced);
	assert_int_equal(syncer_start(&flaky.store, &syncer), 0);
	broker.syncer = syncer;
	broker.beside = FAULTY_JOBS;
	flaky.signs = f.jobs[FAULTY_JOBS - 1]; /* all before it are signed meanwhile, too */
	broker_serve(&broker, f.jobs, FAULTY_JOBS, now, take_synced, &before);
	syncer_stop(syncer);
	broker.syncer = NULL;
	assert_true(flaky.saw_lease);
	assert_int_equal(atomic_load(&flaky.synced), before + 1);
	assert_honest(&f);
	free_faulty(&f);
}

/* What was counted in a batch that did not happen is not counted. */
static void test_counters_count_what_happened(void **state)
{
	struct machine m = machine(1);
	(void)state;
	license_host(1);
	flaky.error = E_STORE_FULL;
	flaky.commits_to_fail = 3;
	for (int i = 0; i < 3; i++)
		assert_int_equal(ask(&m, JOB_ACTIVATE, NULL), E_STORE_FULL);
	assert_int_equal(ask(&m, JOB_ACTIVATE, NULL), 0);
	assert_int_equal(atomic_load(&counters.store_errors), 3);
	assert_int_equal(atomic_load(&counters.granted), 1);
}

static void test_installing_after_a_full_disk(void **state)
{
	(void)state;
	certify();
	flaky.error = E_STORE_FULL;
	flaky.commits_to_fail = 1;
	assert_int_equal(install_license(fixture_volume(&vendor, 1, 1)), E_STORE_FULL);
	assert_int_equal(broker.catalog.n_licenses, 0);
	assert_int_equal(install_license(fixture_volume(&vendor, 1, 1)), 0);
	struct machine m = machine(1);
	assert_int_equal(ask(&m, JOB_ACTIVATE, NULL), 0);
}

/* The licenses could not be loaded again after an installation: the next one must not number its grants
 * alike. */
static void test_installing_after_a_failed_reload(void **state)
{
	(void)state;
	certify();
	certify_for("fjord-2");
	flaky.error = E_NO_MEMORY;
	flaky.pages_to_pass = 5; /* the day's peaks; of the installation: was it taken out; number, marks and
				    redeemed keys of its grant */
	flaky.pages_to_fail = 1;
	assert_int_equal(install_license(fixture_volume(&vendor, 1, 1)), 0);
	int code = E_INTERNAL;
	for (int i = 0; i < 3 && code; i++)
		code = install_license(other_license("fjord-2", "cad-2"));
	assert_int_equal(code, 0);
	restart();
	assert_numbers_differ();
}

/* A restart of the broker on a store that fails: an error, and nothing left behind. */
static void test_opening_on_a_failing_store(void **state)
{
	(void)state;
	close_host();
	fixture_empty();
	heal();
	open_inner(*state);
	flaky.error = E_STORE_IO;
	for (int i = 1; i <= 3; i++) { /* begin, the ledger's id, commit */
		flaky.calls = 0;
		flaky.fail_at = i;
		assert_int_equal(broker_open(&broker, &flaky.store, key, &counters), E_STORE_IO);
	}
	flaky.fail_at = 0;
	for (int i = 0; i < 3; i++) {
		flaky.pages_to_fail = 1;
		assert_int_equal(broker_open(&broker, &flaky.store, key, &counters), E_STORE_IO);
	}
	assert_int_equal(broker_open(&broker, &flaky.store, key, &counters), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		{"memory:test_a_fault_at_every_call", test_a_fault_at_every_call, setup, teardown,
		 (void *)memory_name},
		BOTH(test_one_poisoned_job_does_not_spoil_the_batch),
		BOTH(test_an_unknown_commit_is_not_acknowledged),
		BOTH(test_an_unknown_sync_is_not_acknowledged),
		BOTH(test_nobody_is_answered_before_the_sync),
		BOTH(test_counters_count_what_happened),
		BOTH(test_installing_after_a_full_disk),
		BOTH(test_installing_after_a_failed_reload),
		BOTH(test_opening_on_a_failing_store),
	};
	return cmocka_run_group_tests_name("server/broker/broker", tests, group_setup, group_teardown);
}
