/* SPDX-License-Identifier: Apache-2.0 */
/* Listings that follow rows from one to another: what SQLite has recursive queries and joins for. */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "memory_handle.h"

/* A growing set of numbers, in the order of their coming. */
struct set {
	int64_t *all;
	size_t n;
	size_t room;
	bool failed;
};

static bool has(const struct set *s, int64_t num)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->all[i] == num)
			return true;
	return false;
}

static void take(struct set *s, int64_t num)
{
	if (has(s, num))
		return;
	if (s->n == s->room) {
		int64_t *more = realloc(s->all, (s->room + 64) * sizeof(*more));
		if (!more) {
			s->failed = true;
			return;
		}
		s->all = more;
		s->room += 64;
	}
	s->all[s->n++] = num;
}

static int by_number(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a;
	int64_t y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

/* The groups above a holder: those it is in, and those that these are in. */
static void above(struct memory *m, enum member_kind kind, int64_t holder, struct set *ret)
{
	for (size_t done = 0;; done++) {
		size_t at = 0;
		const struct record *r;
		while ((r = memory_record(m, RECORD_MEMBERSHIP, &at)))
			if (r->u.membership.kind == (int64_t)kind && r->u.membership.member == holder)
				take(ret, r->u.membership.circle);
		if (done == ret->n)
			return;
		kind = MEMBER_GROUP;
		holder = ret->all[done];
	}
}

static void below(struct memory *m, int64_t circle, struct set *ret)
{
	take(ret, circle);
	for (size_t done = 0; done < ret->n; done++) {
		size_t at = 0;
		const struct record *r;
		while ((r = memory_record(m, RECORD_MEMBERSHIP, &at)))
			if (r->u.membership.kind == MEMBER_GROUP && r->u.membership.circle == ret->all[done])
				take(ret, r->u.membership.member);
	}
}

struct source {
	const struct record *record;
	const char *group;
	int64_t circle;
};

static int by_source(const void *a, const void *b)
{
	const struct source *x = a;
	const struct source *y = b;
	int order = strcmp(x->group, y->group);
	if (!order)
		order = (x->circle > y->circle) - (x->circle < y->circle);
	return order ? order : (x->record->num > y->record->num) - (x->record->num < y->record->num);
}

static bool is_source(struct memory *m, const struct record *r, const struct listing *l,
		      const struct set *groups, struct source *ret)
{
	const struct record_assignment *a = &r->u.assignment;
	*ret = (struct source){.record = r, .group = ""};
	if (l->product && strcmp(a->product, l->product) != 0)
		return false;
	if (a->kind == (int64_t)l->kind_of && a->subject == l->holder)
		return true;
	if (a->kind != MEMBER_GROUP || !has(groups, a->subject))
		return false;
	const struct item *circle = memory_number(m, T_RECORD, RECORD_CIRCLE, a->subject, 0);
	if (!circle)
		return false;
	ret->group = circle->record.u.circle.name;
	ret->circle = a->subject;
	return true;
}

static int walk_sources(struct memory *m, const struct listing *l, row_function *callback, void *context)
{
	struct set groups = {0};
	struct source *all = calloc(m->tables[T_RECORD].used + 1, sizeof(*all));
	const struct record *r;
	size_t at = 0;
	size_t n = 0;
	int stopped = 0;
	above(m, l->kind_of, l->holder, &groups);
	while (all && (r = memory_record(m, RECORD_ASSIGNMENT, &at)))
		n += is_source(m, r, l, &groups, &all[n]);
	if (all)
		qsort(all, n, sizeof(*all), by_source);
	if (l->limit && n > (size_t)l->limit)
		n = (size_t)l->limit;
	for (size_t i = 0; i < n && !stopped && !groups.failed; i++) {
		struct row row = {.u.source = {*all[i].record, all[i].group, all[i].circle}};
		stopped = callback(&row, context);
	}
	bool failed = groups.failed || !all;
	free(groups.all);
	free(all);
	return failed ? E_NO_MEMORY : stopped;
}

static int walk_holders(struct memory *m, const struct listing *l, row_function *callback, void *context)
{
	struct set groups = {0};
	struct set holders[2] = {{0}, {0}};
	const struct record *r;
	size_t at = 0;
	int64_t left = l->limit ? l->limit : INT64_MAX;
	int stopped = 0;
	below(m, l->holder, &groups);
	while ((r = memory_record(m, RECORD_MEMBERSHIP, &at)))
		if (r->u.membership.kind != MEMBER_GROUP && has(&groups, r->u.membership.circle))
			take(&holders[r->u.membership.kind], r->u.membership.member);
	for (int kind = MEMBER_USER; kind <= MEMBER_DEVICE; kind++) {
		if (holders[kind].n)
			qsort(holders[kind].all, holders[kind].n, sizeof(int64_t), by_number);
		for (size_t i = 0; i < holders[kind].n && !stopped && left-- > 0; i++) {
			struct row row = {.u.member = {(enum member_kind)kind, holders[kind].all[i]}};
			stopped = callback(&row, context);
		}
	}
	bool failed = groups.failed || holders[0].failed || holders[1].failed;
	free(groups.all);
	free(holders[0].all);
	free(holders[1].all);
	return failed ? E_NO_MEMORY : stopped;
}

static size_t count_tags(struct memory *m, const struct listing *l, int64_t device)
{
	const struct record *r;
	size_t at = 0;
	size_t n = 0;
	while ((r = memory_record(m, RECORD_HARDWARETAG, &at)))
		for (size_t i = 0; i < l->n_tags; i++)
			n += r->u.hardwaretag.entitlement == l->grant && r->u.hardwaretag.device == device &&
			     r->u.hardwaretag.tag == l->tags[i];
	return n;
}

/* Before the first that has fewer parts in common, or as many and a higher number. */
static void sort_in(struct memory *m, const struct listing *l, struct set *devices, size_t i)
{
	int64_t device = devices->all[i];
	size_t tags = count_tags(m, l, device);
	for (; i > 0; i--) {
		size_t other = count_tags(m, l, devices->all[i - 1]);
		if (other > tags || (other == tags && devices->all[i - 1] < device))
			break;
		devices->all[i] = devices->all[i - 1];
	}
	devices->all[i] = device;
}

static int walk_tagged(struct memory *m, const struct listing *l, row_function *callback, void *context)
{
	struct set devices = {0};
	const struct record *r;
	size_t at = 0;
	int stopped = 0;
	while ((r = memory_record(m, RECORD_HARDWARETAG, &at)))
		for (size_t i = 0; i < l->n_tags && r->u.hardwaretag.entitlement == l->grant; i++)
			if (r->u.hardwaretag.tag == l->tags[i])
				take(&devices, r->u.hardwaretag.device);
	for (size_t i = 0; i < devices.n; i++)
		sort_in(m, l, &devices, i);
	for (size_t i = 0; i < devices.n && !stopped && (!l->limit || i < (size_t)l->limit); i++) {
		struct row row = {.u.device_num = devices.all[i]};
		stopped = callback(&row, context);
	}
	bool failed = devices.failed;
	free(devices.all);
	return failed ? E_NO_MEMORY : stopped;
}

static bool is_member(struct memory *m, enum member_kind kind, int64_t member, int64_t circle)
{
	const struct record *r;
	size_t at = 0;
	while ((r = memory_record(m, RECORD_MEMBERSHIP, &at)))
		if (r->u.membership.kind == (int64_t)kind && r->u.membership.member == member &&
		    (!circle || r->u.membership.circle == circle))
			return true;
	return false;
}

/* One device's proposals; *left counts the rows that may still be given. */
static int propose(struct memory *m, const struct item *d, const struct listing *l, int64_t *left,
		   row_function *callback, void *context)
{
	const struct record *r;
	size_t at = 0;
	int stopped = 0;
	bool proposed = d->key[0] <= l->after[0];
	while (!stopped && *left > 0 && (r = memory_record(m, RECORD_CIRCLE, &at))) {
		const struct record_circle *c = &r->u.circle;
		bool behind = d->key[0] > l->after[0] || (d->key[0] == l->after[0] && r->num > l->after[1]);
		if (!behind || c->kind != CIRCLE_DEVICES || !*c->pattern ||
		    fnmatch(c->pattern, d->text[2], 0) != 0 || is_member(m, MEMBER_DEVICE, d->key[0], r->num))
			continue;
		struct row row = {
			.cursor = {d->key[0], r->num},
			.u.proposal = {d->key[0], d->bytes, d->text[2], r->num, c->name, c->pattern}};
		stopped = callback(&row, context);
		proposed = true;
		--*left;
	}
	if (!proposed && --*left >= 0) {
		struct row row = {.cursor = {d->key[0]},
				  .u.proposal = {d->key[0], d->bytes, d->text[2], 0, "", ""}};
		stopped = callback(&row, context);
	}
	return stopped;
}

static int walk_proposals(struct memory *m, const struct listing *l, row_function *callback, void *context)
{
	int64_t left = l->limit ? l->limit : INT64_MAX;
	int stopped = 0;
	for (size_t i = 0; i < m->tables[T_DEVICE].used && !stopped; i++)
		if (!m->tables[T_DEVICE].all[i].dead)
			stopped = propose(m, &m->tables[T_DEVICE].all[i], l, &left, callback, context);
	return stopped;
}

static bool was_licensed(struct memory *m, int64_t device)
{
	for (size_t i = 0; i < m->tables[T_HOLDING].used; i++) {
		const struct item *h = &m->tables[T_HOLDING].all[i];
		if (!h->dead && h->key[0] == device &&
		    (h->holding.state == HOLDING_ACTIVE || h->holding.state == HOLDING_RELEASED))
			return true;
	}
	return false;
}

static bool is_assigned(struct memory *m, int64_t device)
{
	const struct record *r;
	size_t at = 0;
	while ((r = memory_record(m, RECORD_ASSIGNMENT, &at)))
		if (r->u.assignment.kind == MEMBER_DEVICE && r->u.assignment.subject == device)
			return true;
	return false;
}

static int walk_stale(struct memory *m, const struct listing *l, row_function *callback, void *context)
{
	int64_t left = l->limit ? l->limit : INT64_MAX;
	int stopped = 0;
	for (size_t i = 0; i < m->tables[T_DEVICE].used && !stopped && left > 0; i++) {
		const struct item *d = &m->tables[T_DEVICE].all[i];
		if (d->dead || d->key[0] <= l->after[0])
			continue;
		const struct item *ratchet = memory_number(m, T_RATCHET, d->key[0], 0, 0);
		int64_t seen = ratchet ? ratchet->ratchet.at : d->number[0];
		bool stale = d->number[0] && seen < l->before && !d->number[1] && !d->number[2] &&
			     !d->number[3] && !was_licensed(m, d->key[0]) &&
			     !is_member(m, MEMBER_DEVICE, d->key[0], 0) && !is_assigned(m, d->key[0]);
		struct row row = {.cursor = {d->key[0]}, .u.device_num = stale ? d->key[0] : 0};
		stopped = callback(&row, context);
		left--;
	}
	return stopped;
}

static bool is_history(const struct item *d, const struct listing *l)
{
	const char *what = d->text[0];
	return !d->dead && (!l->before || d->key[0] < l->before) &&
	       ((*what >= 'A' && *what <= 'Z') || strncmp(what, "peak.", 5) == 0 ||
		strcmp(what, "granted") == 0 || strcmp(what, "renewed") == 0 ||
		strcmp(what, "released") == 0);
}

static void add_history(const struct item *d, struct row *row)
{
	const char *what = d->text[0];
	int64_t *to = strcmp(what, "peak.active") == 0  ? &row->u.history.active
		      : strcmp(what, "peak.count") == 0 ? &row->u.history.count
		      : strcmp(what, "peak.seats") == 0 ? &row->u.history.seats
		      : strcmp(what, "granted") == 0    ? &row->u.history.granted
		      : strcmp(what, "renewed") == 0    ? &row->u.history.renewed
		      : strcmp(what, "released") == 0   ? &row->u.history.released
							: &row->u.history.refused;
	*to += d->number[0];
}

/* -1, 0 or 1: the day and grant of a counter before, at or behind these. */
static int history_order(const struct item *d, int64_t day, int64_t grant)
{
	int order = (d->key[0] > day) - (d->key[0] < day);
	return order ? order : (d->key[1] > grant) - (d->key[1] < grant);
}

/* The next day and grant behind these, or NULL. */
static const struct item *next_history(const struct rows *days, const struct listing *l, int64_t day,
				       int64_t grant)
{
	const struct item *next = NULL;
	for (size_t i = 0; i < days->used; i++) {
		const struct item *d = &days->all[i];
		if (is_history(d, l) && history_order(d, day, grant) > 0 &&
		    (!next || history_order(d, next->key[0], next->key[1]) < 0))
			next = d;
	}
	return next;
}

static int walk_history(struct memory *m, const struct listing *l, row_function *callback, void *context)
{
	const struct rows *days = &m->tables[T_DAILY];
	const struct item *at = next_history(days, l, l->after[0], l->after[1]);
	int64_t left = l->limit ? l->limit : INT64_MAX;
	int stopped = 0;
	for (; at && !stopped && left > 0; left--) {
		struct row row = {.cursor = {at->key[0], at->key[1]},
				  .u.history = {.day = (int32_t)at->key[0], .grant = at->key[1]}};
		for (size_t i = 0; i < days->used; i++)
			if (is_history(&days->all[i], l) &&
			    history_order(&days->all[i], at->key[0], at->key[1]) == 0)
				add_history(&days->all[i], &row);
		stopped = callback(&row, context);
		at = next_history(days, l, at->key[0], at->key[1]);
	}
	return stopped;
}

int memory_walk(struct memory *m, const struct listing *l, row_function *callback, void *context)
{
	switch (l->kind) {
	case LIST_SOURCES:
		return walk_sources(m, l, callback, context);
	case LIST_HOLDERS:
		return walk_holders(m, l, callback, context);
	case LIST_TAGGED:
		return walk_tagged(m, l, callback, context);
	case LIST_PROPOSALS:
		return walk_proposals(m, l, callback, context);
	case LIST_HISTORY:
		return walk_history(m, l, callback, context);
	default:
		return walk_stale(m, l, callback, context);
	}
}
