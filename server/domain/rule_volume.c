/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of the model volume: the threshold and its grace, and the ceiling. */
#include "bucket.h"
#include "day.h"
#include "error.h"
#include "rule.h"
#include "seat.h"

/*
 * Below the threshold a device is counted and refused; once it was met, falling below starts a grace in which
 * whoever holds an activation renews as before: no cliff (domain.md 8.2, rules 4 to 6).
 */
int rule_threshold(const struct question *q, struct verdict *v)
{
	const struct candidate *c = q->candidate;
	bool counted = bucket_counts(&c->holding, q->now, c->policy.window_days);
	v->have = c->count + (counted ? 0 : 1);
	v->need = c->policy.threshold;
	policy_watch(v->have, c->policy.threshold, q->now, &v->marks);
	if (v->have >= v->need)
		return 0;
	bool in_grace = v->marks.reached &&
			q->now < v->marks.below_since + (int64_t)c->policy.grace_days * DAY_SECONDS;
	if (in_grace && c->holding.state == HOLDING_ACTIVE) {
		policy_notice(v, E_THRESHOLD_NOT_MET);
		return 0;
	}
	v->numbers.have = v->have;
	v->numbers.need = v->need;
	return E_THRESHOLD_NOT_MET;
}

/* A newer license with fewer places cuts nobody off before its 90 days are over (domain.md 5.2). */
static bool cure_is_over(const struct question *q)
{
	int64_t since = q->candidate->marks.over_since;
	return since && q->now >= since + (int64_t)SEAT_CURE_DAYS * DAY_SECONDS;
}

int rule_ceiling(const struct question *q, struct verdict *v)
{
	const struct candidate *c = q->candidate;
	int64_t quantity = rule_quantity(c);
	bool leased = bucket_leased(&c->holding, q->now);
	if (!quantity || c->active - (leased ? 1 : 0) < quantity)
		return 0;
	if (leased && !cure_is_over(q))
		return 0;
	v->numbers.used = c->active;
	v->numbers.quantity = quantity;
	if (c->policy.overage == OVERAGE_DENY)
		return E_QUANTITY_EXCEEDED;
	policy_notice(v, E_QUANTITY_EXCEEDED);
	return 0;
}
