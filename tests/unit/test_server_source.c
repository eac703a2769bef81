/* SPDX-License-Identifier: Apache-2.0 */
/* What one network source may do, with a clock of our own. */
#include "fixture.h"

#include <arpa/inet.h>

#include "source.h"

#define MINUTE 60000
#define HOUR 3600000

static struct sources *sources;
static const struct source_limits usual = {.handshakes_per_minute = 60,
					   .per_hour = {[SOURCE_DEVICES] = 3, [SOURCE_GUESSES] = 2},
					   .open = 1000,
					   .at_once = 5,
					   .at_once_of_network = 8,
					   .penalty_ms = 15000};

static int setup(void **state)
{
	(void)state;
	assert_true(sodium_init() >= 0);
	sources = sources_new(&usual);
	return sources == NULL;
}

static int teardown(void **state)
{
	(void)state;
	sources_free(sources);
	return 0;
}

static struct sockaddr_storage address_of(const char *text)
{
	struct sockaddr_storage address = {0};
	struct sockaddr_in *four = (struct sockaddr_in *)&address;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&address;
	if (inet_pton(AF_INET, text, &four->sin_addr) == 1)
		four->sin_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &six->sin6_addr) == 1)
		six->sin6_family = AF_INET6;
	return address;
}

static struct source *find(const char *text, int64_t now)
{
	struct sockaddr_storage address = address_of(text);
	return sources_find(sources, (struct sockaddr *)&address, now);
}

static bool exempts(const char *text)
{
	struct sockaddr_storage address = address_of(text);
	return sources_exempts(sources, (struct sockaddr *)&address);
}

static bool enters(struct source *s, int64_t now)
{
	return source_enter(sources, s, now) == SOURCE_WELCOME;
}

static void enrol(struct source *s)
{
	source_charge(s, SOURCE_DEVICES);
}

static bool may_enrol(struct source *s, int64_t now)
{
	return source_wait(sources, s, SOURCE_DEVICES, now) == 0;
}

static void test_one_address_is_one_source(void **state)
{
	(void)state;
	struct source *a = find("192.0.2.1", 0);
	assert_non_null(a);
	assert_ptr_equal(find("192.0.2.1", 5), a);
	assert_ptr_not_equal(find("192.0.2.2", 5), a);
	assert_ptr_equal(find("::ffff:192.0.2.1", 5), a); /* the same machine on a listener for both */
	struct source *b = find("2001:db8:1:2::1", 0);
	assert_ptr_equal(find("2001:db8:1:2:ffff:ffff:ffff:ffff", 0), b);
	assert_ptr_not_equal(find("2001:db8:1:3::1", 0), b);
	assert_null(find("not an address", 0));
}

/* 192.0.2.1 as the first bytes of an IPv6 prefix is another source. */
static void test_families_do_not_collide(void **state)
{
	(void)state;
	assert_ptr_not_equal(find("192.0.2.1", 0), find("c000:0201::", 0));
}

static void test_handshakes_fill_up_with_time(void **state)
{
	(void)state;
	struct source *s = find("192.0.2.1", 0);
	for (int i = 0; i < 60; i++) {
		assert_true(enters(s, 0));
		source_leave(s, true);
	}
	assert_false(enters(s, 0));
	s = find("192.0.2.1", 999);
	assert_false(enters(s, 999));
	s = find("192.0.2.1", 2000);
	assert_true(enters(s, 2000));
	source_leave(s, true);
	assert_true(find("192.0.2.9", 2000) != s);
	s = find("192.0.2.1", 10 * MINUTE); /* never more than a minute's worth */
	int n = 0;
	while (n < 1000 && enters(s, 10 * MINUTE)) {
		source_leave(s, true);
		n++;
	}
	assert_int_equal(n, 60);
}

static void test_connections_at_once(void **state)
{
	(void)state;
	struct source *s = find("192.0.2.1", 0);
	for (int i = 0; i < 5; i++)
		assert_true(enters(s, 0));
	assert_false(enters(s, 0));
	source_leave(s, true);
	assert_true(enters(s, 0));
	for (int i = 0; i < 9; i++)
		source_leave(s, true); /* more often than entered: never below nothing */
	for (int i = 0; i < 5; i++)
		assert_true(enters(s, 0));
	assert_false(enters(s, 0));
}

static void test_new_devices(void **state)
{
	(void)state;
	struct source *s = find("192.0.2.1", 0);
	for (int i = 0; i < 3; i++) {
		assert_true(may_enrol(s, 0));
		enrol(s);
	}
	assert_false(may_enrol(s, 0));
	assert_false(may_enrol(s, HOUR / 3 - 1));
	assert_true(may_enrol(s, HOUR / 3 + 1));
	assert_true(may_enrol(find("192.0.2.2", 0), 0));
}

/* A busy source is looked at all the time; what it may do must not be lost to rounding. */
static void test_looking_often_costs_nothing(void **state)
{
	int enrolled = 0;
	(void)state;
	for (int64_t now = 0; now <= 2 * HOUR; now += 100) {
		struct source *s = find("192.0.2.1", now);
		if (!may_enrol(s, now))
			continue;
		enrol(s);
		enrolled++;
	}
	assert_in_range(enrolled, 8, 9); /* three at once, and three an hour */
}

static void test_penalties(void **state)
{
	(void)state;
	struct source *s = find("192.0.2.1", 0);
	source_punish(s, PENALTY_MALFORMED, 0);
	source_punish(s, PENALTY_MALFORMED, 0);
	assert_true(enters(s, 0));
	source_punish(s, PENALTY_MALFORMED, 0); /* 15 s: no more */
	assert_false(enters(s, 0));
	assert_true(enters(s, 1)); /* it wears off */
	for (int i = 0; i < 1000; i++)
		source_punish(s, PENALTY_DEADLINE, 100);
	assert_false(enters(s, 100 + PENALTY_MAX - 15000));
	s = find("192.0.2.1", 200 + PENALTY_MAX);
	assert_true(enters(s, 200 + PENALTY_MAX)); /* bounded */
	source_punish(s, PENALTY_DEADLINE, 200 + PENALTY_MAX);
	source_punish(s, PENALTY_DEADLINE, 200 + PENALTY_MAX);
	assert_false(enters(s, 200 + PENALTY_MAX));
	assert_int_equal(source_enter(sources, s, 200 + PENALTY_MAX), SOURCE_PENALTY);
	source_forgive(s);
	assert_true(enters(s, 200 + PENALTY_MAX));
	struct source_limits none = usual;
	none.penalty_ms = 0;
	sources_limit(sources, &none);
	source_punish(s, PENALTY_MAX, 200 + PENALTY_MAX);
	assert_true(enters(s, 200 + PENALTY_MAX)); /* there is no such box */
}

/* A large site behind one address that does well gets ten times as much. */
static void test_praise(void **state)
{
	int n = 0;
	(void)state;
	struct source *s = find("192.0.2.1", 0);
	for (int i = 0; i < 3; i++)
		source_praise(s, 0);
	s = find("192.0.2.1", HOUR);
	while (n < 10000 && enters(s, HOUR)) {
		source_leave(s, true);
		n++;
	}
	assert_int_equal(n, 600);
}

/* Merits are of the last hour: who has been silent for longer is a stranger again; and handshakes are none.
 */
static void test_trust_wears_off(void **state)
{
	struct source *s = find("192.0.2.1", 0);
	(void)state;
	for (int i = 0; i < 5; i++)
		source_forgive(s);
	assert_false(source_trusted(s));
	for (int i = 0; i < 3; i++)
		source_praise(s, i * HOUR);
	assert_true(source_trusted(s));
	assert_true(source_trusted(find("192.0.2.1", 3 * HOUR)));
	assert_false(source_trusted(find("192.0.2.1", 3 * HOUR + 1)));
	source_praise(s, 3 * HOUR + 1);
	source_praise(s, 3 * HOUR + 1);
	assert_false(source_trusted(s));
	source_praise(s, 5 * HOUR);
	source_praise(s, 5 * HOUR);
	assert_false(source_trusted(s));
}

static void test_connections_held(void **state)
{
	struct source *s = find("192.0.2.1", 0);
	struct source_limits few = usual;
	(void)state;
	few.open = 2;
	sources_limit(sources, &few);
	for (int i = 0; i < 2; i++) {
		assert_true(enters(s, 0));
		source_leave(s, true); /* their devices are known, but they stay */
	}
	assert_int_equal(source_enter(sources, s, 0), SOURCE_FULL);
	source_close(s);
	assert_true(enters(s, 0));
	source_leave(s, true);
	/* Whose connections stay, is not forgotten. */
	for (uint32_t i = 0; i < 300000; i++) {
		struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(0x0a000000 + i)}};
		sources_find(sources, (struct sockaddr *)&a, 2 * HOUR);
	}
	assert_ptr_equal(find("192.0.2.1", 2 * HOUR), s);
	assert_int_equal(source_enter(sources, s, 2 * HOUR), SOURCE_FULL);
}

/* Wrong codes; new devices have another allowance. */
static void test_guesses(void **state)
{
	struct source *s = find("192.0.2.1", 0);
	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(source_wait(sources, s, SOURCE_GUESSES, 0), 0);
		source_charge(s, SOURCE_GUESSES);
	}
	assert_int_equal(source_wait(sources, s, SOURCE_GUESSES, 0), 1801);
	assert_int_equal(source_wait(sources, s, SOURCE_DEVICES, 0), 0);
	source_refund(s, SOURCE_GUESSES);
	assert_int_equal(source_wait(sources, s, SOURCE_GUESSES, 0), 0);
	source_charge(s, SOURCE_GUESSES);
	assert_int_equal(source_wait(sources, s, SOURCE_GUESSES, HOUR / 4), 901);
	assert_int_equal(source_wait(sources, s, SOURCE_GUESSES, HOUR / 2), 0);
}

static void test_new_limits(void **state)
{
	struct source_limits more = usual;
	(void)state;
	struct source *s = find("192.0.2.1", 0);
	for (int i = 0; i < 5; i++)
		assert_true(enters(s, 0));
	assert_false(enters(s, 0));
	more.at_once = 6;
	sources_limit(sources, &more);
	assert_true(enters(s, 0));
}

static void test_no_source_is_let_through(void **state)
{
	(void)state;
	assert_true(enters(NULL, 0));
	assert_true(may_enrol(NULL, 0));
	source_leave(NULL, true);
	source_praise(NULL, 0);
	source_punish(NULL, 5, 0);
	enrol(NULL);
}

/* A full table lets strangers through; its entries come free after an hour, but for those that are under
 * punishment. */
static void test_a_full_table_is_permissive(void **state)
{
	size_t untracked = 0;
	struct source *bad = find("192.0.2.1", 0);
	(void)state;
	source_punish(bad, PENALTY_MAX, 2 * HOUR);
	for (uint32_t i = 0; i < 300000; i++) {
		struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(0x0a000000 + i)}};
		struct source *s = sources_find(sources, (struct sockaddr *)&a, 0);
		untracked += s == NULL;
		assert_true(enters(s, 0));
		source_leave(s, true);
		source_close(s);
	}
	assert_true(untracked > 200000);
	untracked = 0;
	for (uint32_t i = 0; i < 1000; i++) {
		struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(0x0b000000 + i)}};
		untracked += sources_find(sources, (struct sockaddr *)&a, 2 * HOUR) == NULL;
	}
	assert_int_equal(untracked, 0);
	struct source *again = find("192.0.2.1", 2 * HOUR);
	assert_ptr_equal(again, bad);
	assert_false(enters(again, 2 * HOUR));
}

/* A clock that stands or goes back gives nothing and takes nothing. */
static void test_time_that_goes_back(void **state)
{
	(void)state;
	struct source *s = find("192.0.2.1", HOUR);
	for (int i = 0; i < 60; i++) {
		assert_true(enters(s, HOUR));
		source_leave(s, true);
	}
	s = find("192.0.2.1", 0);
	assert_false(enters(s, 0));
	s = find("192.0.2.1", HOUR + MINUTE);
	assert_true(enters(s, HOUR + MINUTE));
}

/* Many addresses of one network are one stranger; who did well does not count among them. */
static void test_a_network_of_strangers(void **state)
{
	char text[64];
	struct source *known = find("192.0.2.200", 0);
	(void)state;
	for (int i = 0; i < 3; i++)
		source_praise(known, 0);
	assert_true(source_trusted(known));
	for (int i = 0; i < 8; i++) {
		snprintf(text, sizeof(text), "192.0.2.%d", i);
		assert_true(enters(find(text, 0), 0));
	}
	assert_false(enters(find("192.0.2.100", 0), 0));
	assert_true(enters(find("192.0.3.1", 0), 0)); /* the next network */
	assert_true(enters(known, 0));
	source_leave(known, false);
	source_leave(find("192.0.2.3", 0), true);
	assert_true(enters(find("192.0.2.100", 0), 0));
	for (int i = 0; i < 8; i++) {
		snprintf(text, sizeof(text), "2001:db8:1:%x::1", i);
		assert_true(enters(find(text, 0), 0));
	}
	assert_false(enters(find("2001:db8:1:ffff::1", 0), 0));
	assert_true(enters(find("2001:db8:2::1", 0), 0));
}

/* One that did well may have ten times as many at once. */
static void test_who_did_well_has_more_room(void **state)
{
	struct source *s = find("192.0.2.1", 0);
	int n = 0;
	(void)state;
	for (int i = 0; i < 3; i++)
		source_praise(s, 0);
	s->handshake_tokens = INT32_MAX;
	while (n < 100 && enters(s, 0))
		n++;
	assert_int_equal(n, 50);
}

static void test_exempt_addresses(void **state)
{
	static const char *const good[] = {"10.0.0.0/8", "192.0.2.7", "2001:db8::/32",
					   "::1",        "0.0.0.0/0", "::/0"};
	static const char *const bad[] = {"",           "10.0.0.0/",   "10.0.0.0/33", "2001:db8::/129",
					  "host",       "10.0.0.0/8x", "10.0.0.0/-1", "10.0.0/8",
					  "10.0.0.0 /8"};
	static const struct {
		const char *rule, *address;
		bool exempt;
	} rows[] = {
		{"10.0.0.0/8", "10.255.1.2", true},      {"10.0.0.0/8", "11.0.0.1", false},
		{"192.0.2.7", "192.0.2.7", true},        {"192.0.2.7", "192.0.2.8", false},
		{"192.0.2.0/23", "192.0.3.255", true},   {"192.0.2.0/23", "192.0.4.0", false},
		{"10.0.0.0/8", "::ffff:10.1.2.3", true}, {"2001:db8::/32", "2001:db8:ffff::1", true},
		{"2001:db8::/32", "2001:db9::1", false}, {"::/0", "2001:db8::1", true},
	};
	struct exempt e;
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(exempt_read(good[i], &e));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (exempt_read(bad[i], &e))
			fail_msg("'%s' is none", bad[i]);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct source_limits limits = usual;
		assert_true(exempt_read(rows[i].rule, &e));
		limits.exempt = &e;
		limits.n_exempt = 1;
		sources_limit(sources, &limits);
		if ((find(rows[i].address, 0) == NULL) != rows[i].exempt ||
		    exempts(rows[i].address) != rows[i].exempt)
			fail_msg("%s, %s", rows[i].rule, rows[i].address);
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_one_address_is_one_source),
		TEST(test_families_do_not_collide),
		TEST(test_handshakes_fill_up_with_time),
		TEST(test_connections_at_once),
		TEST(test_a_network_of_strangers),
		TEST(test_who_did_well_has_more_room),
		TEST(test_exempt_addresses),
		TEST(test_trust_wears_off),
		TEST(test_connections_held),
		TEST(test_guesses),
		TEST(test_new_devices),
		TEST(test_looking_often_costs_nothing),
		TEST(test_penalties),
		TEST(test_praise),
		TEST(test_new_limits),
		TEST(test_no_source_is_let_through),
		TEST(test_a_full_table_is_permissive),
		TEST(test_time_that_goes_back),
	};
	return cmocka_run_group_tests_name("server/net/source", tests, NULL, NULL);
}
