/* SPDX-License-Identifier: Apache-2.0 */
/* What the rules of rules.def are given, and may set. Between policy.c and the rule_*.c files. Pure. */
#ifndef SERVER_RULE_H
#define SERVER_RULE_H

#include "policy.h"

#define NOTICE_DAYS 30 /* a user is told this long before an end (domain.md 1.3) */

/* One product, one candidate, under decision. */
struct question {
	const struct device_facts *device;
	const struct line_facts *line;
	const struct candidate *candidate;
	const struct policy_terms *terms;
	int64_t now;
};

/* A rule answers 0 to let pass, or the code to refuse with; it may set numbers, notices and marks. */
typedef int rule_function(const struct question *, struct verdict *);

#define RULE(name, models, then, text) rule_function rule_##name;
#include "rules.def"
#undef RULE

/* The end of a grant with what redeemed keys added, of its grace, and its quantity. */
int64_t rule_end(const struct candidate *);
int64_t rule_grace_end(const struct candidate *);
int64_t rule_quantity(const struct candidate *);

/* The seat that would serve the candidate's model. Borrowed. */
const struct seat *rule_seat_of(const struct question *);

#endif
