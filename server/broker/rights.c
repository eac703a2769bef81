/* SPDX-License-Identifier: Apache-2.0 */
/* Assigning, taking away, replacing: changes of the sources that seats follow from. */
#include <string.h>

#include "error.h"
#include "order.h"

/* The number of the product's assignment to the subject, 0 when there is none. */
static int find_assignment(struct order *o, enum member_kind kind, int64_t subject, const char *product,
			   int64_t *ret)
{
	struct record like = {
		.kind = RECORD_ASSIGNMENT,
		.u.assignment = {.kind = (int64_t)kind, .subject = subject, .product = product}};
	return store_find_num(o->b->store, &like,
			      BY(assignment, kind) | BY(assignment, subject) | BY(assignment, product), ret);
}

/* --- what may be assigned --- */

/* A license that covers the product, and has all the plans that are named; NULL after a refusal. */
static const struct product *check_plans(struct order *o, const char *product)
{
	const struct catalog *catalog = &o->b->catalog;
	const struct product *found = NULL;
	uint32_t ignored;
	for (size_t i = 0; i < catalog->n_licenses; i++) {
		const struct product *p = license_product(&catalog->licenses[i].license, product);
		if (!p)
			continue;
		found = p;
		if (catalog_plans(p, o->c->plans, &ignored))
			return p;
	}
	order_refuse(o->c, found ? E_PLAN_UNKNOWN : E_PRODUCT_UNKNOWN, found ? o->c->plans : product);
	return NULL;
}

static bool gives_to(const struct grant *grant, enum member_kind kind, bool devices)
{
	bool users = kind == MEMBER_USER || (kind == MEMBER_GROUP && !devices);
	return model_seats(grant->model) && model_of_users(grant->model) == users;
}

/* The grant that is named, or 0 for any; refuses a product that cannot be assigned to such a holder. */
static int check_grant(struct order *o, enum member_kind kind, const char *product, int64_t *ret_grant)
{
	const struct change *c = o->c;
	const struct catalog *catalog = &o->b->catalog;
	struct catalog_grant g;
	bool devices = c->device_group != NULL;
	*ret_grant = 0;
	if (c->grant) {
		if (!catalog_grant_named(catalog, c->license, c->grant, &g) ||
		    strcmp(g.grant->product, product) != 0)
			return order_refuse(o->c, E_NOT_FOUND, c->grant);
		*ret_grant = catalog_number(&g);
		return gives_to(g.grant, kind, devices) ? 0 : order_refuse(o->c, E_ASSIGN_MODEL, c->grant);
	}
	for (size_t i = 0; i < catalog->n_licenses; i++) {
		const struct license *l = &catalog->licenses[i].license;
		for (size_t j = 0; j < l->n_grants; j++)
			if (strcmp(l->grants[j].product, product) == 0 &&
			    gives_to(&l->grants[j], kind, devices))
				return 0;
	}
	return order_refuse(o->c, E_ASSIGN_MODEL, product);
}

/* --- the sources --- */

#define PLANS_TEXT (LIMIT_PLANS * (LIMIT_ID + 1))

/* The plans that are named, each once and in the product's order; "" for all. */
static void write_plans(const struct product *p, const char *names, char out[PLANS_TEXT])
{
	uint32_t mask;
	size_t used = 0;
	out[0] = 0;
	if (!catalog_plans(p, names, &mask))
		return;
	for (size_t i = 0; i < p->n_plans; i++)
		if (mask & 1u << i)
			used += (size_t)snprintf(out + used, PLANS_TEXT - used, "%s%s", used ? "," : "",
						 p->plans[i].id);
}

static int put_source(struct order *o, enum member_kind kind, int64_t subject, const struct product *p,
		      int64_t grant)
{
	char plans[PLANS_TEXT];
	int64_t old;
	int error = find_assignment(o, kind, subject, p->id, &old);
	if (error)
		return error;
	write_plans(p, o->c->plans, plans);
	struct record source = {.kind = RECORD_ASSIGNMENT,
				.num = old,
				.u.assignment = {.kind = (int64_t)kind,
						 .subject = subject,
						 .product = p->id,
						 .entitlement = grant,
						 .plans = plans,
						 .at = o->now}};
	return store_put(o->b->store, &source);
}

/* Settle whoever holds by this source; what an individual is refused is refused at once, a group's members
 * wait. */
static int settle(struct order *o, enum member_kind kind, int64_t subject, const char *product, bool must)
{
	struct settled s;
	if (kind == MEMBER_GROUP)
		return seats_settle_group(o->b, o->now, subject, product);
	int error = seats_settle(o->b, o->now, (struct holder){kind, subject}, product, false, &s);
	int code = !s.code && o->c->grant ? s.passed : s.code; /* the grant that is named, and no other */
	if (error || !must || !code)
		return error;
	o->c->numbers = s.numbers;
	return order_refuse(o->c, code, s.detail[0] ? s.detail : NULL);
}

int rights_assign(struct order *o)
{
	enum member_kind kind;
	int64_t subject;
	int64_t grant = 0;
	int error = order_subject(o, &kind, &subject);
	if (error || !subject)
		return error;
	const struct product *p = check_plans(o, o->c->product);
	if (!p || (error = check_grant(o, kind, o->c->product, &grant)) || o->c->code)
		return error;
	error = put_source(o, kind, subject, p, grant);
	return error ? error : settle(o, kind, subject, o->c->product, true);
}

static int say_through(const struct row *row, void *context)
{
	struct change *c = context;
	snprintf(c->detail, sizeof(c->detail), "%s", row->u.source.group);
	return 1;
}

/* Nothing of its own to take away: does it come from a group? */
static int refuse_missing(struct order *o, enum member_kind kind, int64_t subject, const char *product)
{
	struct listing l = {
		.kind = LIST_SOURCES, .kind_of = kind, .holder = subject, .product = product, .limit = 1};
	int found = store_page(o->b->store, &l, say_through, o->c);
	if (found < 0)
		return found;
	return order_refuse(o->c, found ? E_INHERITED : E_NOT_ASSIGNED, found ? NULL : product);
}

static int drop_source(struct order *o, enum member_kind kind, int64_t subject, const char *product)
{
	int64_t old;
	int error = find_assignment(o, kind, subject, product, &old);
	if (error)
		return error;
	return old ? store_drop(o->b->store, RECORD_ASSIGNMENT, old)
		   : refuse_missing(o, kind, subject, product);
}

int rights_unassign(struct order *o)
{
	enum member_kind kind;
	int64_t subject;
	int error = order_subject(o, &kind, &subject);
	if (error || !subject)
		return error;
	error = drop_source(o, kind, subject, o->c->product);
	return error || o->c->code ? error : settle(o, kind, subject, o->c->product, false);
}

/* A group's member who would have neither is no replacement; who means it says so. */
static int refuse_gap(struct order *o)
{
	const struct round *round = &o->b->round;
	int64_t waiting = 0;
	int64_t lost = 0;
	for (size_t i = 0; i < round->n; i++) {
		waiting += strcmp(round->effects[i].product, o->c->with) == 0 ? round->effects[i].waiting : 0;
		lost += round->effects[i].lost;
	}
	if (!waiting || !lost || o->c->force || o->job->orders->confirm || o->job->orders->dry_run)
		return 0;
	o->c->numbers.used = waiting;
	return order_refuse(o->c, E_MASS_LOSS, "so many would have neither the old nor the new one");
}

/* The new one first, so that there is no moment without either; if it is refused, the old one stays. */
int rights_replace(struct order *o)
{
	enum member_kind kind;
	int64_t subject;
	int64_t grant = 0;
	bool other = strcmp(o->c->product, o->c->with) != 0;
	int error = order_subject(o, &kind, &subject);
	if (error || !subject)
		return error;
	const struct product *p = check_plans(o, o->c->with);
	if (!p || (error = check_grant(o, kind, o->c->with, &grant)) || o->c->code)
		return error;
	error = drop_source(o, kind, subject, o->c->product);
	if (!error && !o->c->code)
		error = put_source(o, kind, subject, p, grant);
	if (!error && !o->c->code)
		error = settle(o, kind, subject, o->c->with, true);
	if (!error && !o->c->code && other)
		error = settle(o, kind, subject, o->c->product, false);
	return error || o->c->code ? error : refuse_gap(o);
}
