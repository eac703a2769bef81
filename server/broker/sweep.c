/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What time alone changes, as an ordinary job once a minute, each part with a budget: counts fall as devices
 * stay silent, so that a grant's grace begins without any request; seats that wait are tried again, those of
 * ended grants move or end; devices that were never licensed are forgotten, old counters and audit rows go.
 * Walks go on where the last one stopped.
 */
#include <stdlib.h>
#include <string.h>

#include "day.h"
#include "error.h"
#include "order.h"
#include "replay.h"
#include "seat.h"

#define SEATS_A_SWEEP 250 /* of the walk through all, and of those that are in excess */
#define DEVICES_A_SWEEP 250
#define STALE_DAYS 30      /* least silence of a device that was never licensed */
#define RETENTION_DAYS 400 /* of daily counters (domain.md 8.10) */

struct mark {
	int64_t grant;
	const char *id;
	const char *product;
	int64_t have;
	int64_t need;
	int64_t excess; /* seats to be taken back */
	struct grant_marks before;
	struct grant_marks after;
};

struct sweep {
	struct broker *b;
	int64_t now;
	struct mark marks[LIMIT_GRANTS];
	size_t n;
};

/* --- marks --- */

/* More taken than there is, since when? (domain.md 5.2) */
static void watch_excess(struct sweep *s, const struct catalog_grant *g, const struct row *row,
			 struct mark *m)
{
	int64_t quantity = catalog_terms(&s->b->catalog, g, &m->before, s->now).quantity;
	int64_t used = model_seats(g->grant->model) ? row->u.grant.seats : row->u.grant.active;
	if (!quantity || used <= quantity) {
		m->after.over_since = 0;
		return;
	}
	if (!m->after.over_since)
		m->after.over_since = s->now;
	if (model_seats(g->grant->model) &&
	    s->now >= m->after.over_since + (int64_t)SEAT_CURE_DAYS * DAY_SECONDS)
		m->excess = used - quantity;
}

static int watch(const struct row *row, void *context)
{
	struct sweep *s = context;
	struct catalog_grant g;
	if (s->n == LIMIT_GRANTS || !catalog_grant(&s->b->catalog, row->u.grant.num, &g))
		return 0;
	struct mark *m = &s->marks[s->n++];
	*m = (struct mark){.grant = row->u.grant.num,
			   .id = g.grant->id,
			   .product = g.grant->product,
			   .have = row->u.grant.count,
			   .need = g.grant->policy.threshold,
			   .before = row->u.grant.marks,
			   .after = row->u.grant.marks};
	if (g.grant->model == MODEL_VOLUME)
		policy_watch(row->u.grant.count, g.grant->policy.threshold, s->now, &m->after);
	if (g.grant->model == MODEL_POOL) {
		int64_t level = policy_pool_level(row->u.grant.active, g.grant->quantity + m->before.extra);
		m->after.warned = level < m->after.warned ? level : m->after.warned;
	}
	watch_excess(s, &g, row, m);
	return 0;
}

/* --- seats --- */

struct seat_list {
	struct seat_key all[SEATS_A_SWEEP];
	size_t n;
	int64_t last;
};

static int take_seat(const struct row *row, void *context)
{
	struct seat_list *list = context;
	const struct record_seat *seat = &row->u.record.u.seat;
	list->all[list->n].holder = (struct holder){(enum member_kind)seat->kind, seat->holder};
	memcpy(list->all[list->n].product, seat->product, strlen(seat->product) + 1);
	list->n++;
	list->last = row->u.record.num;
	return 0;
}

/* The newest seats beyond the quantity end when the cure is over. */
static int take_back(struct sweep *s, const struct mark *m)
{
	struct seat_list *list = calloc(1, sizeof(*list));
	struct listing newest = {.kind = LIST_NEWEST,
				 .grant = m->grant,
				 .limit = m->excess < SEATS_A_SWEEP ? m->excess : SEATS_A_SWEEP};
	int error = list ? store_page(s->b->store, &newest, take_seat, list) : E_NO_MEMORY;
	for (size_t i = 0; !error && i < list->n; i++)
		error = seats_evict(s->b, s->now, list->all[i].holder, list->all[i].product, m->grant);
	free(list);
	return error;
}

static int walk_seats(struct sweep *s)
{
	struct seat_list *list = calloc(1, sizeof(*list));
	struct record any = {.kind = RECORD_SEAT};
	struct listing next = {
		.kind = LIST_RECORD, .like = &any, .after = {s->b->seat_cursor}, .limit = SEATS_A_SWEEP};
	int error = list ? store_page(s->b->store, &next, take_seat, list) : E_NO_MEMORY;
	for (size_t i = 0; !error && i < list->n; i++)
		error = seats_settle(s->b, s->now, list->all[i].holder, list->all[i].product, true, NULL);
	if (!error)
		s->b->seat_cursor = list->n == SEATS_A_SWEEP ? list->last : 0;
	free(list);
	return error;
}

/* A license came or changed, or more became free than was given out: whoever waits is tried, so many in a
 * sweep until nobody is served any more. */
static int retry_all(struct sweep *s)
{
	unsigned long long generation = atomic_load(&s->b->generation);
	const struct catalog *c = &s->b->catalog;
	int error = 0;
	if (s->b->swept == generation)
		return 0;
	s->b->swept = generation;
	for (size_t i = 0; i < c->n_licenses; i++)
		for (size_t j = 0; j < c->licenses[i].license.n_products && !error; j++)
			error = seats_retry(s->b, s->now, c->licenses[i].license.products[j].id);
	if (error)
		s->b->swept = 0;
	return error;
}

/* --- devices --- */

struct device_list {
	int64_t all[DEVICES_A_SWEEP];
	size_t n;
	size_t seen;
	int64_t last;
};

static int take_device(const struct row *row, void *context)
{
	struct device_list *list = context;
	list->seen++;
	list->last = row->cursor[0];
	if (row->u.device_num)
		list->all[list->n++] = row->u.device_num;
	return 0;
}

/* The longest window in which a silent device still counts. */
static int64_t stale_days(const struct catalog *c)
{
	int64_t days = STALE_DAYS;
	for (size_t i = 0; i < c->n_licenses; i++)
		for (size_t j = 0; j < c->licenses[i].license.n_grants; j++)
			if (c->licenses[i].license.grants[j].policy.window_days > days)
				days = c->licenses[i].license.grants[j].policy.window_days;
	return days;
}

static int walk_devices(struct sweep *s, struct job *job)
{
	struct device_list list = {.n = 0};
	struct change unused = {0};
	struct order order = {s->b, job, &unused, s->now};
	struct listing next = {.kind = LIST_STALE,
			       .after = {s->b->device_cursor},
			       .before = s->now - (stale_days(&s->b->catalog) + 1) * DAY_SECONDS,
			       .limit = DEVICES_A_SWEEP};
	int error = store_page(s->b->store, &next, take_device, &list);
	for (size_t i = 0; i < list.n && !error; i++)
		error = order_forget(&order, list.all[i]);
	if (!error && list.n)
		error = broker_audit(s->b, s->now, "host", "devices.forgotten", "",
				     json_pack("{s:I}", "count", (json_int_t)list.n));
	if (!error)
		s->b->device_cursor = list.seen == DEVICES_A_SWEEP ? list.last : 0;
	return error;
}

/* --- the sweep --- */

static int sweep_marks(struct sweep *s)
{
	struct listing grants = {.kind = LIST_GRANT, .now = s->now};
	int error = store_page(s->b->store, &grants, watch, s);
	for (size_t i = 0; i < s->n && !error; i++) {
		const struct mark *m = &s->marks[i];
		error = broker_marks(s->b, s->now, m->grant, m->id, &m->before, &m->after, m->have, m->need);
		if (!error && m->excess)
			error = take_back(s, m);
	}
	seats_forget(s->b);
	return error;
}

static int expire_counters(struct sweep *s)
{
	struct effect old = {.kind = EFFECT_EXPIRE, .at = s->now - (int64_t)RETENTION_DAYS * DAY_SECONDS};
	return store_apply(s->b->store, &old);
}

int sweep_run(struct broker *b, struct job *job, int64_t now)
{
	struct sweep *s = calloc(1, sizeof(*s));
	if (!s)
		return E_NO_MEMORY;
	s->b = b;
	s->now = now;
	int error = sweep_marks(s);
	if (!error)
		error = retry_all(s);
	if (!error)
		error = walk_seats(s);
	if (!error)
		error = walk_devices(s, job);
	if (!error)
		error = expire_counters(s);
	if (!error)
		error = replay_sweep(b, now);
	if (!error)
		error = request_file_sweep(b, now);
	if (!error)
		error = prune_sweep(b, now);
	if (!error)
		error = broker_note_time(b, now);
	free(s);
	return error;
}
