/* SPDX-License-Identifier: Apache-2.0 */
/* Plans of one holder: examples, and a model that tries all subsets. */
#include "fixture.h"

#include "plans.h"

#define A 1u
#define B 2u
#define C 4u
#define D 8u
#define WISHES 4

/* A product with n plans. */
static struct product of(size_t n)
{
	struct product p = {.id = "acme-cad", .n_plans = n};
	for (size_t i = 0; i < n; i++)
		snprintf(p.plans[i].id, sizeof(p.plans[i].id), "p%d", (int)i);
	return p;
}

static void test_wishes_join(void **state)
{
	struct product p = of(4);
	struct plan_trouble t;
	(void)state;
	assert_int_equal(plans_union(&p, 15, (uint32_t[]){A, C}, 2, &t), A | C);
	assert_int_equal(t.code, 0);
	assert_int_equal(plans_union(&p, 15, (uint32_t[]){A, 0}, 2, &t), 15);
	assert_int_equal(plans_union(&p, A | B, (uint32_t[]){0}, 1, &t), A | B);
	assert_int_equal(plans_union(&p, A | B, (uint32_t[]){B | C}, 1, &t), B);
	assert_int_equal(plans_union(&p, 15, NULL, 0, &t), 0);
	assert_int_equal(t.code, 0);
}

static void test_a_conflict_passes_over_the_lighter_wish(void **state)
{
	struct product p = of(4);
	struct plan_trouble t;
	(void)state;
	p.plans[0].conflicts = C; /* said of one of the two only */
	assert_int_equal(plans_union(&p, 15, (uint32_t[]){B, A, C | D}, 3, &t), A | B);
	assert_int_equal(t.code, E_PLAN_CONFLICT);
	assert_int_equal(t.plan, 2);
	assert_int_equal(t.other, 0);
	assert_int_equal(t.wish, 2);
	assert_int_equal(t.other_wish, 1);
	assert_int_equal(plans_union(&p, 15, (uint32_t[]){C, A, D}, 3, &t), C | D);
	assert_int_equal(t.plan, 0);
	assert_int_equal(t.other, 2);
	assert_int_equal(t.other_wish, 0);
}

static void test_a_wish_may_contradict_itself(void **state)
{
	struct product p = of(3);
	struct plan_trouble t;
	(void)state;
	p.plans[2].conflicts = A;
	assert_int_equal(plans_union(&p, 7, (uint32_t[]){0, B}, 2, &t), B);
	assert_int_equal(t.code, E_PLAN_CONFLICT);
	assert_int_equal(t.wish, 0);
	assert_int_equal(t.other_wish, 0);
	assert_int_equal(plans_union(&p, A | B, (uint32_t[]){0}, 1, &t), A | B); /* not of this grant */
	assert_int_equal(t.code, 0);
}

static void test_needs_are_met_by_any_wish_and_in_chains(void **state)
{
	struct product p = of(4);
	struct plan_trouble t;
	(void)state;
	p.plans[0].requires = B;
	p.plans[1].requires = C;
	assert_int_equal(plans_union(&p, 15, (uint32_t[]){A, B, C}, 3, &t), A | B | C);
	assert_int_equal(t.code, 0);
	assert_int_equal(plans_union(&p, 15, (uint32_t[]){A, B, D}, 3, &t), D);
	assert_int_equal(t.code, E_PLAN_DEPENDENCY);
	assert_int_equal(plans_union(&p, A | B, (uint32_t[]){0}, 1, &t), 0);
	p.plans[2].requires = A; /* a ring stands by itself */
	assert_int_equal(plans_union(&p, 15, (uint32_t[]){A | B | C}, 1, &t), A | B | C);
}

/* The first trouble is told, not the last. */
static void test_the_first_trouble_is_told(void **state)
{
	struct product p = of(4);
	struct plan_trouble t;
	(void)state;
	p.plans[0].conflicts = B;
	p.plans[2].requires = D;
	plans_union(&p, 15, (uint32_t[]){A, B, C}, 3, &t);
	assert_int_equal(t.code, E_PLAN_CONFLICT);
	assert_int_equal(t.plan, 1);
	assert_int_equal(t.wish, 1);
	assert_int_equal(t.other_wish, 0);
}

/* --- against all subsets --- */

static uint64_t seed = 3;

static uint32_t pick(uint32_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % n;
}

static bool clashes(const struct product *p, uint32_t mask)
{
	for (size_t a = 0; a < p->n_plans; a++)
		if (mask & 1u << a && p->plans[a].conflicts & mask & ~(1u << a))
			return true;
	return false;
}

static bool lacks(const struct product *p, uint32_t mask)
{
	for (size_t a = 0; a < p->n_plans; a++)
		if (mask & 1u << a && p->plans[a].requires & ~mask)
			return true;
	return false;
}

/* The wishes that fit to those before them; of their plans the largest set in which nothing lacks. */
static uint32_t model(const struct product *p, uint32_t granted, const uint32_t *wishes, size_t n)
{
	uint32_t all = 0;
	uint32_t best = 0;
	for (size_t i = 0; i < n; i++) {
		uint32_t mask = wishes[i] ? wishes[i] & granted : granted;
		if (!clashes(p, mask) && !clashes(p, all | mask))
			all |= mask;
	}
	for (uint32_t set = 0; set < 1u << p->n_plans; set++)
		if ((set & ~all) == 0 && !lacks(p, set))
			best |= set; /* the union of two such sets is one, too */
	return best;
}

static struct product any_product(void)
{
	struct product p = of(1 + pick(6));
	for (size_t i = 0; i < p.n_plans; i++) {
		uint32_t others = ((1u << p.n_plans) - 1) & ~(1u << i);
		p.plans[i].conflicts = pick(4) == 0 ? pick(64) & others : 0;
		p.plans[i].requires = pick(4) == 0 ? pick(64) & others & ~p.plans[i].conflicts : 0;
	}
	return p;
}

static void assert_trouble(const struct product *p, const struct plan_trouble *t, uint32_t granted,
			   const uint32_t *wishes, uint32_t got)
{
	if (!t->code)
		return;
	uint32_t plan = 1u << t->plan;
	uint32_t other = 1u << t->other;
	if (t->code == E_PLAN_DEPENDENCY) {
		assert_true(p->plans[t->plan].requires & other);
		assert_false(got & (plan | other));
		return;
	}
	assert_int_equal(t->code, E_PLAN_CONFLICT);
	assert_true(p->plans[t->plan].conflicts & other || p->plans[t->other].conflicts & plan);
	assert_true((wishes[t->wish] ? wishes[t->wish] & granted : granted) & plan);
	assert_true((wishes[t->other_wish] ? wishes[t->other_wish] & granted : granted) & other);
	assert_true(t->other_wish <= t->wish);
}

static void test_any_wishes_agree_with_the_model(void **state)
{
	(void)state;
	for (int i = 0; i < 200000; i++) {
		struct product p = any_product();
		struct plan_trouble t;
		struct plan_trouble none;
		uint32_t all = (1u << p.n_plans) - 1;
		uint32_t granted = pick(3) ? all : pick(64) & all;
		uint32_t wishes[WISHES];
		size_t n = pick(WISHES + 1);
		uint32_t wished = 0;
		for (size_t j = 0; j < n; j++) {
			wishes[j] = pick(5) ? pick(64) & all : 0;
			wished |= wishes[j] ? wishes[j] & granted : granted;
		}
		uint32_t got = plans_union(&p, granted, wishes, n, &t);
		assert_int_equal(got, model(&p, granted, wishes, n));
		assert_int_equal(got & ~granted, 0);
		assert_false(clashes(&p, got) || lacks(&p, got));
		assert_int_equal(t.code == 0, got == wished);
		assert_trouble(&p, &t, granted, wishes, got);
		/* What holds is a wish without trouble. */
		if (got) {
			assert_int_equal(plans_union(&p, granted, &got, 1, &none), got);
			assert_int_equal(none.code, 0);
		}
	}
}

/* Weight decides conflicts alone: without one, any order gives the same, and a wish more takes nothing away.
 */
static void test_without_conflict_the_order_does_not_matter(void **state)
{
	(void)state;
	for (int i = 0; i < 50000; i++) {
		struct product p = any_product();
		struct plan_trouble t;
		uint32_t all = (1u << p.n_plans) - 1;
		uint32_t wishes[WISHES];
		for (size_t j = 0; j < WISHES; j++)
			wishes[j] = pick(5) ? pick(64) & all : 0;
		uint32_t got = plans_union(&p, all, wishes, WISHES, &t);
		uint32_t fewer = plans_union(&p, all, wishes, WISHES - 1, &t);
		assert_int_equal(fewer & ~got, 0); /* the last wish is the lightest */
		plans_union(&p, all, wishes, WISHES, &t);
		if (t.code == E_PLAN_CONFLICT)
			continue;
		for (size_t j = WISHES; j > 1; j--) {
			size_t k = pick((uint32_t)j);
			uint32_t swapped = wishes[k];
			wishes[k] = wishes[j - 1];
			wishes[j - 1] = swapped;
		}
		assert_int_equal(plans_union(&p, all, wishes, WISHES, &t), got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wishes_join),
		cmocka_unit_test(test_a_conflict_passes_over_the_lighter_wish),
		cmocka_unit_test(test_a_wish_may_contradict_itself),
		cmocka_unit_test(test_needs_are_met_by_any_wish_and_in_chains),
		cmocka_unit_test(test_the_first_trouble_is_told),
		cmocka_unit_test(test_any_wishes_agree_with_the_model),
		cmocka_unit_test(test_without_conflict_the_order_does_not_matter),
	};
	return cmocka_run_group_tests_name("server/domain/plans", tests, NULL, NULL);
}
