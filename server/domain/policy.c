/* SPDX-License-Identifier: Apache-2.0 */
#include "policy.h"

#include <string.h>

#include "bucket.h"
#include "day.h"
#include "error.h"

#define NOTICE_DAYS 30 /* a user is told this long before an end (domain.md 1.3) */

/* One product, one candidate, under decision. */
struct question {
	const struct device_facts *device;
	const struct line_facts *line;
	const struct candidate *candidate;
	const struct policy_terms *terms;
	int64_t now;
};

/* A rule answers 0 to let pass, or the code to refuse with; it may set numbers, notices and the threshold's
 * marks. */
typedef int rule_function(const struct question *, struct verdict *);

static void notice(struct verdict *v, int code)
{
	for (int i = 0; i < LIMIT_NOTICES; i++) {
		if (v->notices[i] == 0) {
			v->notices[i] = code;
			return;
		}
	}
}

static int rule_model(const struct question *q, struct verdict *v)
{
	(void)v;
	return q->candidate->model == MODEL_VOLUME ? 0 : E_MODEL_UNSUPPORTED;
}

/* A lease made later than the certificate's end would verify nowhere. */
static int rule_certified(const struct question *q, struct verdict *v)
{
	int64_t end = q->candidate->certified_until;
	if (!end || q->now < end)
		return 0;
	v->numbers.until = end;
	return E_CERTIFICATE_EXPIRED;
}

static int rule_blocked(const struct question *q, struct verdict *v)
{
	(void)v;
	return q->device->blocked ? E_DEVICE_BLOCKED : 0;
}

static int rule_term(const struct question *q, struct verdict *v)
{
	const struct candidate *c = q->candidate;
	if (q->now < c->nbf) {
		v->numbers.until = c->nbf;
		return E_GRANT_NOT_STARTED;
	}
	if (q->now >= c->grace_end) {
		v->numbers.until = c->grace_end;
		return E_GRANT_ENDED;
	}
	if (q->now >= c->end - (int64_t)NOTICE_DAYS * DAY_SECONDS)
		notice(v, E_GRANT_ENDED);
	return 0;
}

static int rule_version(const struct question *q, struct verdict *v)
{
	(void)v;
	return q->candidate->covers_version ? 0 : E_VERSION_NOT_COVERED;
}

static int rule_plans(const struct question *q, struct verdict *v)
{
	const struct candidate *c = q->candidate;
	(void)v;
	return c->plan_unknown || (c->plans_wanted & ~c->plans) ? E_PLAN_UNKNOWN : 0;
}

static int rule_enrol(const struct question *q, struct verdict *v)
{
	(void)v;
	return q->device->known || q->terms->may_enrol ? 0 : E_ENROL_LIMIT;
}

/*
 * Below the threshold a device is counted and refused; once it was met, falling below starts a grace in which
 * whoever holds an activation renews as before: no cliff (domain.md 8.2, rules 4 to 6).
 */
static int rule_threshold(const struct question *q, struct verdict *v)
{
	const struct candidate *c = q->candidate;
	bool counted = bucket_counts(&c->holding, q->now, c->policy.window_days);
	v->have = c->count + (counted ? 0 : 1);
	v->need = c->policy.threshold;
	v->reached = c->reached;
	v->below_since = c->below_since;
	policy_watch(v->have, c->policy.threshold, q->now, &v->reached, &v->below_since);
	if (v->have >= v->need)
		return 0;
	bool in_grace = v->reached && q->now < v->below_since + (int64_t)c->policy.grace_days * DAY_SECONDS;
	if (in_grace && c->holding.state == HOLDING_ACTIVE) {
		notice(v, E_THRESHOLD_NOT_MET);
		return 0;
	}
	v->numbers.have = v->have;
	v->numbers.need = v->need;
	return E_THRESHOLD_NOT_MET;
}

static int rule_ceiling(const struct question *q, struct verdict *v)
{
	const struct candidate *c = q->candidate;
	if (!c->quantity || bucket_leased(&c->holding, q->now) || c->active < c->quantity)
		return 0;
	v->numbers.used = c->active;
	v->numbers.quantity = c->quantity;
	if (c->policy.overage == OVERAGE_DENY)
		return E_QUANTITY_EXCEEDED;
	notice(v, E_QUANTITY_EXCEEDED);
	return 0;
}

static const struct {
	rule_function *decide;
	bool counts;
} rules[] = {
#define RULE(name, counts, text) {rule_##name, counts},
#include "rules.def"
#undef RULE
};

#define RULES (sizeof(rules) / sizeof(rules[0]))

const struct policy_rule *policy_rules(size_t *ret_count)
{
	static const struct policy_rule names[] = {
#define RULE(name, counts, text) {#name, text},
#include "rules.def"
#undef RULE
	};
	*ret_count = RULES;
	return names;
}

void policy_watch(int64_t count, uint32_t threshold, int64_t now, int64_t *reached, int64_t *below_since)
{
	if (count >= (int64_t)threshold) {
		if (!*reached)
			*reached = now;
		*below_since = 0;
	} else if (*reached && !*below_since) {
		*below_since = now;
	}
}

static int64_t lease_end(const struct candidate *c, int64_t now)
{
	int64_t days = c->policy.lease_days;
	if (c->lease_days_max && (days == 0 || days > c->lease_days_max))
		days = c->lease_days_max;
	int64_t end = days ? now + days * DAY_SECONDS : c->grace_end;
	return end < c->grace_end ? end : c->grace_end;
}

static uint32_t interval(uint32_t own, uint32_t grants)
{
	uint32_t minutes = own ? own : grants;
	if (minutes == 0)
		return 0;
	return minutes < LIMIT_INTERVAL_MIN ? LIMIT_INTERVAL_MIN : minutes;
}

/* Fill in the lease: terms, dates and the holding as it will be. */
static void give(const struct question *q, struct verdict *v)
{
	const struct candidate *c = q->candidate;
	struct holding *h = &v->holding;
	v->renewal = h->state == HOLDING_ACTIVE;
	if (h->state != HOLDING_ACTIVE)
		h->activated = q->now;
	h->state = HOLDING_ACTIVE;
	h->contacted = h->renewed = q->now;
	h->expires = lease_end(c, q->now);
	h->serial++;
	h->plans = c->plans_wanted ? c->plans_wanted : c->plans;
	if (v->renew_minutes) {
		v->renew_after = q->now + (int64_t)v->renew_minutes * 60;
		if (v->renew_after >= h->expires)
			v->renew_after = q->now + (h->expires - q->now) / 2;
	}
}

/* Count a device that was refused but asked for what it may have. */
static void count_in(const struct question *q, struct verdict *v)
{
	if (v->holding.state != HOLDING_ACTIVE)
		v->holding.state = HOLDING_COUNTED;
	v->holding.contacted = q->now;
}

/* Decide one candidate; true when it grants, or refuses and yet counts the device. */
static bool decide_candidate(const struct question *q, struct verdict *v)
{
	const struct candidate *c = q->candidate;
	*v = (struct verdict){.numbers = NUMBERS_NONE,
			      .chosen = (int)(c - q->line->candidates),
			      .holding = c->holding,
			      .reached = c->reached,
			      .below_since = c->below_since,
			      .renew_minutes = interval(q->terms->renew_minutes, c->policy.renew_minutes),
			      .retry_minutes = interval(q->terms->retry_minutes, c->policy.retry_minutes)};
	for (size_t i = 0; i < RULES; i++) {
		v->code = rules[i].decide(q, v);
		if (v->code) {
			if (rules[i].counts)
				count_in(q, v);
			return rules[i].counts;
		}
	}
	give(q, v);
	return true;
}

/* Latest end first, then the id (DESIGN 15). */
static bool before(const struct candidate *a, const struct candidate *b)
{
	if ((a->model == MODEL_VOLUME) != (b->model == MODEL_VOLUME))
		return a->model == MODEL_VOLUME;
	if (a->end != b->end)
		return a->end > b->end;
	return strcmp(a->id, b->id) < 0;
}

static size_t order(const struct line_facts *line, size_t out[CANDIDATES_MAX])
{
	for (size_t i = 0; i < line->n_candidates; i++) {
		size_t j = i;
		for (; j > 0 && before(&line->candidates[i], &line->candidates[out[j - 1]]); j--)
			out[j] = out[j - 1];
		out[j] = i;
	}
	return line->n_candidates;
}

void policy_decide(const struct device_facts *device, const struct line_facts *line,
		   const struct policy_terms *terms, int64_t now, struct verdict *ret)
{
	size_t sequence[CANDIDATES_MAX];
	size_t n = order(line, sequence);
	bool counted = false;
	*ret = (struct verdict){.code = E_PRODUCT_UNKNOWN, .numbers = NUMBERS_NONE, .chosen = -1};
	for (size_t i = 0; i < n; i++) {
		struct verdict v;
		struct question q = {device, line, &line->candidates[sequence[i]], terms, now};
		bool counts = decide_candidate(&q, &v);
		/* The first refusal that counts goes before others: a grant of next year must not keep this
		 * year's at nought. */
		if (i == 0 || v.code == 0 || (counts && !counted))
			*ret = v;
		if (v.code == 0)
			return;
		counted |= counts;
	}
}

/* What is held, a lease before a mere count; NULL: nothing. */
static const struct candidate *held(const struct line_facts *line)
{
	const struct candidate *counted = NULL;
	for (size_t i = 0; i < line->n_candidates; i++) {
		const struct candidate *c = &line->candidates[i];
		if (c->holding.state == HOLDING_ACTIVE)
			return c;
		if (c->holding.state == HOLDING_COUNTED && !counted)
			counted = c;
	}
	return counted;
}

void policy_release(const struct line_facts *line, int64_t now, struct verdict *ret)
{
	const struct candidate *c = held(line);
	*ret = (struct verdict){.code = E_NOT_ACTIVATED, .numbers = NUMBERS_NONE, .chosen = -1};
	if (!c)
		return;
	ret->code = 0;
	ret->chosen = (int)(c - line->candidates);
	ret->holding = c->holding;
	ret->holding.state = HOLDING_RELEASED;
	ret->holding.contacted = now;
	ret->reached = c->reached;
	ret->below_since = c->below_since;
}
