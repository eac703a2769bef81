/* SPDX-License-Identifier: Apache-2.0 */
/* How much one device may ask for, with a clock of our own. */
#include "fixture.h"

#include "quota.h"

#define HOUR 3600000LL
#define A_DAY (24 * HOUR)

static struct quotas *quotas;
static const struct quota_limits usual = {.requests_per_hour = 60, .releases_per_day = 4};

static int setup(void **state)
{
	(void)state;
	assert_true(sodium_init() >= 0);
	quotas = quotas_new();
	if (quotas)
		quotas_limit(quotas, &usual);
	return quotas == NULL;
}

static int teardown(void **state)
{
	(void)state;
	quotas_free(quotas);
	return 0;
}

static uint32_t ask(uint32_t device, bool releases, int64_t now)
{
	uint8_t key[QUOTA_DEVICE] = {0};
	memcpy(key, &device, sizeof(device));
	return quotas_ask(quotas, key, releases, now);
}

/* How many it may ask before it must wait. */
static int asks(uint32_t device, bool releases, int64_t now)
{
	int n = 0;
	while (n < 10000 && ask(device, releases, now) == 0)
		n++;
	return n;
}

static void test_requests_of_an_hour(void **state)
{
	(void)state;
	assert_int_equal(asks(1, false, 0), 60);
	assert_int_equal(ask(1, false, 0), 61); /* one a minute comes back */
	assert_int_equal(ask(1, false, 59999), 1);
	assert_int_equal(asks(2, false, 59999), 60); /* another device */
	assert_int_equal(asks(1, false, 60000), 1);
	assert_int_equal(asks(1, false, 10 * A_DAY), 60); /* never more than an hour's worth */
}

/* A refusal costs nothing: whoever asks on is served at the same rate. */
static void test_asking_on_costs_nothing(void **state)
{
	int served = 0;
	(void)state;
	for (int64_t now = 0; now <= 2 * HOUR; now += 100)
		served += ask(1, false, now) == 0;
	assert_int_equal(served, 180);
}

static void test_releases_of_a_day(void **state)
{
	(void)state;
	assert_int_equal(asks(1, true, 0), 4);
	assert_int_equal(ask(1, true, 0), 6 * 3600 + 1);
	assert_int_equal(asks(1, false, 0), 56); /* they were requests, too */
	assert_int_equal(ask(1, true, 3 * HOUR), 3 * 3600 + 1);
	assert_int_equal(asks(1, true, 6 * HOUR), 1);
}

static void test_new_limits_hold_at_once(void **state)
{
	static const struct quota_limits less = {.requests_per_hour = 2, .releases_per_day = 1};
	static const struct quota_limits none = {0};
	(void)state;
	assert_int_equal(ask(1, false, 0), 0);
	quotas_limit(quotas, &less);
	assert_int_equal(asks(1, false, 0), 2);
	assert_int_equal(ask(1, false, 0), 1801);
	quotas_limit(quotas, &none);
	assert_int_equal(ask(1, false, A_DAY), 3600);
}

/* A clock that stands or goes back gives nothing and takes nothing. */
static void test_time_that_goes_back(void **state)
{
	(void)state;
	assert_int_equal(asks(1, false, HOUR), 60);
	assert_int_equal(asks(1, false, 0), 0);
	assert_int_equal(asks(1, false, HOUR), 0);
	assert_int_equal(asks(1, false, HOUR + 60000), 1);
}

/* Crowds of devices that ask once push nobody out who has used up what it may; when all have, others are let
 * through; and all are forgotten when their time is over. */
static void test_a_full_table_is_permissive(void **state)
{
	(void)state;
	assert_int_equal(asks(0, false, 0), 60);
	for (uint32_t device = 1; device <= 300000; device++)
		assert_int_equal(ask(device, false, 0), 0);
	assert_true(ask(0, false, 0) > 0);
	int free = 0;
	for (uint32_t device = 300001; device <= 300020; device++)
		free += asks(device, false, 0) == 10000;
	assert_true(free > 0);
	for (uint32_t device = 400001; device <= 400020; device++)
		assert_int_equal(asks(device, false, 2 * HOUR), 60);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_requests_of_an_hour), TEST(test_asking_on_costs_nothing),
		TEST(test_releases_of_a_day),   TEST(test_new_limits_hold_at_once),
		TEST(test_time_that_goes_back), TEST(test_a_full_table_is_permissive),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
