/* SPDX-License-Identifier: Apache-2.0 */
/* Buckets: every pair of holdings, and windows to the day. */
#include "fixture.h"

#include "bucket.h"

#define TODAY (NOW / DAY)

static struct holding holding(enum holding_state state, int64_t contacted, int64_t expires)
{
	return (struct holding){.state = state, .contacted = contacted, .expires = expires};
}

/* What a list of changes does to one bucket. */
static int net(const struct bucket_change *changes, size_t n, enum bucket_kind kind, int32_t day)
{
	int sum = 0;
	for (size_t i = 0; i < n; i++)
		if (changes[i].kind == kind && changes[i].day == day)
			sum += changes[i].change;
	return sum;
}

static int stands_in(const struct holding *h, enum bucket_kind kind, int32_t day)
{
	if (kind == BUCKET_CONTACT)
		return (h->state == HOLDING_COUNTED || h->state == HOLDING_ACTIVE) &&
		       h->contacted / DAY == day;
	return h->state == HOLDING_ACTIVE && (h->expires ? h->expires / DAY == day : day == BUCKET_FOREVER);
}

static void test_every_transition(void **state)
{
	static const int32_t days[] = {TODAY - 1, TODAY, TODAY + 1, BUCKET_FOREVER};
	struct holding all[4 * 3 * 3];
	size_t n = 0;
	(void)state;
	for (int s = HOLDING_NONE; s <= HOLDING_RELEASED; s++)
		for (int64_t c = -1; c <= 1; c++)
			for (int64_t e = 0; e <= 2; e++)
				all[n++] = holding((enum holding_state)s, NOW + c * DAY,
						   e ? NOW + (e - 1) * DAY : 0);
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < n; j++) {
			struct bucket_change out[4];
			size_t changes = bucket_changes(&all[i], &all[j], out);
			assert_true(changes <= 4);
			for (size_t k = 0; k < changes; k++)
				assert_true(out[k].change == 1 || out[k].change == -1);
			for (size_t d = 0; d < 4; d++)
				for (int kind = BUCKET_CONTACT; kind <= BUCKET_LEASE; kind++)
					assert_int_equal(
						net(out, changes, (enum bucket_kind)kind, days[d]),
						stands_in(&all[j], (enum bucket_kind)kind, days[d]) -
							stands_in(&all[i], (enum bucket_kind)kind, days[d]));
		}
	}
}

static void test_what_does_not_change_writes_nothing(void **state)
{
	struct bucket_change out[4];
	struct holding a = holding(HOLDING_ACTIVE, NOW, NOW + 9 * (int64_t)DAY);
	struct holding b =
		holding(HOLDING_ACTIVE, NOW + 100, NOW + 9 * (int64_t)DAY + 100); /* the same days */
	(void)state;
	assert_int_equal(bucket_changes(&a, &a, out), 0);
	assert_int_equal(bucket_changes(&a, &b, out), 0);
	b.expires += DAY;
	assert_int_equal(bucket_changes(&a, &b, out), 2);
	b.contacted += DAY;
	assert_int_equal(bucket_changes(&a, &b, out), 4);
	struct holding none = {0};
	assert_int_equal(bucket_changes(&none, &none, out), 0);
	assert_int_equal(bucket_changes(&none, &a, out), 2);
	a.state = HOLDING_RELEASED;
	assert_int_equal(bucket_changes(&none, &a, out), 0);
}

static void test_windows(void **state)
{
	int64_t midnight = (int64_t)TODAY * DAY;
	(void)state;
	assert_int_equal(bucket_window_start(NOW, 1), TODAY);
	assert_int_equal(bucket_window_start(NOW, 30), TODAY - 29);
	assert_int_equal(bucket_window_start(midnight, 1), TODAY);
	assert_int_equal(bucket_window_start(midnight - 1, 1), TODAY - 1);
	struct holding h = holding(HOLDING_COUNTED, midnight - 29 * (int64_t)DAY, 0);
	assert_true(bucket_counts(&h, NOW, 30));
	assert_true(bucket_counts(&h, midnight + DAY - 1, 30));
	assert_false(bucket_counts(&h, midnight + DAY, 30));
	h.contacted--;
	assert_false(bucket_counts(&h, NOW, 30));
	assert_true(bucket_counts(&h, NOW, 31));
	h.contacted = NOW + 5 * (int64_t)DAY; /* the clock was turned back */
	assert_true(bucket_counts(&h, NOW, 1));
	static const bool counting[] = {false, true, true, false};
	for (int s = HOLDING_NONE; s <= HOLDING_RELEASED; s++) {
		h = holding((enum holding_state)s, NOW, 0);
		assert_int_equal(bucket_counts(&h, NOW, 30), counting[s]);
		assert_int_equal(bucket_leased(&h, NOW), s == HOLDING_ACTIVE);
	}
}

static void test_leases_stand_until_their_day_is_over(void **state)
{
	int64_t midnight = (int64_t)TODAY * DAY;
	struct holding h = holding(HOLDING_ACTIVE, NOW - 99 * (int64_t)DAY, NOW);
	(void)state;
	assert_true(bucket_leased(&h, NOW));
	assert_true(bucket_leased(&h, midnight + DAY - 1));
	assert_false(bucket_leased(&h, midnight + DAY));
	h.expires = 0;
	assert_true(bucket_leased(&h, NOW + 100000 * (int64_t)DAY));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_transition),
		cmocka_unit_test(test_what_does_not_change_writes_nothing),
		cmocka_unit_test(test_windows),
		cmocka_unit_test(test_leases_stand_until_their_day_is_over),
	};
	return cmocka_run_group_tests_name("server/domain/bucket", tests, NULL, NULL);
}
