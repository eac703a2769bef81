/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit log is kept for so many days ([audit] retain_days). Once a day the newest checkpoint that is
 * older is chosen, and a row of the log says so; the checkpoints before it go with that, and the rows up to
 * it, a slice at each sweep. What is left hangs on the checkpoint, which stays (PROTOCOL.md, Checkpoint).
 */
#include <string.h>

#include "broker.h"
#include "day.h"
#include "error.h"
#include "store.h"

#define ROWS_A_SWEEP 2000
#define POINTS_A_TIME 1000

struct pruning {
	int64_t through; /* rows up to here are to go, or are gone */
	int64_t first;   /* row that is there; 0: none */
	int64_t before;  /* checkpoints before this instant are too old */
	int64_t points[POINTS_A_TIME];
	int64_t seq; /* of the last of them */
	size_t n;
};

static int take_first(const struct row *row, void *context)
{
	struct pruning *p = context;
	p->first = row->u.audit.seq;
	return 0;
}

/* They stand in the order in which they were signed. */
static int take_point(const struct row *row, void *context)
{
	struct pruning *p = context;
	if (row->u.record.u.checkpoint.at >= p->before)
		return 1;
	p->points[p->n++] = row->u.record.num;
	p->seq = row->u.record.u.checkpoint.seq;
	return 0;
}

static int drop_slice(struct broker *b, int64_t through)
{
	struct effect slice = {.kind = EFFECT_PRUNE, .u.prune = {.through = through, .limit = ROWS_A_SWEEP}};
	return store_apply(b->store, &slice);
}

/* The first rows go with the checkpoints before the chosen one: from then on the log is one that was pruned.
 */
static int begin(struct broker *b, int64_t now, const struct pruning *p)
{
	int error = broker_audit(
		b, now, "host", AUDIT_PRUNED, "",
		json_pack("{s:I, s:I}", "from", (json_int_t)p->first, "through", (json_int_t)p->seq));
	for (size_t i = 0; i + 1 < p->n && !error; i++)
		error = store_drop(b->store, RECORD_CHECKPOINT, p->points[i]);
	if (!error)
		error = broker_note(b, META_PRUNED, p->seq);
	b->seal.soon = true;
	return error ? error : drop_slice(b, p->seq);
}

int prune_sweep(struct broker *b, int64_t now)
{
	int64_t days = atomic_load(&b->audit_days);
	struct pruning p = {.before = now - days * DAY_SECONDS};
	struct record any = {.kind = RECORD_CHECKPOINT};
	struct listing first = {.kind = LIST_AUDIT, .limit = 1};
	struct listing oldest = {.kind = LIST_RECORD, .like = &any, .limit = POINTS_A_TIME};
	int error = broker_noted(b, META_PRUNED, &p.through);
	if (!error)
		error = store_page(b->store, &first, take_first, &p);
	if (error || !p.first)
		return error;
	if (p.first <= p.through)
		return drop_slice(b, p.through);
	if (!days || b->pruned_day == day_of(now))
		return 0;
	error = store_page(b->store, &oldest, take_point, &p);
	if (error < 0)
		return error;
	if (p.n < POINTS_A_TIME)
		b->pruned_day = day_of(now);
	return p.seq > p.through && p.first <= p.seq ? begin(b, now, &p) : 0;
}
