/* SPDX-License-Identifier: Apache-2.0 */
/* Ids that outlive their things. */
#include "fixture.h"

#include "slots.h"

static void test_an_id_finds_its_thing_until_it_is_removed(void **state)
{
	struct slots s;
	int a, b;
	(void)state;
	slots_init(&s);
	assert_null(slots_find(&s, 0));
	assert_null(slots_find(&s, 1));
	uint64_t x = slots_add(&s, &a);
	uint64_t y = slots_add(&s, &b);
	assert_true(x && y && x != y);
	assert_ptr_equal(slots_find(&s, x), &a);
	assert_ptr_equal(slots_find(&s, y), &b);
	slots_remove(&s, x);
	assert_null(slots_find(&s, x));
	assert_ptr_equal(slots_find(&s, y), &b);
	slots_remove(&s, x); /* twice is once */
	uint64_t z = slots_add(&s, &a);
	assert_true(z != x);
	assert_null(slots_find(&s, x)); /* the place is taken again, the id is not */
	assert_ptr_equal(slots_find(&s, z), &a);
	slots_remove(&s, x);
	assert_ptr_equal(slots_find(&s, z), &a);
	slots_fini(&s);
	assert_null(slots_find(&s, z));
}

static void test_unknown_ids(void **state)
{
	struct slots s;
	int a;
	(void)state;
	slots_init(&s);
	uint64_t x = slots_add(&s, &a);
	assert_null(slots_find(&s, x + 1));
	assert_null(slots_find(&s, x + (1ull << 32)));
	assert_null(slots_find(&s, UINT64_MAX));
	assert_null(slots_find(&s, x & UINT32_MAX));
	slots_remove(&s, UINT64_MAX);
	slots_fini(&s);
}

#define MODEL 300

/* Many adds and removes: every id ever given is different, and finds what a plain list says. */
static void test_no_id_is_used_twice(void **state)
{
	static uint64_t seen[20000];
	static char things[MODEL];
	uint64_t ids[MODEL] = {0};
	size_t n_seen = 0;
	uint32_t seed = 7;
	struct slots s;
	(void)state;
	slots_init(&s);
	for (int i = 0; i < 20000; i++) {
		seed = seed * 1664525u + 1013904223u;
		size_t at = (seed >> 16) % MODEL;
		if (ids[at]) {
			assert_ptr_equal(slots_find(&s, ids[at]), &things[at]);
			slots_remove(&s, ids[at]);
			assert_null(slots_find(&s, ids[at]));
			ids[at] = 0;
		} else {
			ids[at] = slots_add(&s, &things[at]);
			seen[n_seen++] = ids[at];
		}
	}
	for (size_t i = 0; i < n_seen; i += 97)
		for (size_t j = 0; j < n_seen; j++)
			assert_true(i == j || seen[i] != seen[j]);
	assert_true(s.used <= MODEL); /* places are used again */
	slots_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_id_finds_its_thing_until_it_is_removed),
		cmocka_unit_test(test_unknown_ids),
		cmocka_unit_test(test_no_id_is_used_twice),
	};
	return cmocka_run_group_tests_name("server/base/slots", tests, NULL, NULL);
}
