/* SPDX-License-Identifier: Apache-2.0 */
#include "dns_service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog.h"
#include "clock.h"
#include "error.h"
#include "host_key.h"
#include "job.h"
#include "log.h"

struct dns_service {
	struct broker *broker;
	struct lane *lane;
	struct store *reader;
	struct catalog catalog; /* the watchdog thread's own */
	unsigned long long generation;
	struct clock clock;
	struct watch *watch;
};

/* --- whom it trusts --- */

static bool known(const struct trust *t, const struct certificate *cert)
{
	for (size_t i = 0; i < t->n; i++)
		if (memcmp(t->vendors[i].roots.keys[0], cert->vendor, PASETO_PUBLIC) == 0 &&
		    strcmp(t->vendors[i].org, cert->org) == 0)
			return true;
	return false;
}

static int refresh(struct dns_service *s)
{
	unsigned long long generation = atomic_load(&s->broker->generation);
	struct catalog fresh;
	if (generation == s->generation)
		return 0;
	int error = catalog_load(s->reader, s->broker->key->public, &fresh);
	if (error)
		return error;
	catalog_free(&s->catalog);
	s->catalog = fresh;
	s->generation = generation;
	return 0;
}

static int on_trust(void *context, struct trust *ret)
{
	struct dns_service *s = context;
	int error = refresh(s);
	if (error)
		return error;
	memset(ret, 0, sizeof(*ret));
	memcpy(ret->self, s->broker->key->fixed.public, NOISE_KEY);
	ret->now = clock_wall(&s->clock);
	for (size_t i = 0; i < s->catalog.n_certificates && ret->n < TRUST_VENDORS_MAX; i++) {
		const struct catalog_certificate *c = &s->catalog.certificates[i];
		if (known(ret, &c->certificate))
			continue;
		struct trust_vendor *v = &ret->vendors[ret->n++];
		v->roots = c->roots;
		paserk_pid(c->certificate.vendor, v->id);
		memcpy(v->org, c->certificate.org, sizeof(v->org));
		v->revocations = catalog_revocations(&s->catalog, c->vendor);
	}
	return 0;
}

/* --- what it notices --- */

static void on_note(void *context, const char *actor, const char *act, const char *domain, const char *text)
{
	struct dns_service *s = context;
	struct job *job = job_new(JOB_NOTE, 0);
	enum log_event event = strcmp(act, WATCH_ROGUE) == 0 ? EVENT_DNS_ROGUE : EVENT_DNS_CHANGED;
	log_event(event, LOG_TEXT(ACT, act), LOG_TEXT(DOMAIN, domain), LOG_TEXT(DETAIL, text),
		  LOG_TEXT(ACTOR, actor), LOG_TEXT(REQUEST, job ? job->correlation : NULL));
	if (!job)
		return;
	snprintf(job->actor, sizeof(job->actor), "%s", actor);
	snprintf(job->act, sizeof(job->act), "%s", act);
	snprintf(job->hostname, sizeof(job->hostname), "%s", domain);
	job->event_detail = json_pack("{s:s}", "detail", text);
	if (lane_call(s->lane, job) || job->code)
		log_event(EVENT_DNS_UNAUDITED, LOG_TEXT(ACT, act), LOG_TEXT(DOMAIN, domain),
			  LOG_TEXT(REQUEST, job->correlation));
	job_free(job);
}

/* --- start and stop --- */

int dns_service_start(struct watch_settings *settings, struct broker *broker, struct lane *lane,
		      struct store *store, struct dns_service **ret)
{
	struct dns_service *s = calloc(1, sizeof(*s));
	if (!s)
		return E_NO_MEMORY;
	*s = (struct dns_service){.broker = broker, .lane = lane, .clock = clock_system()};
	settings->trust = on_trust;
	settings->note = on_note;
	settings->context = s;
	int error = store_reader(store, &s->reader);
	if (!error)
		error = watch_start(settings, &s->watch);
	if (error)
		dns_service_free(s);
	else
		*ret = s;
	return error;
}

void dns_service_stop(struct dns_service *s)
{
	if (s)
		watch_stop(s->watch);
}

void dns_service_free(struct dns_service *s)
{
	if (!s)
		return;
	watch_free(s->watch);
	store_close(s->reader);
	catalog_free(&s->catalog);
	free(s);
}

struct watch *dns_service_watch(struct dns_service *s)
{
	return s->watch;
}
