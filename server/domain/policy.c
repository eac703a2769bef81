/* SPDX-License-Identifier: Apache-2.0 */
#include "policy.h"

#include <string.h>

#include "bucket.h"
#include "day.h"
#include "error.h"
#include "rule.h"

/* What becomes of a device that a rule refuses. */
enum then { NOTHING, COUNT, PEND };

/* Whom a rule concerns. */
enum {
	VOLUME = 1 << MODEL_VOLUME,
	POOL = 1 << MODEL_POOL,
	DEVICE = 1 << MODEL_DEVICE,
	SHARED = 1 << MODEL_SHARED,
	USERS = 1 << MODEL_USER | SHARED,
	SEATED = USERS | DEVICE,
	UNSEATED = VOLUME | POOL,
	ALL = SEATED | UNSEATED,
};

static const struct {
	rule_function *decide;
	unsigned models;
	enum then then;
} rules[] = {
#define RULE(name, models, then, text) {rule_##name, models, then},
#include "rules.def"
#undef RULE
};

#define RULES (sizeof(rules) / sizeof(rules[0]))

const struct policy_rule *policy_rules(size_t *ret_count)
{
	static const struct policy_rule names[] = {
#define RULE(name, models, then, text) {#name, text, models},
#include "rules.def"
#undef RULE
	};
	*ret_count = RULES;
	return names;
}

void policy_watch(int64_t count, uint32_t threshold, int64_t now, struct grant_marks *marks)
{
	if (count >= (int64_t)threshold) {
		if (!marks->reached)
			marks->reached = now;
		marks->below_since = 0;
	} else if (marks->reached && !marks->below_since) {
		marks->below_since = now;
	}
}

int64_t policy_pool_level(int64_t used, int64_t quantity)
{
	if (quantity == 0 || used * 100 < quantity * POLICY_POOL_WARN)
		return 0;
	return used * 100 < quantity * POLICY_POOL_ALARM ? POLICY_POOL_WARN : POLICY_POOL_ALARM;
}

/*
 * The lease's end. A place of a pool whose machines renew comes back when they are silent for the window, so
 * no lease may outlive it; one that never renews is perpetual (DESIGN 3).
 */
static int64_t lease_end(const struct candidate *c, int64_t now)
{
	int64_t days = c->policy.lease_days;
	bool comes_back = c->model == MODEL_POOL && c->policy.renew_minutes;
	if (comes_back && (days == 0 || days > c->policy.window_days))
		days = c->policy.window_days;
	if (c->lease_days_max && (days == 0 || days > c->lease_days_max))
		days = c->lease_days_max;
	int64_t last = rule_grace_end(c);
	int64_t end = days ? now + days * DAY_SECONDS : last;
	return end < last ? end : last;
}

static uint32_t interval(uint32_t own, uint32_t grants)
{
	uint32_t minutes = own ? own : grants;
	if (minutes == 0)
		return 0;
	return minutes < LIMIT_INTERVAL_MIN ? LIMIT_INTERVAL_MIN : minutes;
}

/* The plans of the lease: the seat's, or those asked for; of a seat only some may be wanted. */
static uint32_t lease_plans(const struct question *q)
{
	const struct candidate *c = q->candidate;
	uint32_t plans = c->plans;
	if (model_seats(c->model) && rule_seat_of(q)->plans)
		plans &= rule_seat_of(q)->plans;
	uint32_t wanted = plans & c->plans_wanted;
	return wanted ? wanted : plans;
}

/*
 * When the machine asks again. What never renews does so all the same before its lease's end: a license that
 * was renewed meanwhile must reach it (DESIGN 3 knows no cliff).
 */
static int64_t renew_after(const struct verdict *v, const struct holding *h, int64_t now)
{
	int64_t at = v->renew_minutes ? now + (int64_t)v->renew_minutes * 60
				      : h->expires - (int64_t)NOTICE_DAYS * DAY_SECONDS;
	if (h->expires && (at >= h->expires || at <= now))
		at = now + (h->expires - now) / 2;
	return h->expires || v->renew_minutes ? at : 0;
}

/* A lease's serial rises for each device and product, whichever grant serves and whoever is signed in:
 * clients refuse a lower one. What the machine shows counts, too, as far as it is believable. */
static int64_t next_serial(const struct question *q)
{
	int64_t most = q->line->lease_serial < INT32_MAX ? q->line->lease_serial : 0;
	for (size_t i = 0; i < q->line->n_candidates; i++)
		if (q->line->candidates[i].holding.serial > most)
			most = q->line->candidates[i].holding.serial;
	return most + 1;
}

/* Fill in the lease: terms, dates and the holding as it will be. */
static void give(const struct question *q, struct verdict *v)
{
	const struct candidate *c = q->candidate;
	struct holding *h = &v->holding;
	v->renewal = h->state == HOLDING_ACTIVE;
	if (h->state != HOLDING_ACTIVE)
		h->activated = q->now;
	if (v->takes_over)
		h->activated = c->twin.holding.activated;
	h->state = HOLDING_ACTIVE;
	h->contacted = h->renewed = q->now;
	h->expires = lease_end(c, q->now);
	h->serial = next_serial(q);
	h->plans = lease_plans(q);
	if (h->units == 0)
		h->units = 1;
	v->renew_after = renew_after(v, h, q->now);
}

/* What becomes of a device that was refused. */
static void leave(const struct question *q, struct verdict *v, enum then then)
{
	if (v->holding.state != HOLDING_ACTIVE)
		v->holding.state = then == COUNT ? HOLDING_COUNTED : HOLDING_PENDING;
	v->holding.contacted = q->now;
}

static void note(const struct question *q, const struct verdict *v, int rule, bool counts)
{
	struct policy_trace *t = q->terms->trace;
	if (t && t->n < CANDIDATES_MAX)
		t->steps[t->n++] = (struct policy_step){v->chosen, rule, v->code, v->numbers, counts};
}

/* Decide one candidate; true when it grants, or refuses and yet keeps the device in its books. */
static bool decide_candidate(const struct question *q, struct verdict *v)
{
	const struct candidate *c = q->candidate;
	*v = (struct verdict){.numbers = NUMBERS_NONE,
			      .chosen = (int)(c - q->line->candidates),
			      .holding = c->holding,
			      .marks = c->marks,
			      .of_user = model_of_users(c->model),
			      .renew_minutes = interval(q->terms->renew_minutes, c->policy.renew_minutes),
			      .retry_minutes = interval(q->terms->retry_minutes, c->policy.retry_minutes)};
	if (c->policy.renew_minutes == 0 || q->terms->offline)
		v->renew_minutes = 0; /* perpetual: an administrator's interval changes nothing */
	for (size_t i = 0; i < RULES; i++) {
		if (!(rules[i].models & 1u << c->model))
			continue;
		v->code = rules[i].decide(q, v);
		if (v->code) {
			v->takes_over = v->evicts = false;
			if (rules[i].then != NOTHING)
				leave(q, v, rules[i].then);
			else
				v->holding.units = c->holding.units;
			note(q, v, (int)i, rules[i].then != NOTHING);
			return rules[i].then != NOTHING;
		}
	}
	give(q, v);
	note(q, v, -1, true);
	return true;
}

/* Which grant serves (DESIGN 15): assigned to the user or device itself, then through groups, then a pool's
 * activation that is held, then volume, then pool; seats that nobody has come last. */
static int rank(const struct line_facts *line, const struct candidate *c)
{
	const struct seat *seat = model_of_users(c->model) ? &line->user_seat : &line->device_seat;
	bool held = c->holding.state == HOLDING_ACTIVE;
	if (model_seats(c->model) && seat->grant != c->grant)
		return 7;
	if (model_seats(c->model))
		return (seat->direct ? 0 : 2) + (c->model == MODEL_DEVICE);
	if (c->model == MODEL_POOL)
		return held ? 4 : 6;
	return 5;
}

/* Among equals the latest end first, then the id. */
static bool before(const struct line_facts *line, const struct candidate *a, const struct candidate *b)
{
	if (rank(line, a) != rank(line, b))
		return rank(line, a) < rank(line, b);
	if (rule_end(a) != rule_end(b))
		return rule_end(a) > rule_end(b);
	return strcmp(a->id, b->id) < 0;
}

static size_t order(const struct line_facts *line, size_t out[CANDIDATES_MAX])
{
	for (size_t i = 0; i < line->n_candidates; i++) {
		size_t j = i;
		for (; j > 0 && before(line, &line->candidates[i], &line->candidates[out[j - 1]]); j--)
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
static const struct candidate *held(const struct line_facts *line, bool of_user)
{
	const struct candidate *counted = NULL;
	for (size_t i = 0; i < line->n_candidates; i++) {
		const struct candidate *c = &line->candidates[i];
		if (model_of_users(c->model) != of_user)
			continue;
		if (c->holding.state == HOLDING_ACTIVE)
			return c;
		bool stands = c->holding.state == HOLDING_COUNTED || c->holding.state == HOLDING_PENDING;
		if (stands && !counted)
			counted = c;
	}
	return counted;
}

void policy_notice(struct verdict *v, int code)
{
	for (int i = 0; i < LIMIT_NOTICES; i++) {
		if (v->notices[i] == 0) {
			v->notices[i] = code;
			return;
		}
	}
}

void policy_release(const struct line_facts *line, bool of_user, int64_t now, struct verdict *ret)
{
	const struct candidate *c = held(line, of_user);
	*ret = (struct verdict){.code = E_NOT_ACTIVATED, .numbers = NUMBERS_NONE, .chosen = -1};
	if (!c)
		return;
	ret->code = 0;
	ret->chosen = (int)(c - line->candidates);
	ret->holding = c->holding;
	ret->holding.state = HOLDING_RELEASED;
	ret->holding.contacted = now;
	ret->of_user = model_of_users(c->model);
	ret->marks = c->marks;
}
