/* SPDX-License-Identifier: Apache-2.0 */
/* What a verdict changes in the store. Nothing is signed here. */
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "hardware.h"
#include "likeness.h"
#include "request.h"
#include "skew.h"

/* Member by member: what lies between them is nobody's. */
static bool same_holding(const struct holding *a, const struct holding *b)
{
	return a->state == b->state && a->activated == b->activated && a->renewed == b->renewed &&
	       a->contacted == b->contacted && a->expires == b->expires && a->serial == b->serial &&
	       a->plans == b->plans && a->units == b->units;
}

bool work_changes(const struct work *w, size_t i)
{
	const struct candidate *c = work_chosen(w, i);
	return c && !same_holding(&c->holding, &w->lines[i].verdict.holding);
}

/* The marks as they will be: the threshold's by the verdict, a pool's warning by what is used now. */
static int store_marks(struct work *w, const struct candidate *c, const struct verdict *v)
{
	struct grant_marks after = v->marks;
	int64_t have = v->have;
	int64_t need = v->need;
	if (c->model == MODEL_POOL && v->code == 0 && !work_gives_back(w)) {
		int64_t more = v->renewal ? (int64_t)v->holding.units - c->holding.units : v->holding.units;
		have = c->active + (v->takes_over ? 0 : more);
		need = c->quantity + c->marks.extra;
		int64_t level = policy_pool_level(have, need);
		after.warned = level > after.warned ? level : after.warned;
	}
	return broker_marks(w->b, w->now, c->grant, c->id, &c->marks, &after, have, need);
}

static json_t *detail(const struct work *w, size_t i)
{
	const struct verdict *v = &w->lines[i].verdict;
	const struct candidate *c = work_chosen(w, i);
	json_t *object =
		json_pack("{s:s, s:s}", "product", w->job->lines[i].product, "hostname", w->job->hostname);
	if (!object)
		return NULL;
	if (c)
		json_object_set_new(object, "grant", json_string(c->id));
	if (w->job->lines[i].user[0])
		json_object_set_new(object, "user", json_string(w->job->lines[i].user));
	if (v->code)
		json_object_set_new(object, "code", json_string(error_name(v->code)));
	else if (v->holding.serial)
		json_object_set_new(object, "serial", json_integer(v->holding.serial));
	if (v->need > 1) {
		json_object_set_new(object, "have", json_integer(v->have));
		json_object_set_new(object, "need", json_integer(v->need));
	}
	json_object_set_new(object, "request", json_string(w->job->correlation));
	if (w->job->by_file)
		json_object_set_new(object, "by", json_string(w->job->by_voice ? "telephone" : "file"));
	return object;
}

int work_deny(struct work *w, size_t i, int code, int64_t grant)
{
	struct refusal refusal = {.device = w->device.known ? w->device.device : 0,
				  .user = w->device.known ? w->lines[i].person.user : 0,
				  .product = w->job->lines[i].product,
				  .code = code};
	broker_tally(w->b, error_name(code), grant);
	return broker_deny(w->b, &refusal, w->now);
}

/* Audit rows are for changes of state and for refusals that are new; what repeats is only tallied
 * (DESIGN 6.2). */
static int record(struct work *w, size_t i)
{
	const struct verdict *v = &w->lines[i].verdict;
	const struct candidate *c = work_chosen(w, i);
	int64_t grant = c ? c->grant : 0;
	char actor[DEVICE_ID_TEXT + 8] = "device:";
	strcat(actor, w->id);
	if (v->code == 0 && work_gives_back(w)) {
		broker_tally(w->b, "released", grant);
		return broker_audit(w->b, w->now, actor, "activation.released", w->id, detail(w, i));
	}
	if (v->code == 0 && v->renewal) {
		broker_tally(w->b, "renewed", grant);
		return 0;
	}
	if (v->code == 0) {
		broker_tally(w->b, "granted", grant);
		return broker_audit(w->b, w->now, actor, "activation.granted", w->id, detail(w, i));
	}
	int error = work_deny(w, i, v->code, grant);
	if (error)
		return error;
	if (work_changes(w, i) && c->holding.state == HOLDING_NONE)
		return broker_audit(w->b, w->now, actor, "activation.refused", w->id, detail(w, i));
	return 0;
}

/* The machine's parts, as its activation of a pool will be judged by. */
int work_store_hardware(struct work *w, size_t i, const struct candidate *c)
{
	const struct hardware *h = &w->lines[i].facts.machine;
	uint8_t parts[3 * LIMIT_COMPONENTS];
	struct record_copy old;
	struct record r = {.kind = RECORD_HARDWARE,
			   .u.hardware = {.device = w->device.device, .entitlement = c->grant}};
	size_t n = likeness_write(h, parts);
	if (!h->n)
		return 0;
	int error = store_find(w->b->store, &r, BY(hardware, device) | BY(hardware, entitlement), &old);
	if (error && error != E_NOT_FOUND)
		return error;
	if (!error && old.record.u.hardware.parts.n == n &&
	    memcmp(old.record.u.hardware.parts.at, parts, n) == 0)
		return 0;
	r.u.hardware.parts = (struct bytes){parts, n};
	error = broker_drop_hardware(w->b, w->device.device, c->grant);
	if (!error)
		error = store_put(w->b->store, &r);
	for (size_t j = 0; j < h->n && !error; j++) {
		struct record tag = {
			.kind = RECORD_HARDWARETAG,
			.u.hardwaretag = {.entitlement = c->grant,
					  .tag = (int64_t)h->parts[j].kind << 16 | h->parts[j].tag,
					  .device = w->device.device}};
		if (!hardware_strong(h->parts[j].kind))
			continue;
		error = store_put(w->b->store, &tag);
	}
	return error;
}

/* Another device's place ends, because this one takes it. */
static int end_other(struct work *w, const struct candidate *c, int64_t device, int64_t user,
		     const struct holding *before, const char *action)
{
	char other[LIMIT_USER + 1] = "";
	struct holding after = *before;
	after.state = HOLDING_RELEASED;
	struct effect effect = {.kind = EFFECT_HOLDING,
				.device = device,
				.grant = c->grant,
				.user = user,
				.at = w->now,
				.u.holding = {*before, after}};
	int error = store_apply(w->b->store, &effect);
	if (!error)
		error = seats_name(w->b, (struct holder){MEMBER_DEVICE, device}, other);
	return error ? error
		     : broker_audit(w->b, w->now, "host", action, w->id,
				    json_pack("{s:s, s:s}", "grant", c->id, "other", other));
}

/* What the same holder has of the product's other grants is given back, so that nobody is counted twice; a
 * pool's activation is for ever. */
int work_end_former(struct work *w, size_t i, const struct candidate *c)
{
	const struct line_facts *line = &w->lines[i].facts;
	bool of_user = model_of_users(c->model);
	int error = 0;
	for (size_t j = 0; j < line->n_candidates && !error; j++) {
		const struct candidate *other = &line->candidates[j];
		if (other == c || other->model == MODEL_POOL || model_of_users(other->model) != of_user ||
		    other->holding.state != HOLDING_ACTIVE)
			continue;
		error = end_other(w, other, w->device.device, of_user ? w->lines[i].person.user : 0,
				  &other->holding, "activation.moved");
	}
	return error;
}

static int store_others(struct work *w, size_t i, const struct candidate *c)
{
	const struct verdict *v = &w->lines[i].verdict;
	int error = 0;
	if (v->takes_over)
		error = broker_drop_hardware(w->b, c->twin.device, c->grant);
	if (!error && v->takes_over && c->twin.holding.state == HOLDING_ACTIVE)
		error = end_other(w, c, c->twin.device, 0, &c->twin.holding, "activation.taken-over");
	if (!error && v->evicts)
		error = end_other(w, c, c->oldest_device, w->lines[i].person.user, &c->oldest,
				  "activation.evicted");
	if (!error && !work_gives_back(w))
		error = work_end_former(w, i, c);
	if (!error && c->model == MODEL_POOL)
		error = work_gives_back(w) ? broker_drop_hardware(w->b, w->device.device, c->grant)
					   : work_store_hardware(w, i, c);
	return error;
}

int work_store_line(struct work *w, size_t i)
{
	const struct candidate *c = work_chosen(w, i);
	const struct verdict *v = &w->lines[i].verdict;
	int error = 0;
	if (c && v->code == 0)
		error = store_others(w, i, c);
	if (!error && work_changes(w, i)) {
		peaks_note_holding(w->b, c, &v->holding, w->now);
		error = work_apply(w, (struct effect){.kind = EFFECT_HOLDING,
						      .grant = c->grant,
						      .user = v->of_user ? w->lines[i].person.user : 0,
						      .u.holding = {c->holding, v->holding}});
	}
	if (!error && c)
		error = store_marks(w, c, v);
	return error ? error : record(w, i);
}

/* The device that a new one says it was a copy of, if it is on record. */
struct origin {
	const uint8_t *id;
	bool found;
	char hostname[LIMIT_HOSTNAME + 1];
};

static int take_origin(const struct row *row, void *context)
{
	struct origin *o = context;
	if (memcmp(row->u.device.id, o->id, DEVICE_ID) != 0)
		return 0;
	o->found = true;
	snprintf(o->hostname, sizeof(o->hostname), "%s", row->u.device.hostname);
	return 1;
}

/* Where a new device comes from, with both names. What cannot be found is not believed. */
static int note_origin(struct work *w)
{
	struct origin o = {.id = w->asker.forked_from};
	char from[DEVICE_ID_TEXT];
	if (!o.id)
		return 0;
	int64_t tag = store_tag(o.id);
	struct listing l = {.kind = LIST_DEVICE, .tag_from = tag, .tag_to = tag};
	int error = store_page(w->b->store, &l, take_origin, &o);
	if (!o.found)
		w->asker.forked_from = NULL;
	if (error < 0 || !o.found)
		return error < 0 ? error : 0;
	device_id_write(o.id, from);
	return broker_audit(w->b, w->now, "host", "device.copied", w->id,
			    json_pack("{s:s, s:s, s:s, s:s}", "hostname", w->job->hostname, "forked_from",
				      from, "forked_from_hostname", o.hostname, "request",
				      w->job->correlation));
}

static int describe(struct work *w)
{
	if (w->device.known && w->device.described)
		return 0;
	w->job->enrolled = !w->device.known;
	int error = w->device.known ? 0 : note_origin(w);
	if (!error)
		error = work_apply(w, (struct effect){.kind = EFFECT_DEVICE,
						      .u.device_row = {&w->asker, !w->device.known}});
	w->device.known = w->device.described = true;
	return error;
}

int work_store_device(struct work *w)
{
	if (!w->device.known && !w->stores)
		return 0; /* a stranger with nothing to hold leaves no trace */
	int error = describe(w);
	if (error || !skew_moved(w->device.skew, w->skew))
		return error;
	w->device.skew = w->skew;
	return work_apply(w, (struct effect){.kind = EFFECT_SKEW, .u.skew = w->skew});
}
