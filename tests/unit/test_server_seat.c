/* SPDX-License-Identifier: Apache-2.0 */
/* Which grant gives a seat: examples, and every small world against the rules in words. */
#include "fixture.h"

#include "seat.h"

static struct seat_offer offer(int64_t grant, const char *id, int64_t end, int64_t quantity, int64_t used)
{
	return (struct seat_offer){.grant = grant,
				   .id = id,
				   .end = end,
				   .quantity = quantity,
				   .used = used,
				   .open = true,
				   .keeps = true};
}

static void test_the_latest_end_with_room(void **state)
{
	struct seat_offer all[] = {offer(1, "c", 10, 5, 0), offer(2, "b", 20, 5, 5), offer(3, "a", 15, 5, 4)};
	(void)state;
	assert_int_equal(seat_choose(0, 0, all, 3).grant, 3);
	all[2].used = 5;
	assert_int_equal(seat_choose(0, 0, all, 3).grant, 1);
	all[2].used = 0;
	all[2].end = 10;
	assert_int_equal(seat_choose(0, 0, all, 3).grant, 3); /* equal ends: the id */
}

/* A seat needs no room where it is; it moves to a grant that ends later as soon as that has room, so that
 * nothing depends on what was before. */
static void test_a_held_seat(void **state)
{
	struct seat_offer all[] = {offer(1, "a", 10, 5, 5), offer(2, "b", 20, 5, 5)};
	(void)state;
	assert_int_equal(seat_choose(1, 0, all, 2).grant, 1);
	all[1].used = 4;
	assert_int_equal(seat_choose(1, 0, all, 2).grant, 2);
	all[1].end = 9;
	all[0].used = 9; /* also when there are more than there should be */
	assert_int_equal(seat_choose(1, 0, all, 2).grant, 1);
	assert_int_equal(seat_choose(1, 2, all, 2).grant, 2); /* but not against what is named */
	all[0].open = false;
	assert_int_equal(seat_choose(1, 0, all, 2).grant, 2); /* disabled: it moves */
	all[1].used = 5;
	assert_int_equal(seat_choose(1, 0, all, 2).grant, 1); /* or stays, when there is no other */
	all[0].keeps = false;
	struct seat_choice c = seat_choose(1, 0, all, 2); /* deleted */
	assert_int_equal(c.grant, 0);
	assert_int_equal(c.code, E_SEATS_EXHAUSTED);
}

static void test_why_there_is_none(void **state)
{
	struct seat_offer all[] = {offer(1, "a", 10, 5, 5), offer(2, "b", 20, 8, 8)};
	struct seat_choice c = seat_choose(0, 0, all, 2);
	(void)state;
	assert_int_equal(c.code, E_SEATS_EXHAUSTED);
	assert_int_equal(c.numbers.used, 13);
	assert_int_equal(c.numbers.quantity, 13);
	c = seat_choose(0, 2, all, 2);
	assert_int_equal(c.numbers.used, 8);
	c = seat_choose(0, 3, all, 2);
	assert_int_equal(c.code, E_ASSIGN_MODEL);
	assert_int_equal(c.numbers.used, -1);
	assert_int_equal(seat_choose(0, 0, NULL, 0).code, E_ASSIGN_MODEL);
	all[0].open = all[1].open = false;
	assert_int_equal(seat_choose(0, 0, all, 2).code, E_GRANT_ENDED);
	all[0].self_service = true;
	assert_int_equal(seat_choose(0, 1, all, 2).code, E_SELF_SERVICE);
	all[1].open = true; /* of two, the one that may be waited for is told */
	assert_int_equal(seat_choose(0, 0, all, 2).code, E_SEATS_EXHAUSTED);
	assert_int_equal(seat_choose(0, 0, all, 2).numbers.quantity, 8);
}

/* --- every small world --- */

#define OFFERS 3

static bool has_room(const struct seat_offer *o)
{
	return o->open && o->used < o->quantity;
}

static void judge(int64_t before, int64_t pinned, const struct seat_offer all[OFFERS])
{
	struct seat_choice c = seat_choose(before, pinned, all, OFFERS);
	const struct seat_offer *got = c.grant ? &all[c.grant - 1] : NULL;
	const struct seat_offer *held = before ? &all[before - 1] : NULL;
	bool fits[OFFERS];
	bool room = false;
	for (size_t i = 0; i < OFFERS; i++) {
		fits[i] = !pinned || pinned == all[i].grant;
		room |= fits[i] && has_room(&all[i]);
	}
	bool may_keep = held && fits[before - 1] && held->keeps;
	assert_int_equal(c.grant != 0, room || may_keep);
	assert_int_equal(c.code == 0, c.grant != 0);
	if (!got)
		return;
	assert_true(fits[c.grant - 1]);
	bool stays = got == held && may_keep;
	assert_true(stays || has_room(got)); /* never one too many */
	if (stays && !held->open) {
		assert_false(room); /* only where there is no other */
		return;
	}
	for (size_t i = 0; i < OFFERS; i++) {
		if (!fits[i] || !has_room(&all[i]) || &all[i] == got)
			continue;
		assert_true(got->end > all[i].end ||
			    (got->end == all[i].end && strcmp(got->id, all[i].id) < 0));
	}
}

static void test_every_small_world(void **state)
{
	static const char *const ids[] = {"b", "a", "c"};
	(void)state;
	for (uint32_t world = 0; world < 1u << (5 * OFFERS); world++) {
		struct seat_offer all[OFFERS];
		for (size_t i = 0; i < OFFERS; i++) {
			uint32_t bits = world >> (5 * i);
			all[i] = offer((int64_t)i + 1, ids[i], bits & 1 ? 10 : 20, 2,
				       (int64_t)(bits >> 1 & 1) * 2);
			all[i].used -= bits >> 4 & 1 && all[i].used ? -1 : 0; /* over-full */
			all[i].open = bits >> 2 & 1;
			all[i].keeps = bits >> 3 & 1;
		}
		for (int64_t before = 0; before <= OFFERS; before++)
			for (int64_t pinned = 0; pinned <= OFFERS; pinned++)
				judge(before, pinned, all);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_latest_end_with_room),
		cmocka_unit_test(test_a_held_seat),
		cmocka_unit_test(test_why_there_is_none),
		cmocka_unit_test(test_every_small_world),
	};
	return cmocka_run_group_tests_name("server/domain/seat", tests, NULL, NULL);
}
