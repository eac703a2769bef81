/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts in, verdict out: total, pure, no clock, no store, no failure. The rules stand in one table
 * (rules.def), in order; each has the name that tests and documents use (DESIGN 3). Any thread.
 */
#ifndef SERVER_POLICY_H
#define SERVER_POLICY_H

#include "facts.h"

/* How a decision came about, for whoever asks why: the candidates in the order in which they were looked at.
 */
struct policy_trace {
	size_t n;
	struct policy_step {
		int candidate; /* its index */
		int rule;      /* of policy_rules, the one that refused; -1: none, this grant serves */
		int code;      /* 0, or why not */
		struct numbers numbers;
		bool counts; /* refused, and yet kept in its books */
	} steps[CANDIDATES_MAX];
};

/* What the host's own settings add to a decision. */
struct policy_terms {
	bool may_enrol;         /* the source may bring in a new device now */
	bool offline;           /* it cannot call: the lease is renewed when its end is near */
	uint32_t renew_minutes; /* [policy] renew_minutes; 0: the grant's */
	uint32_t retry_minutes;
	struct policy_trace *trace; /* filled in, zeroed before; NULL: nobody asks */
};

/* Decide one product for one device. */
void policy_decide(const struct device_facts *, const struct line_facts *, const struct policy_terms *,
		   int64_t now, struct verdict *ret);

/* Give back the first lease that is held, or else the first count; of_user: the user's here, and not the
 * device's own. ret->code is E_NOT_ACTIVATED when there is neither. */
void policy_release(const struct line_facts *, bool of_user, int64_t now, struct verdict *ret);

/* Add a code that is worth telling; there is room for LIMIT_NOTICES. */
void policy_notice(struct verdict *, int code);

/* A grant whose count was looked at without a request: does it stand at, or fall below, its threshold? */
void policy_watch(int64_t count, uint32_t threshold, int64_t now, struct grant_marks *marks);

/* Per cent of a pool in use at which administrators are warned, and warned again (domain.md 8.7). */
#define POLICY_POOL_WARN 80
#define POLICY_POOL_ALARM 95

/* The level that so many of a pool have reached: 0, POLICY_POOL_WARN or POLICY_POOL_ALARM. */
int64_t policy_pool_level(int64_t used, int64_t quantity);

/* The rules in order, for tests and documents. */
struct policy_rule {
	const char *name;
	const char *text;
	unsigned models; /* a bit for each model that it concerns */
};
const struct policy_rule *policy_rules(size_t *ret_count);

#endif
