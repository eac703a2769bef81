/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "timekeeper.h"

#define T0 (TIME_FLOOR + 400 * DAY)
#define DAY 86400LL

static int64_t wall;
static int64_t mono;

static int64_t hand_wall(void *context)
{
	(void)context;
	return wall;
}

static int64_t hand_mono(void *context)
{
	(void)context;
	return mono * 1000;
}

static const struct clock hands = {hand_wall, hand_mono, NULL};

static void test_the_rule(void **state)
{
	static const struct {
		const char *what;
		int64_t wall, mark, elapsed;
		enum time_trust want;
	} rows[] = {
		{"the first instant", T0, 0, 0, TIME_GOOD},
		{"before there was this program", TIME_FLOOR - 1, 0, 0, TIME_BEHIND},
		{"1970", 0, T0, 0, TIME_BEHIND},
		{"it goes on", T0 + 10, T0, 10, TIME_GOOD},
		{"corrected by little", T0 - TIME_BEHIND_MAX, T0, 0, TIME_GOOD},
		{"set back", T0 - TIME_BEHIND_MAX - 1, T0, 0, TIME_BEHIND},
		{"an hour ahead", T0 + 3600, T0, 0, TIME_GOOD},
		{"off for a month", T0 + TIME_AHEAD_MAX, T0, 0, TIME_GOOD},
		{"too far ahead", T0 + TIME_AHEAD_MAX + 1, T0, 0, TIME_AHEAD},
		{"half a year ahead", T0 + 180 * DAY, T0, 60, TIME_AHEAD},
		{"half a year of silence", T0 + 180 * DAY, T0, 180 * DAY, TIME_GOOD},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (time_judge(rows[i].wall, rows[i].mark, rows[i].elapsed) != rows[i].want)
			fail_msg("%s", rows[i].what);
}

static void pass(int64_t seconds)
{
	wall += seconds;
	mono += seconds;
}

static void expect(struct timekeeper *k, enum time_trust trust, int64_t now)
{
	struct time_view v = timekeeper_look(k);
	struct clock clock = timekeeper_clock(k);
	assert_int_equal(v.trust, trust);
	assert_int_equal(v.now, now);
	assert_int_equal(v.wall, wall);
	assert_int_equal(clock_wall(&clock), now);
}

static struct timekeeper *keeper(int64_t mark)
{
	wall = T0;
	mono = 77;
	struct timekeeper *k = timekeeper_new(&hands);
	assert_non_null(k);
	timekeeper_remember(k, mark);
	return k;
}

static void test_a_jump_forward_and_its_repair(void **state)
{
	struct timekeeper *k = keeper(0);
	(void)state;
	expect(k, TIME_GOOD, T0);
	pass(60);
	wall += 180 * DAY;
	expect(k, TIME_AHEAD, T0 + 60);
	pass(3600); /* time goes on meanwhile */
	expect(k, TIME_AHEAD, T0 + 3660);
	wall -= 180 * DAY;
	expect(k, TIME_GOOD, T0 + 3660);
	timekeeper_free(k);
}

static void test_a_jump_back_and_its_repair(void **state)
{
	struct timekeeper *k = keeper(0);
	(void)state;
	expect(k, TIME_GOOD, T0);
	wall -= 180 * DAY;
	pass(60);
	expect(k, TIME_BEHIND, T0 + 60);
	wall += 180 * DAY;
	expect(k, TIME_GOOD, T0 + 60);
	wall -= 200; /* a correction: time stands until it is there again */
	expect(k, TIME_GOOD, T0 + 60);
	pass(100);
	expect(k, TIME_GOOD, T0 + 60);
	pass(101);
	expect(k, TIME_GOOD, T0 + 61);
	timekeeper_free(k);
}

static void test_what_was_known_before_the_start(void **state)
{
	struct timekeeper *k = keeper(T0 + 400 * DAY); /* the clock was lost while it was off */
	(void)state;
	expect(k, TIME_BEHIND, T0 + 400 * DAY);
	timekeeper_free(k);
	k = keeper(T0 - 32 * DAY);
	expect(k, TIME_AHEAD, T0 - 32 * DAY);
	timekeeper_accept(k); /* it was off for so long */
	expect(k, TIME_GOOD, T0);
	wall -= 90 * DAY;
	expect(k, TIME_BEHIND, T0);
	timekeeper_accept(k);
	expect(k, TIME_GOOD, T0 - 90 * DAY);
	timekeeper_free(k);
	k = keeper(0);
	wall = 1000;
	expect(k, TIME_BEHIND, TIME_FLOOR);
	timekeeper_free(k);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_rule),
		cmocka_unit_test(test_a_jump_forward_and_its_repair),
		cmocka_unit_test(test_a_jump_back_and_its_repair),
		cmocka_unit_test(test_what_was_known_before_the_start),
	};
	return cmocka_run_group_tests_name("server/base/timekeeper", tests, NULL, NULL);
}
