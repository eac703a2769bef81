/* SPDX-License-Identifier: Apache-2.0 */
#include "notes.h"

#include <stddef.h>

#include "change.h"
#include "clock.h"
#include "error.h"
#include "log.h"

#define TOOK(field) offsetof(struct counters, took.field)

static const struct {
	const char *name;
	size_t histogram;
} operations[] = {
	[JOB_ACTIVATE] = {"activate", TOOK(activate)},
	[JOB_RENEW] = {"renew", TOOK(renew)},
	[JOB_RELEASE] = {"release", TOOK(release)},
	[JOB_SIGN_IN] = {"sign_in", TOOK(sign_in)},
	[JOB_SIGN_OUT] = {"sign_out", TOOK(sign_out)},
	[JOB_REDEEM] = {"redeem", TOOK(redeem)},
	[JOB_SHOW_LEASE] = {"show_lease", TOOK(show_lease)},
	[JOB_POLICY] = {"policy", TOOK(policy)},
	[JOB_OFFLINE] = {"offline", TOOK(offline)},
	[JOB_INSTALL_LICENSE] = {"install", TOOK(install)},
	[JOB_INSTALL_CERTIFICATE] = {"install", TOOK(install)},
	[JOB_INSTALL_REVOCATIONS] = {"install", TOOK(install)},
	[JOB_CHANGE] = {"change", TOOK(change)},
	[JOB_HOST] = {"host", TOOK(other)},
	[JOB_AUDIT] = {"audit", TOOK(other)},
	[JOB_NOTE] = {"note", TOOK(other)},
	[JOB_SWEEP] = {"sweep", TOOK(other)},
};

/* --- counting --- */

static bool gives_back(const struct job *job)
{
	return job->kind == JOB_RELEASE || job->kind == JOB_SIGN_OUT;
}

static bool asks(const struct job *job)
{
	return job->kind == JOB_ACTIVATE || job->kind == JOB_RENEW || job->kind == JOB_SIGN_IN ||
	       gives_back(job);
}

static void count_line(struct counters *counters, const struct job *job, const struct job_line *line)
{
	if (line->answer.code) {
		counter_add(&counters->refused, 1);
		counter_code(counters->refusals, line->answer.code);
	} else if (gives_back(job)) {
		counter_add(&counters->released, 1);
	} else {
		counter_add(line->renewal ? &counters->renewed : &counters->granted, 1);
	}
}

static void count(struct counters *counters, const struct job *job)
{
	if (asks(job) && !job->by_file)
		atomic_store(&counters->contact_at, job->now);
	if (job->mismatched)
		counter_add(&counters->mismatched, 1);
	if (job->repeated)
		counter_add(&counters->repeated, 1);
	for (size_t i = 0; asks(job) && !job->repeated && !job->dry_run && i < job->n_lines; i++)
		count_line(counters, job, &job->lines[i]);
}

/* --- the log --- */

/* Every refusal that somebody sees has its line, be it a repeat or a dry run: that is what the id is for. */
static void log_line(const struct job *job, const char *device, const struct job_line *line)
{
	enum log_event event = line->answer.code ? EVENT_ACTIVATION_REFUSED
			       : gives_back(job) ? EVENT_ACTIVATION_RELEASED
			       : line->renewal   ? EVENT_ACTIVATION_RENEWED
						 : EVENT_ACTIVATION_GRANTED;
	if (!line->answer.code && (job->repeated || job->dry_run))
		return;
	log_event(event, LOG_TEXT(REQUEST, job->correlation),
		  LOG_TEXT(REASON, line->answer.code ? error_name(line->answer.code) : NULL),
		  LOG_TEXT(OPERATION, operations[job->kind].name), LOG_TEXT(DEVICE, device),
		  LOG_TEXT(HOSTNAME, job->hostname), LOG_TEXT(PRODUCT, line->product),
		  LOG_TEXT(USER, line->user), LOG_TEXT(DETAIL, line->detail));
}

/* One line for all that a list of changes could not do: who asked has the rest. */
static void log_changes(const struct job *job)
{
	const struct change *first = NULL;
	int64_t n = 0;
	for (size_t i = job->orders->n; i-- > 0;) {
		if (!job->orders->changes[i].code)
			continue;
		first = &job->orders->changes[i];
		n++;
	}
	if (first)
		log_event(EVENT_REQUEST_REFUSED, LOG_TEXT(REQUEST, job->correlation), LOG_CODE(first->code),
			  LOG_TEXT(OPERATION, change_name(first->kind)), LOG_TEXT(ACTOR, job->actor),
			  LOG_NUMBER(COUNT, n), LOG_TEXT(DETAIL, first->detail));
}

static void log_job(const struct job *job)
{
	char device[DEVICE_ID_TEXT] = "";
	bool of_device = job->kind <= JOB_POLICY;
	if (of_device && job->kind != JOB_POLICY)
		device_id_write(job->device, device);
	if (job->code)
		log_event(EVENT_REQUEST_REFUSED, LOG_TEXT(REQUEST, job->correlation), LOG_CODE(job->code),
			  LOG_TEXT(OPERATION, operations[job->kind].name), LOG_TEXT(ACTOR, job->actor),
			  LOG_TEXT(DEVICE, device), LOG_TEXT(HOSTNAME, of_device ? job->hostname : NULL),
			  LOG_TEXT(DETAIL, job->fault));
	if (job->orders && !job->code)
		log_changes(job);
	for (size_t i = 0; of_device && !job->code && i < job->n_lines; i++)
		if (job->kind != JOB_POLICY || job->lines[i].answer.code)
			log_line(job, device, &job->lines[i]);
}

/* --- time --- */

void notes_transaction(struct counters *counters, struct job **jobs, size_t n, int64_t begin_us)
{
	int64_t end = clock_us();
	histogram_add(&counters->took.transaction, end - begin_us);
	for (size_t i = 0; i < n; i++) {
		jobs[i]->begun_us = begin_us;
		jobs[i]->stored_us = end;
	}
}

static void measure(struct broker *b, const struct job *job)
{
	int64_t now = clock_us();
	int64_t queued = job->queued_us ? job->queued_us : job->begun_us; /* not by a queue: in tests */
	int64_t slow = (int64_t)atomic_load(&b->slow_ms) * 1000;
	struct histogram *h = (struct histogram *)((char *)b->counters + operations[job->kind].histogram);
	histogram_add(h, now - queued);
	histogram_add(&b->counters->took.queue_wait, job->begun_us - queued);
	if (!slow || now - queued < slow)
		return;
	counter_add(&b->counters->slow, 1);
	log_event(EVENT_REQUEST_SLOW, LOG_TEXT(REQUEST, job->correlation),
		  LOG_TEXT(OPERATION, operations[job->kind].name), LOG_TEXT(ACTOR, job->actor),
		  LOG_NUMBER(DURATION, now - queued), LOG_NUMBER(QUEUE, job->begun_us - queued),
		  LOG_NUMBER(STORE, job->stored_us - job->begun_us),
		  LOG_NUMBER(SIGNING, now - job->stored_us));
}

void notes_job(struct broker *b, const struct job *job)
{
	if (!job->code)
		count(b->counters, job);
	log_job(job);
	for (size_t i = 0; i < job->n_parts && !job->code; i++) {
		count(b->counters, job->parts[i]);
		log_job(job->parts[i]);
	}
	measure(b, job);
}
