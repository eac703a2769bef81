/* SPDX-License-Identifier: Apache-2.0 */
/* Chance and budget at the door; every draw is made, so that nothing here is by chance. */
#include "fixture.h"

#include "door.h"

/* How many of all draws are refused. */
static uint32_t dropped(uint32_t unauthenticated, uint32_t limit)
{
	uint32_t n = 0;
	for (uint32_t draw = 0; draw < DOOR_DRAWS; draw++)
		n += door_drops(unauthenticated, limit, draw);
	return n;
}

static void test_chance_rises_from_half_of_the_limit(void **state)
{
	static const struct {
		uint32_t unauthenticated, limit, dropped;
	} rows[] = {
		{0, 512, 0},      {255, 512, 0},     {256, 512, 3000},      {384, 512, 6500},
		{511, 512, 9972}, {512, 512, 10000}, {600, 512, 10000},     {0, 2, 0},
		{1, 2, 3000},     {2, 2, 10000},     {50000, 100000, 3000},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (dropped(rows[i].unauthenticated, rows[i].limit) != rows[i].dropped)
			fail_msg("row %zu: %u", i, dropped(rows[i].unauthenticated, rows[i].limit));
}

static uint32_t spent(struct budget *b, uint32_t rate, bool stranger, int64_t now)
{
	uint32_t n = 0;
	while (n < 100000 && budget_spend(b, rate, stranger, now))
		n++;
	return n;
}

static void test_a_budget_of_so_many_a_second(void **state)
{
	struct budget b;
	(void)state;
	budget_fill(&b, 100, 0);
	assert_int_equal(spent(&b, 100, false, 0), 100);
	assert_int_equal(spent(&b, 100, false, 9), 0);
	assert_int_equal(spent(&b, 100, false, 10), 1);
	assert_int_equal(spent(&b, 100, false, 3600000), 100); /* a second's worth is the most */
	assert_int_equal(spent(&b, 100, false, 0), 0);         /* a clock that goes back gives nothing */
	assert_int_equal(spent(&b, 100, false, 3600010), 1);
}

/* A flood of strangers leaves half of it to those who are known, who may take all. */
static void test_strangers_leave_half_of_it(void **state)
{
	struct budget b;
	(void)state;
	budget_fill(&b, 100, 0);
	assert_int_equal(spent(&b, 100, true, 0), 51);
	assert_int_equal(spent(&b, 100, false, 0), 49);
	assert_int_equal(spent(&b, 100, true, 500), 1);
	for (uint32_t rate = 1; rate < 5; rate++) { /* even of little, strangers get something */
		budget_fill(&b, rate, 0);
		assert_in_range(spent(&b, rate, true, 0), 1, rate);
	}
}

/* A second in which so many came, of whom so many were refused; and what is said then. */
static uint32_t after(struct crowd *c, int64_t second, uint32_t came, uint32_t refused)
{
	for (uint32_t i = 0; i < came; i++)
		crowd_count(c, i < refused, second * 1000 + i % 1000);
	crowd_count(c, false, (second + 1) * 1000);
	return crowd_spread(c);
}

static void test_a_crowd_is_spread_while_most_are_refused(void **state)
{
	struct crowd c = {0};
	(void)state;
	assert_int_equal(crowd_spread(&c), 10);
	assert_int_equal(after(&c, 100, 1000, 0), 10);
	assert_int_equal(after(&c, 101, 1000, 900), 15);
	assert_int_equal(after(&c, 102, 1000, 900), 22);
	assert_int_equal(after(&c, 103, 1000, 100), 22); /* some: it is right */
	assert_int_equal(after(&c, 104, 1000, 10), 16);
	for (int64_t second = 105; second < 120; second++)
		after(&c, second, 1000, 1000);
	assert_int_equal(crowd_spread(&c), 55); /* the most */
	for (int64_t second = 120; second < 130; second++)
		after(&c, second, 1000, 0);
	assert_int_equal(crowd_spread(&c), 10); /* the least */
}

static void test_a_crowd_of_long_ago_is_forgotten(void **state)
{
	struct crowd c = {0};
	(void)state;
	for (int64_t second = 100; second < 110; second++)
		after(&c, second, 1000, 1000);
	assert_int_equal(crowd_spread(&c), 55);
	crowd_count(&c, true, 200 * 1000);
	assert_int_equal(crowd_spread(&c), 10);
	after(&c, 200, 1000, 1000);
	crowd_count(&c, true, 0); /* a clock that goes back */
	assert_int_equal(crowd_spread(&c), 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chance_rises_from_half_of_the_limit),
		cmocka_unit_test(test_a_budget_of_so_many_a_second),
		cmocka_unit_test(test_strangers_leave_half_of_it),
		cmocka_unit_test(test_a_crowd_is_spread_while_most_are_refused),
		cmocka_unit_test(test_a_crowd_of_long_ago_is_forgotten),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
