/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of every model: certificate, term, version, plans, and how an unknown device comes in. */
#include "rule.h"

#include "day.h"
#include "error.h"
#include "plans.h"

int64_t rule_end(const struct candidate *c)
{
	return c->marks.extended > c->end ? c->marks.extended : c->end;
}

int64_t rule_grace_end(const struct candidate *c)
{
	return c->grace_end + (rule_end(c) - c->end);
}

int64_t rule_quantity(const struct candidate *c)
{
	return c->quantity ? c->quantity + c->marks.extra : 0;
}

/* A lease made later than the certificate's end would verify nowhere. */
int rule_certified(const struct question *q, struct verdict *v)
{
	int64_t end = q->candidate->certified_until;
	if (!end || q->now < end)
		return 0;
	v->numbers.until = end;
	return E_CERTIFICATE_EXPIRED;
}

int rule_revoked(const struct question *q, struct verdict *v)
{
	(void)v;
	if (q->candidate->host_revoked)
		return E_CERTIFICATE_REVOKED;
	return q->candidate->revoked ? E_LICENSE_REVOKED : 0;
}

int rule_blocked(const struct question *q, struct verdict *v)
{
	(void)v;
	return q->device->blocked ? E_DEVICE_BLOCKED : 0;
}

int rule_term(const struct question *q, struct verdict *v)
{
	const struct candidate *c = q->candidate;
	if (q->now < c->nbf) {
		v->numbers.until = c->nbf;
		return E_GRANT_NOT_STARTED;
	}
	if (q->now >= rule_grace_end(c)) {
		v->numbers.until = rule_grace_end(c);
		return E_GRANT_ENDED;
	}
	if (q->now >= rule_end(c) - (int64_t)NOTICE_DAYS * DAY_SECONDS)
		policy_notice(v, E_GRANT_ENDED);
	return 0;
}

/* Cancelled inside its window, a subscription is disabled at once, without a grace (domain.md 5.2). */
int rule_cancelled(const struct question *q, struct verdict *v)
{
	if (!q->candidate->marks.cancelled)
		return 0;
	v->numbers.until = q->candidate->marks.cancelled;
	return E_GRANT_CANCELLED;
}

int rule_self_service(const struct question *q, struct verdict *v)
{
	(void)v;
	return q->candidate->self_service && !q->candidate->marks.taken_over ? E_SELF_SERVICE : 0;
}

int rule_version(const struct question *q, struct verdict *v)
{
	(void)v;
	return q->candidate->covers_version ? 0 : E_VERSION_NOT_COVERED;
}

int rule_plans(const struct question *q, struct verdict *v)
{
	const struct candidate *c = q->candidate;
	(void)v;
	return c->plan_unknown || (c->plans_wanted & ~c->plans) ? E_PLAN_UNKNOWN : 0;
}

int rule_plans_fit(const struct question *q, struct verdict *v)
{
	const struct candidate *c = q->candidate;
	if (!c->product)
		return 0;
	plans_union(c->product, c->plans, &c->plans_wanted, 1, &v->trouble);
	return v->trouble.code;
}

int rule_enrol(const struct question *q, struct verdict *v)
{
	(void)v;
	return q->device->known || q->terms->may_enrol ? 0 : E_ENROL_LIMIT;
}

/* Whoever holds an activation has come in already. A machine that was installed anew has not: its hardware
 * tells whose place it may have, not that it may have one. */
static bool has_come_in(const struct question *q)
{
	return q->candidate->holding.state == HOLDING_ACTIVE;
}

int rule_enrol_key(const struct question *q, struct verdict *v)
{
	const struct candidate *c = q->candidate;
	(void)v;
	if (c->policy.enrol != ENROL_KEY || c->key == KEY_RIGHT || has_come_in(q))
		return 0;
	return c->key == KEY_WRONG ? E_ENROL_KEY_WRONG : E_ENROL_KEY_NEEDED;
}

int rule_enrol_approval(const struct question *q, struct verdict *v)
{
	(void)v;
	if (q->candidate->policy.enrol != ENROL_APPROVE || q->device->approved || has_come_in(q))
		return 0;
	return E_APPROVAL_PENDING;
}
