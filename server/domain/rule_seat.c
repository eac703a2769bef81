/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of the models whose places are assigned: device, user, shared (DESIGN 3). */
#include "error.h"
#include "rule.h"

const struct seat *rule_seat_of(const struct question *q)
{
	return model_of_users(q->candidate->model) ? &q->line->user_seat : &q->line->device_seat;
}

int rule_signin(const struct question *q, struct verdict *v)
{
	(void)v;
	return q->device->user && q->device->bound ? 0 : E_SIGNIN_NEEDED;
}

/* A plan that conflicts does not take the others away: what fits is served. */
int rule_seat(const struct question *q, struct verdict *v)
{
	const struct seat *seat = rule_seat_of(q);
	(void)v;
	if (seat->grant == q->candidate->grant)
		return 0;
	return seat->grant == 0 && seat->code ? seat->code : E_NOT_ASSIGNED;
}

/* Switching a machine from its user's license to its own is said, not done behind anyone's back
 * (domain.md 3.3). */
int rule_reset(const struct question *q, struct verdict *v)
{
	(void)v;
	for (size_t i = 0; i < q->line->n_candidates; i++)
		if (q->line->candidates[i].held_by_users)
			return E_RESET_REQUIRED;
	return 0;
}

int rule_shared_device(const struct question *q, struct verdict *v)
{
	(void)v;
	return q->device->shared ? 0 : E_DEVICE_NOT_SHARED;
}

/* Who is active here goes on: a lower limit, or a machine that is shared no more, cuts nobody off. */
int rule_device_limit(const struct question *q, struct verdict *v)
{
	const struct candidate *c = q->candidate;
	int64_t most = c->policy.devices_per_user;
	bool here = c->holding.state == HOLDING_ACTIVE && c->holding.expires > q->now;
	if (q->device->shared || !most || here || c->devices_used < most)
		return 0;
	if (c->policy.overflow == OVERFLOW_RELEASE && c->oldest_device) {
		v->evicts = true;
		return 0;
	}
	v->numbers.used = c->devices_used;
	v->numbers.quantity = most;
	return E_DEVICE_LIMIT;
}
