/* SPDX-License-Identifier: Apache-2.0 */
/* The deep checks: slow ones that an administrator asks for, and putting right what they find. */
#include <microhttpd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "error.h"
#include "jsontext.h"
#include "lane.h"
#include "mend.h"
#include "status.h"

/* What store_check may find, as checks with names. */
static const struct {
	int code;
	const char *check;
	const char *good;
} store_checks[] = {
	{E_STORE_CORRUPT, "integrity", "the database is sound"},
	{E_INDEX_BROKEN, "indexes", "every index fits its table"},
	{E_COUNT_BROKEN, "counts", "every kept count equals a recount"},
	{E_ROWS_ORPHANED, "orphans", "every row has its owner"},
	{E_AUDIT_BROKEN, "audit", "the audit chain holds"},
};

#define STOP_AGAIN_NS 50000000
#define STORE_CHECKS (sizeof(store_checks) / sizeof(store_checks[0]))

struct findings {
	char text[STORE_CHECKS][200]; /* the first of each */
	int64_t n[STORE_CHECKS];
};

static void take_finding(int code, const char *text, void *context)
{
	struct findings *f = context;
	if (code == E_AUDIT_CHECKPOINT)
		code = E_AUDIT_BROKEN; /* one check for rows and checkpoints */
	for (size_t i = 0; i < STORE_CHECKS; i++) {
		if (store_checks[i].code != code)
			continue;
		if (f->n[i]++ == 0)
			snprintf(f->text[i], sizeof(f->text[i]), "%s", text);
	}
}

static void take_orphans(const struct mended *m, void *context)
{
	char text[80];
	snprintf(text, sizeof(text), "%s has %lld rows whose owner is gone", m->what, (long long)m->rows);
	take_finding(E_ROWS_ORPHANED, text, context);
}

static int64_t found(const struct findings *f, int code)
{
	for (size_t i = 0; i < STORE_CHECKS; i++)
		if (store_checks[i].code == code)
			return f->n[i];
	return 0;
}

static void add_check(json_t *checks, const char *name, bool ok, enum severity severity, const char *message,
		      const char *remedy)
{
	json_array_append_new(checks,
			      json_pack("{s:s, s:b, s:s, s:s, s:s}", "check", name, "ok", ok, "severity",
					severity_name(severity), "message", message, "remedy", remedy));
}

/* One at a time for each socket: a thread and a reading handle of its own, so that the socket serves on. */
struct doctor {
	pthread_mutex_t lock;
	pthread_cond_t ended;
	pthread_t thread;
	bool has_thread; /* API thread; after that has ended, the stopping one */
	bool busy;       /* from here on under the lock: a check runs, or its answer is due */
	bool resumed;    /* the waiter goes on by itself */
	bool stopping;
	struct store *reader;
	struct exchange *waiter;
	struct counters *counters;
	int64_t now;
	struct findings found; /* by the last look */
	int error;
	struct job *job; /* of a repair; NULL: only a look */
	struct lane *lane;
	struct mending mending;
	bool mended; /* the job was run, */
	int failed;  /* or why it could not */
};

static bool of_store(int code)
{
	for (size_t i = 0; i < STORE_CHECKS; i++)
		if (store_checks[i].code == code)
			return true;
	return false;
}

static bool tell_store(const struct doctor *d, json_t *checks)
{
	bool ok = true;
	for (size_t i = 0; i < STORE_CHECKS; i++) {
		char text[200];
		snprintf(text, sizeof(text), "%s", d->found.text[i]);
		if (d->error && !text[0])
			snprintf(text, sizeof(text), "could not be checked: %s", error_text(d->error));
		bool good = !text[0];
		ok &= good;
		add_check(checks, store_checks[i].check, good, good ? SEVERITY_INFO : SEVERITY_ERROR,
			  good ? store_checks[i].good : text,
			  good                  ? ""
			  : d->found.text[i][0] ? error_row(store_checks[i].code)->remedy
						: error_row(d->error)->remedy);
	}
	return ok;
}

/* Health tells of it until a later check is good. */
static void keep_result(struct doctor *d)
{
	int code = 0;
	for (size_t i = 0; i < STORE_CHECKS && !code; i++)
		code = d->found.text[i][0] ? store_checks[i].code : 0;
	if (d->error && !code)
		return; /* not known */
	atomic_store(&d->counters->check_at, d->now);
	atomic_store(&d->counters->check_failed, code);
}

static void look(struct doctor *d)
{
	memset(&d->found, 0, sizeof(d->found));
	d->error = store_check(d->reader, d->now, take_finding, &d->found);
	if (!d->error)
		d->error = store_orphans(d->reader, take_orphans, &d->found);
	keep_result(d);
}

/* Nothing is made anew from tables that are damaged themselves, or could not be looked at. */
static bool repairable(const struct doctor *d)
{
	return !d->error && !found(&d->found, E_STORE_CORRUPT);
}

static bool stopping(struct doctor *d)
{
	pthread_mutex_lock(&d->lock);
	bool is = d->stopping;
	pthread_mutex_unlock(&d->lock);
	return is;
}

/* The lane does it, in one transaction of its own; then all is looked at once more. A dry run leaves the
 * indexes, which would be made for nothing. */
static void repair(struct doctor *d)
{
	int64_t indexes = found(&d->found, E_INDEX_BROKEN);
	d->job->indexes = indexes && !d->job->dry_run;
	d->job->event_time = indexes;
	d->job->mending = &d->mending;
	int error = lane_call(d->lane, d->job);
	d->failed = error ? error : d->job->code;
	d->mended = !d->failed;
	if (d->mended && indexes)
		d->mending.indexes = true;
	if (d->mended && !d->job->dry_run)
		look(d);
}

static void *examine(void *context)
{
	struct doctor *d = context;
	pthread_setname_np(pthread_self(), "doctor");
	look(d);
	if (d->job && repairable(d) && !stopping(d))
		repair(d);
	pthread_mutex_lock(&d->lock);
	exchange_resume(d->waiter);
	d->resumed = true;
	pthread_cond_signal(&d->ended);
	pthread_mutex_unlock(&d->lock);
	return NULL;
}

static void end_thread(struct doctor *d)
{
	if (d->has_thread)
		pthread_join(d->thread, NULL);
	d->has_thread = false;
	pthread_mutex_lock(&d->lock);
	store_close(d->reader);
	d->reader = NULL;
	d->busy = false;
	pthread_mutex_unlock(&d->lock);
}

/* Where the lane could not do it, the checks say why. */
static json_t *tell_repairs(const struct doctor *d)
{
	static const struct mending none;
	return mend_json(d->mended ? &d->mending : &none, d->job->event_time, !d->job->dry_run);
}

static void answer(struct exchange *x)
{
	struct doctor *d = x->admin->doctor;
	struct overview *o;
	end_thread(d);
	int error = d->failed ? d->failed : overview_gather(x, &o);
	if (error) {
		exchange_problem(x, error, NULL);
		return;
	}
	json_t *checks = json_array();
	bool ok = tell_store(d, checks);
	json_t *repairs = d->job ? tell_repairs(d) : NULL;
	for (size_t i = 0; i < o->n_health; i++) {
		const struct health_item *h = &o->health[i];
		bool good = h->severity == SEVERITY_INFO;
		if (of_store(h->code))
			continue; /* told above, as found just now */
		ok &= good;
		add_check(checks, error_name(h->code), good, h->severity, h->message, h->remedy);
	}
	if (o->n_health == 0)
		add_check(checks, "licenses", true, SEVERITY_INFO, "licenses and certificates are in force",
			  "");
	free(o);
	json_t *all = json_pack("{s:i, s:b, s:o}", "schema", 1, "ok", ok, "checks", checks);
	if (d->job && (json_object_set_new(all, "dry_run", json_boolean(d->job->dry_run)) ||
		       json_object_set_new(all, "repairs", repairs))) {
		json_decref(all);
		all = NULL;
	}
	exchange_json(x, MHD_HTTP_OK, all);
}

/* Under the lock. The job is taken over when it begins. */
static int begin(struct doctor *d, struct exchange *x, struct job *job)
{
	if (d->stopping)
		return E_STOPPING;
	if (d->busy)
		return E_BUSY;
	int error = store_reader(x->admin->settings.store, &d->reader);
	if (error)
		return error;
	job_free(d->job);
	d->job = job;
	d->mended = false;
	d->waiter = x;
	d->now = x->now;
	d->resumed = false;
	memset(&d->found, 0, sizeof(d->found));
	d->failed = d->error = 0;
	exchange_suspend(x, answer);
	d->busy = true;
	d->has_thread = pthread_create(&d->thread, NULL, examine, d) == 0;
	if (!d->has_thread) {
		d->error = E_NO_MEMORY;
		d->resumed = true;
		exchange_resume(x);
	}
	return 0;
}

/* job: of a repair, taken over. */
static void start(struct exchange *x, struct job *job)
{
	struct doctor *d = x->admin->doctor;
	pthread_mutex_lock(&d->lock);
	int error = begin(d, x, job);
	pthread_mutex_unlock(&d->lock);
	if (!error)
		return;
	job_free(job);
	exchange_problem(x, error, error == E_BUSY ? "another check is running" : NULL);
}

void doctor_show(struct exchange *x)
{
	start(x, NULL);
}

/* The order: {"dry_run": true}, or nothing. E_BAD_REQUEST. */
static int read_order(const struct exchange *x, bool *ret_dry_run)
{
	json_t *body = NULL;
	*ret_dry_run = false;
	if (!x->body.used)
		return 0;
	int error = jsontext_read(x->body.bytes, x->body.used, &body, NULL);
	json_t *flag = json_object_get(body, "dry_run");
	if (!error && (!json_is_object(body) || (flag && !json_is_boolean(flag))))
		error = E_BAD_REQUEST;
	*ret_dry_run = json_is_true(flag);
	json_decref(body);
	return error == E_NO_MEMORY ? error : error ? E_BAD_REQUEST : 0;
}

void doctor_repair(struct exchange *x)
{
	bool dry_run;
	int error = read_order(x, &dry_run);
	struct job *job = error ? NULL : job_new(JOB_HOST, 0);
	if (!job) {
		exchange_problem(x, error ? error : E_NO_MEMORY, error ? "dry_run: true or false" : NULL);
		return;
	}
	job->event = HOST_MENDED;
	job->dry_run = dry_run;
	exchange_actor(x, job->actor);
	memcpy(job->correlation, x->request_id, sizeof(job->correlation));
	x->admin->doctor->lane = x->admin->settings.lane;
	start(x, job);
}

/* --- start and stop --- */

struct doctor *doctor_new(struct counters *counters)
{
	struct doctor *d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->ended, NULL);
	d->counters = counters;
	return d;
}

void doctor_stop(struct doctor *d)
{
	if (!d)
		return;
	pthread_mutex_lock(&d->lock);
	d->stopping = true;
	while (d->busy && !d->resumed) {
		struct timespec soon;
		store_interrupt(d->reader); /* again and again: it may be between two statements */
		clock_gettime(CLOCK_REALTIME, &soon);
		soon.tv_nsec += STOP_AGAIN_NS;
		soon.tv_sec += soon.tv_nsec / 1000000000;
		soon.tv_nsec %= 1000000000;
		pthread_cond_timedwait(&d->ended, &d->lock, &soon);
	}
	pthread_mutex_unlock(&d->lock);
}

void doctor_free(struct doctor *d)
{
	if (!d)
		return;
	end_thread(d);
	job_free(d->job);
	pthread_cond_destroy(&d->ended);
	pthread_mutex_destroy(&d->lock);
	free(d);
}
