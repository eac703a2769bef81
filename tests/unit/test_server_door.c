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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chance_rises_from_half_of_the_limit),
		cmocka_unit_test(test_a_budget_of_so_many_a_second),
		cmocka_unit_test(test_strangers_leave_half_of_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
