/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of the model pool: one activation for each device, kept while its hardware is the same (DESIGN 3,
 * Pool). */
#include "bucket.h"
#include "error.h"
#include "likeness.h"
#include "rule.h"

/*
 * The old id of this machine gives its place when whoever installed it anew says so, or when it has been
 * silent for a whole renew interval (DESIGN 5.4); one that never renews is silent by nature.
 */
static bool twin_gives_way(const struct question *q)
{
	const struct candidate *c = q->candidate;
	const struct holding *old = &c->twin.holding;
	if (!c->twin.device || !bucket_leased(old, q->now))
		return false; /* a place that came back is anybody's */
	if (q->line->reinstalled)
		return true;
	int64_t interval = (int64_t)c->policy.renew_minutes * 60;
	return interval && q->now - old->contacted >= 2 * interval;
}

static int take_place(const struct question *q, struct verdict *v, uint32_t units)
{
	const struct candidate *c = q->candidate;
	int64_t quantity = rule_quantity(c);
	if (c->active >= quantity) {
		v->numbers.used = c->active;
		v->numbers.quantity = quantity;
		return E_POOL_EXHAUSTED;
	}
	v->holding.units = units;
	if ((c->active + 1) * 100 >= quantity * POLICY_POOL_WARN)
		policy_notice(v, E_POOL_LOW);
	return 0;
}

int rule_pool_place(const struct question *q, struct verdict *v)
{
	const struct candidate *c = q->candidate;
	if (bucket_leased(&c->holding, q->now)) {
		if (likeness_same(&c->hardware, &q->line->machine, c->policy.hardware_percent))
			return 0;
		return take_place(q, v, c->holding.units + 1);
	}
	if (twin_gives_way(q)) {
		v->takes_over = true;
		v->holding.units = c->twin.holding.units;
		return 0;
	}
	return take_place(q, v, 1);
}
