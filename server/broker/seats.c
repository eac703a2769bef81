/* SPDX-License-Identifier: Apache-2.0 */
#include "seats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker.h"
#include "error.h"
#include "plans.h"
#include "store.h"

#define SOURCES_MAX 64 /* weightiest first; more say nothing new in practice */
#define RETRY_AT_ONCE 1000

/* --- offers --- */

void seats_forget(struct broker *b)
{
	b->offers.product[0] = 0;
}

static int add_offer(struct broker *b, int64_t now, const struct catalog_grant *g)
{
	int64_t num = catalog_number(g);
	struct row row;
	int error = store_grant(b->store, num, now, &row);
	if (error)
		return error == E_NOT_FOUND ? 0 : error;
	struct grant_terms t = catalog_terms(&b->catalog, g, &row.u.grant.marks, now);
	if (b->offers.n == OFFERS_MAX)
		return 0;
	b->offers.all[b->offers.n++] = (struct seat_offer){
		.grant = num,
		.id = g->grant->id,
		.end = t.end,
		.quantity = t.quantity,
		.used = row.u.grant.seats,
		.open = t.open,
		.keeps = t.keeps,
		.self_service = g->grant->self_service_owner[0] && !row.u.grant.marks.taken_over,
	};
	return 0;
}

static int load_offers(struct broker *b, int64_t now, enum member_kind kind, const char *product)
{
	int error = 0;
	if (b->offers.kind == kind && strcmp(b->offers.product, product) == 0)
		return 0;
	b->offers = (struct offers){.kind = kind};
	for (size_t i = 0; i < b->catalog.n_licenses; i++) {
		const struct catalog_license *l = &b->catalog.licenses[i];
		for (size_t j = 0; j < l->license.n_grants && !error; j++) {
			const struct grant *grant = &l->license.grants[j];
			struct catalog_grant g = {l, grant, license_product(&l->license, grant->product)};
			if (strcmp(grant->product, product) == 0 && l->numbers[j] &&
			    model_seats(grant->model) &&
			    model_of_users(grant->model) == (kind == MEMBER_USER))
				error = add_offer(b, now, &g);
		}
	}
	if (!error)
		snprintf(b->offers.product, sizeof(b->offers.product), "%s", product);
	return error;
}

static struct seat_offer *offer_of(struct broker *b, int64_t grant)
{
	for (size_t i = 0; i < b->offers.n; i++)
		if (grant && b->offers.all[i].grant == grant)
			return &b->offers.all[i];
	return NULL;
}

/* --- sources --- */

struct source {
	bool direct;
	int64_t pinned;
	char *plans; /* ids with commas between; NULL: all */
	char group[LIMIT_ID + 1];
};

struct sources {
	struct source all[SOURCES_MAX];
	size_t n;
};

static int take_source(const struct row *row, void *context)
{
	struct sources *s = context;
	const struct record_assignment *a = &row->u.source.record.u.assignment;
	if (s->n == SOURCES_MAX)
		return 1;
	struct source *source = &s->all[s->n++];
	*source = (struct source){.direct = !row->u.source.circle, .pinned = a->entitlement};
	snprintf(source->group, sizeof(source->group), "%s", row->u.source.group);
	if (!*a->plans)
		return 0;
	source->plans = strdup(a->plans);
	return source->plans ? 0 : E_NO_MEMORY;
}

static int load_sources(struct broker *b, struct holder h, const char *product, struct sources *ret)
{
	struct listing l = {.kind = LIST_SOURCES, .kind_of = h.kind, .holder = h.num, .product = product};
	int error = store_page(b->store, &l, take_source, ret);
	return error < 0 ? error : 0;
}

static void free_sources(struct sources *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->all[i].plans);
	free(s);
}

/* --- settling --- */

static void describe_source(const struct sources *s, const size_t *order, int wish, char *out, size_t room)
{
	if (wish < 0 || !s->n)
		snprintf(out, room, "assigned");
	else if (s->all[order[wish]].direct)
		snprintf(out, room, "assigned directly");
	else
		snprintf(out, room, "by group %s", s->all[order[wish]].group);
}

static void describe(const struct product *p, const struct sources *s, const size_t *order,
		     const struct plan_trouble *t, char out[LIMIT_DETAIL + 1])
{
	char one[LIMIT_ID + 32];
	char other[LIMIT_ID + 32];
	describe_source(s, order, t->wish, one, sizeof(one));
	describe_source(s, order, t->other_wish, other, sizeof(other));
	if (t->code == E_PLAN_CONFLICT)
		snprintf(out, LIMIT_DETAIL + 1, "plan %.50s (%.60s) excludes plan %.50s (%.60s)",
			 p->plans[t->plan].id, one, p->plans[t->other].id, other);
	else
		snprintf(out, LIMIT_DETAIL + 1, "plan %.63s needs plan %.63s", p->plans[t->plan].id,
			 p->plans[t->other].id);
}

/* The plans of the seat, and what is wrong with them. False: nothing of it is left. */
static bool resolve_plans(const struct catalog_grant *g, const struct sources *s, struct record_seat *seat,
			  char *detail)
{
	uint32_t wishes[SOURCES_MAX];
	size_t order[SOURCES_MAX];
	size_t n = 0;
	bool restricted = false;
	bool whole = false;
	struct plan_trouble trouble;
	uint32_t granted = grant_plans(&g->license->license, g->grant);
	for (size_t i = 0; i < s->n; i++) {
		const char *names = s->all[i].plans;
		uint32_t wish;
		catalog_plans(g->product, names, &wish); /* what a newer license has no more is nobody's */
		if (names && !(wish & granted)) {
			seat->code = E_PLAN_UNKNOWN;
			continue;
		}
		restricted |= names != NULL;
		whole |= names == NULL;
		order[n] = i;
		wishes[n++] = wish;
	}
	uint32_t plans = plans_union(g->product, granted, wishes, n, &trouble);
	if (trouble.code) {
		seat->code = trouble.code;
		describe(g->product, s, order, &trouble, detail);
	}
	/* A restricted set stays as it is when the vendor adds a plan; the whole one grows. */
	seat->plans = whole && plans == granted ? 0 : plans;
	return plans || !granted || (n && !restricted && !trouble.code);
}

/* Sources that name a grant come first; one whose grant is full takes away no seat that another gives. */
static struct seat_choice choose(const struct offers *offers, int64_t before, const struct sources *s,
				 struct settled *ret)
{
	struct seat_choice first = {0};
	for (int named = 1; named >= 0; named--) {
		for (size_t i = 0; i < s->n; i++) {
			if ((s->all[i].pinned != 0) != named)
				continue;
			struct seat_choice c = seat_choose(before, s->all[i].pinned, offers->all, offers->n);
			if (!first.code && !c.grant)
				first = c;
			if (!c.grant)
				continue;
			ret->passed = first.code;
			ret->numbers = first.code ? first.numbers : c.numbers;
			return c;
		}
	}
	ret->code = first.code;
	ret->numbers = first.numbers;
	return first;
}

/* What the sources make of the seat; before: as it is now, num 0 for none. */
static int decide_seat(struct broker *b, int64_t now, struct holder h, const char *product, int64_t before,
		       struct record *after, struct settled *ret)
{
	struct sources *s = malloc(sizeof(*s));
	struct catalog_grant g;
	if (!s)
		return E_NO_MEMORY;
	s->n = 0;
	int error = load_sources(b, h, product, s);
	if (!error && s->n)
		error = load_offers(b, now, h.kind, product);
	struct record_seat *seat = &after->u.seat;
	if (!error && s->n) {
		struct seat_choice c = choose(&b->offers, before, s, ret);
		seat->code = c.code;
		seat->entitlement = c.grant;
		for (size_t i = 0; i < s->n; i++)
			seat->direct |= s->all[i].direct;
	}
	if (!error && seat->entitlement && catalog_grant(&b->catalog, seat->entitlement, &g)) {
		if (!resolve_plans(&g, s, seat, ret->detail))
			seat->entitlement = 0;
		ret->code = (int)seat->code;
	}
	free_sources(s);
	return error;
}

struct change_effect *round_effect(struct round *round, const char *product)
{
	for (size_t i = 0; i < round->n; i++)
		if (strcmp(round->effects[i].product, product) == 0)
			return &round->effects[i];
	if (round->n == LIMIT_PRODUCTS)
		return &round->effects[LIMIT_PRODUCTS - 1];
	struct change_effect *e = &round->effects[round->n++];
	*e = (struct change_effect){0};
	snprintf(e->product, sizeof(e->product), "%s", product);
	return e;
}

/* A new line begins with the seats that are held. */
static struct change_effect *effect_of(struct broker *b, const char *product)
{
	size_t before = b->round.n;
	struct change_effect *e = round_effect(&b->round, product);
	bool fresh = b->round.n > before;
	for (size_t i = 0; fresh && i < b->offers.n && strcmp(b->offers.product, product) == 0; i++)
		e->held += b->offers.all[i].used;
	return e;
}

static int note_loser(struct broker *b, const struct record_seat *seat)
{
	struct losers *l = &b->losers;
	if (l->n == l->room) {
		size_t room = l->room ? l->room * 2 : 64;
		struct seat_key *more = realloc(l->all, room * sizeof(*more));
		if (!more)
			return E_NO_MEMORY;
		l->all = more;
		l->room = room;
	}
	l->all[l->n] = (struct seat_key){.holder = {(enum member_kind)seat->kind, seat->holder}};
	snprintf(l->all[l->n++].product, LIMIT_ID + 1, "%s", seat->product);
	return 0;
}

static void count_effect(struct broker *b, const char *product, const struct record_seat *before,
			 const struct record_seat *after)
{
	struct change_effect *e = effect_of(b, product);
	struct seat_offer *left = offer_of(b, before->entitlement);
	struct seat_offer *taken = offer_of(b, after->entitlement);
	e->gained += !before->entitlement && after->entitlement;
	e->lost += before->entitlement && !after->entitlement;
	e->waiting += after->code && !before->code;
	if (before->entitlement == after->entitlement)
		return;
	e->seats += (after->entitlement != 0) - (before->entitlement != 0);
	if (left)
		left->used--;
	if (taken)
		taken->used++;
}

static int copy_device(const struct row *row, void *context)
{
	device_id_write(row->u.device.id, context);
	return 1;
}

int seats_name(struct broker *b, struct holder h, char out[LIMIT_USER + 1])
{
	struct record_copy user;
	struct listing device = {.kind = LIST_DEVICE, .device = h.num, .limit = 1};
	out[0] = 0;
	if (h.kind == MEMBER_DEVICE) {
		int found = store_page(b->store, &device, copy_device, out);
		return found < 0 ? found : 0;
	}
	int error = store_get(b->store, RECORD_USER, h.num, &user);
	if (!error)
		snprintf(out, LIMIT_USER + 1, "%s", user.record.u.user.name);
	return error == E_NOT_FOUND ? 0 : error;
}

static int audit_seat(struct broker *b, int64_t now, struct holder h, const char *product,
		      const struct record_seat *before, const struct record_seat *after)
{
	char object[LIMIT_USER + 1];
	struct catalog_grant g;
	struct catalog_grant was;
	bool known = catalog_grant(&b->catalog, after->entitlement, &g);
	bool was_known = catalog_grant(&b->catalog, before->entitlement, &was);
	int error = seats_name(b, h, object);
	const char *action = after->entitlement && !before->entitlement   ? "seat.gained"
			     : before->entitlement && !after->entitlement ? "seat.lost"
			     : after->code                                ? "seat.waits"
									  : "seat.changed";
	if (error)
		return error;
	return broker_audit(b, now, "host", action, object,
			    json_pack("{s:s, s:s*, s:s*, s:s*}", "product", product, "before",
				      was_known ? was.grant->id : NULL, "grant", known ? g.grant->id : NULL,
				      "code", after->code ? error_name((int)after->code) : NULL));
}

int seats_find(struct broker *b, struct holder h, const char *product, struct record_copy *ret)
{
	struct record like = {.kind = RECORD_SEAT,
			      .u.seat = {.kind = (int64_t)h.kind, .holder = h.num, .product = product}};
	int error = store_find(b->store, &like, BY(seat, kind) | BY(seat, holder) | BY(seat, product), ret);
	if (error == E_NOT_FOUND)
		ret->record = (struct record){.kind = RECORD_SEAT, .u.seat.detail = ""};
	return error == E_NOT_FOUND ? 0 : error;
}

/* leaving: the grant whose seat is not to be kept; 0: none. */
static int settle(struct broker *b, int64_t now, struct holder h, const char *product, int64_t leaving,
		  bool audit, struct settled *settled)
{
	struct record_copy found;
	*settled = (struct settled){.numbers = NUMBERS_NONE};
	int error = seats_find(b, h, product, &found);
	if (error)
		return error;
	const struct record_seat *before = &found.record.u.seat;
	struct record after = {.kind = RECORD_SEAT,
			       .num = found.record.num,
			       .u.seat = {.kind = (int64_t)h.kind,
					  .holder = h.num,
					  .product = product,
					  .detail = settled->detail}};
	int64_t keep = before->entitlement == leaving ? 0 : before->entitlement;
	error = decide_seat(b, now, h, product, keep, &after, settled);
	struct record_seat *seat = &after.u.seat;
	bool same = before->entitlement == seat->entitlement && before->code == seat->code;
	bool told = strcmp(before->detail, seat->detail) == 0;
	if (error || (same && told && before->plans == seat->plans && before->direct == seat->direct))
		return error;
	error = load_offers(b, now, h.kind, product);
	if (error)
		return error;
	seat->since = same ? before->since : now;
	struct effect effect = {.kind = EFFECT_SEAT, .at = now, .u.seat = {before->entitlement, &after}};
	error = store_apply(b->store, &effect);
	if (seat->entitlement && seat->entitlement != before->entitlement)
		peaks_note(b, seat->entitlement);
	settled->changed = true;
	count_effect(b, product, before, seat);
	if (!error && before->entitlement && !seat->entitlement)
		error = note_loser(b, seat);
	return error || !audit || same ? error : audit_seat(b, now, h, product, before, seat);
}

int seats_settle(struct broker *b, int64_t now, struct holder h, const char *product, bool audit,
		 struct settled *ret)
{
	struct settled own;
	return settle(b, now, h, product, 0, audit, ret ? ret : &own);
}

int seats_evict(struct broker *b, int64_t now, struct holder h, const char *product, int64_t grant)
{
	struct settled own;
	return settle(b, now, h, product, grant, true, &own);
}

/* --- many --- */

struct gathering {
	struct holder *all;
	size_t n;
	size_t room;
};

static int gather_holder(const struct row *row, void *context)
{
	struct gathering *g = context;
	if (g->n == g->room) {
		size_t room = g->room ? g->room * 2 : 256;
		struct holder *more = realloc(g->all, room * sizeof(*more));
		if (!more)
			return E_NO_MEMORY;
		g->all = more;
		g->room = room;
	}
	g->all[g->n++] = (struct holder){row->u.member.kind, row->u.member.num};
	return 0;
}

int seats_holders(struct broker *b, int64_t group, struct holder **ret, size_t *ret_n)
{
	struct gathering g = {0};
	struct listing l = {.kind = LIST_HOLDERS, .holder = group};
	int error = store_page(b->store, &l, gather_holder, &g);
	if (error) {
		free(g.all);
		return error;
	}
	*ret = g.all;
	*ret_n = g.n;
	return 0;
}

struct products {
	char (*all)[LIMIT_ID + 1];
	size_t n;
};

static int gather_product(const struct row *row, void *context)
{
	struct products *p = context;
	const char *product = row->u.source.record.u.assignment.product;
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->all[i], product) == 0)
			return 0;
	void *more = realloc(p->all, (p->n + 1) * sizeof(*p->all));
	if (!more)
		return E_NO_MEMORY;
	p->all = more;
	snprintf(p->all[p->n++], LIMIT_ID + 1, "%s", product);
	return 0;
}

int seats_products(struct broker *b, enum member_kind kind, int64_t num, char (**ret)[LIMIT_ID + 1],
		   size_t *ret_n)
{
	struct products p = {0};
	struct listing l = {.kind = LIST_SOURCES, .kind_of = kind, .holder = num};
	int error = store_page(b->store, &l, gather_product, &p);
	if (error) {
		free(p.all);
		return error;
	}
	*ret = p.all;
	*ret_n = p.n;
	return 0;
}

int seats_settle_all(struct broker *b, int64_t now, const struct holder *holders, size_t n,
		     char (*products)[LIMIT_ID + 1], size_t n_products)
{
	int error = 0;
	for (size_t i = 0; i < n_products && !error; i++)
		for (size_t j = 0; j < n && !error; j++)
			error = seats_settle(b, now, holders[j], products[i], true, NULL);
	return error;
}

int seats_settle_group(struct broker *b, int64_t now, int64_t group, const char *product)
{
	struct holder *holders = NULL;
	char one[1][LIMIT_ID + 1];
	size_t n = 0;
	snprintf(one[0], sizeof(one[0]), "%s", product);
	int error = seats_holders(b, group, &holders, &n);
	if (!error)
		error = seats_settle_all(b, now, holders, n, one, 1);
	free(holders);
	return error;
}

int seats_settle_member(struct broker *b, int64_t now, struct holder member, int64_t group)
{
	char(*products)[LIMIT_ID + 1] = NULL;
	struct holder *below = NULL;
	size_t n = 0;
	size_t n_products = 0;
	int error = member.kind == MEMBER_GROUP ? seats_holders(b, member.num, &below, &n) : 0;
	if (!error)
		error = seats_products(b, MEMBER_GROUP, group, &products, &n_products);
	if (!error)
		error = member.kind == MEMBER_GROUP
				? seats_settle_all(b, now, below, n, products, n_products)
				: seats_settle_all(b, now, &member, 1, products, n_products);
	free(below);
	free(products);
	return error;
}

static int gather_waiting(const struct row *row, void *context)
{
	struct row as_member = {
		.u.member = {(enum member_kind)row->u.record.u.seat.kind, row->u.record.u.seat.holder}};
	return gather_holder(&as_member, context);
}

/* Could anybody of this kind get a seat of the product now? *ret is left alone after an error. */
static int has_room(struct broker *b, int64_t now, enum member_kind kind, const char *product, bool *ret)
{
	int error = load_offers(b, now, kind, product);
	bool room = false;
	for (size_t i = 0; i < b->offers.n && !error; i++)
		room |= b->offers.all[i].open && b->offers.all[i].used < b->offers.all[i].quantity;
	if (!error)
		*ret = room;
	return error;
}

int seats_retry(struct broker *b, int64_t now, const char *product)
{
	struct gathering g = {0};
	struct listing l = {.kind = LIST_WAITING, .product = product, .limit = RETRY_AT_ONCE};
	bool served = false;
	int error = store_page(b->store, &l, gather_waiting, &g);
	for (size_t i = 0; i < g.n && !error; i++) {
		bool room = false;
		struct settled settled = {0};
		error = has_room(b, now, g.all[i].kind, product, &room);
		if (!error && room)
			error = seats_settle(b, now, g.all[i], product, true, &settled);
		served |= settled.changed && !settled.code;
	}
	if (served && g.n == RETRY_AT_ONCE)
		b->swept = 0;
	free(g.all);
	return error;
}
