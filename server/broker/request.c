/* SPDX-License-Identifier: Apache-2.0 */
/* A device's request inside a batch: facts, decision, effects. Nothing is signed here. */
#include "request.h"

#include <stdlib.h>
#include <string.h>

#include "bucket.h"
#include "error.h"
#include "skew.h"
#include "why.h"

const struct candidate *work_chosen(const struct work *w, size_t i)
{
	int index = w->lines[i].verdict.chosen;
	return index < 0 ? NULL : &w->lines[i].facts.candidates[index];
}

void work_begin(struct work *w, struct broker *b, struct job *job, int64_t now)
{
	w->b = b;
	w->job = job;
	w->now = now;
	memcpy(w->asker.id, job->device, DEVICE_ID);
	w->asker.hostname = job->hostname;
	w->asker.os = job->os;
	w->asker.agent = job->agent;
	w->asker.forked_from = job->forked ? job->forked_from : NULL;
	device_id_write(job->device, w->id);
	w->skew = skew_of(job->device_time, now);
}

bool work_gives_back(const struct work *w)
{
	return w->job->kind == JOB_RELEASE || w->job->kind == JOB_SIGN_OUT;
}

int work_apply(struct work *w, struct effect effect)
{
	effect.device = w->device.device;
	effect.at = w->now;
	return store_apply(w->b->store, &effect);
}

static void answer_line_from(const struct work *w, size_t i)
{
	const struct verdict *v = &w->lines[i].verdict;
	const struct candidate *c = work_chosen(w, i);
	struct job_line *line = &w->job->lines[i];
	line->answer = (struct answer_line){
		.code = v->code,
		.grant = c ? c->grant : 0,
		.numbers = v->numbers,
		.have = v->need > 1 ? v->have : 0,
		.need = v->need > 1 ? v->need : 0,
		.renew_minutes = v->renew_minutes,
		.retry_minutes = v->retry_minutes,
	};
	memcpy(line->answer.notices, v->notices, sizeof(line->answer.notices));
	line->renewal = v->renewal;
	if (v->code || work_gives_back(w))
		return;
	line->answer.issued = w->now;
	line->answer.expires = v->holding.expires;
	line->answer.renew_after = v->renew_after;
	line->answer.serial = v->holding.serial;
	line->answer.plans = v->holding.plans;
}

/* As if the device held nothing of its products, and counted for nothing: what would come after a reset. */
static void pretend_reset(struct work *w)
{
	for (size_t i = 0; i < w->job->n_lines; i++) {
		for (size_t j = 0; j < w->lines[i].facts.n_candidates; j++) {
			struct candidate *c = &w->lines[i].facts.candidates[j];
			if (c->quantity && bucket_leased(&c->holding, w->now))
				c->active -= c->holding.units;
			c->count -= bucket_counts(&c->holding, w->now, c->policy.window_days);
			c->held_by_users = false;
			c->holding = (struct holding){0};
		}
	}
}

int work_decide(struct work *w)
{
	struct policy_terms terms = {
		.may_enrol = w->job->may_enrol,
		.offline = w->job->by_file,
		.renew_minutes = atomic_load(&w->b->renew_minutes),
		.retry_minutes = atomic_load(&w->b->retry_minutes),
		.trace = w->job->why ? &w->job->why->trace : NULL,
	};
	int error = 0;
	for (size_t i = 0; i < w->job->n_lines && !error; i++) {
		w->job->lines[i].detail[0] = 0;
		if (work_gives_back(w))
			policy_release(&w->lines[i].facts, w->job->lines[i].user[0] != 0, w->now,
				       &w->lines[i].verdict);
		else
			policy_decide(&w->lines[i].person, &w->lines[i].facts, &terms, w->now,
				      &w->lines[i].verdict);
		if (w->skew)
			policy_notice(&w->lines[i].verdict, E_CLOCK_SKEWED);
		w->stores |= work_changes(w, i);
		answer_line_from(w, i);
		error = work_explain(w, i);
	}
	return error;
}

/* What a device would be told, without any device: the intervals, and the count as it is. */
static int describe(struct work *w)
{
	for (size_t i = 0; i < w->job->n_lines; i++)
		w->lines[i].person.known = true;
	int error = work_decide(w);
	for (size_t i = 0; i < w->job->n_lines; i++) {
		const struct candidate *c = work_chosen(w, i);
		if (!c)
			continue;
		w->job->lines[i].answer.code = 0;
		w->job->lines[i].answer.have = c->count;
		w->job->lines[i].answer.need = c->policy.threshold;
	}
	return error;
}

int work_store(struct work *w)
{
	int error = work_store_device(w);
	for (size_t i = 0; i < w->job->n_lines && !error; i++)
		error = work_store_line(w, i);
	return error;
}

static int store_and_turn(struct work *w)
{
	int error = work_store(w);
	if (!error && (w->device.known || w->stores))
		error = work_turn(w);
	return error;
}

static int run_kind(struct work *w)
{
	bool go = true;
	int error = 0;
	if (w->job->kind == JOB_REDEEM)
		return work_redeem(w);
	if (w->job->kind == JOB_SIGN_OUT && !w->job->lines[0].product[0])
		return work_sign_out(w);
	if (w->job->kind == JOB_SIGN_IN)
		error = work_sign_in(w, &go);
	else if (!work_gives_back(w))
		error = work_enrol(w);
	if (error || !go)
		return error;
	error = work_decide(w);
	if (!error)
		error = work_voice_settle(w);
	return error ? error : store_and_turn(w);
}

static int run_dry(struct work *w)
{
	if (w->job->reset)
		pretend_reset(w);
	int error = work_decide(w);
	return error || !w->job->why ? error : work_why(w);
}

/* A device that is ahead of the record is asked for its leases, if it can show them, before anything is
 * decided (DESIGN 5.4); one that was never answered and has none is new. */
static int run_once(struct work *w)
{
	struct job *job = w->job;
	switch (ratchet_judge(w->b->secret, job->device, &w->device.ratchet, &job->shown)) {
	case RATCHET_FIRST:
	case RATCHET_CONTINUE:
		return run_kind(w);
	case RATCHET_AHEAD:
		if (job->shows) {
			job->code = E_SHOW_LEASE;
			return 0;
		}
		if (w->device.ratchet.counter == 0)
			return run_kind(w);
		break;
	case RATCHET_REPEAT:
		if (work_repeat(w))
			return 0;
		break;
	case RATCHET_MISMATCH:
		break;
	}
	bool go;
	int error = work_suspect(w, &go);
	return error || !go ? error : run_kind(w);
}

int request_run(struct broker *b, struct job *job, int64_t now)
{
	struct work *w = calloc(1, sizeof(*w) + job->n_lines * sizeof(w->lines[0]));
	if (!w)
		return E_NO_MEMORY;
	job->repeated = job->mismatched = job->enrolled = false; /* of a run that was undone */
	if (!job->dry_run && job->kind != JOB_POLICY && broker_doubts_time(b)) {
		job->code = E_CLOCK_UNSAFE;
		free(w);
		return 0;
	}
	work_begin(w, b, job, now);
	int error = work_load(w);
	if (!error && job->kind == JOB_POLICY) {
		error = describe(w);
	} else if (!error && job->dry_run) {
		error = run_dry(w);
	} else if (!error) {
		error = run_once(w);
	}
	free(w);
	return error;
}
