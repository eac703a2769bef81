/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that came by file (DESIGN 5.5): the same decision as for a device that calls, all of a file in one
 * transaction. No ratchet guards them: each has a number, and one that was granted is remembered, so that it
 * gives the same lease again and counts once. Nothing is signed here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "day.h"
#include "error.h"
#include "request.h"
#include "signin.h"

#define OFFLINE_DAYS 400 /* that a granted request is remembered */
#define A_SWEEP 250

static uint64_t digest(const struct job *part)
{
	const char *texts[] = {part->text};
	return answer_digest((int)part->kind, texts, 1);
}

/* --- what was granted before --- */

static int find(struct work *w, bool *ret_found)
{
	struct record_copy found;
	struct answer answer;
	struct record like = {
		.kind = RECORD_OFFLINE,
		.u.offline = {.device = w->device.device, .token = {w->job->shown.token, REQUEST_TOKEN}}};
	*ret_found = false;
	int error = store_find(w->b->store, &like, BY(offline, device) | BY(offline, token), &found);
	if (error)
		return error == E_NOT_FOUND ? 0 : error;
	const struct bytes *kept = &found.record.u.offline.answer;
	if (!answer_read(kept->at, kept->n, &answer) || answer.n != 1)
		return E_INTERNAL;
	*ret_found = true;
	w->job->lines[0].answer = answer.lines[0];
	w->job->repeated = true;
	if (answer.digest != digest(w->job)) {
		w->job->lines[0].answer =
			(struct answer_line){.code = E_BAD_REQUEST, .numbers = NUMBERS_NONE};
		snprintf(w->job->lines[0].detail, LIMIT_DETAIL + 1,
			 "another request with this number was answered");
	}
	return 0;
}

static int keep(struct work *w)
{
	uint8_t bytes[ANSWER_MAX];
	struct answer answer = {.digest = digest(w->job), .n = 1, .lines = {w->job->lines[0].answer}};
	struct record r = {.kind = RECORD_OFFLINE,
			   .u.offline = {.device = w->device.device,
					 .token = {w->job->shown.token, REQUEST_TOKEN},
					 .at = w->now,
					 .answer = {bytes, answer_write(&answer, bytes)}}};
	return store_put(w->b->store, &r);
}

struct old {
	int64_t before;
	int64_t all[A_SWEEP];
	size_t n;
};

static int take_old(const struct row *row, void *context)
{
	struct old *old = context;
	if (row->u.record.u.offline.at > old->before)
		return 1;
	old->all[old->n++] = row->u.record.num;
	return 0;
}

int request_file_sweep(struct broker *b, int64_t now)
{
	struct old old = {.before = now - OFFLINE_DAYS * DAY_SECONDS};
	struct record any = {.kind = RECORD_OFFLINE};
	struct listing first = {.kind = LIST_RECORD, .like = &any, .limit = A_SWEEP};
	int error = store_page(b->store, &first, take_old, &old);
	for (size_t i = 0; i < old.n && error >= 0; i++)
		error = store_drop(b->store, RECORD_OFFLINE, old.all[i]);
	return error < 0 ? error : 0;
}

/* --- one request --- */

/* The vendor must be ours, and the machine of the organisation that it knows us for. */
static int check_names(const struct work *w)
{
	const struct catalog *c = &w->b->catalog;
	const struct job *part = w->job;
	if (!catalog_vendor(c, part->vendor))
		return E_VENDOR_NOT_PINNED;
	for (size_t i = 0; part->org[0] && i < c->n_certificates; i++)
		if (strcmp(c->certificates[i].vendor, part->vendor) == 0 &&
		    strcmp(c->certificates[i].certificate.org, part->org) != 0)
			return E_WRONG_ORG;
	return 0;
}

/* Whoever answers a file vouches for the user whom it names, as with a sign-in code. */
static int bind(struct work *w)
{
	const struct device_facts *person = &w->lines[0].person;
	if (w->job->lines[0].answer.code != E_SIGNIN_NEEDED || !person->user || person->bound)
		return 0;
	w->stores = true;
	int error = work_store_device(w);
	if (!error)
		error = signin_bind(w->b, w->job, w->device.device, person->user, w->now);
	if (!error)
		error = work_load(w);
	return error ? error : work_decide(w);
}

/* One that names nobody leaves the names that are known. */
static void leave_names(struct work *w)
{
	if (w->device.known && !w->job->hostname[0])
		w->device.described = true;
}

static int decide_and_store(struct work *w)
{
	leave_names(w);
	int error = work_enrol(w);
	if (!error)
		error = work_decide(w);
	if (!error)
		error = bind(w);
	if (!error)
		error = work_voice_settle(w);
	leave_names(w); /* it may have been loaded again */
	if (!error)
		error = work_store(w);
	if (!error && !w->job->lines[0].answer.code)
		error = keep(w);
	return error;
}

static int run(struct work *w)
{
	bool found;
	int error = work_load(w);
	if (!error && w->job->by_voice)
		return work_voice(w);
	if (!error)
		error = find(w, &found);
	if (error || found)
		return error;
	int code = check_names(w);
	if (!code)
		return decide_and_store(w);
	w->job->lines[0].answer = (struct answer_line){.code = code, .numbers = NUMBERS_NONE};
	return 0;
}

static int run_part(struct broker *b, struct job *part, int64_t now)
{
	struct work *w = calloc(1, sizeof(*w) + sizeof(w->lines[0]));
	if (!w)
		return E_NO_MEMORY;
	part->now = now;
	part->code = 0;
	part->repeated = part->mismatched = part->enrolled = false; /* of a run that was undone */
	part->lines[0].detail[0] = 0;
	part->lines[0].answer = (struct answer_line){.code = part->by_voice ? voice_begin(b, part) : 0,
						     .numbers = NUMBERS_NONE};
	if (part->lines[0].answer.code) {
		free(w);
		return 0;
	}
	work_begin(w, b, part, now);
	int error = run(w);
	free(w);
	return error;
}

/* --- a file of them --- */

static const char *tally(const struct job *part)
{
	return part->lines[0].answer.code ? "refused" : part->repeated ? "repeated" : "granted";
}

/* One row for whoever brought the file; each device's own stand before it. */
static int audit(struct broker *b, const struct job *job, int64_t now)
{
	static const char *const words[] = {"granted", "refused", "repeated"};
	char device[DEVICE_ID_TEXT] = "";
	json_t *detail = json_object();
	bool news = false;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		json_int_t n = 0;
		for (size_t j = 0; j < job->n_parts; j++)
			n += strcmp(tally(job->parts[j]), words[i]) == 0;
		json_object_set_new(detail, words[i], json_integer(n));
		news |= n && strcmp(words[i], "repeated") != 0;
	}
	json_object_set_new(detail, "request", json_string(job->correlation));
	if (job->n_parts == 1)
		device_id_write(job->parts[0]->device, device);
	if (news)
		return broker_audit(b, now, job->actor, "offline.answered", device, detail);
	json_decref(detail);
	return 0;
}

static bool serves_another(const struct job *job, int64_t grant)
{
	for (size_t i = 0; i < job->n_parts; i++) {
		const struct answer_line *a = &job->parts[i]->lines[0].answer;
		if (a->grant == grant && !a->code)
			return true;
	}
	return false;
}

/*
 * Who was refused because too few had asked asks again when the rest of the file has been counted: a bundle
 * of 25 machines meets a threshold of 25.
 */
static int run_again(struct broker *b, struct job *job, int64_t now)
{
	int error = 0;
	for (size_t i = 0; i < job->n_parts && !error; i++) {
		const struct answer_line *a = &job->parts[i]->lines[0].answer;
		if (a->code == E_THRESHOLD_NOT_MET && serves_another(job, a->grant))
			error = run_part(b, job->parts[i], now);
	}
	return error;
}

int request_file_run(struct broker *b, struct job *job, int64_t now)
{
	int error = 0;
	if (broker_doubts_time(b)) {
		job->code = E_CLOCK_UNSAFE;
		return 0;
	}
	for (size_t i = 0; i < job->n_parts && !error; i++)
		error = run_part(b, job->parts[i], now);
	if (!error && job->n_parts > 1)
		error = run_again(b, job, now);
	return error ? error : audit(b, job, now);
}
