/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 2782: priorities strictly, weights in proportion. The random source is seeded, so a failure repeats. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "srv.h"

#define DRAWS 10000

/* SplitMix64: even enough for the bounds used here. */
static uint32_t draw(void *context, uint32_t bound)
{
	uint64_t *state = context;
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return (uint32_t)((z ^ (z >> 31)) % bound);
}

static struct srv row(uint16_t priority, uint16_t weight, char name)
{
	return (struct srv){.priority = priority, .weight = weight, .port = 6878, .target = {name, 0}};
}

/* How often each record comes first in DRAWS orders; index by name from 'a'. */
static void count_firsts(const struct srv *rows, size_t n, int counts[26])
{
	uint64_t seed = 2782;
	for (int i = 0; i < DRAWS; i++) {
		struct srv copy[SRV_MAX];
		for (size_t j = 0; j < n; j++)
			copy[j] = rows[j];
		srv_order(copy, n, draw, &seed);
		counts[copy[0].target[0] - 'a']++;
	}
}

/* sum of (seen - expected)^2 / expected, where the expectations are parts of `whole`. */
static double chi_square(const int *seen, const double *parts, size_t n, double whole)
{
	double sum = 0;
	for (size_t i = 0; i < n; i++) {
		double expected = DRAWS * parts[i] / whole;
		sum += (seen[i] - expected) * (seen[i] - expected) / expected;
	}
	return sum;
}

static void weights(void **unused)
{
	const struct srv rows[] = {row(1, 10, 'a'), row(1, 30, 'b'), row(1, 60, 'c')};
	/* The number is drawn from 0 to the sum, both included: the first record also has the 0. */
	const double parts[] = {11, 30, 60};
	int counts[26] = {0};
	(void)unused;
	count_firsts(rows, 3, counts);
	/* 13.8: two degrees of freedom, one in a thousand. */
	assert_true(chi_square(counts, parts, 3, 101) < 13.8);
}

static void weight_zero_has_a_small_chance(void **unused)
{
	const struct srv rows[] = {row(1, 20, 'a'), row(1, 0, 'b'), row(1, 79, 'c')};
	const double parts[] = {20, 1, 79};
	int counts[26] = {0};
	(void)unused;
	count_firsts(rows, 3, counts);
	assert_in_range(counts[1], 50, 160);
	assert_true(chi_square(counts, parts, 3, 100) < 13.8);
}

/* Both ends of the range count, or the second of two records of weight 1 would never come first. */
static void small_weights(void **unused)
{
	const struct srv rows[] = {row(1, 1, 'a'), row(1, 1, 'b')};
	const double parts[] = {2, 1};
	int counts[26] = {0};
	(void)unused;
	count_firsts(rows, 2, counts);
	assert_true(chi_square(counts, parts, 2, 3) < 10.8);
}

/* The whole order, not only the first: after 'c' the others are again in proportion. */
static void second_choice(void **unused)
{
	const struct srv rows[] = {row(1, 25, 'a'), row(1, 75, 'b'), row(1, 1000, 'c')};
	uint64_t seed = 7;
	int seen[2] = {0};
	int n = 0;
	(void)unused;
	for (int i = 0; i < DRAWS; i++) {
		struct srv copy[3] = {rows[0], rows[1], rows[2]};
		srv_order(copy, 3, draw, &seed);
		if (copy[0].target[0] != 'c')
			continue;
		n++;
		seen[copy[1].target[0] - 'a']++;
	}
	assert_true(n > DRAWS / 2);
	double expected = n * 26.0 / 101.0;
	double off = seen[0] - expected;
	assert_true(off * off / expected + off * off / (n - expected) < 10.8);
}

static void priorities_come_first(void **unused)
{
	uint64_t seed = 1;
	(void)unused;
	for (int i = 0; i < 1000; i++) {
		struct srv rows[] = {row(20, 65535, 'a'), row(10, 0, 'b'), row(10, 1, 'c'), row(5, 0, 'd')};
		srv_order(rows, 4, draw, &seed);
		assert_int_equal(rows[0].target[0], 'd');
		assert_int_equal(rows[1].priority, 10);
		assert_int_equal(rows[2].priority, 10);
		assert_true(rows[1].target[0] != rows[2].target[0]);
		assert_int_equal(rows[3].target[0], 'a');
	}
}

/* No record is lost or doubled, with as many of the greatest weight as are taken. */
static void all_are_kept(void **unused)
{
	struct srv rows[SRV_MAX];
	uint64_t seed = 3;
	int seen[SRV_MAX] = {0};
	(void)unused;
	for (int i = 0; i < SRV_MAX; i++) {
		rows[i] = row(1, 65535, 'x');
		rows[i].port = (uint16_t)i;
	}
	srv_order(rows, SRV_MAX, draw, &seed);
	for (int i = 0; i < SRV_MAX; i++)
		seen[rows[i].port]++;
	for (int i = 0; i < SRV_MAX; i++)
		assert_int_equal(seen[i], 1);
	srv_order(rows, 0, draw, &seed);
	srv_order(rows, 1, draw, &seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(weights),
		cmocka_unit_test(weight_zero_has_a_small_chance),
		cmocka_unit_test(small_weights),
		cmocka_unit_test(second_choice),
		cmocka_unit_test(priorities_come_first),
		cmocka_unit_test(all_are_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
