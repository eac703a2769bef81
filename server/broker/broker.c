/* SPDX-License-Identifier: Apache-2.0 */
#include "broker.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "day.h"
#include "error.h"
#include "jsontext.h"
#include "log.h"
#include "notes.h"
#include "replay.h"
#include "store.h"
#include "syncer.h"
#include "timekeeper.h"

/* From so many jobs on it is worth while to wake a thread that waits for the disk, and to sign meanwhile. */
#define BESIDE 16

/* --- open and close --- */

int64_t broker_meta_number(const struct row *row)
{
	char text[24] = "";
	size_t n = row->u.meta.n < sizeof(text) ? row->u.meta.n : sizeof(text) - 1;
	memcpy(text, row->u.meta.bytes, n);
	return strtoll(text, NULL, 10);
}

/* What the ledger knows of itself. */
struct ledger_facts {
	struct broker *b;
	bool has_id;
	bool has_secret;
};

static int take_meta(const struct row *row, void *context)
{
	struct ledger_facts *f = context;
	const char *name = row->u.meta.key;
	if (strcmp(name, LEDGER_KEY) == 0 && row->u.meta.n == LEDGER_ID) {
		memcpy(f->b->ledger, row->u.meta.bytes, LEDGER_ID);
		f->has_id = true;
	} else if (strcmp(name, META_SECRET) == 0 && row->u.meta.n == RATCHET_SECRET) {
		memcpy(f->b->secret, row->u.meta.bytes, RATCHET_SECRET);
		f->has_secret = true;
	} else if (strcmp(name, META_RESTORED) == 0) {
		f->b->restored = broker_meta_number(row);
	} else if (strcmp(name, META_TIME) == 0) {
		f->b->time_known = broker_meta_number(row);
	} else if (strcmp(name, META_RETIRED) == 0) {
		atomic_store(&f->b->retired, broker_meta_number(row));
	}
	return 0;
}

static int put_meta(struct broker *b, const char *name, const void *bytes, size_t n)
{
	struct effect effect = {.kind = EFFECT_META, .u.meta = {name, bytes, n}};
	return store_apply(b->store, &effect);
}

int broker_note(struct broker *b, const char *name, int64_t number)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%lld", (long long)number);
	return put_meta(b, name, text, (size_t)n);
}

struct noted {
	const char *name;
	int64_t number;
};

static int take_noted(const struct row *row, void *context)
{
	struct noted *n = context;
	if (strcmp(row->u.meta.key, n->name) != 0)
		return 0;
	n->number = broker_meta_number(row);
	return 1;
}

int broker_noted(struct broker *b, const char *name, int64_t *ret)
{
	struct noted n = {.name = name};
	struct listing meta = {.kind = LIST_META};
	int error = store_page(b->store, &meta, take_noted, &n);
	*ret = n.number;
	return error < 0 ? error : 0;
}

/*
 * A ledger has an id from its first day: certificates and clients' states are tied to it (DESIGN 5.4). Its
 * secret is its own, too, and not the host's: it makes ratchets, and hashes codes and enrolment keys, which
 * must go on when the ledger is restored on a machine that has other keys. The first host's key gives it.
 */
static int open_ledger(struct broker *b)
{
	struct ledger_facts facts = {.b = b};
	struct listing meta = {.kind = LIST_META};
	int error = store_page(b->store, &meta, take_meta, &facts);
	if (error || (facts.has_id && facts.has_secret))
		return error;
	if (!facts.has_id)
		randombytes_buf(b->ledger, LEDGER_ID);
	memcpy(b->secret, b->key->ratchet, RATCHET_SECRET);
	error = store_begin(b->store);
	if (error)
		return error;
	error = put_meta(b, LEDGER_KEY, b->ledger, LEDGER_ID);
	if (!error)
		error = put_meta(b, META_SECRET, b->secret, RATCHET_SECRET);
	if (!error)
		return store_commit(b->store);
	store_rollback(b->store);
	return error;
}

static int load_catalog(struct broker *b)
{
	struct catalog fresh;
	int error = catalog_load(b->store, b->key->public, &fresh);
	if (error)
		return error;
	error = credentials_publish(&b->board, &fresh);
	if (error) {
		catalog_free(&fresh);
		return error;
	}
	catalog_free(&b->catalog);
	b->catalog = fresh;
	b->catalog_stale = false;
	b->peaks.day = 0; /* new grants have a row from now on */
	atomic_fetch_add(&b->generation, 1);
	return 0;
}

int broker_open(struct broker *b, struct store *store, const struct host_key *key, struct counters *counters)
{
	memset(b, 0, sizeof(*b));
	b->store = store;
	b->key = key;
	b->counters = counters;
	b->beside = BESIDE;
	credentials_board_init(&b->board);
	b->secret = sodium_malloc(RATCHET_SECRET);
	b->turned = calloc(TURNED_MAX, sizeof(*b->turned));
	int error = b->secret && b->turned ? open_ledger(b) : E_NO_MEMORY;
	if (!error)
		error = load_catalog(b);
	if (error)
		broker_close(b);
	return error;
}

void broker_keep_time(struct broker *b, struct timekeeper *time)
{
	b->time = time;
	timekeeper_remember(time, b->time_known);
}

void broker_close(struct broker *b)
{
	free(b->losers.all);
	sodium_free(b->secret);
	b->secret = NULL;
	free(b->turned);
	b->turned = NULL;
	catalog_free(&b->catalog);
	credentials_board_fini(&b->board);
}

/* --- what jobs share --- */

bool broker_doubts_time(const struct broker *b)
{
	return b->time && timekeeper_look(b->time).trust != TIME_GOOD;
}

int broker_note_time(struct broker *b, int64_t now)
{
	return b->time && !broker_doubts_time(b) ? broker_note(b, META_TIME, now) : 0;
}

int broker_audit(struct broker *b, int64_t now, const char *actor, const char *action, const char *object,
		 json_t *detail)
{
	char *text = detail ? jsontext_write(detail, JSON_COMPACT) : NULL;
	json_decref(detail);
	if (!text)
		return E_NO_MEMORY;
	struct effect effect = {
		.kind = EFFECT_AUDIT, .at = now, .u.audit = {now, actor, action, object, text}};
	int error = store_apply(b->store, &effect);
	b->seal.new_rows++;
	free(text);
	return error;
}

/* What a change of marks is called in the audit log; NULL: nothing to tell. */
static const char *mark_action(const struct grant_marks *before, const struct grant_marks *after,
			       int64_t need)
{
	if (after->warned > before->warned)
		return "pool.low";
	if (before->reached == after->reached && before->below_since == after->below_since)
		return NULL;
	if (need <= 1 && !before->below_since)
		return NULL;
	return !before->reached     ? "threshold.reached"
	       : after->below_since ? "threshold.below"
				    : "threshold.recovered";
}

static bool same_marks(const struct grant_marks *a, const struct grant_marks *b)
{
	return a->reached == b->reached && a->below_since == b->below_since && a->cancelled == b->cancelled &&
	       a->taken_over == b->taken_over && a->over_since == b->over_since && a->warned == b->warned &&
	       a->extra == b->extra && a->extended == b->extended;
}

int broker_marks(struct broker *b, int64_t now, int64_t grant, const char *id,
		 const struct grant_marks *before, const struct grant_marks *after, int64_t have,
		 int64_t need)
{
	struct effect effect = {.kind = EFFECT_MARKS, .grant = grant, .at = now, .u.marks = *after};
	const char *action = mark_action(before, after, need);
	if (same_marks(before, after))
		return 0;
	int error = store_apply(b->store, &effect);
	if (error || !action)
		return error;
	return broker_audit(b, now, "host", action, id,
			    json_pack("{s:I, s:I}", "have", (json_int_t)have, "need", (json_int_t)need));
}

int broker_release(struct broker *b, int64_t now, const char *actor, const char *action,
		   const struct row *row)
{
	struct holding after = row->u.activation.holding;
	char id[DEVICE_ID_TEXT];
	struct catalog_grant g;
	bool known = catalog_grant(&b->catalog, row->u.activation.grant, &g);
	after.state = HOLDING_RELEASED;
	struct effect effect = {.kind = EFFECT_HOLDING,
				.device = row->u.activation.num,
				.grant = row->u.activation.grant,
				.user = row->u.activation.user,
				.at = now,
				.u.holding = {row->u.activation.holding, after}};
	/* At once, not with the batch's other counts: what is undone must not be counted. */
	struct effect counted = {.kind = EFFECT_TALLY,
				 .grant = row->u.activation.grant,
				 .at = now,
				 .u.tally = {"released", 1}};
	int error = store_apply(b->store, &effect);
	if (!error)
		error = store_apply(b->store, &counted);
	if (!error && known && g.grant->model == MODEL_POOL)
		error = broker_drop_hardware(b, row->u.activation.num, row->u.activation.grant);
	device_id_write(row->u.activation.id, id);
	if (error)
		return error;
	return broker_audit(b, now, actor, action, id,
			    json_pack("{s:s*, s:s*, s:s*}", "grant", known ? g.grant->id : NULL, "product",
				      known ? g.grant->product : NULL, "user",
				      row->u.activation.user ? row->u.activation.user_name : NULL));
}

int broker_drop_hardware(struct broker *b, int64_t device, int64_t grant)
{
	struct record parts = {.kind = RECORD_HARDWARE,
			       .u.hardware = {.device = device, .entitlement = grant}};
	struct record tag = {.kind = RECORD_HARDWARETAG,
			     .u.hardwaretag = {.device = device, .entitlement = grant}};
	int error = store_drop_like(b->store, &parts, BY(hardware, device) | BY(hardware, entitlement));
	return error ? error
		     : store_drop_like(b->store, &tag,
				       BY(hardwaretag, device) | BY(hardwaretag, entitlement));
}

bool broker_told_today(struct broker *b, const uint8_t device[DEVICE_ID], int64_t now)
{
	uint64_t key;
	memcpy(&key, device, sizeof(key)); /* a hash already */
	struct told *slot = &b->told[key % TOLD_MAX];
	bool told = slot->key == key && slot->day == day_of(now);
	*slot = (struct told){key, day_of(now)};
	if (!told && b->n_told_now < TOLD_BATCH)
		b->told_now[b->n_told_now++] = key % TOLD_MAX;
	return told;
}

struct tries *broker_tries(struct broker *b, struct tries table[TRIES_MAX], const char *who, int64_t now,
			   int64_t seconds)
{
	uint8_t hash[KEYCODE_HASH];
	uint64_t key;
	keycode_hash(who, b->secret, RATCHET_SECRET, hash); /* nobody outside can fill one slot */
	memcpy(&key, hash, sizeof(key));
	struct tries *t = &table[key % TRIES_MAX];
	if (t->who != key || now >= t->since + seconds)
		*t = (struct tries){.who = key, .since = now};
	return t;
}

void broker_tally(struct broker *b, const char *what, int64_t grant)
{
	for (size_t i = 0; i < b->n_tallies; i++) {
		if (b->tallies[i].grant == grant && strcmp(b->tallies[i].what, what) == 0) {
			b->tallies[i].n++;
			return;
		}
	}
	if (b->n_tallies < TALLIES_MAX)
		b->tallies[b->n_tallies++] = (struct tally){what, grant, 1};
}

static int flush_tallies(struct broker *b, int64_t now)
{
	int error = 0;
	for (size_t i = 0; i < b->n_tallies && !error; i++) {
		struct effect effect = {.kind = EFFECT_TALLY,
					.grant = b->tallies[i].grant,
					.at = now,
					.u.tally = {b->tallies[i].what, b->tallies[i].n}};
		error = store_apply(b->store, &effect);
	}
	return error;
}

/* --- batches --- */

static int run_kind(struct broker *b, struct job *job, int64_t now)
{
	if (host_event_refuses(b, job->kind)) {
		job->code = job->kind == JOB_SWEEP ? 0 : E_HOST_RETIRED;
		return 0;
	}
	switch (job->kind) {
	case JOB_ACTIVATE:
	case JOB_RENEW:
	case JOB_RELEASE:
	case JOB_SIGN_IN:
	case JOB_SIGN_OUT:
	case JOB_REDEEM:
	case JOB_POLICY:
		return request_run(b, job, now);
	case JOB_SHOW_LEASE:
		return adopt_run(b, job, now);
	case JOB_OFFLINE:
		return request_file_run(b, job, now);
	case JOB_CHANGE:
		return change_run(b, job, now);
	case JOB_INSTALL_LICENSE:
	case JOB_INSTALL_CERTIFICATE:
	case JOB_INSTALL_REVOCATIONS:
		return install_run(b, job, now);
	case JOB_AUDIT:
		return broker_audit(b, now, job->actor, "admin.refused", job->installed,
				    json_pack("{s:s}", "request", job->text ? job->text : ""));
	case JOB_NOTE:
		return broker_audit(b, now, job->actor, job->act, job->hostname,
				    job->event_detail ? json_incref(job->event_detail) : json_object());
	case JOB_HOST:
		return host_event_run(b, job, now);
	case JOB_SWEEP:
		return sweep_run(b, job, now);
	}
	return E_INTERNAL;
}

static bool changed_something(const struct job *job)
{
	const struct orders *o = job->orders;
	if (job->code || !o)
		return !job->code;
	for (size_t i = 0; i < o->n; i++)
		if (!o->changes[i].code)
			return !o->dry_run;
	return false;
}

/* A job whose answer is to be remembered: not run when it was already, and undone when it cannot be. */
static int run_once(struct broker *b, struct job *job, int64_t now)
{
	int error = replay_find(b->store, job->replay, now);
	if (error == E_IDEMPOTENCY_MISMATCH) {
		job->code = error;
		return 0;
	}
	if (error || job->replay->found)
		return error;
	error = store_mark(b->store);
	if (!error)
		error = run_kind(b, job, now);
	if (!error && changed_something(job))
		error = replay_keep(b, job, now);
	if (error)
		return error;
	if (!job->code)
		return store_keep(b->store);
	seats_forget(b);
	return store_undo(b->store);
}

static int run_one(struct broker *b, struct job *job, int64_t now)
{
	job->now = now;
	job->code = 0;
	seats_forget(b); /* an instant later a term may be over */
	b->round.n = 0;
	return job->replay ? run_once(b, job, now) : run_kind(b, job, now);
}

/* One transaction over the jobs, not durable yet; an error means that nothing of it happened. */
static int run_transaction(struct broker *b, struct job **jobs, size_t n, int64_t now)
{
	b->n_tallies = b->n_told_now = 0;
	int error = seal_make(b, now);
	if (!error)
		error = peaks_begin(b, now);
	for (size_t i = 0; i < n && !error; i++)
		error = run_one(b, jobs[i], now);
	if (!error)
		error = peaks_flush(b, now);
	if (!error)
		error = flush_tallies(b, now);
	if (!error)
		error = store_commit_early(b->store);
	else
		store_rollback(b->store);
	return error;
}

/* A batch, and who takes its jobs. */
struct batch {
	struct job **jobs;
	size_t n;
	size_t n_signed; /* while the disk was busy with it */
	int64_t now;
	take_function *take;
	void *context;
};

static void fail(struct broker *b, const struct batch *all, int error)
{
	counter_add(&b->counters->store_errors, 1);
	if (atomic_exchange(&b->store_error, error) != error) /* once, not for each batch of a full disk */
		log_event(EVENT_STORE_FAILED, LOG_CODE(error), LOG_NUMBER(COUNT, all->n));
	if (error == E_STORE_UNKNOWN || error == E_STORE_CORRUPT)
		atomic_store(&b->fatal, error);
	for (size_t i = 0; i < all->n; i++) {
		all->jobs[i]->code = error;
		job_unsign(all->jobs[i]);
		notes_job(b, all->jobs[i]);
		all->take(all->jobs[i], all->context);
	}
}

/* Make durable what was committed. Jobs are signed while the disk is busy, but nobody gets them before. */
static int make_durable(struct broker *b, struct batch *all)
{
	if (!b->syncer || all->n < b->beside)
		return store_sync(b->store);
	syncer_begin(b->syncer);
	while (all->n_signed < all->n && !syncer_is_done(b->syncer))
		signer_sign(b, all->jobs[all->n_signed++]);
	return syncer_wait(b->syncer);
}

/* It is known now whether the batch has happened. */
static void settle(struct broker *b, const struct batch *all, int64_t started, int error)
{
	seal_end(b, all->now, !error);
	notes_transaction(b->counters, all->jobs, all->n, started);
	if (!error)
		return;
	b->catalog_stale = b->replays_counted = false; /* nothing was changed */
	b->peaks.day = b->pruned_day = 0;
	for (size_t i = 0; i < b->n_told_now; i++)
		b->told[b->told_now[i]].day = 0; /* nor told */
}

static void finish(struct broker *b, const struct batch *all)
{
	/* What was granted by this catalog is signed by it; but who changed it waits for the new one. */
	bool stale = b->catalog_stale;
	unsigned long long number = atomic_fetch_add(&b->board.batches, 1) + 1;
	if (atomic_exchange(&b->store_error, 0))
		log_event(EVENT_STORE_RECOVERED);
	counter_add(&b->counters->batches, 1);
	counter_add(&b->counters->jobs, (long long)all->n);
	for (size_t i = 0; i < all->n; i++) {
		struct job *job = all->jobs[i];
		job->batch = number;
		if (i >= all->n_signed)
			signer_sign(b, job);
		notes_job(b, job);
		if (job->kind == JOB_HOST)
			host_event_done(b, job);
		if (!stale)
			all->take(job, all->context);
	}
	if (!stale)
		return;
	int error = load_catalog(b);
	if (error)
		log_event(EVENT_LICENSE_UNLOADED, LOG_CODE(error));
	for (size_t i = 0; i < all->n; i++)
		all->take(all->jobs[i], all->context);
}

/* One job alone may poison its batch; only when the store itself is well is it worth finding which. */
static bool worth_singling(int error)
{
	return error != E_STORE_FULL && error != E_STORE_IO && error != E_STORE_CORRUPT &&
	       error != E_STORE_UNKNOWN && error != E_STORE_BUSY;
}

/* The catalog may be old yet: when it could not be loaded after the batch that changed it. */
static int begin(struct broker *b)
{
	int error = b->catalog_stale ? load_catalog(b) : 0;
	return error ? error : store_begin(b->store);
}

static int run_batch(struct broker *b, struct batch *all)
{
	int64_t started = clock_us();
	all->n_signed = 0;
	int error = begin(b);
	if (error)
		return error;
	error = run_transaction(b, all->jobs, all->n, all->now);
	if (!error)
		error = make_durable(b, all);
	settle(b, all, started, error);
	return error;
}

static void run(struct broker *b, struct batch *all)
{
	int error = run_batch(b, all);
	if (!error) {
		finish(b, all);
		return;
	}
	if (all->n == 1 || !worth_singling(error)) {
		fail(b, all, error);
		return;
	}
	struct batch one = *all;
	for (one.n = 1; one.jobs < all->jobs + all->n; one.jobs++)
		run(b, &one);
}

void broker_serve(struct broker *b, struct job **jobs, size_t n, int64_t now, take_function *take,
		  void *context)
{
	run(b, &(struct batch){jobs, n, 0, now, take, context});
}

static void leave(struct job *job, void *context)
{
	(void)job;
	(void)context;
}

void broker_run(struct broker *b, struct job **jobs, size_t n, int64_t now)
{
	broker_serve(b, jobs, n, now, leave, NULL);
}
