/* SPDX-License-Identifier: Apache-2.0 */
#include "watch.h"

#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "error.h"
#include "log.h"
#include "query.h"

#define MINUTE_MS 60000
#define REFRESH_MS ((int64_t)24 * 60 * MINUTE_MS) /* the record is published again every day */
#define RETRY_MS ((int64_t)15 * MINUTE_MS)        /* after publishing failed */
#define JITTER_PART 10                            /* a tenth: hosts do not look at the same instant */
#define TURN_MS 2000    /* longest sleep, after which the clock is looked at again: machines are suspended */
#define IDLE_MS 3600000 /* when there is nothing to look at */
#define ORDER_MS 45000

struct watch {
	struct watch_settings settings;
	pthread_t thread;
	bool started;
	int wake; /* an order came */
	int stop;
	pthread_mutex_t lock; /* over what follows */
	bool stopping;
	struct watch_order *first;
	struct watch_order **last;
	struct watch_report report;

	/* the thread's own */
	int64_t look_at; /* monotonic clock; 0: never */
	int64_t publish_at;
};

/* --- what is found --- */

static const struct dns_servers *resolvers(const struct watch *w, struct dns_servers *system)
{
	if (w->settings.resolver.n)
		return &w->settings.resolver;
	query_system_servers(system);
	return system;
}

static void note(const struct watch *w, const char *actor, const char *act, const char *domain,
		 const char *text)
{
	w->settings.note(w->settings.context, actor, act, domain, text);
}

static void note_rogue(const struct watch *w, const char *act, const char *domain,
		       const struct check_row *row)
{
	char text[LIMIT_HOSTNAME + DNS_ADDRESS_TEXT + VERDICT_DETAIL + 64];
	snprintf(text, sizeof(text), "%s:%u (%s) is %s: %s", row->srv.target, row->srv.port, row->address,
		 verdict_name(row->verdict), row->detail);
	note(w, "watchdog", act, domain, text);
}

/* Rogue hosts that were not there at the last look, and those that no longer are. */
static void compare(const struct watch *w, const struct check *old, const struct check *fresh)
{
	for (size_t i = 0; i < fresh->n; i++)
		if (verdict_rogue(fresh->rows[i].verdict) && !check_rogue(old, &fresh->rows[i]))
			note_rogue(w, WATCH_ROGUE, fresh->domain, &fresh->rows[i]);
	for (size_t i = 0; i < old->n; i++)
		if (verdict_rogue(old->rows[i].verdict) && !check_rogue(fresh, &old->rows[i]))
			note_rogue(w, WATCH_ROGUE_GONE, fresh->domain, &old->rows[i]);
}

/* Keep what was found. Rows outlive a look at which DNS did not answer: nothing is known to have changed. */
static void keep(struct watch *w, struct check *fresh)
{
	for (size_t i = 0; i < w->settings.n_domains; i++) {
		struct check *old = &w->report.domains[i].check;
		if (strcmp(w->settings.domains[i], fresh->domain) != 0)
			continue;
		if (fresh->error == E_DNS_FAILED) {
			pthread_mutex_lock(&w->lock);
			old->at = fresh->at;
			old->error = fresh->error;
			pthread_mutex_unlock(&w->lock);
			continue;
		}
		compare(w, old, fresh);
		pthread_mutex_lock(&w->lock);
		struct check gone = *old;
		*old = *fresh;
		pthread_mutex_unlock(&w->lock);
		*fresh = gone;
	}
	check_fini(fresh);
}

static int look(struct watch *w, const char *domain, struct patience p, struct check *ret)
{
	struct dns_servers system;
	struct trust *trust = calloc(1, sizeof(*trust));
	int error = trust ? w->settings.trust(w->settings.context, trust) : E_NO_MEMORY;
	if (!error)
		error = check_run(resolvers(w, &system), domain, &w->settings.own, trust, p, ret);
	free(trust);
	return error;
}

static void look_at_all(struct watch *w)
{
	for (size_t i = 0; i < w->settings.n_domains; i++) {
		struct check fresh = {0};
		int error = look(w, w->settings.domains[i], patience_for(CHECK_MS, w->stop), &fresh);
		if (!error) {
			keep(w, &fresh);
			continue;
		}
		check_fini(&fresh);
		if (error == E_STOPPING)
			return;
		log_event(EVENT_DNS_UNCHECKED, LOG_TEXT(DOMAIN, w->settings.domains[i]), LOG_CODE(error));
	}
}

/* --- publishing --- */

static int update(struct watch *w, enum watch_do what, const char *domain, const char *actor,
		  struct patience p, struct update_result *ret)
{
	struct dns_servers system;
	struct update u = {.domain = domain,
			   .own = &w->settings.own,
			   .server = &w->settings.server,
			   .resolvers = resolvers(w, &system),
			   .key = w->settings.has_key ? &w->settings.key : NULL};
	char text[LIMIT_HOSTNAME + DNS_ADDRESS_TEXT + 64];
	int error = what == WATCH_PUBLISH ? update_publish(&u, p, ret) : update_withdraw(&u, p, ret);
	if (error) {
		if (error != E_STOPPING)
			log_event(EVENT_DNS_FAILED,
				  LOG_TEXT(ACT, what == WATCH_PUBLISH ? "publish" : "withdraw"),
				  LOG_TEXT(DOMAIN, domain), LOG_CODE(error), LOG_TEXT(DETAIL, ret->detail));
		return error;
	}
	if (!ret->changed)
		return 0;
	snprintf(text, sizeof(text), "%s:%u at %s", u.own->target, u.own->port, ret->server);
	note(w, actor, what == WATCH_PUBLISH ? WATCH_PUBLISHED : WATCH_WITHDRAWN, domain, text);
	return 0;
}

/* Note in the report how publishing went, when the domain is one of those configured. */
static void keep_published(struct watch *w, enum watch_do what, const char *domain, int error,
			   const struct update_result *r)
{
	pthread_mutex_lock(&w->lock);
	for (size_t i = 0; i < w->settings.n_domains; i++) {
		struct watch_domain *d = &w->report.domains[i];
		if (strcmp(w->settings.domains[i], domain) != 0 || error == E_STOPPING)
			continue;
		if (what == WATCH_PUBLISH || !error) {
			d->publish_error = error;
			memcpy(d->publish_detail, r->detail, sizeof(d->publish_detail));
			if (!error)
				d->published_at = what == WATCH_PUBLISH ? (int64_t)time(NULL) : 0;
		}
	}
	pthread_mutex_unlock(&w->lock);
}

static int change(struct watch *w, enum watch_do what, const char *domain, const char *actor,
		  struct patience p, struct update_result *r)
{
	int error = update(w, what, domain, actor, p, r);
	keep_published(w, what, domain, error, r);
	return error;
}

/* Publish in every domain; returns when to do it again. */
static int64_t publish_all(struct watch *w)
{
	int64_t wait = REFRESH_MS;
	for (size_t i = 0; i < w->settings.n_domains; i++) {
		struct update_result r;
		if (change(w, WATCH_PUBLISH, w->settings.domains[i], "watchdog",
			   patience_for(CHECK_MS, w->stop), &r))
			wait = RETRY_MS;
	}
	return wait;
}

/* --- orders --- */

static struct watch_order *take_order(struct watch *w)
{
	pthread_mutex_lock(&w->lock);
	struct watch_order *o = w->first;
	if (o) {
		w->first = o->next;
		if (!w->first)
			w->last = &w->first;
		o->next = NULL;
	}
	pthread_mutex_unlock(&w->lock);
	return o;
}

static void run_row(struct watch *w, struct watch_order *o, const char *domain, struct patience p)
{
	struct watch_outcome *row = &o->rows[o->n++];
	snprintf(row->domain, sizeof(row->domain), "%s", domain);
	if (o->what != WATCH_CHECK) {
		row->error = change(w, o->what, domain, o->actor, p, &row->update);
		return;
	}
	struct check fresh = {0};
	row->error = look(w, domain, p, &fresh);
	if (!row->error)
		row->error = check_copy(&fresh, &row->check);
	if (row->error)
		check_fini(&fresh);
	else
		keep(w, &fresh);
}

static void run_order(struct watch *w, struct watch_order *o)
{
	struct patience p = patience_for(ORDER_MS, w->stop);
	if (o->domain[0])
		run_row(w, o, o->domain, p);
	for (size_t i = 0; !o->domain[0] && i < w->settings.n_domains; i++)
		run_row(w, o, w->settings.domains[i], p);
	/* What was changed shows in health at once. */
	if (o->what != WATCH_CHECK)
		w->look_at = w->look_at ? patience_clock() : 0;
	o->finished(o);
}

static void refuse_orders(struct watch *w)
{
	struct watch_order *o;
	while ((o = take_order(w))) {
		o->n = 1;
		snprintf(o->rows[0].domain, sizeof(o->rows[0].domain), "%s", o->domain);
		o->rows[0].error = E_STOPPING;
		o->finished(o);
	}
}

/* --- the thread --- */

static int64_t next_look(const struct watch *w)
{
	int64_t period = (int64_t)w->settings.minutes * MINUTE_MS;
	uint32_t jitter = randombytes_uniform((uint32_t)(period / JITTER_PART) + 1);
	return patience_clock() + period - jitter;
}

/* Sleep until there is something to do. False: it is over. */
static bool sleep_on(struct watch *w)
{
	uint64_t count;
	struct pollfd fds[2] = {{.fd = w->wake, .events = POLLIN}};
	int ms = w->look_at || w->publish_at ? TURN_MS : IDLE_MS;
	int ready = patience_poll(patience_for(ms, w->stop), fds, 1);
	if (ready > 0 && read(w->wake, &count, sizeof(count)) < 0)
		log_event(EVENT_DNS_WOKEN, LOG_TEXT(DETAIL, "for nothing"));
	return ready != E_STOPPING;
}

static void *run(void *context)
{
	struct watch *w = context;
	struct watch_order *o;
	pthread_setname_np(pthread_self(), "dns");
	int64_t now = patience_clock();
	w->look_at = w->settings.minutes && w->settings.n_domains ? now : 0;
	w->publish_at = w->settings.publish && w->settings.n_domains ? now : 0;
	do {
		while ((o = take_order(w)))
			run_order(w, o);
		if (w->publish_at && patience_clock() >= w->publish_at)
			w->publish_at = patience_clock() + publish_all(w);
		if (w->look_at && patience_clock() >= w->look_at) {
			look_at_all(w);
			w->look_at = next_look(w);
		}
	} while (sleep_on(w));
	return NULL;
}

/* --- start and stop --- */

static void ring(int fd)
{
	uint64_t one = 1;
	if (write(fd, &one, sizeof(one)) < 0)
		log_event(EVENT_DNS_WOKEN, LOG_TEXT(DETAIL, "not woken"));
}

int watch_start(const struct watch_settings *settings, struct watch **ret)
{
	struct watch *w = calloc(1, sizeof(*w));
	if (!w)
		return E_NO_MEMORY;
	w->settings = *settings;
	w->last = &w->first;
	w->report.n = settings->n_domains;
	for (size_t i = 0; i < settings->n_domains; i++)
		memcpy(w->report.domains[i].check.domain, settings->domains[i], sizeof(settings->domains[i]));
	pthread_mutex_init(&w->lock, NULL);
	w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	w->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	w->started = w->wake >= 0 && w->stop >= 0 && pthread_create(&w->thread, NULL, run, w) == 0;
	if (!w->started) {
		watch_free(w);
		return E_INTERNAL;
	}
	*ret = w;
	return 0;
}

void watch_stop(struct watch *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->stopping = true;
	pthread_mutex_unlock(&w->lock);
	if (w->started) {
		ring(w->stop);
		pthread_join(w->thread, NULL);
		w->started = false;
	}
	refuse_orders(w);
}

void watch_free(struct watch *w)
{
	if (!w)
		return;
	watch_stop(w);
	for (size_t i = 0; i < w->report.n; i++)
		check_fini(&w->report.domains[i].check);
	if (w->wake >= 0)
		close(w->wake);
	if (w->stop >= 0)
		close(w->stop);
	pthread_mutex_destroy(&w->lock);
	sodium_memzero(&w->settings.key, sizeof(w->settings.key));
	free(w);
}

const struct watch_settings *watch_settings(const struct watch *w)
{
	return &w->settings;
}

int watch_submit(struct watch *w, struct watch_order *o)
{
	pthread_mutex_lock(&w->lock);
	bool stopping = w->stopping;
	if (!stopping) {
		*w->last = o;
		w->last = &o->next;
	}
	pthread_mutex_unlock(&w->lock);
	if (stopping)
		return E_STOPPING;
	ring(w->wake);
	return 0;
}

void watch_order_free(struct watch_order *o)
{
	for (size_t i = 0; o && i < o->n; i++)
		check_fini(&o->rows[i].check);
	free(o);
}

int watch_report(struct watch *w, struct watch_report **ret)
{
	struct watch_report *r = calloc(1, sizeof(*r));
	int error = r ? 0 : E_NO_MEMORY;
	if (error)
		return error;
	pthread_mutex_lock(&w->lock);
	for (size_t i = 0; i < w->report.n && !error; i++) {
		r->domains[i] = w->report.domains[i];
		error = check_copy(&w->report.domains[i].check, &r->domains[i].check);
		r->n++;
	}
	pthread_mutex_unlock(&w->lock);
	if (error)
		watch_report_free(r);
	else
		*ret = r;
	return error;
}

void watch_report_free(struct watch_report *r)
{
	for (size_t i = 0; r && i < r->n; i++)
		check_fini(&r->domains[i].check);
	free(r);
}
