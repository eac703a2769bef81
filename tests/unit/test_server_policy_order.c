/* SPDX-License-Identifier: Apache-2.0 */
/* Which of several grants serves, and which is given back (DESIGN 15). */
#include "fixture.h"

#include "policy.h"

#define USER 7
#define DAYS(n) ((n) * (int64_t)DAY)

static const struct holding leased = {.state = HOLDING_ACTIVE,
				      .activated = NOW - DAYS(50),
				      .renewed = NOW - DAYS(1),
				      .contacted = NOW - DAYS(1),
				      .expires = NOW + DAYS(9),
				      .serial = 4,
				      .plans = 3,
				      .units = 1};

/* --- which grant serves (DESIGN 15) --- */

enum rank {
	USER_ITSELF,
	DEVICE_ITSELF,
	USER_BY_GROUP,
	DEVICE_BY_GROUP,
	POOL_HELD,
	BY_VOLUME,
	BY_POOL,
	NOBODYS_SEAT,
	RANKS
};

static struct candidate ranked(enum rank rank, int64_t grant, struct line_facts *line)
{
	static const enum model models[RANKS] = {MODEL_USER, MODEL_DEVICE, MODEL_USER, MODEL_DEVICE,
						 MODEL_POOL, MODEL_VOLUME, MODEL_POOL, MODEL_SHARED};
	enum model model = models[rank];
	struct candidate c = {.grant = grant,
			      .id = "cad",
			      .model = model,
			      .policy = model_policy(model),
			      .nbf = NOW - DAYS(500),
			      .end = NOW + DAYS(1000),
			      .grace_end = NOW + DAYS(1030),
			      .quantity = model == MODEL_VOLUME ? 0 : 1000,
			      .plans = 3,
			      .covers_version = true,
			      .key = KEY_RIGHT};
	if (rank == POOL_HELD)
		c.holding = leased;
	if (rank == USER_ITSELF || rank == USER_BY_GROUP)
		line->user_seat = (struct seat){.grant = grant, .direct = rank == USER_ITSELF};
	if (rank == DEVICE_ITSELF || rank == DEVICE_BY_GROUP)
		line->device_seat = (struct seat){.grant = grant, .direct = rank == DEVICE_ITSELF};
	return c;
}

static struct verdict decide(const struct line_facts *line)
{
	struct device_facts device = {.known = true, .user = USER, .bound = true};
	struct policy_terms terms = {.may_enrol = true};
	struct verdict v;
	policy_decide(&device, line, &terms, NOW, &v);
	return v;
}

/* The higher rank serves, wherever it stands, and although it ends first. */
static void test_ranks_pairwise(void **state)
{
	(void)state;
	for (int high = 0; high < RANKS; high++) {
		for (int low = high + 1; low < RANKS; low++) {
			/* A holder has one seat of a product, direct or not. */
			if (low == high + 2 && low <= DEVICE_BY_GROUP)
				continue;
			for (int at = 0; at < 2; at++) {
				struct line_facts line = {.n_candidates = 2};
				line.candidates[at] = ranked((enum rank)high, 10, &line);
				line.candidates[!at] = ranked((enum rank)low, 20, &line);
				line.candidates[at].end = NOW + DAYS(5);
				line.candidates[at].grace_end = NOW + DAYS(35);
				struct verdict v = decide(&line);
				if (v.chosen != at || v.code)
					print_error("rank %d before %d at %d: chose %d, code %d\n", high, low,
						    at, v.chosen, v.code);
				assert_int_equal(v.code, 0);
				assert_int_equal(v.chosen, at);
			}
		}
	}
}

/* Whoever is first in order tells why, when all refuse; the next serves, when the first refuses. */
static void test_ranks_when_some_refuse(void **state)
{
	(void)state;
	for (int refusing = 0; refusing < RANKS - 1; refusing++) {
		struct line_facts line = {.n_candidates = 0};
		for (int rank = RANKS - 1; rank >= 0; rank--)
			if (rank != USER_BY_GROUP && rank != DEVICE_BY_GROUP) {
				struct candidate c = ranked((enum rank)rank, 10 + rank, &line);
				c.revoked = rank <= refusing;
				line.candidates[line.n_candidates++] = c;
			}
		struct verdict v = decide(&line);
		int64_t grant = line.candidates[v.chosen].grant;
		if (refusing < BY_POOL) {
			int next = refusing + 1;
			while (next == USER_BY_GROUP || next == DEVICE_BY_GROUP)
				next++;
			assert_int_equal(v.code, 0);
			assert_int_equal(grant, 10 + next);
		} else {
			assert_int_equal(v.code, E_LICENSE_REVOKED);
			assert_int_equal(grant, 10 + USER_ITSELF);
		}
	}
}

static void test_among_equals_the_latest_end_then_the_id(void **state)
{
	(void)state;
	struct line_facts line = {.n_candidates = 2};
	line.candidates[0] = ranked(BY_POOL, 1, &line);
	line.candidates[1] = ranked(BY_POOL, 2, &line);
	line.candidates[0].id = "b";
	line.candidates[1].id = "a";
	assert_int_equal(decide(&line).chosen, 1);
	line.candidates[0].end++;
	assert_int_equal(decide(&line).chosen, 0);
	line.candidates[1].marks.extended = line.candidates[0].end + 1; /* by a redeemed key */
	assert_int_equal(decide(&line).chosen, 1);
}

/* --- giving back --- */

static void test_release_gives_back_what_it_names(void **state)
{
	struct line_facts line = {.n_candidates = 2};
	struct verdict v;
	(void)state;
	line.candidates[0] = ranked(POOL_HELD, 1, &line);
	line.candidates[1] = ranked(USER_ITSELF, 2, &line);
	line.candidates[1].holding = line.candidates[0].holding;
	policy_release(&line, true, NOW, &v);
	assert_int_equal(v.chosen, 1);
	assert_true(v.of_user);
	assert_int_equal(v.holding.state, HOLDING_RELEASED);
	policy_release(&line, false, NOW, &v);
	assert_int_equal(v.chosen, 0);
	assert_false(v.of_user);
	line.candidates[1].holding.state = HOLDING_RELEASED;
	policy_release(&line, true, NOW, &v); /* signing out never costs the machine's own */
	assert_int_equal(v.code, E_NOT_ACTIVATED);
}

static void test_release_ends_what_is_pending(void **state)
{
	struct line_facts line = {.n_candidates = 1};
	struct verdict v;
	(void)state;
	line.candidates[0] = ranked(BY_POOL, 1, &line);
	line.candidates[0].holding = (struct holding){.state = HOLDING_PENDING, .contacted = NOW - 5};
	policy_release(&line, false, NOW, &v);
	assert_int_equal(v.code, 0);
	assert_int_equal(v.holding.state, HOLDING_RELEASED);
}

static void test_levels_of_a_pool(void **state)
{
	(void)state;
	assert_int_equal(policy_pool_level(79, 100), 0);
	assert_int_equal(policy_pool_level(80, 100), POLICY_POOL_WARN);
	assert_int_equal(policy_pool_level(94, 100), POLICY_POOL_WARN);
	assert_int_equal(policy_pool_level(95, 100), POLICY_POOL_ALARM);
	assert_int_equal(policy_pool_level(120, 100), POLICY_POOL_ALARM);
	assert_int_equal(policy_pool_level(1, 1), POLICY_POOL_ALARM);
	assert_int_equal(policy_pool_level(3, 4), 0);
	assert_int_equal(policy_pool_level(5, 0), 0);
	assert_int_equal(policy_pool_level(799999, 1000000), 0);
	assert_int_equal(policy_pool_level(800000, 1000000), POLICY_POOL_WARN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ranks_pairwise),
		cmocka_unit_test(test_ranks_when_some_refuse),
		cmocka_unit_test(test_among_equals_the_latest_end_then_the_id),
		cmocka_unit_test(test_release_gives_back_what_it_names),
		cmocka_unit_test(test_release_ends_what_is_pending),
		cmocka_unit_test(test_levels_of_a_pool),
	};
	return cmocka_run_group_tests_name("server/domain/policy: order", tests, NULL, NULL);
}
