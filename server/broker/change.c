/* SPDX-License-Identifier: Apache-2.0 */
/* What administrators order, one transaction for all of it: each change alone may fail and undoes itself. */
#include "change.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "broker.h"
#include "error.h"
#include "order.h"
#include "store.h"

/* More losers than that, or more than so many per cent of all, must be meant; a few may be named by hand. */
#define MASS_LOSS_MEMBERS 50
#define MASS_LOSS_PERCENT 20
#define MASS_LOSS_LEAST 5

static const struct {
	const char *name;
	order_function *run;
	unsigned needs;
} kinds[CHANGE_KINDS] = {
#define CHANGE(id, name, role, function, needs, verbs) {name, function, needs},
#include "changes.def"
#undef CHANGE
};

bool change_by_name(const char *name, enum change_kind *ret)
{
	for (int i = 0; i < CHANGE_KINDS; i++) {
		if (strcmp(kinds[i].name, name) != 0)
			continue;
		*ret = (enum change_kind)i;
		return true;
	}
	return false;
}

const char *change_name(enum change_kind kind)
{
	return kinds[kind].name;
}

unsigned change_needs(enum change_kind kind)
{
	return kinds[kind].needs;
}

struct orders *orders_new(size_t n, size_t room)
{
	struct orders *o = calloc(1, sizeof(*o));
	if (!o)
		return NULL;
	o->changes = calloc(n ? n : 1, sizeof(*o->changes));
	o->room = malloc(room ? room : 1);
	o->n = n;
	if (o->changes && o->room)
		return o;
	orders_free(o);
	return NULL;
}

void orders_free(struct orders *o)
{
	if (!o)
		return;
	if (o->changes)
		sodium_memzero(o->changes, o->n * sizeof(*o->changes));
	free(o->changes);
	free(o->room);
	free(o);
}

int order_refuse(struct change *c, int code, const char *detail)
{
	c->code = code;
	if (detail)
		snprintf(c->detail, sizeof(c->detail), "%s", detail);
	return 0;
}

/* --- what a change did to seats --- */

static void add_effects(struct orders *o, const struct round *round)
{
	for (size_t i = 0; i < round->n; i++) {
		const struct change_effect *e = &round->effects[i];
		size_t j = 0;
		while (j < o->n_effects && strcmp(o->effects[j].product, e->product) != 0)
			j++;
		if (j == LIMIT_PRODUCTS)
			continue;
		if (j == o->n_effects)
			o->effects[o->n_effects++] = (struct change_effect){.held = e->held};
		struct change_effect *sum = &o->effects[j];
		memcpy(sum->product, e->product, sizeof(sum->product));
		sum->gained += e->gained;
		sum->lost += e->lost;
		sum->waiting += e->waiting;
		sum->seats += e->seats;
	}
}

/* Whoever lost a seat and has one again at the end has lost nothing. */
static int forgive_movers(struct broker *b, struct orders *o)
{
	int error = 0;
	for (size_t i = 0; i < b->losers.n && !error; i++) {
		const struct seat_key *l = &b->losers.all[i];
		struct record_copy seat;
		error = seats_find(b, l->holder, l->product, &seat);
		bool has = !error && seat.record.u.seat.entitlement;
		for (size_t j = 0; has && j < o->n_effects; j++) {
			struct change_effect *e = &o->effects[j];
			if (strcmp(e->product, l->product) != 0 || !e->lost || !e->gained)
				continue;
			e->lost--;
			e->gained--;
		}
	}
	return error;
}

/* Does so much get lost that it must be meant? */
static bool loses_much(const struct orders *o, struct numbers *ret)
{
	for (size_t i = 0; i < o->n_effects; i++) {
		const struct change_effect *e = &o->effects[i];
		bool share = e->lost > MASS_LOSS_LEAST && e->lost * 100 > e->held * MASS_LOSS_PERCENT;
		if (e->lost <= MASS_LOSS_MEMBERS && !share)
			continue;
		ret->used = e->lost;
		ret->quantity = e->held;
		return true;
	}
	return false;
}

static int retry_freed(struct broker *b, struct orders *o, int64_t now)
{
	int error = 0;
	size_t n = o->n_effects;
	for (size_t i = 0; i < n && !error; i++) {
		if (o->effects[i].seats >= 0 && !o->effects[i].lost)
			continue;
		b->round.n = 0;
		error = seats_retry(b, now, o->effects[i].product);
		add_effects(o, &b->round);
	}
	return error;
}

/* --- running --- */

static int audit_change(struct broker *b, const struct job *job, const struct change *c, int64_t now)
{
	const char *object = c->user           ? c->user
			     : c->device       ? c->device
			     : c->group        ? c->group
			     : c->device_group ? c->device_group
			     : c->grant        ? c->grant
			     : c->license      ? c->license
					       : "";
	json_int_t gained = 0;
	json_int_t lost = 0;
	json_int_t waiting = 0;
	for (size_t i = 0; i < b->round.n; i++) {
		gained += b->round.effects[i].gained;
		lost += b->round.effects[i].lost;
		waiting += b->round.effects[i].waiting;
	}
	return broker_audit(b, now, job->actor, kinds[c->kind].name, object,
			    json_pack("{s:s*, s:s*, s:s*, s:s*, s:s*, s:I, s:I, s:I, s:s}", "product",
				      c->product, "with", c->with, "group", c->group, "plans", c->plans,
				      "detail", c->detail[0] ? c->detail : NULL, "gained", gained, "lost",
				      lost, "waiting", waiting, "request", job->correlation));
}

/* Refuse the change when somebody was faster. */
static int check_match(struct broker *b, const struct orders *o, struct change *c)
{
	char tag[CHANGE_TAG];
	int error = o->tag(o->context, b->store, c, tag);
	if (error == E_NOT_FOUND)
		return order_refuse(c, E_PRECONDITION_FAILED, "it is not there");
	if (!error && strcmp(c->if_match, "*") != 0 && strcmp(c->if_match, tag) != 0)
		return order_refuse(c, E_PRECONDITION_FAILED, tag);
	return error;
}

static int run_one(struct broker *b, struct job *job, struct change *c, int64_t now)
{
	struct order order = {b, job, c, now};
	b->round.n = 0;
	c->code = 0;
	c->numbers = NUMBERS_NONE;
	c->detail[0] = c->output[0] = 0;
	int error = store_mark(b->store);
	if (!error && c->if_match)
		error = check_match(b, job->orders, c);
	if (!error && !c->code)
		error = kinds[c->kind].run(&order);
	if (!error && !c->code)
		error = audit_change(b, job, c, now);
	if (error)
		return error;
	if (c->code) {
		seats_forget(b);
		return store_undo(b->store);
	}
	add_effects(job->orders, &b->round);
	return store_keep(b->store);
}

int change_run(struct broker *b, struct job *job, int64_t now)
{
	struct orders *o = job->orders;
	o->n_effects = 0;
	b->losers.n = 0;
	job->numbers = NUMBERS_NONE;
	int error = store_mark(b->store);
	for (size_t i = 0; i < o->n && !error; i++)
		error = run_one(b, job, &o->changes[i], now);
	if (!error)
		error = retry_freed(b, o, now);
	if (!error)
		error = forgive_movers(b, o);
	if (error)
		return error;
	if (!o->dry_run && !o->confirm && loses_much(o, &job->numbers))
		job->code = E_MASS_LOSS;
	if (!o->dry_run && !job->code)
		return store_keep(b->store);
	seats_forget(b);
	/* A code that is not kept must not be shown. */
	for (size_t i = 0; i < o->n; i++) {
		o->changes[i].output[0] = 0;
		o->changes[i].until = 0;
	}
	return store_undo(b->store);
}
