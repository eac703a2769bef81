/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of a decision: one row a case, each with the rule of rules.def and the section of the design that
 * it shows. */
#include "fixture.h"

#include "bucket.h"
#include "judge.h"
#include "policy.h"

#define ALL_PLANS 3u

/* What is given; a zero member means the usual (usual(), below). What is wanted; a zero member is not looked
 * at. */
struct row {
	const char *rule;
	const char *section;
	const char *what;

	enum model model;
	uint32_t threshold, window, lease_days, renew, retry, grace;
	bool perpetual, grace_none;
	enum overage overage;
	int64_t nbf, end, grace_end, quantity;
	uint32_t lease_days_max;
	int64_t certified_until;
	bool not_covered, plan_unknown;
	uint32_t plans, plans_wanted;
	int64_t count, active, reached, below;
	struct holding holding;
	bool stranger, blocked, no_enrol;
	uint32_t own_renew, own_retry;

	int code;
	int64_t have, need, used, quantity_told, until;
	enum holding_state state;
	int64_t expires, renew_after, serial, activated;
	bool renewal;
	int64_t reached_after, below_after;
	int notice; /* ABSENT: none at all */
	uint32_t renew_told, retry_told, plans_after;
};

#define COUNTED(ago) .holding = {.state = HOLDING_COUNTED, .contacted = NOW - (ago) * (int64_t)DAY}
#define LEASED(ago, ends)                                                                                    \
	.holding = {.state = HOLDING_ACTIVE,                                                                 \
		    .activated = NOW - 50 * (int64_t)DAY,                                                    \
		    .renewed = NOW - (ago) * (int64_t)DAY,                                                   \
		    .contacted = NOW - (ago) * (int64_t)DAY,                                                 \
		    .expires = (ends),                                                                       \
		    .serial = 4,                                                                             \
		    .plans = ALL_PLANS}
#define DAYS(n) ((n) * (int64_t)DAY)

static const struct row rows[] = {
	/* blocked */
	{"blocked", "6.4", "a blocked device is refused", .blocked = true, .code = E_DEVICE_BLOCKED},
	{"blocked", "6.4", "also when it holds a lease, which stays as it is", .blocked = true,
	 LEASED(1, NOW + DAYS(9)), .code = E_DEVICE_BLOCKED, .state = HOLDING_ACTIVE, .serial = 4,
	 .expires = NOW + DAYS(9)},
	{"blocked", "6.4", "and is told so before the term is looked at", .blocked = true,
	 .grace_end = NOW - 1, .code = E_DEVICE_BLOCKED, .until = ABSENT},
	{"blocked", "6.4", "and does not help others over the threshold", .blocked = true, .threshold = 2,
	 .count = 1, .code = E_DEVICE_BLOCKED, .reached_after = ABSENT},

	/* term */
	{"term", "3", "a term that begins in a second has not begun", .nbf = NOW + 1,
	 .code = E_GRANT_NOT_STARTED, .until = NOW + 1},
	{"term", "3", "a term that begins now has begun", .nbf = NOW},
	{"term", "3", "long before its end nothing is said", .end = NOW + DAYS(31), .notice = ABSENT},
	{"term", "3", "30 days before its end it is said", .end = NOW + DAYS(30), .notice = E_GRANT_ENDED},
	{"term", "3", "a second earlier not yet", .end = NOW + DAYS(30) + 1, .notice = ABSENT},
	{"term", "3", "ended a second ago, everything works in its grace", .end = NOW - 1,
	 .notice = E_GRANT_ENDED, .expires = NOW - 1 + DAYS(30)},
	{"term", "3", "also for a new device", .end = NOW - DAYS(29), .stranger = true,
	 .expires = NOW + DAYS(1)},
	{"term", "3", "the last second of the grace", .end = NOW - DAYS(30) + 1, .expires = NOW + 1},
	{"term", "3", "the grace is over", .end = NOW - DAYS(30), .code = E_GRANT_ENDED, .until = NOW},
	{"term", "3", "over long ago", .end = NOW - DAYS(300), .code = E_GRANT_ENDED,
	 .until = NOW - DAYS(270)},
	{"term", "3", "a lease ran out with its grant; nothing renews it", .end = NOW - DAYS(40),
	 LEASED(40, NOW - DAYS(10)), .code = E_GRANT_ENDED, .state = HOLDING_ACTIVE, .serial = 4},
	{"term", "4", "no lease ends after the grant's end plus grace", .end = NOW + DAYS(100),
	 .expires = NOW + DAYS(130)},
	{"term", "4", "the perpetual one neither", .perpetual = true, .end = NOW + DAYS(700),
	 .expires = NOW + DAYS(730)},
	{"term", "4", "a usual lease of 180 days", .expires = NOW + DAYS(180)},
	{"term", "4", "a lease of one day", .lease_days = 1, .expires = NOW + DAYS(1)},
	{"term", "4", "the certificate's lease_days_max shortens", .lease_days_max = 14,
	 .expires = NOW + DAYS(14)},
	{"term", "4", "and does not lengthen", .lease_days_max = 365, .expires = NOW + DAYS(180)},
	{"term", "4", "and ends the perpetual", .perpetual = true, .lease_days_max = 14,
	 .expires = NOW + DAYS(14)},

	/* certified */
	{"certified", "4", "the last second of the certificate", .certified_until = NOW + 1,
	 .expires = NOW + DAYS(180)},
	{"certified", "4", "nothing is signed after its end", .certified_until = NOW, .until = NOW,
	 .code = E_CERTIFICATE_EXPIRED},
	{"certified", "4", "a renewal neither, and it is not counted", .certified_until = NOW - 1,
	 LEASED(40, NOW + DAYS(9)), .until = NOW - 1, .code = E_CERTIFICATE_EXPIRED, .state = HOLDING_ACTIVE,
	 .serial = 4},

	/* version */
	{"version", "2", "a version beyond the license", .not_covered = true, .code = E_VERSION_NOT_COVERED},
	{"version", "2", "is not counted", .not_covered = true, .threshold = 25, .count = 30,
	 .code = E_VERSION_NOT_COVERED, .have = ABSENT},

	/* plans */
	{"plans", "3", "none asked for: all of the grant's", .plans_after = ALL_PLANS},
	{"plans", "3", "one asked for", .plans_wanted = 2, .plans_after = 2},
	{"plans", "3", "the grant has fewer than the product", .plans = 1, .plans_after = 1},
	{"plans", "3", "one that the grant lacks", .plans = 1, .plans_wanted = 2, .code = E_PLAN_UNKNOWN},
	{"plans", "3", "one of two that the grant lacks", .plans = 1, .plans_wanted = 3,
	 .code = E_PLAN_UNKNOWN},
	{"plans", "3", "one that nobody knows", .plan_unknown = true, .code = E_PLAN_UNKNOWN},
	{"plans", "3", "a renewal may ask for others", LEASED(1, NOW + DAYS(9)), .plans_wanted = 1,
	 .plans_after = 1, .renewal = true},

	/* enrol */
	{"enrol", "5.4", "a source that brought too many devices", .stranger = true, .no_enrol = true,
	 .code = E_ENROL_LIMIT},
	{"enrol", "5.4", "its known devices are served", .no_enrol = true},
	{"enrol", "5.4", "a stranger from another source is served", .stranger = true},
	{"enrol", "5.4", "a refused stranger does not fake a threshold", .stranger = true, .no_enrol = true,
	 .threshold = 25, .count = 24, .code = E_ENROL_LIMIT, .reached_after = ABSENT, .have = ABSENT},

	/* threshold */
	{"threshold", "3", "the 1st of 25 is counted and refused", .threshold = 25, .stranger = true,
	 .code = E_THRESHOLD_NOT_MET, .have = 1, .need = 25, .state = HOLDING_COUNTED,
	 .reached_after = ABSENT},
	{"threshold", "3", "the 24th of 25 too", .threshold = 25, .count = 23, .stranger = true,
	 .code = E_THRESHOLD_NOT_MET, .have = 24, .need = 25, .state = HOLDING_COUNTED},
	{"threshold", "3", "the 25th is activated", .threshold = 25, .count = 24, .stranger = true,
	 .serial = 1, .reached_after = NOW, .below_after = ABSENT, .activated = NOW},
	{"threshold", "3", "the count is not capped", .threshold = 25, .count = 1234567, .reached = NOW - 5,
	 .have = 1234568, .need = 25, .reached_after = NOW - 5},
	{"threshold", "3", "asking again counts once", .threshold = 25, .count = 24, COUNTED(0),
	 .code = E_THRESHOLD_NOT_MET, .have = 24, .need = 25},
	{"threshold", "3", "asking again yesterday's way counts once", .threshold = 25, .count = 24,
	 COUNTED(1), .code = E_THRESHOLD_NOT_MET, .have = 24},
	{"threshold", "3", "a counted one is activated when others came", .threshold = 25, .count = 25,
	 COUNTED(3), .serial = 1, .activated = NOW},
	{"threshold", "3", "the window's first day still counts", .threshold = 25, .count = 24, COUNTED(29),
	 .code = E_THRESHOLD_NOT_MET, .have = 24},
	{"threshold", "3", "a day of exactly window_days ago counts no more", .threshold = 25, .count = 24,
	 COUNTED(30)},
	{"threshold", "3", "a window of one day is today", .threshold = 2, .window = 1, .count = 1,
	 COUNTED(0), .code = E_THRESHOLD_NOT_MET, .have = 1},
	{"threshold", "3", "and not yesterday", .threshold = 2, .window = 1, .count = 1, COUNTED(1)},
	{"threshold", "3", "a threshold of one activates the first", .threshold = 1, .stranger = true,
	 .have = 1, .need = 1},
	{"threshold", "3", "fallen below: the grace begins, a renewal succeeds", .threshold = 25, .count = 20,
	 .reached = NOW - DAYS(40), LEASED(1, NOW + DAYS(9)), .below_after = NOW,
	 .reached_after = NOW - DAYS(40), .renewal = true, .serial = 5, .notice = E_THRESHOLD_NOT_MET,
	 .have = 20, .need = 25},
	{"threshold", "3", "in the grace a new one is counted and refused", .threshold = 25, .count = 20,
	 .reached = NOW - DAYS(40), .below = NOW - DAYS(3), .stranger = true, .code = E_THRESHOLD_NOT_MET,
	 .have = 21, .state = HOLDING_COUNTED, .below_after = NOW - DAYS(3)},
	{"threshold", "3", "in the grace one that was only counted is refused", .threshold = 25, .count = 20,
	 .reached = NOW - DAYS(40), .below = NOW - DAYS(3), COUNTED(2), .code = E_THRESHOLD_NOT_MET,
	 .have = 20},
	{"threshold", "3", "in the grace one that gave back is refused", .threshold = 25, .count = 20,
	 .reached = NOW - DAYS(40), .below = NOW - DAYS(3),
	 .holding = {.state = HOLDING_RELEASED, .contacted = NOW - DAYS(1), .serial = 4},
	 .code = E_THRESHOLD_NOT_MET, .have = 21, .state = HOLDING_COUNTED, .serial = 4},
	{"threshold", "3", "the last second of the grace renews", .threshold = 25, .count = 20,
	 .reached = NOW - DAYS(40), .below = NOW - DAYS(30) + 1, LEASED(1, NOW + DAYS(9)), .renewal = true},
	{"threshold", "3", "after the grace a renewal is refused, the lease stays", .threshold = 25,
	 .count = 20, .reached = NOW - DAYS(40), .below = NOW - DAYS(30), LEASED(1, NOW + DAYS(9)),
	 .code = E_THRESHOLD_NOT_MET, .state = HOLDING_ACTIVE, .expires = NOW + DAYS(9), .serial = 4},
	{"threshold", "3", "a vendor without grace", .threshold = 25, .grace_none = true, .count = 20,
	 .reached = NOW - DAYS(40), LEASED(1, NOW + DAYS(9)), .code = E_THRESHOLD_NOT_MET},
	{"threshold", "3", "recovered: the mark is gone, new ones are served", .threshold = 25, .count = 24,
	 .reached = NOW - DAYS(40), .below = NOW - DAYS(3), .stranger = true, .below_after = ABSENT,
	 .reached_after = NOW - DAYS(40), .serial = 1, .notice = ABSENT},
	{"threshold", "3", "recovered after the grace, too", .threshold = 25, .count = 24,
	 .reached = NOW - DAYS(90), .below = NOW - DAYS(60), .stranger = true, .below_after = ABSENT},
	{"threshold", "3", "a long silent machine's own return recovers it", .threshold = 2, .count = 1,
	 .reached = NOW - DAYS(90), .below = NOW - DAYS(60), LEASED(60, NOW + DAYS(9)), .renewal = true,
	 .have = 2, .below_after = ABSENT},
	{"threshold", "3", "never reached: no grace for anybody", .threshold = 25, .count = 20, .below = 0,
	 LEASED(1, NOW + DAYS(9)), .code = E_THRESHOLD_NOT_MET, .below_after = ABSENT,
	 .reached_after = ABSENT},

	/* ceiling */
	{"ceiling", "3", "no quantity is no ceiling", .active = 100000},
	{"ceiling", "3", "the last place", .quantity = 10, .active = 9, .notice = ABSENT},
	{"ceiling", "3", "no place left", .quantity = 10, .active = 10, .count = 10,
	 .code = E_QUANTITY_EXCEEDED, .used = 10, .quantity_told = 10, .state = HOLDING_COUNTED},
	{"ceiling", "3", "the vendor lets it be passed and tells", .quantity = 10, .active = 10,
	 .overage = OVERAGE_REPORT, .notice = E_QUANTITY_EXCEEDED, .serial = 1},
	{"ceiling", "3", "who holds a place renews at the ceiling", .quantity = 10, .active = 10,
	 LEASED(1, NOW + DAYS(9)), .renewal = true, .serial = 5, .notice = ABSENT},
	{"ceiling", "3", "also above it, after the quantity shrank", .quantity = 5, .active = 10,
	 LEASED(1, NOW + DAYS(9)), .renewal = true},
	{"ceiling", "3", "a lease that ended gave its place back", .quantity = 10, .active = 10,
	 LEASED(40, NOW - DAYS(1)), .code = E_QUANTITY_EXCEEDED, .state = HOLDING_ACTIVE, .serial = 4},
	{"ceiling", "3", "and takes a free one again", .quantity = 10, .active = 9, LEASED(40, NOW - DAYS(1)),
	 .renewal = true, .serial = 5, .activated = NOW - DAYS(50)},
	{"ceiling", "3", "who gave it back asks like a new one", .quantity = 10, .active = 10,
	 .holding = {.state = HOLDING_RELEASED, .contacted = NOW - DAYS(1), .serial = 4},
	 .code = E_QUANTITY_EXCEEDED},
	{"ceiling", "3", "the threshold is asked first", .quantity = 10, .active = 10, .threshold = 25,
	 .count = 10, .code = E_THRESHOLD_NOT_MET, .used = ABSENT},

	/* intervals and serials: what every grant of a lease tells */
	{"term", "5.3", "the grant's own intervals", .renew_told = 10080, .retry_told = 120,
	 .renew_after = NOW + 10080 * 60},
	{"term", "15", "the host's intervals go before", .own_renew = 60, .own_retry = 30, .renew_told = 60,
	 .retry_told = 30, .renew_after = NOW + 3600},
	{"term", "15", "never under 15 minutes", .own_renew = 1, .own_retry = 14, .renew_told = 15,
	 .retry_told = 15, .renew_after = NOW + 900},
	{"term", "15", "the grant's neither", .renew = 2, .retry = 3, .renew_told = 15, .retry_told = 15},
	{"threshold", "15", "a refusal tells them, too", .threshold = 25, .own_retry = 45,
	 .code = E_THRESHOLD_NOT_MET, .retry_told = 45, .renew_told = 10080},
	{"term", "5.3", "renewal is due before the lease ends", .lease_days = 2, .renew_told = 10080,
	 .renew_after = NOW + DAYS(1)},
	{"term", "5.3", "also at the end of a grace", .end = NOW - DAYS(30) + 100, .renew_after = NOW + 50},
	{"threshold", "2", "a serial goes on after a release",
	 .holding = {.state = HOLDING_RELEASED,
		     .serial = 7,
		     .activated = NOW - DAYS(50),
		     .contacted = NOW - DAYS(1)},
	 .serial = 8, .activated = NOW},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static uint32_t or_else(uint32_t given, uint32_t usual)
{
	return given ? given : usual;
}

static void usual(const struct row *row, struct candidate *c)
{
	*c = (struct candidate){.grant = 1,
				.id = "cad-volume",
				.model = row->model,
				.policy = model_policy(MODEL_VOLUME),
				.nbf = row->nbf ? row->nbf : NOW - DAYS(100),
				.end = row->end ? row->end : NOW + DAYS(1000),
				.quantity = row->quantity,
				.plans = or_else(row->plans, ALL_PLANS),
				.lease_days_max = row->lease_days_max,
				.certified_until = row->certified_until,
				.covers_version = !row->not_covered,
				.plans_wanted = row->plans_wanted,
				.plan_unknown = row->plan_unknown,
				.count = row->count,
				.active = row->active,
				.marks = {.reached = row->reached, .below_since = row->below},
				.holding = row->holding};
	c->grace_end = row->grace_end ? row->grace_end : c->end + DAYS(30);
	c->policy.threshold = or_else(row->threshold, 1);
	c->policy.window_days = or_else(row->window, 30);
	c->policy.lease_days = row->perpetual ? 0 : or_else(row->lease_days, 180);
	c->policy.renew_minutes = or_else(row->renew, 10080);
	c->policy.retry_minutes = or_else(row->retry, 120);
	c->policy.grace_days = row->grace_none ? 0 : or_else(row->grace, 30);
	c->policy.overage = row->overage;
	if (bucket_counts(&c->holding, NOW, c->policy.window_days) && c->count == 0)
		c->count = 1; /* itself */
}

static bool matches(const struct row *row, const struct verdict *v)
{
	bool told = row->code == E_THRESHOLD_NOT_MET || row->have == ABSENT;
	bool ok = same("code", row->code, v->code) & same("chosen", 0, v->chosen);
	ok &= maybe("have", row->have, told ? v->numbers.have : v->have, -1);
	ok &= maybe("need", row->need, told ? v->numbers.need : v->need, -1);
	ok &= maybe("used", row->used, v->numbers.used, -1);
	ok &= maybe("quantity", row->quantity_told, v->numbers.quantity, -1);
	ok &= maybe("until", row->until, v->numbers.until, -1);
	ok &= maybe("state", row->code ? row->state : HOLDING_ACTIVE, v->holding.state, 0);
	ok &= maybe("expires", row->expires, v->holding.expires, 0);
	ok &= maybe("renew_after", row->renew_after, v->renew_after, 0);
	ok &= maybe("serial", row->serial, v->holding.serial, 0);
	ok &= maybe("activated", row->activated, v->holding.activated, 0);
	ok &= maybe("reached", row->reached_after, v->marks.reached, 0);
	ok &= maybe("below", row->below_after, v->marks.below_since, 0);
	ok &= maybe("renew_minutes", row->renew_told, v->renew_minutes, 0);
	ok &= maybe("retry_minutes", row->retry_told, v->retry_minutes, 0);
	ok &= maybe("plans", row->plans_after, v->holding.plans, 0);
	if (row->code == 0)
		ok &= same("renewal", row->holding.state == HOLDING_ACTIVE, v->renewal);
	return ok & matches_notice(row->notice, v);
}

/* What is true of every verdict, whatever the row. */
static bool is_sound(const struct row *row, const struct candidate *c, const struct verdict *v)
{
	bool counts = v->code == E_THRESHOLD_NOT_MET || v->code == E_QUANTITY_EXCEEDED;
	if (v->code && !counts)
		return same("an uncounted refusal changes no holding", 1,
			    same_holding(&c->holding, &v->holding));
	bool ok = same("contacted", NOW, v->holding.contacted);
	if (v->code)
		return ok & same("expires", c->holding.expires, v->holding.expires);
	ok &= same("renewed", NOW, v->holding.renewed) &
	      same("serial rises", c->holding.serial + 1, v->holding.serial);
	ok &= same("within grace_end", 1, v->holding.expires <= c->grace_end) &
	      same("ends later", 1, v->holding.expires > NOW);
	(void)row;
	return ok & same("renewal before the end", 1, v->renew_after < v->holding.expires);
}

static void decide_row(const struct row *row, struct candidate *c, struct verdict *v)
{
	struct device_facts device = {.known = !row->stranger, .blocked = row->blocked};
	struct line_facts line = {.n_candidates = 1};
	struct policy_terms terms = {.may_enrol = !row->no_enrol,
				     .renew_minutes = row->own_renew,
				     .retry_minutes = row->own_retry};
	usual(row, c);
	c->plans_wanted = row->plans_wanted;
	c->plan_unknown = row->plan_unknown;
	line.candidates[0] = *c;
	policy_decide(&device, &line, &terms, NOW, v);
}

static void test_every_row(void **state)
{
	size_t failed = 0;
	(void)state;
	assert_true(ROWS >= 70); /* with those of test_server_policy_models.c at least 200 */
	for (size_t i = 0; i < ROWS; i++) {
		struct candidate c;
		struct verdict v;
		decide_row(&rows[i], &c, &v);
		bool ok = matches(&rows[i], &v);
		ok &= is_sound(&rows[i], &c, &v);
		if (!ok) {
			print_error("row %zu: %s, DESIGN %s: %s\n", i, rows[i].rule, rows[i].section,
				    rows[i].what);
			failed++;
		}
	}
	assert_int_equal(failed, 0);
}

static void test_every_rule_has_rows_for_and_against(void **state)
{
	size_t n;
	const struct policy_rule *rules = policy_rules(&n);
	static const char others[] = " revoked cancelled self_service plans_fit enrol_key enrol_approval ";
	(void)state;
	for (size_t i = 0; i < n; i++) {
		char name[64];
		size_t refusing = 0;
		snprintf(name, sizeof(name), " %s ", rules[i].name);
		/* What concerns the other models stands in test_server_policy_models.c. */
		if (!(rules[i].models & 1u << MODEL_VOLUME) || strstr(others, name))
			continue;
		for (size_t j = 0; j < ROWS; j++)
			refusing += strcmp(rows[j].rule, rules[i].name) == 0 && rows[j].code;
		if (refusing == 0)
			print_error("rule %s has no row that it refuses\n", rules[i].name);
		assert_true(refusing > 0);
		assert_true(strlen(rules[i].text) > 10);
	}
	for (size_t j = 0; j < ROWS; j++) {
		bool found = false;
		for (size_t i = 0; i < n; i++)
			found |= strcmp(rows[j].rule, rules[i].name) == 0;
		assert_true(found);
	}
}

/* --- several candidates --- */

static struct candidate candidate(const char *id, int64_t end)
{
	static const struct row nothing;
	struct candidate c;
	usual(&nothing, &c);
	c.id = id;
	c.end = end;
	c.grace_end = end + DAYS(30);
	return c;
}

static struct verdict decide(const struct line_facts *line)
{
	struct device_facts device = {.known = true};
	struct policy_terms terms = {.may_enrol = true};
	struct verdict v;
	policy_decide(&device, line, &terms, NOW, &v);
	return v;
}

static void test_no_candidate(void **state)
{
	struct line_facts line = {.n_candidates = 0};
	struct verdict v = decide(&line);
	(void)state;
	assert_int_equal(v.code, E_PRODUCT_UNKNOWN);
	assert_int_equal(v.chosen, -1);
	assert_int_equal(v.numbers.have, -1);
}

/* DESIGN 15: the latest end, then the id. */
static void test_the_latest_end_serves(void **state)
{
	struct line_facts line = {.n_candidates = 3,
				  .candidates = {candidate("a", NOW + DAYS(10)),
						 candidate("b", NOW + DAYS(30)),
						 candidate("c", NOW + DAYS(20))}};
	(void)state;
	assert_int_equal(decide(&line).chosen, 1);
	line.candidates[1].end = NOW + DAYS(5);
	assert_int_equal(decide(&line).chosen, 2);
}

static void test_equal_ends_the_first_id_serves(void **state)
{
	struct line_facts line = {.n_candidates = 3,
				  .candidates = {candidate("c", NOW + DAYS(10)),
						 candidate("a", NOW + DAYS(10)),
						 candidate("b", NOW + DAYS(10))}};
	(void)state;
	assert_int_equal(decide(&line).chosen, 1);
}

static void test_a_refusal_does_not_mask_a_lease(void **state)
{
	struct line_facts line = {
		.n_candidates = 2,
		.candidates = {candidate("a", NOW + DAYS(10)), candidate("b", NOW + DAYS(90))}};
	(void)state;
	line.candidates[1].policy.threshold = 25;
	struct verdict v = decide(&line);
	assert_int_equal(v.code, 0);
	assert_int_equal(v.chosen, 0);
	line.candidates[1].model = MODEL_POOL;
	assert_int_equal(decide(&line).chosen, 0);
}

static void test_all_refuse_the_first_in_order_tells_why(void **state)
{
	struct line_facts line = {
		.n_candidates = 2,
		.candidates = {candidate("a", NOW + DAYS(10)), candidate("b", NOW + DAYS(90))}};
	(void)state;
	line.candidates[0].policy.threshold = 5;
	line.candidates[1].policy.threshold = 25;
	struct verdict v = decide(&line);
	assert_int_equal(v.code, E_THRESHOLD_NOT_MET);
	assert_int_equal(v.chosen, 1);
	assert_int_equal(v.numbers.need, 25);
}

/*
 * A license for next year is installed early: machines must still be counted for this year's, or its
 * threshold would never be met.
 */
static void test_a_refusal_that_counts_goes_before_one_that_does_not(void **state)
{
	struct line_facts line = {
		.n_candidates = 2,
		.candidates = {candidate("a", NOW + DAYS(10)), candidate("b", NOW + DAYS(400))}};
	(void)state;
	line.candidates[0].policy.threshold = 25;
	line.candidates[1].nbf = NOW + DAYS(9);
	struct verdict v = decide(&line);
	assert_int_equal(v.code, E_THRESHOLD_NOT_MET);
	assert_int_equal(v.chosen, 0);
	assert_int_equal(v.holding.state, HOLDING_COUNTED);
}

static void test_volume_goes_before_other_models(void **state)
{
	struct line_facts line = {
		.n_candidates = 2,
		.candidates = {candidate("a", NOW + DAYS(900)), candidate("b", NOW + DAYS(10))}};
	(void)state;
	line.candidates[0].model = MODEL_POOL;
	line.candidates[1].policy.threshold = 25;
	struct verdict v = decide(&line);
	assert_int_equal(v.code, E_THRESHOLD_NOT_MET);
	assert_int_equal(v.chosen, 1);
}

/* --- release --- */

static void test_release_gives_an_activation_back(void **state)
{
	struct line_facts line = {.n_candidates = 1, .candidates = {candidate("a", NOW + DAYS(10))}};
	struct verdict v;
	(void)state;
	line.candidates[0].holding = (struct holding){.state = HOLDING_ACTIVE,
						      .contacted = NOW - DAYS(2),
						      .serial = 3,
						      .expires = NOW + DAYS(9),
						      .activated = NOW - DAYS(20)};
	line.candidates[0].marks.reached = NOW - 7;
	policy_release(&line, false, NOW, &v);
	assert_int_equal(v.code, 0);
	assert_int_equal(v.chosen, 0);
	assert_int_equal(v.holding.state, HOLDING_RELEASED);
	assert_int_equal(v.holding.contacted, NOW);
	assert_int_equal(v.holding.serial, 3);
	assert_int_equal(v.marks.reached, NOW - 7);
	assert_false(bucket_counts(&v.holding, NOW, 30));
	assert_false(bucket_leased(&v.holding, NOW));
}

static void test_release_of_nothing(void **state)
{
	struct line_facts line = {.n_candidates = 2,
				  .candidates = {candidate("a", NOW), candidate("b", NOW)}};
	struct verdict v;
	(void)state;
	line.candidates[1].holding.state = HOLDING_RELEASED;
	policy_release(&line, false, NOW, &v);
	assert_int_equal(v.code, E_NOT_ACTIVATED);
	assert_int_equal(v.chosen, -1);
}

/* A machine that was only counted for one grant and holds a lease of another gives the lease back. */
static void test_release_prefers_the_lease(void **state)
{
	struct line_facts line = {
		.n_candidates = 2,
		.candidates = {candidate("a", NOW + DAYS(10)), candidate("b", NOW + DAYS(10))}};
	struct verdict v;
	(void)state;
	line.candidates[0].holding = (struct holding){.state = HOLDING_COUNTED, .contacted = NOW - DAYS(2)};
	line.candidates[1].holding =
		(struct holding){.state = HOLDING_ACTIVE, .contacted = NOW - DAYS(2), .serial = 3};
	policy_release(&line, false, NOW, &v);
	assert_int_equal(v.code, 0);
	assert_int_equal(v.chosen, 1);
}

static void test_watch_marks_times(void **state)
{
	struct grant_marks m = {0};
	(void)state;
	policy_watch(24, 25, NOW, &m);
	assert_true(m.reached == 0 && m.below_since == 0);
	policy_watch(25, 25, NOW + 1, &m);
	assert_true(m.reached == NOW + 1 && m.below_since == 0);
	policy_watch(30, 25, NOW + 2, &m);
	assert_true(m.reached == NOW + 1 && m.below_since == 0);
	policy_watch(24, 25, NOW + 3, &m);
	assert_true(m.reached == NOW + 1 && m.below_since == NOW + 3);
	policy_watch(20, 25, NOW + 4, &m);
	assert_true(m.reached == NOW + 1 && m.below_since == NOW + 3);
	policy_watch(25, 25, NOW + 5, &m);
	assert_true(m.reached == NOW + 1 && m.below_since == 0);
}

/* --- property: any history, against a model that recounts from scratch --- */

#define DEVICES 14
#define STEPS 400
#define WORLDS 60
#define BUCKET_DAYS 30000

/* What the host keeps: holdings, and buckets changed step by step. */
struct world {
	struct candidate grant;
	struct holding holdings[DEVICES];
	int contact[BUCKET_DAYS];
	int lease[BUCKET_DAYS];
	int64_t now;
};

static struct world world;
static uint64_t seed;

static uint32_t pick(uint32_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % n;
}

static int64_t sum(const int *buckets, int32_t from)
{
	int64_t total = 0;
	for (int32_t i = from; i < BUCKET_DAYS; i++)
		total += buckets[i];
	return total;
}

static void change(struct world *w, int d, const struct holding *after)
{
	struct bucket_change changes[4];
	size_t n = bucket_changes(&w->holdings[d], after, changes);
	for (size_t i = 0; i < n; i++)
		(changes[i].kind == BUCKET_CONTACT ? w->contact : w->lease)[changes[i].day] +=
			changes[i].change;
	w->holdings[d] = *after;
}

/* The same again without buckets, rules or bucket.h's own predicates. */
static bool naive_counts(const struct world *w, int d)
{
	const struct holding *h = &w->holdings[d];
	return (h->state == HOLDING_COUNTED || h->state == HOLDING_ACTIVE) &&
	       w->now / DAY - h->contacted / DAY < w->grant.policy.window_days;
}

static bool naive_leased(const struct world *w, int d)
{
	return w->holdings[d].state == HOLDING_ACTIVE && w->holdings[d].expires / DAY >= w->now / DAY;
}

static int naive_decide(const struct world *w, int d)
{
	int64_t others = 0;
	int64_t leases = 0;
	for (int i = 0; i < DEVICES; i++) {
		others += i != d && naive_counts(w, i);
		leases += naive_leased(w, i);
	}
	const struct candidate *c = &w->grant;
	if (others + 1 < c->policy.threshold) {
		int64_t since = c->marks.below_since ? c->marks.below_since : w->now;
		bool grace = c->marks.reached && w->now < since + (int64_t)c->policy.grace_days * DAY;
		if (!grace || w->holdings[d].state != HOLDING_ACTIVE)
			return E_THRESHOLD_NOT_MET;
	}
	if (c->quantity && !naive_leased(w, d) && leases >= c->quantity && c->policy.overage == OVERAGE_DENY)
		return E_QUANTITY_EXCEEDED;
	return 0;
}

static void ask(struct world *w, int d)
{
	struct line_facts line = {.n_candidates = 1, .candidates = {w->grant}};
	struct device_facts device = {.known = w->holdings[d].state != HOLDING_NONE};
	struct policy_terms terms = {.may_enrol = true};
	struct candidate *c = &line.candidates[0];
	struct verdict v;
	c->count = sum(w->contact, bucket_window_start(w->now, c->policy.window_days));
	c->active = sum(w->lease, day_of(w->now));
	c->holding = w->holdings[d];
	int wanted = naive_decide(w, d);
	policy_decide(&device, &line, &terms, w->now, &v);
	assert_int_equal(v.code, wanted);
	change(w, d, &v.holding);
	w->grant.marks = v.marks;
	int64_t recount = 0;
	for (int i = 0; i < DEVICES; i++)
		recount += naive_counts(w, i);
	assert_int_equal(v.have, recount);
}

static void release(struct world *w, int d)
{
	struct line_facts line = {.n_candidates = 1, .candidates = {w->grant}};
	struct verdict v;
	line.candidates[0].holding = w->holdings[d];
	policy_release(&line, false, w->now, &v);
	bool held = w->holdings[d].state == HOLDING_ACTIVE || w->holdings[d].state == HOLDING_COUNTED;
	assert_int_equal(v.code, held ? 0 : E_NOT_ACTIVATED);
	if (held)
		change(w, d, &v.holding);
}

static void check_world(const struct world *w)
{
	int64_t counted = 0;
	int64_t leased = 0;
	for (int i = 0; i < DEVICES; i++) {
		counted += naive_counts(w, i);
		leased += naive_leased(w, i);
	}
	assert_int_equal(sum(w->contact, bucket_window_start(w->now, w->grant.policy.window_days)), counted);
	assert_int_equal(sum(w->lease, day_of(w->now)), leased);
}

static void test_any_history_agrees_with_a_recount(void **state)
{
	(void)state;
	for (uint64_t n = 0; n < WORLDS; n++) {
		seed = 1000 + n;
		memset(&world, 0, sizeof(world));
		world.now = NOW;
		world.grant = candidate("a", NOW + DAYS(7000));
		world.grant.policy.threshold = 1 + pick(8);
		world.grant.policy.window_days = 1 + pick(10);
		world.grant.policy.lease_days = 1 + pick(20);
		world.grant.policy.grace_days = pick(12);
		world.grant.quantity = pick(2) ? 1 + pick(DEVICES) : 0;
		world.grant.policy.overage = pick(3) ? OVERAGE_DENY : OVERAGE_REPORT;
		for (int step = 0; step < STEPS; step++) {
			int d = (int)pick(DEVICES);
			if (pick(12) == 0)
				release(&world, d);
			else
				ask(&world, d);
			check_world(&world);
			world.now += pick(4) ? pick(4 * 3600) : pick(3 * DAY);
			check_world(&world);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_row),
		cmocka_unit_test(test_every_rule_has_rows_for_and_against),
		cmocka_unit_test(test_no_candidate),
		cmocka_unit_test(test_the_latest_end_serves),
		cmocka_unit_test(test_equal_ends_the_first_id_serves),
		cmocka_unit_test(test_a_refusal_does_not_mask_a_lease),
		cmocka_unit_test(test_all_refuse_the_first_in_order_tells_why),
		cmocka_unit_test(test_a_refusal_that_counts_goes_before_one_that_does_not),
		cmocka_unit_test(test_volume_goes_before_other_models),
		cmocka_unit_test(test_release_gives_an_activation_back),
		cmocka_unit_test(test_release_of_nothing),
		cmocka_unit_test(test_release_prefers_the_lease),
		cmocka_unit_test(test_watch_marks_times),
		cmocka_unit_test(test_any_history_agrees_with_a_recount),
	};
	return cmocka_run_group_tests_name("server/domain/policy", tests, NULL, NULL);
}
