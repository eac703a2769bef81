/* SPDX-License-Identifier: Apache-2.0 */
/* The deep checks: slow ones that an administrator asks for. */
#include <microhttpd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "error.h"
#include "status.h"

/* What store_check may find, as checks with names. */
static const struct {
	int code;
	const char *check;
	const char *good;
} store_checks[] = {
	{E_STORE_CORRUPT, "integrity", "the database is sound"},
	{E_COUNT_BROKEN, "counts", "every kept count equals a recount"},
	{E_AUDIT_BROKEN, "audit", "the audit chain holds"},
};

#define STOP_AGAIN_NS 50000000
#define STORE_CHECKS (sizeof(store_checks) / sizeof(store_checks[0]))

struct findings {
	char text[STORE_CHECKS][200];
};

static void take_finding(int code, const char *text, void *context)
{
	struct findings *f = context;
	if (code == E_AUDIT_CHECKPOINT)
		code = E_AUDIT_BROKEN; /* one check for rows and checkpoints */
	for (size_t i = 0; i < STORE_CHECKS; i++)
		if (store_checks[i].code == code && !f->text[i][0])
			snprintf(f->text[i], sizeof(f->text[i]), "%s", text);
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
	struct findings found;
	int error;
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
			  good ? "" : error_row(store_checks[i].code)->remedy);
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

static void *examine(void *context)
{
	struct doctor *d = context;
	d->error = store_check(d->reader, d->now, take_finding, &d->found);
	keep_result(d);
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

static void answer(struct exchange *x)
{
	struct doctor *d = x->admin->doctor;
	struct overview *o;
	end_thread(d);
	int error = overview_gather(x, &o);
	if (error) {
		exchange_problem(x, error, NULL);
		return;
	}
	json_t *checks = json_array();
	bool ok = tell_store(d, checks);
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
	exchange_json(x, MHD_HTTP_OK, json_pack("{s:i, s:b, s:o}", "schema", 1, "ok", ok, "checks", checks));
}

/* Under the lock. */
static int begin(struct doctor *d, struct exchange *x)
{
	if (d->stopping)
		return E_STOPPING;
	if (d->busy)
		return E_BUSY;
	int error = store_reader(x->admin->settings.store, &d->reader);
	if (error)
		return error;
	d->waiter = x;
	d->now = x->now;
	d->resumed = false;
	memset(&d->found, 0, sizeof(d->found));
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

void doctor_show(struct exchange *x)
{
	struct doctor *d = x->admin->doctor;
	pthread_mutex_lock(&d->lock);
	int error = begin(d, x);
	pthread_mutex_unlock(&d->lock);
	if (error)
		exchange_problem(x, error, error == E_BUSY ? "another check is running" : NULL);
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
	pthread_cond_destroy(&d->ended);
	pthread_mutex_destroy(&d->lock);
	free(d);
}
