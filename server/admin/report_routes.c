/* SPDX-License-Identifier: Apache-2.0 */
/* Reports of grants: how much is used, day by day, and whether it was bought. */
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64url.h"
#include "day.h"
#include "error.h"
#include "page.h"
#include "rfc3339.h"
#include "status.h"

/* --- peaks --- */

struct fold {
	struct overview *o;
	int32_t today;
};

static int64_t most(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int fold_day(const struct row *row, void *context)
{
	const struct fold *f = context;
	for (size_t i = 0; i < f->o->n_grants; i++) {
		struct grant_now *g = &f->o->grants[i];
		if (catalog_number(&g->grant) != row->u.history.grant)
			continue;
		g->month.active = most(g->month.active, row->u.history.active);
		g->month.count = most(g->month.count, row->u.history.count);
		g->month.seats = most(g->month.seats, row->u.history.seats);
		if (row->u.history.day == f->today)
			g->today.active = most(g->today.active, row->u.history.active);
		g->granted += row->u.history.granted;
		g->renewed += row->u.history.renewed;
		g->released += row->u.history.released;
		g->refused += row->u.history.refused;
	}
	return 0;
}

/* What is now is part of today, also in the first minute of the day. */
int overview_peaks(struct exchange *x, struct overview *o)
{
	struct fold f = {o, day_of(x->now)};
	struct listing days = {.kind = LIST_HISTORY, .after = {f.today - PEAK_DAYS + 1, -1}};
	for (size_t i = 0; i < o->n_grants; i++) {
		struct grant_now *g = &o->grants[i];
		g->today.active = g->month.active = g->active;
		g->today.count = g->month.count = g->count;
		g->today.seats = g->month.seats = g->seats;
	}
	return store_page(x->admin->reader, &days, fold_day, &f);
}

/* The overview with its peaks; NULL after a problem was replied. */
static struct overview *gather(struct exchange *x)
{
	struct overview *o = NULL;
	int error = overview_gather(x, &o);
	if (!error)
		error = overview_peaks(x, o);
	if (!error)
		return o;
	free(o);
	exchange_problem(x, error, NULL);
	return NULL;
}

static bool wants_product(const struct exchange *x, const struct grant_now *g)
{
	const char *product = exchange_query(x, "product");
	return !product || strcmp(product, g->grant.grant->product) == 0;
}

/* --- usage --- */

static void set_number_if(json_t *row, const char *key, bool meant, int64_t n)
{
	json_object_set_new(row, key, meant ? json_integer(n) : json_null());
}

static json_t *usage_row(const struct grant_now *g)
{
	const struct grant *grant = g->grant.grant;
	bool seats = model_seats(grant->model);
	bool volume = grant->model == MODEL_VOLUME;
	json_t *row = json_object();
	json_set_text(row, "product", grant->product);
	json_set_text(row, "grant", grant->id);
	json_set_text(row, "license", g->grant.license->license.id);
	json_set_text(row, "model", model_name(grant->model));
	json_set_text(row, "state", g->terms.state);
	set_number_if(row, "quantity", g->terms.quantity != 0, g->terms.quantity);
	json_set_number(row, "active", g->active);
	json_set_number(row, "peak_today", g->today.active);
	json_set_number(row, "peak_30d", g->month.active);
	json_set_number(row, "assigned", seats ? g->seats : g->active);
	json_set_number(row, "peak_assigned_30d", seats ? g->month.seats : g->month.active);
	set_number_if(row, "count", volume, g->count);
	set_number_if(row, "threshold", volume, grant->policy.threshold);
	set_number_if(row, "peak_count_30d", volume, g->month.count);
	json_set_number(row, "granted_30d", g->granted);
	json_set_number(row, "renewed_30d", g->renewed);
	json_set_number(row, "released_30d", g->released);
	json_set_number(row, "refused_30d", g->refused);
	return row;
}

void report_usage(struct exchange *x)
{
	struct overview *o = gather(x);
	json_t *items = json_array();
	for (size_t i = 0; o && i < o->n_grants; i++)
		if (wants_product(x, &o->grants[i]))
			json_array_append_new(items, usage_row(&o->grants[i]));
	if (o)
		page_reply_whole(x, items);
	else
		json_decref(items);
	free(o);
}

/* --- history --- */

static int add_day(const struct row *row, void *context)
{
	struct page *p = context;
	struct catalog_grant g;
	char time[RFC3339_TEXT];
	if (!page_take(p, row))
		return 1;
	json_t *item = json_object();
	bool found = catalog_grant(p->catalog, row->u.history.grant, &g);
	rfc3339_write(row->u.history.day * (int64_t)DAY_SECONDS, time);
	json_object_set_new(item, "day", json_stringn(time, 10));
	json_set_text(item, "product", found ? g.grant->product : NULL);
	json_set_text(item, "grant", found ? g.grant->id : NULL);
	json_set_text(item, "license", found ? g.license->license.id : NULL);
	json_set_number(item, "peak", row->u.history.active);
	json_set_number(item, "peak_count", row->u.history.count);
	json_set_number(item, "peak_assigned", row->u.history.seats);
	json_set_number(item, "granted", row->u.history.granted);
	json_set_number(item, "renewed", row->u.history.renewed);
	json_set_number(item, "released", row->u.history.released);
	json_set_number(item, "refused", row->u.history.refused);
	json_array_append_new(p->items, item);
	return 0;
}

static bool wants_day(const struct page *p, const struct row *row)
{
	const char *product = p->context;
	struct catalog_grant g;
	return !product || (catalog_grant(p->catalog, row->u.history.grant, &g) &&
			    strcmp(g.grant->product, product) == 0);
}

void report_history(struct exchange *x)
{
	int64_t since = exchange_time(x, "since");
	struct listing l = {.kind = LIST_HISTORY};
	l.after[0] = day_of(since ? since : x->now - (int64_t)(PEAK_DAYS - 1) * DAY_SECONDS);
	l.after[1] = -1;
	l.before = day_of(exchange_time(x, "until"));
	if (exchange_page(x, &l))
		exchange_problem(x, E_BAD_REQUEST, PAGE_WRONG);
	else
		page_reply_filtered(x, &l, add_day, wants_day, exchange_query(x, "product"));
}

/* --- compliance --- */

static int64_t over_by(const struct grant_now *g)
{
	int64_t used = model_seats(g->grant.grant->model) ? g->seats : g->active;
	return g->terms.quantity && used > g->terms.quantity ? used - g->terms.quantity : 0;
}

static const char *verdict_of(const struct grant_now *g)
{
	return over_by(g)                                                            ? "over"
	       : g->terms.stage == STAGE_DISABLED || g->terms.stage == STAGE_DELETED ? "ended"
										     : "ok";
}

static json_t *compliance_row(const struct exchange *x, const struct grant_now *g)
{
	const struct license *license = &g->grant.license->license;
	const struct grant *grant = g->grant.grant;
	char ledger[32];
	json_t *row = json_object();
	base64url_write(x->admin->settings.broker->ledger, LEDGER_ID, ledger, sizeof(ledger));
	json_set_text(row, "ledger", ledger);
	json_set_text(row, "org", license->org);
	json_set_text(row, "vendor", g->grant.license->vendor);
	json_set_text(row, "license", license->id);
	json_set_number(row, "serial", license->serial);
	json_set_text(row, "product", grant->product);
	json_set_text(row, "grant", grant->id);
	json_set_text(row, "model", model_name(grant->model));
	json_set_text(row, "state", g->terms.state);
	set_number_if(row, "bought", grant->quantity != 0, grant->quantity);
	json_set_number(row, "extra", g->marks.extra);
	json_set_number(row, "assigned", model_seats(grant->model) ? g->seats : g->active);
	json_set_number(row, "active", g->active);
	json_set_number(row, "peak_30d", g->month.active);
	json_set_number(row, "over", over_by(g));
	json_set_time(row, "over_since", g->marks.over_since);
	json_set_text(row, "overage", overage_name(grant->policy.overage));
	json_set_text(row, "self_service", grant->self_service_owner[0] ? grant->self_service_owner : NULL);
	json_set_time(row, "expires", g->terms.end);
	json_set_text(row, "verdict", verdict_of(g));
	return row;
}

void report_compliance(struct exchange *x)
{
	const char *verdict = exchange_query(x, "verdict");
	struct overview *o = gather(x);
	json_t *items = json_array();
	for (size_t i = 0; o && i < o->n_grants; i++)
		if (wants_product(x, &o->grants[i]) &&
		    (!verdict || strcmp(verdict, verdict_of(&o->grants[i])) == 0))
			json_array_append_new(items, compliance_row(x, &o->grants[i]));
	if (o)
		page_reply_whole(x, items);
	else
		json_decref(items);
	free(o);
}
