/* SPDX-License-Identifier: Apache-2.0 */
/* Is it the same machine (DESIGN 5.4)? And its parts as bytes. */
#include "fixture.h"

#include "hardware.h"
#include "likeness.h"

static struct hardware machine(const uint8_t *kinds, const uint16_t *tags, size_t n)
{
	struct hardware h = {.n = n};
	for (size_t i = 0; i < n; i++) {
		h.parts[i].kind = kinds[i];
		h.parts[i].tag = tags[i];
	}
	return h;
}

/* The share of the weight of `compared` that `agreed` has, in all splits of a machine's parts. */
static void test_every_split_of_all_parts(void **state)
{
	(void)state;
	for (uint32_t compared = 0; compared < 256; compared++) {
		for (uint32_t agreed = compared;; agreed = (agreed - 1) & compared) {
			struct hardware stored = {0};
			struct hardware shown = {0};
			uint32_t weight = 0;
			uint32_t same = 0;
			bool strong = false;
			bool strong_same = false;
			for (uint8_t kind = 1; kind <= HARDWARE_KINDS; kind++) {
				uint32_t bit = 1u << (kind - 1);
				if (!(compared & bit))
					continue;
				stored.parts[stored.n].kind = shown.parts[shown.n].kind = kind;
				stored.parts[stored.n++].tag = 5;
				shown.parts[shown.n++].tag = agreed & bit ? 5 : 6;
				weight += hardware_weight(kind);
				same += agreed & bit ? hardware_weight(kind) : 0;
				strong |= hardware_strong(kind);
				strong_same |= agreed & bit && hardware_strong(kind);
			}
			bool wanted = same * 10 >= weight * 6 && (strong_same || !strong);
			assert_int_equal(likeness_same(&stored, &shown, 60), wanted);
			assert_int_equal(likeness_same(&shown, &stored, 60), wanted);
			if (agreed == 0)
				break;
		}
	}
}

static void test_kinds_of_one_side_do_not_matter(void **state)
{
	struct hardware a = machine((uint8_t[]){1, 2, 3}, (uint16_t[]){10, 20, 30}, 3);
	struct hardware b = machine((uint8_t[]){2, 4, 8}, (uint16_t[]){20, 40, 80}, 3);
	struct hardware nothing = {0};
	(void)state;
	assert_true(likeness_same(&a, &b, 100)); /* the UUID is all they have in common */
	assert_true(likeness_same(&a, &nothing, 100));
	assert_true(likeness_same(&nothing, &a, 100));
	b.parts[0].tag = 21;
	assert_false(likeness_same(&a, &b, 60));
}

static void test_an_unknown_kind_weighs_nothing(void **state)
{
	struct hardware a = machine((uint8_t[]){1, 2, 77}, (uint16_t[]){10, 20, 30}, 3);
	struct hardware b = machine((uint8_t[]){1, 2, 77}, (uint16_t[]){10, 20, 31}, 3);
	(void)state;
	assert_true(likeness_same(&a, &b, 100));
}

/* Of two network addresses each is compared by itself, in any order. */
static void test_several_parts_of_a_kind(void **state)
{
	struct hardware a = machine((uint8_t[]){5, 5, 6}, (uint16_t[]){1, 2, 3}, 3);
	struct hardware b = machine((uint8_t[]){5, 6, 5}, (uint16_t[]){2, 3, 1}, 3);
	(void)state;
	assert_true(likeness_same(&a, &b, 100));
	b.parts[0].tag = 9; /* one of two was changed: 2 of 3 */
	assert_true(likeness_same(&a, &b, 66));
	assert_false(likeness_same(&a, &b, 67));
}

static void test_bytes_and_back(void **state)
{
	uint8_t bytes[3 * LIMIT_COMPONENTS + 3] = {0};
	struct hardware full = {.n = LIMIT_COMPONENTS};
	struct hardware got;
	(void)state;
	for (size_t i = 0; i < full.n; i++) {
		full.parts[i].kind = (uint8_t)(1 + i % HARDWARE_KINDS);
		full.parts[i].tag = (uint16_t)(65535 - 7 * i);
	}
	for (size_t n = 0; n <= LIMIT_COMPONENTS; n++) {
		full.n = n;
		assert_int_equal(likeness_write(&full, bytes), 3 * n);
		assert_true(likeness_read(bytes, 3 * n, &got));
		assert_int_equal(got.n, n);
		for (size_t i = 0; i < n; i++) {
			assert_int_equal(got.parts[i].kind, full.parts[i].kind);
			assert_int_equal(got.parts[i].tag, full.parts[i].tag);
		}
	}
	assert_false(likeness_read(bytes, 4, &got));
	assert_false(likeness_read(bytes, 3 * LIMIT_COMPONENTS + 3, &got));
	assert_int_equal(bytes[0], 1); /* kind, then the tag with its high byte first */
	assert_int_equal(bytes[1], 255);
	assert_int_equal(bytes[2], 255);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_split_of_all_parts),
		cmocka_unit_test(test_kinds_of_one_side_do_not_matter),
		cmocka_unit_test(test_an_unknown_kind_weighs_nothing),
		cmocka_unit_test(test_several_parts_of_a_kind),
		cmocka_unit_test(test_bytes_and_back),
	};
	return cmocka_run_group_tests_name("server/domain/likeness", tests, NULL, NULL);
}
