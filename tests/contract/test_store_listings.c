/* SPDX-License-Identifier: Apache-2.0 */
/* Listings of every store: pages, limits, filters, order. */
#include "storekit.h"

/* The pages of a listing, joined, are the listing. */
static void assert_pages(struct listing l)
{
	l.limit = 0;
	there.n = 0;
	list_from(store, &l, &there);
	for (int64_t limit = 1; limit <= 25; limit += limit < 4 ? 1 : 7) {
		size_t before;
		here.n = 0;
		l.limit = limit;
		l.after[0] = l.after[1] = 0;
		do {
			before = here.n;
			list_from(store, &l, &here);
			assert_true(here.n - before <= (size_t)limit);
			memcpy(l.after, here.cursor, sizeof(l.after));
		} while (here.n > before && here.n < ROWS_MAX - 30);
		assert_same_texts(&here, &there);
	}
}

static void test_pages_join_into_the_listing(void **state)
{
	(void)state;
	fill_many();
	struct listing kinds[] = {{.kind = LIST_GRANT, .now = NOW},
				  {.kind = LIST_DEVICE, .now = NOW},
				  {.kind = LIST_ACTIVATION, .now = NOW},
				  {.kind = LIST_AUDIT},
				  {.kind = LIST_ACTIVATION, .now = NOW, .product = "acme-cad"},
				  {.kind = LIST_ACTIVATION, .now = NOW, .state = "active"},
				  {.kind = LIST_ACTIVATION, .now = NOW, .device = 12},
				  {.kind = LIST_DEVICE, .now = NOW, .tag_from = 1, .tag_to = INT64_MAX}};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		assert_pages(kinds[i]);
}

static void test_limits(void **state)
{
	(void)state;
	fill_many();
	for (int kind = LIST_GRANT; kind <= LIST_DAILY; kind++) {
		struct listing l = {.kind = (enum listing_kind)kind, .now = NOW, .limit = 2};
		assert_int_equal(list(&l), 2);
	}
	begin();
	put_meta("a", "1", 1);
	put_meta("b", "2", 1);
	put_meta("aa", "3", 1);
	commit();
	struct listing l = {.kind = LIST_META, .limit = 2};
	assert_int_equal(list(&l), 2);
	assert_string_equal(here.all[0], "a 31");
	assert_string_equal(here.all[1], "aa 33");
}

static void test_the_days_after_a_day(void **state)
{
	(void)state;
	fill_many();
	struct listing l = {.kind = LIST_DAILY, .after = {day_of(NOW) + 3}};
	size_t n = list(&l);
	assert_int_equal(n, 8); /* 16 to 23, no two of a day alike */
	for (size_t i = 0; i < n; i++)
		assert_true(atoi(here.all[i]) > day_of(NOW) + 3);
}

static size_t count_activations(const char *product, const char *what, int64_t before, int64_t device)
{
	struct listing l = {.kind = LIST_ACTIVATION,
			    .now = NOW,
			    .product = product,
			    .state = what,
			    .expires_before = before,
			    .device = device};
	return list(&l);
}

static void test_filters_of_activations(void **state)
{
	(void)state;
	fill_many();
	size_t all = count_activations(NULL, NULL, 0, 0);
	assert_int_equal(all, 11 + 7 + 5);
	assert_int_equal(count_activations("acme-cad", NULL, 0, 0), 11 + 5);
	assert_int_equal(count_activations("acme-sim", NULL, 0, 0), 7);
	assert_int_equal(count_activations("nothing", NULL, 0, 0), 0);
	size_t sum = 0;
	static const char *const states[] = {"active", "ended", "counted", "released"};
	for (size_t i = 0; i < 4; i++) {
		size_t n = count_activations(NULL, states[i], 0, 0);
		assert_true(n > 0);
		for (size_t j = 0; j < n; j++)
			assert_non_null(strstr(here.all[j], states[i]));
		sum += n;
	}
	assert_int_equal(sum, all);
	assert_int_equal(count_activations(NULL, "nonsense", 0, 0), 0);
	assert_int_equal(count_activations(NULL, NULL, 0, 12), 3);
	assert_int_equal(count_activations(NULL, NULL, 0, 1), 0);
	assert_int_equal(count_activations(NULL, NULL, 0, 999), 0);
}

static void test_what_expires(void **state)
{
	(void)state;
	struct asker a = asker(1, 0);
	begin();
	put_device(1, &a, true, NOW);
	put_grant(1, "a", "acme-cad", 30);
	put_grant(2, "b", "acme-cad", 30);
	put_grant(3, "c", "acme-cad", 30);
	put_grant(4, "d", "acme-cad", 30);
	put_holding(1, 1, none, active(NOW, 0, 1)); /* perpetual: never */
	put_holding(1, 2, none, active(NOW, NOW + 10, 1));
	put_holding(1, 3, none, active(NOW, NOW + 20, 1));
	put_holding(1, 4, none, counted(NOW));
	commit();
	assert_int_equal(count_activations(NULL, NULL, NOW + 10, 0), 0);
	assert_int_equal(count_activations(NULL, NULL, NOW + 11, 0), 1);
	assert_int_equal(count_activations(NULL, NULL, NOW + 21, 0), 2);
	/* A lease is over at its last second. */
	struct listing l = {.kind = LIST_ACTIVATION, .now = NOW + 9, .state = "active"};
	assert_int_equal(list(&l), 3);
	l.now = NOW + 10;
	assert_int_equal(list(&l), 2);
	l.state = "ended";
	assert_int_equal(list(&l), 1);
	l.now = NOW + 100000;
	assert_int_equal(list(&l), 2);
}

static void test_filters_of_devices(void **state)
{
	(void)state;
	fill_many();
	struct listing l = {.kind = LIST_DEVICE, .now = NOW, .device = 5};
	assert_int_equal(list(&l), 1);
	assert_int_equal(strncmp(here.all[0], "5 3705", 6), 0);
	l.device = 99;
	assert_int_equal(list(&l), 0);
	struct asker a = asker(5 * 11, 5);
	struct asker b = asker(7 * 11, 7);
	l = (struct listing){
		.kind = LIST_DEVICE, .now = NOW, .tag_from = store_tag(a.id), .tag_to = store_tag(b.id)};
	assert_int_equal(list(&l), 3); /* both ends included */
	l.tag_from++;
	assert_int_equal(list(&l), 2);
	l.tag_to--;
	assert_int_equal(list(&l), 1);
	assert_int_equal(strncmp(here.all[0], "6 ", 2), 0);
}

static void test_licensed_devices(void **state)
{
	(void)state;
	fill();
	struct listing l = {.kind = LIST_DEVICE, .now = NOW};
	list(&l);
	assert_non_null(
		strstr(here.all[0], " 1799999900 1799999940 0 1")); /* last seen comes from the ratchet */
	assert_non_null(strstr(here.all[1], " 1799999950 1799999950 0 1"));
	l.now = NOW + 101 * (int64_t)DAY;
	list(&l);
	assert_int_equal(here.all[0][strlen(here.all[0]) - 1], '0');
	assert_int_equal(here.all[1][strlen(here.all[1]) - 1], '1'); /* perpetual */
}

static int stop_at_two(const struct row *row, void *context)
{
	int *seen = context;
	(void)row;
	return ++*seen == 2 ? 77 : 0;
}

static void test_a_callback_stops_a_listing(void **state)
{
	(void)state;
	fill_many();
	for (int i = 0; i < 2; i++) {
		int seen = 0;
		struct listing l = {.kind = LIST_AUDIT};
		assert_int_equal(store_page(store, &l, stop_at_two, &seen), 77);
		assert_int_equal(seen, 2);
		assert_int_equal(list(&l), 23); /* and the next one begins anew */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_pages_join_into_the_listing),
		BOTH(test_limits),
		BOTH(test_the_days_after_a_day),
		BOTH(test_filters_of_activations),
		BOTH(test_what_expires),
		BOTH(test_filters_of_devices),
		BOTH(test_licensed_devices),
		BOTH(test_a_callback_stops_a_listing),
	};
	log_level_set(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("server/store: listings", tests, NULL, NULL);
}
