/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host without network for tests of the broker: real store (SQLite or memory) behind one that fails when
 * told to, licenses and machines in short.
 */
#ifndef TESTS_HOST_H
#define TESTS_HOST_H

#include "fixture.h"

#include "broker.h"
#include "log.h"
#include "store.h"
#include "timekeeper.h"

/* --- a store that fails when told to --- */

struct flaky {
	struct store store;
	struct store *inner;
	int calls;
	int fail_at; /* the first call that fails; 0: none */
	bool for_good;
	bool after_commit; /* a failing commit has reached the disk */
	int commits_to_fail;
	int syncs_to_fail; /* of commits that have reached the disk */
	struct job *signs; /* each waits until this one has a lease, and sees it; NULL: it does not */
	bool saw_lease;
	atomic_int synced; /* so many */
	int pages_to_pass; /* before the next */
	int pages_to_fail;
	int error;
	int failures;
};

static struct flaky flaky;

static inline bool fails(void)
{
	flaky.calls++;
	bool now = flaky.fail_at &&
		   (flaky.for_good ? flaky.calls >= flaky.fail_at : flaky.calls == flaky.fail_at);
	flaky.failures += now;
	return now;
}

static inline int flaky_begin(struct store *s)
{
	(void)s;
	return fails() ? flaky.error : store_begin(flaky.inner);
}

static inline int flaky_facts(struct store *s, const struct asker *asker, int64_t now,
			      struct device_facts *device, struct line_facts *lines, size_t n)
{
	(void)s;
	return fails() ? flaky.error : store_facts(flaky.inner, asker, now, device, lines, n);
}

static inline int flaky_apply(struct store *s, const struct effect *e)
{
	(void)s;
	return fails() ? flaky.error : store_apply(flaky.inner, e);
}

static inline int flaky_commit(struct store *s)
{
	(void)s;
	bool failing = fails() || flaky.commits_to_fail > 0;
	flaky.commits_to_fail -= flaky.commits_to_fail > 0;
	if (!failing)
		return store_commit(flaky.inner);
	if (flaky.after_commit)
		assert_int_equal(store_commit(flaky.inner), 0);
	else
		store_rollback(flaky.inner);
	return flaky.error;
}

static inline int flaky_sync(struct store *s)
{
	(void)s;
	struct timespec pause = {.tv_nsec = 1000000};
	bool failing = flaky.syncs_to_fail > 0;
	flaky.syncs_to_fail -= failing;
	for (int i = 0; i < 5000 && flaky.signs && !flaky.saw_lease; i++) {
		nanosleep(&pause, NULL);
		flaky.saw_lease = __atomic_load_n(&flaky.signs->lines[0].lease, __ATOMIC_RELAXED) != NULL;
	}
	atomic_fetch_add(&flaky.synced, 1);
	return failing ? E_STORE_UNKNOWN : 0;
}

static inline void flaky_rollback(struct store *s)
{
	(void)s;
	store_rollback(flaky.inner);
}

static inline int flaky_mark(struct store *s)
{
	(void)s;
	return fails() ? flaky.error : store_mark(flaky.inner);
}

static inline int flaky_keep(struct store *s)
{
	(void)s;
	return fails() ? flaky.error : store_keep(flaky.inner);
}

static inline int flaky_undo(struct store *s)
{
	(void)s;
	return fails() ? flaky.error : store_undo(flaky.inner);
}

static inline int flaky_page(struct store *s, const struct listing *l, row_function *row, void *context)
{
	(void)s;
	bool passes = flaky.pages_to_fail == 0 || flaky.pages_to_pass > 0;
	flaky.pages_to_pass -= flaky.pages_to_pass > 0;
	if (passes)
		return store_page(flaky.inner, l, row, context);
	flaky.pages_to_fail--;
	return flaky.error;
}

static inline int flaky_check(struct store *s, int64_t now, finding_function *finding, void *context)
{
	(void)s;
	return store_check(flaky.inner, now, finding, context);
}

static inline int flaky_devices(struct store *s, int64_t *ret)
{
	(void)s;
	return store_devices(flaky.inner, ret);
}

static inline void flaky_close(struct store *s)
{
	(void)s;
}

static const struct store_ops flaky_ops = {.version = 4,
					   .name = "flaky",
					   .close = flaky_close,
					   .begin = flaky_begin,
					   .facts = flaky_facts,
					   .apply = flaky_apply,
					   .commit = flaky_commit,
					   .sync = flaky_sync,
					   .rollback = flaky_rollback,
					   .mark = flaky_mark,
					   .keep = flaky_keep,
					   .undo = flaky_undo,
					   .page = flaky_page,
					   .check = flaky_check,
					   .devices = flaky_devices};

static inline void heal(void)
{
	flaky.fail_at = 0;
	flaky.calls = 0;
	flaky.failures = 0;
	flaky.for_good = false;
	flaky.after_commit = false;
	flaky.commits_to_fail = 0;
	flaky.syncs_to_fail = 0;
	flaky.signs = NULL;
	flaky.saw_lease = false;
	flaky.pages_to_fail = 0;
}

/* --- a host --- */

static struct vendor vendor;
static struct host_key *key;
static struct broker broker;
static struct counters counters;
static int64_t now;

static const char sqlite_name[] = "sqlite";
static const char memory_name[] = "memory";

static inline void open_inner(const char *backend)
{
	char path[256];
	char url[300] = "memory:";
	if (strcmp(backend, sqlite_name) == 0)
		snprintf(url, sizeof(url), "sqlite:%s", fixture_file("broker.db", path));
	assert_int_equal(store_open(url, &flaky.inner), 0);
	flaky.store.ops = &flaky_ops;
}

static inline void open_host(const char *backend)
{
	fixture_empty();
	heal();
	memset(&counters, 0, sizeof(counters));
	now = NOW;
	open_inner(backend);
	assert_int_equal(broker_open(&broker, &flaky.store, key, &counters), 0);
}

static inline void close_host(void)
{
	broker_close(&broker);
	store_close(flaky.inner);
}

/* Stop and start on the same database. */
static inline void restart(void)
{
	broker_close(&broker);
	if (strcmp(flaky.inner->ops->name, sqlite_name) == 0) {
		store_close(flaky.inner);
		open_inner(sqlite_name);
	}
	assert_int_equal(broker_open(&broker, &flaky.store, key, &counters), 0);
}

static inline int setup(void **state)
{
	open_host(*state);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	close_host();
	return 0;
}

static inline void run(struct job *job)
{
	broker_run(&broker, &job, 1, now);
}

/* --- a clock that jumps --- */

static int64_t jump; /* by so many seconds, behind the back of the monotonic clock */

static inline int64_t jumping_wall(void *context)
{
	(void)context;
	return now + jump;
}

static inline int64_t steady_mono(void *context)
{
	(void)context;
	return (now - NOW) * 1000;
}

/* From now on the broker asks whether the clock can be believed, which it is as it stands. */
static inline void watch_clock(void)
{
	static const struct clock hands = {jumping_wall, steady_mono, NULL};
	jump = 0;
	struct timekeeper *time = timekeeper_new(&hands);
	assert_non_null(time);
	broker_keep_time(&broker, time);
	assert_int_equal(timekeeper_look(time).trust, TIME_GOOD);
}

static inline void unwatch_clock(void)
{
	timekeeper_free(broker.time);
	broker.time = NULL;
}

/* --- installing --- */

static inline struct job *install_job(enum job_kind kind, char *text)
{
	struct job *job = job_new(kind, 0);
	assert_non_null(job);
	strcpy(job->actor, "uid:0");
	job->text = text;
	return job;
}

static inline int run_and_free(struct job *job)
{
	run(job);
	int code = job->code;
	job_free(job);
	return code;
}

static inline int install_license(char *token)
{
	return run_and_free(install_job(JOB_INSTALL_LICENSE, token));
}

static inline int install_certificate(const struct certificate *c)
{
	return run_and_free(install_job(JOB_INSTALL_CERTIFICATE, fixture_certificate_token(&vendor, c)));
}

static inline struct certificate usual_certificate(void)
{
	return fixture_certificate(&vendor, key, broker.ledger);
}

static inline void certify(void)
{
	struct certificate c = usual_certificate();
	assert_int_equal(install_certificate(&c), 0);
}

static inline void license_host(uint32_t threshold)
{
	certify();
	assert_int_equal(install_license(fixture_volume(&vendor, 1, threshold)), 0);
}

/* --- machines --- */

struct machine {
	uint8_t id[DEVICE_ID];
	uint8_t ratchet[RATCHET];
	uint64_t counter;
	uint8_t token[REQUEST_TOKEN];
	struct hardware parts;
};

static inline struct machine machine(uint8_t number)
{
	return (struct machine){.id = {number, 77}};
}

/* The machine's next request; the same again when fresh is false. */
static inline struct job *request(struct machine *m, enum job_kind kind, bool fresh)
{
	struct job *job = job_new(kind, 1);
	assert_non_null(job);
	if (fresh)
		randombytes_buf(m->token, sizeof(m->token));
	memcpy(job->device, m->id, DEVICE_ID);
	snprintf(job->hostname, sizeof(job->hostname), "host-%d", m->id[0]);
	strcpy(job->os, "Debian 12");
	memcpy(job->shown.token, m->token, sizeof(m->token));
	memcpy(job->shown.ratchet, m->ratchet, sizeof(m->ratchet));
	job->shown.counter = m->counter;
	job->machine = m->parts;
	job->greeted = atomic_load(&broker.board.batches);
	job->may_enrol = true;
	strcpy(job->lines[0].product, "acme-cad");
	return job;
}

static inline void learn(struct machine *m, const struct job *job)
{
	if (job->code || !job->counter)
		return;
	memcpy(m->ratchet, job->ratchet, sizeof(m->ratchet));
	m->counter = job->counter;
}

/* Ask, and take the answer in. The code of the product; *ret_lease (may be NULL) is freed by the caller. */
static inline int ask(struct machine *m, enum job_kind kind, char **ret_lease)
{
	struct job *job = request(m, kind, true);
	run(job);
	learn(m, job);
	int code = job->code ? job->code : job->lines[0].answer.code;
	if (ret_lease) {
		*ret_lease = job->lines[0].lease;
		job->lines[0].lease = NULL;
	}
	job_free(job);
	return code;
}

static inline void assert_lease(const struct job *job, size_t i, const char *product, struct lease *ret)
{
	struct certificate cert;
	const struct job_line *line = &job->lines[i];
	assert_int_equal(job->code, 0);
	assert_int_equal(line->answer.code, 0);
	assert_non_null(line->lease);
	assert_non_null(line->certificate);
	assert_int_equal(lease_verify(line->lease, line->certificate, ROOTS_OF(vendor.public), product,
				      job->device, ret, &cert),
			 0);
}

/* --- looking --- */

struct tally_of {
	const char *what;
	int64_t n;
};

static inline int count_action(const struct row *row, void *context)
{
	struct tally_of *t = context;
	t->n += !t->what || strcmp(row->u.audit.audit.action, t->what) == 0;
	return 0;
}

static inline int64_t audits(const char *action)
{
	struct tally_of t = {action, 0};
	struct listing l = {.kind = LIST_AUDIT};
	assert_int_equal(store_page(flaky.inner, &l, count_action, &t), 0);
	return t.n;
}

static inline int take_grant(const struct row *row, void *context)
{
	*(struct row *)context = *row;
	return 0;
}

/* The last grant of the ledger. */
static inline struct row grant_row(void)
{
	struct row row = {0};
	struct listing l = {.kind = LIST_GRANT, .now = now};
	assert_int_equal(store_page(flaky.inner, &l, take_grant, &row), 0);
	return row;
}

static inline void refuse_finding(int code, const char *text, void *context)
{
	(void)context;
	fail_msg("%s: %s", error_name(code), text);
}

static inline void assert_sound(void)
{
	assert_int_equal(store_check(flaky.inner, now, refuse_finding, NULL), 0);
}

static inline int take_serial(const struct row *row, void *context)
{
	int64_t *serial = context;
	if (row->u.activation.holding.serial > *serial)
		*serial = row->u.activation.holding.serial;
	return 0;
}

/* The highest serial of what a store says that the machine holds, 0: nothing; and what else it knows of it.
 */
static inline int64_t held_serial(struct store *store, const struct machine *m, struct device_facts *ret)
{
	struct asker asker = {.hostname = "", .os = "", .agent = "", .user = ""};
	int64_t serial = 0;
	memcpy(asker.id, m->id, DEVICE_ID);
	assert_int_equal(store_facts(store, &asker, now, ret, NULL, 0), 0);
	struct listing held = {.kind = LIST_ACTIVATION, .device = ret->device, .now = now};
	if (ret->known)
		assert_int_equal(store_page(store, &held, take_serial, &serial), 0);
	return serial;
}

static inline int64_t devices(void)
{
	int64_t n;
	assert_int_equal(store_devices(flaky.inner, &n), 0);
	return n;
}

/* Another license of the same vendor, with one grant of this id. */
static inline char *other_license(const char *id, const char *grant_id)
{
	struct product product = fixture_product();
	struct grant grant = fixture_grant(grant_id, 1);
	struct license l = fixture_license(&vendor, 1, &grant, 1, &product, 1);
	snprintf(l.id, sizeof(l.id), "%s", id);
	return fixture_license_token(&vendor, &l);
}

static inline void certify_for(const char *license)
{
	struct certificate c = usual_certificate();
	snprintf(c.license, sizeof(c.license), "%s", license);
	assert_int_equal(install_certificate(&c), 0);
}

static inline void assert_numbers_differ(void)
{
	assert_int_equal(broker.catalog.n_licenses, 2);
	int64_t a = broker.catalog.licenses[0].numbers[0];
	int64_t b = broker.catalog.licenses[1].numbers[0];
	assert_true(a > 0 && b > 0 && a != b);
}

#define BOTH(test)                                                                                           \
	{"sqlite:" #test, test, setup, teardown, (void *)sqlite_name},                                       \
	{                                                                                                    \
		"memory:" #test, test, setup, teardown, (void *)memory_name                                  \
	}

static inline int group_setup(void **state)
{
	(void)state;
	log_level_set(LOG_LEVEL_ERROR);
	vendor = fixture_vendor(1);
	key = fixture_host_key("broker.key");
	return 0;
}

static inline int group_teardown(void **state)
{
	(void)state;
	host_key_free(key);
	return 0;
}

#endif
