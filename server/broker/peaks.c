/* SPDX-License-Identifier: Apache-2.0 */
/* The most that was held of each grant on a day, exactly: whatever was durable at any instant shows. */
#include "bucket.h"
#include "day.h"
#include "store.h"

#include "broker.h"

void peaks_note(struct broker *b, int64_t grant)
{
	struct peaks *p = &b->peaks;
	for (size_t i = 0; i < p->n; i++)
		if (p->risen[i] == grant)
			return;
	if (p->n == RISEN_MAX)
		p->all = true;
	else
		p->risen[p->n++] = grant;
}

/* A renewal of what was in force makes nothing more, and costs nothing here. */
void peaks_note_holding(struct broker *b, const struct candidate *c, const struct holding *after, int64_t now)
{
	bool leased = bucket_leased(after, now) &&
		      (!bucket_leased(&c->holding, now) || after->units > c->holding.units);
	bool counted = c->model == MODEL_VOLUME && bucket_counts(after, now, c->policy.window_days) &&
		       !bucket_counts(&c->holding, now, c->policy.window_days);
	if (leased || counted)
		peaks_note(b, c->grant);
}

struct peak_write {
	struct broker *b;
	int64_t now;
};

static int write_peak(const struct peak_write *w, int64_t grant, const char *what, int64_t n)
{
	struct effect e = {.kind = EFFECT_PEAK, .grant = grant, .at = w->now, .u.tally = {what, n}};
	return store_apply(w->b->store, &e);
}

/* A grant that is in no license any more keeps what it holds, too. */
static int write_grant(const struct row *row, void *context)
{
	const struct peak_write *w = context;
	int64_t grant = row->u.grant.num;
	struct catalog_grant g;
	enum model model = catalog_grant(&w->b->catalog, grant, &g) ? g.grant->model : MODEL_VOLUME;
	int error = write_peak(w, grant, "peak.active", row->u.grant.active);
	if (!error && model == MODEL_VOLUME)
		error = write_peak(w, grant, "peak.count", row->u.grant.count);
	if (!error && model_seats(model))
		error = write_peak(w, grant, "peak.seats", row->u.grant.seats);
	return error;
}

#define GRANTS_AT_ONCE 64

struct some_grants {
	struct row all[GRANTS_AT_ONCE];
	size_t n;
};

static int take_grant(const struct row *row, void *context)
{
	struct some_grants *some = context;
	some->all[some->n++] = *row;
	return 0;
}

/* Read first and write then: a listing is not changed while it runs. */
static int write_all(struct peak_write *w)
{
	struct some_grants some;
	struct listing l = {.kind = LIST_GRANT, .now = w->now, .limit = GRANTS_AT_ONCE};
	int error;
	do {
		some.n = 0;
		error = store_page(w->b->store, &l, take_grant, &some);
		for (size_t i = 0; i < some.n && !error; i++)
			error = write_grant(&some.all[i], w);
		if (some.n)
			l.after[0] = some.all[some.n - 1].u.grant.num;
	} while (!error && some.n == GRANTS_AT_ONCE);
	return error;
}

int peaks_begin(struct broker *b, int64_t now)
{
	struct peak_write w = {b, now};
	b->peaks.n = 0;
	b->peaks.all = false;
	if (b->peaks.day == day_of(now))
		return 0;
	int error = write_all(&w);
	b->peaks.day = error ? 0 : day_of(now);
	return error;
}

int peaks_flush(struct broker *b, int64_t now)
{
	struct peak_write w = {b, now};
	int error = 0;
	if (b->peaks.all)
		return write_all(&w);
	for (size_t i = 0; i < b->peaks.n && !error; i++) {
		struct row row;
		error = store_grant(b->store, b->peaks.risen[i], now, &row);
		if (!error)
			error = write_grant(&row, &w);
	}
	return error;
}
