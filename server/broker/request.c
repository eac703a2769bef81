/* SPDX-License-Identifier: Apache-2.0 */
/* A device's request inside a batch: facts, decision, effects. Nothing is signed here. */
#include <stdlib.h>
#include <string.h>

#include "broker.h"
#include "error.h"
#include "store.h"

/* One request at work. */
struct work {
	struct broker *b;
	struct job *job;
	int64_t now;
	struct asker asker;
	struct device_facts device;
	struct line_facts lines[LIMIT_LINES];
	struct verdict verdicts[LIMIT_LINES];
	char id[DEVICE_ID_TEXT];
	bool stores; /* something about the device is written */
};

static int apply(struct work *w, struct effect effect)
{
	effect.device = w->device.device;
	effect.at = w->now;
	return store_apply(w->b->store, &effect);
}

static uint64_t digest(const struct job *job)
{
	const char *products[LIMIT_LINES];
	for (size_t i = 0; i < job->n_lines; i++)
		products[i] = job->lines[i].product;
	return answer_digest(job->kind == JOB_RELEASE, products, job->n_lines);
}

/* --- exactly once --- */

/* The last request again: give what was answered then. False when what is stored is not an answer to it. */
static bool repeat(struct work *w)
{
	const struct ratchet *r = &w->device.ratchet;
	struct answer_line lines[LIMIT_LINES];
	uint64_t asked;
	size_t n;
	if (!answer_read(r->answer, r->answer_n, &asked, lines, &n))
		return false;
	if (n != w->job->n_lines || asked != digest(w->job))
		return false;
	for (size_t i = 0; i < n; i++)
		w->job->lines[i].answer = lines[i];
	w->job->counter = r->counter;
	w->job->repeated = true;
	ratchet_make(w->b->key->ratchet, w->job->device, r->counter, r->token, w->job->ratchet);
	broker_tally(w->b, "repeated", 0);
	return true;
}

static int mismatch(struct work *w)
{
	w->job->mismatched = true;
	if (broker_told_today(w->b, w->job->device, w->now)) {
		broker_tally(w->b, "ratchet.mismatch", 0);
		return 0;
	}
	return broker_audit(w->b, w->now, "host", "ratchet.mismatch", w->id,
			    json_pack("{s:s, s:I, s:I}", "hostname", w->job->hostname, "shown",
				      (json_int_t)w->job->shown.counter, "expected",
				      (json_int_t)w->device.ratchet.counter));
}

static int turn_ratchet(struct work *w)
{
	struct answer_line lines[LIMIT_LINES];
	struct ratchet next = {.counter = w->device.ratchet.counter + 1, .at = w->now};
	memcpy(next.token, w->job->shown.token, REQUEST_TOKEN);
	memcpy(next.shown, w->job->shown.ratchet, RATCHET);
	for (size_t i = 0; i < w->job->n_lines; i++)
		lines[i] = w->job->lines[i].answer;
	next.answer_n = answer_write(digest(w->job), lines, w->job->n_lines, next.answer);
	w->job->counter = next.counter;
	ratchet_make(w->b->key->ratchet, w->job->device, next.counter, next.token, w->job->ratchet);
	return apply(w, (struct effect){.kind = EFFECT_RATCHET, .u.ratchet = &next});
}

/* --- what a verdict changes --- */

static const struct candidate *chosen(const struct work *w, size_t i)
{
	int index = w->verdicts[i].chosen;
	return index < 0 ? NULL : &w->lines[i].candidates[index];
}

/* Member by member: what lies between them is nobody's. */
static bool same_holding(const struct holding *a, const struct holding *b)
{
	return a->state == b->state && a->activated == b->activated && a->renewed == b->renewed &&
	       a->contacted == b->contacted && a->expires == b->expires && a->serial == b->serial &&
	       a->plans == b->plans;
}

static bool changes_holding(const struct work *w, size_t i)
{
	const struct candidate *c = chosen(w, i);
	return c && !same_holding(&c->holding, &w->verdicts[i].holding);
}

static int store_threshold(struct work *w, const struct candidate *c, const struct verdict *v)
{
	struct threshold_mark before = {c->reached, c->below_since};
	struct threshold_mark after = {v->reached, v->below_since};
	return broker_threshold(w->b, w->now, c->grant, c->id, &before, &after, v->have, v->need);
}

static json_t *detail(const struct work *w, size_t i)
{
	const struct verdict *v = &w->verdicts[i];
	const struct candidate *c = chosen(w, i);
	json_t *object =
		json_pack("{s:s, s:s}", "product", w->job->lines[i].product, "hostname", w->job->hostname);
	if (!object)
		return NULL;
	if (c)
		json_object_set_new(object, "grant", json_string(c->id));
	if (v->code)
		json_object_set_new(object, "code", json_string(error_name(v->code)));
	else if (v->holding.serial)
		json_object_set_new(object, "serial", json_integer(v->holding.serial));
	if (v->need > 1) {
		json_object_set_new(object, "have", json_integer(v->have));
		json_object_set_new(object, "need", json_integer(v->need));
	}
	json_object_set_new(object, "request", json_string(w->job->correlation));
	return object;
}

/* Audit rows are for changes of state and for refusals that are new; what repeats is only tallied
 * (DESIGN 6.2). */
static int record(struct work *w, size_t i)
{
	const struct verdict *v = &w->verdicts[i];
	const struct candidate *c = chosen(w, i);
	int64_t grant = c ? c->grant : 0;
	char actor[DEVICE_ID_TEXT + 8] = "device:";
	strcat(actor, w->id);
	if (v->code == 0 && w->job->kind == JOB_RELEASE)
		return broker_audit(w->b, w->now, actor, "activation.released", w->id, detail(w, i));
	if (v->code == 0 && v->renewal) {
		broker_tally(w->b, "renewed", grant);
		return 0;
	}
	if (v->code == 0) {
		broker_tally(w->b, "granted", grant);
		return broker_audit(w->b, w->now, actor, "activation.granted", w->id, detail(w, i));
	}
	broker_tally(w->b, error_name(v->code), grant);
	if (changes_holding(w, i) && c->holding.state == HOLDING_NONE)
		return broker_audit(w->b, w->now, actor, "activation.refused", w->id, detail(w, i));
	return 0;
}

static int store_line(struct work *w, size_t i)
{
	const struct candidate *c = chosen(w, i);
	const struct verdict *v = &w->verdicts[i];
	int error = 0;
	if (changes_holding(w, i))
		error = apply(w, (struct effect){.kind = EFFECT_HOLDING,
						 .grant = c->grant,
						 .u.holding = {c->holding, v->holding}});
	if (!error && c)
		error = store_threshold(w, c, v);
	return error ? error : record(w, i);
}

static void answer_line_from(const struct work *w, size_t i)
{
	const struct verdict *v = &w->verdicts[i];
	const struct candidate *c = chosen(w, i);
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
	if (v->code || w->job->kind == JOB_RELEASE)
		return;
	line->answer.issued = w->now;
	line->answer.expires = v->holding.expires;
	line->answer.renew_after = v->renew_after;
	line->answer.serial = v->holding.serial;
	line->answer.plans = v->holding.plans;
}

/* --- the flow --- */

static void decide(struct work *w)
{
	struct policy_terms terms = {
		.may_enrol = w->job->may_enrol,
		.renew_minutes = atomic_load(&w->b->renew_minutes),
		.retry_minutes = atomic_load(&w->b->retry_minutes),
	};
	for (size_t i = 0; i < w->job->n_lines; i++) {
		if (w->job->kind == JOB_RELEASE)
			policy_release(&w->lines[i], w->now, &w->verdicts[i]);
		else
			policy_decide(&w->device, &w->lines[i], &terms, w->now, &w->verdicts[i]);
		w->stores |= changes_holding(w, i);
		answer_line_from(w, i);
	}
}

/* What a device would be told, without any device: the intervals, and the count as it is. */
static void describe(struct work *w)
{
	w->device.known = true;
	decide(w);
	for (size_t i = 0; i < w->job->n_lines; i++) {
		const struct candidate *c = chosen(w, i);
		if (!c)
			continue;
		w->job->lines[i].answer.code = 0;
		w->job->lines[i].answer.have = c->count;
		w->job->lines[i].answer.need = c->policy.threshold;
	}
}

static int store_device(struct work *w)
{
	if (!w->device.known && !w->stores)
		return 0; /* a stranger with nothing to hold leaves no trace */
	if (w->device.known && w->device.described)
		return 0;
	w->job->enrolled = !w->device.known;
	return apply(w,
		     (struct effect){.kind = EFFECT_DEVICE, .u.device_row = {&w->asker, !w->device.known}});
}

static int store_all(struct work *w)
{
	int error = store_device(w);
	for (size_t i = 0; i < w->job->n_lines && !error; i++)
		error = store_line(w, i);
	if (!error && (w->device.known || w->stores))
		error = turn_ratchet(w);
	return error;
}

int request_run(struct broker *b, struct job *job, int64_t now)
{
	struct work w = {.b = b, .job = job, .now = now};
	job->repeated = job->mismatched = job->enrolled = false; /* of a run that was undone */
	memcpy(w.asker.id, job->device, DEVICE_ID);
	w.asker.hostname = job->hostname;
	w.asker.os = job->os;
	w.asker.agent = job->agent;
	device_id_write(job->device, w.id);
	for (size_t i = 0; i < job->n_lines; i++)
		catalog_candidates(&b->catalog, job->lines[i].product, job->lines[i].version,
				   (const char(*)[LIMIT_ID + 1]) job->lines[i].plans, job->lines[i].n_plans,
				   &w.lines[i]);
	int error = store_facts(b->store, &w.asker, now, &w.device, w.lines, job->n_lines);
	if (error)
		return error;
	if (job->kind == JOB_POLICY) {
		describe(&w);
		return 0;
	}
	enum ratchet_judgement judgement =
		ratchet_judge(b->key->ratchet, job->device, &w.device.ratchet, &job->shown);
	if (judgement == RATCHET_REPEAT && repeat(&w))
		return 0;
	if (judgement == RATCHET_MISMATCH || judgement == RATCHET_REPEAT)
		error = mismatch(&w);
	decide(&w);
	return error ? error : store_all(&w);
}
