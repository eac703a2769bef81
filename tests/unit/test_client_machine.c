/* SPDX-License-Identifier: Apache-2.0 */
/* The states of a product, its clock and its timers, each with the figures of DESIGN 3 and 7. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "machine.h"

#define DAY 86400LL
#define T0 1795000000LL

static struct machine_clock at(int64_t now)
{
	return (struct machine_clock){.wall = now, .now = now};
}

static struct machine fresh(void)
{
	return (struct machine){.first_call = T0, .grace_days = 30, .prompt_days = 25};
}

/* A volume lease: 180 days, renewal after 7. */
static struct machine leased(void)
{
	struct machine m = fresh();
	m.wanted = true;
	m.leased = true;
	m.iat = T0;
	m.exp = T0 + 180 * DAY;
	m.renew_after = T0 + 7 * DAY;
	return m;
}

static void states(void **unused)
{
	struct machine reduced = leased();
	struct machine perpetual = leased();
	struct machine tampered = leased();
	(void)unused;
	reduced.on_expiry = ON_EXPIRY_REDUCED;
	perpetual.exp = perpetual.renew_after = 0;
	tampered.tampered = true;
	const struct {
		const char *what;
		struct machine m;
		int64_t now;
		enum machine_state state;
		int exit;
	} rows[] = {
		{"the first call", fresh(), T0, MACHINE_GRACE, 2},
		{"the last second of the grace", fresh(), T0 + 30 * DAY - 1, MACHINE_GRACE, 2},
		{"the grace is over", fresh(), T0 + 30 * DAY, MACHINE_UNLICENSED, 3},
		{"just leased", leased(), T0, MACHINE_LICENSED, 0},
		{"renewal due", leased(), T0 + 7 * DAY, MACHINE_LICENSED, 0},
		{"a whole interval missed", leased(), T0 + 14 * DAY, MACHINE_OVERDUE, 2},
		{"a second less", leased(), T0 + 14 * DAY - 1, MACHINE_LICENSED, 0},
		{"the last second of the lease", leased(), T0 + 180 * DAY - 1, MACHINE_OVERDUE, 2},
		{"ended, notices", leased(), T0 + 180 * DAY, MACHINE_EXPIRED, 4},
		{"ended, reduced", reduced, T0 + 180 * DAY, MACHINE_REDUCED, 4},
		{"perpetual", perpetual, T0 + 4000 * DAY, MACHINE_LICENSED, 0},
		{"tampered", tampered, T0, MACHINE_TAMPERED, 1},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct machine_clock c = at(rows[i].now);
		enum machine_state state = machine_state(&rows[i].m, &c);
		if (state != rows[i].state)
			fail_msg("%s: %s", rows[i].what, machine_name(state));
		assert_int_equal(machine_exit(state), rows[i].exit);
	}
}

static void grace_follows_the_product_file(void **unused)
{
	struct machine m = fresh();
	struct machine_clock c = at(T0);
	(void)unused;
	m.grace_days = 0;
	assert_int_equal(machine_state(&m, &c), MACHINE_UNLICENSED);
	m.grace_days = 90;
	assert_true(machine_grace_end(&m) == T0 + 90 * DAY);
}

static void prompts(void **unused)
{
	struct machine m = fresh();
	struct machine_clock c = at(T0 + 25 * DAY - 1);
	(void)unused;
	assert_false(machine_prompt(&m, &c));
	c = at(T0 + 25 * DAY);
	assert_true(machine_prompt(&m, &c));
	m = leased();
	c = at(T0 + DAY);
	assert_false(machine_prompt(&m, &c));
	/* A lease of 30 days that is renewed daily must not prompt all its life. */
	m.exp = T0 + 30 * DAY;
	m.renew_after = T0 + DAY;
	assert_false(machine_prompt(&m, &c));
	m = leased();
	m.renew_after = T0 + 170 * DAY;
	c = at(T0 + 150 * DAY);
	assert_true(machine_prompt(&m, &c));
}

/* DESIGN 3: 30 days before an end; a device's seat at 30, 10 and 1; a lease that is short in its last third.
 */
static void notices(void **unused)
{
	static const struct {
		enum model model;
		int64_t days; /* of the lease; 0: perpetual */
		int64_t left; /* seconds */
		unsigned notice;
	} rows[] = {
		{MODEL_VOLUME, 180, 30 * DAY + 1, 0},
		{MODEL_VOLUME, 180, 30 * DAY, 30},
		{MODEL_VOLUME, 180, DAY, 30},
		{MODEL_VOLUME, 180, 1, 30},
		{MODEL_VOLUME, 180, 0, 0},
		{MODEL_DEVICE, 90, 30 * DAY + 1, 0},
		{MODEL_DEVICE, 90, 30 * DAY, 30},
		{MODEL_DEVICE, 90, 10 * DAY + 1, 30},
		{MODEL_DEVICE, 90, 10 * DAY, 10},
		{MODEL_DEVICE, 90, DAY + 1, 10},
		{MODEL_DEVICE, 90, DAY, 1},
		{MODEL_DEVICE, 90, 1, 1},
		{MODEL_DEVICE, 90, -1, 0},
		{MODEL_USER, 30, 10 * DAY + 1, 0},
		{MODEL_USER, 30, 10 * DAY, 10},
		{MODEL_SHARED, 30, 1, 10},
		{MODEL_DEVICE, 12, 4 * DAY + 1, 0},
		{MODEL_DEVICE, 12, 4 * DAY, 4},
		{MODEL_DEVICE, 12, DAY, 1},
		{MODEL_POOL, 0, DAY, 0},
	};
	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct machine m = leased();
		m.model = rows[i].model;
		m.exp = rows[i].days ? T0 + rows[i].days * DAY : 0;
		struct machine_clock c = at(T0 + rows[i].days * DAY - rows[i].left);
		unsigned notice = machine_notice(&m, &c);
		if (notice != rows[i].notice)
			fail_msg("row %zu: %u", i, notice);
		m.tampered = true;
		assert_int_equal(machine_notice(&m, &c), 0);
	}
}

static void marks(void **unused)
{
	(void)unused;
	const int64_t nbf = T0 - 10 * DAY;
	const int64_t exp = T0 + 400 * DAY;
	const struct {
		int64_t mark, told, now;
	} rows[] = {
		{0, T0, T0},
		{T0, T0 + 1, T0 + 1},
		{T0, T0 - DAY, T0},     /* hosts may differ a little */
		{T0 + DAY + 1, T0, T0}, /* a host was wrong that is right now */
		{T0 + 400 * DAY, T0, T0},
		{T0, T0 + 400 * DAY, T0 + 400 * DAY},
		{T0, T0 + 400 * DAY + 1, T0}, /* not beyond its certificate */
		{T0, T0 - 10 * DAY, T0 - 10 * DAY},
		{T0, T0 - 10 * DAY - 1, T0}, /* nor before it */
		{T0, INT64_MAX, T0},
		{T0, 0, T0}, /* it told nothing */
		{T0, INT64_MIN, T0},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(machine_mark(rows[i].mark, rows[i].told, nbf, exp), rows[i].now);
}

static void clocks(void **unused)
{
	(void)unused;
	const struct {
		int64_t wall, mark, floor, reached, now;
		bool suspect;
	} rows[] = {
		{T0, 0, 0, 0, T0, false},
		{T0, T0, 0, T0, T0, false},
		{T0 - DAY, T0, 0, T0, T0 - DAY, false},             /* a day behind is allowed */
		{T0 - DAY - 1, T0, 0, T0, T0, true},                /* a second more is not */
		{T0 + 400 * DAY, T0, 0, T0, T0 + 400 * DAY, false}, /* 400 days ahead */
		{T0 + 400 * DAY + 1, T0, 0, T0, T0, true},
		{0, 0, T0, 0, T0, true}, /* never told, but not before the product file */
		/* An old product file does not bound the future. */
		{T0 + 900 * DAY, 0, T0, 0, T0 + 900 * DAY, false},
		{T0 - 2 * DAY, T0 - 9 * DAY, T0, 0, T0, true},
		/* How long it was up counts only where the clock cannot be right. */
		{T0, T0, 0, T0 + 9 * DAY, T0, false},
		{T0, 0, T0, T0 + 9 * DAY, T0, false},
		{0, T0, 0, T0 + 9 * DAY, T0 + 9 * DAY, true},
		{T0 + 500 * DAY, T0, 0, T0 + 9 * DAY, T0 + 9 * DAY, true},
		/* Without any host: time goes on from the first call. */
		{0, 0, T0, T0 + 31 * DAY, T0 + 31 * DAY, true},
		{0, 0, T0, T0 - 31 * DAY, T0, true},
		/* A product file that is newer than the mark does not stop it, nor is it counted from there.
		 */
		{0, T0, T0 + 10 * DAY, T0 + 4 * DAY, T0 + 10 * DAY, true},
		{0, T0, T0 + 10 * DAY, T0 + 10 * DAY, T0 + 10 * DAY, true},
		{0, T0, T0 + 10 * DAY, T0 + 181 * DAY, T0 + 181 * DAY, true},
		{T0 + 8 * DAY, T0, T0 + 10 * DAY, T0 + 12 * DAY, T0 + 12 * DAY, true},
		{T0 + 9 * DAY, T0, T0 + 10 * DAY, T0 + 12 * DAY, T0 + 9 * DAY, false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct machine_clock c =
			machine_clock(rows[i].wall, rows[i].mark, rows[i].floor, rows[i].reached);
		if (c.now != rows[i].now || c.suspect != rows[i].suspect)
			fail_msg("row %zu", i);
		assert_true(c.wall == rows[i].wall);
	}
}

/* The jitter spreads machines evenly over a tenth either way, and never further. */
static void renewal_is_spread(void **unused)
{
	int64_t least = MACHINE_NEVER;
	int64_t most = 0;
	struct machine_clock c = at(T0);
	(void)unused;
	for (uint64_t seed = 1; seed < 5000; seed++) {
		struct machine m = leased();
		m.seed = seed * 0x9e3779b97f4a7c15u;
		int64_t wait = machine_wait(&m, &c);
		least = wait < least ? wait : least;
		most = wait > most ? wait : most;
		assert_true(wait == machine_wait(&m, &c));
	}
	assert_in_range(least, 7 * DAY * 9 / 10, 7 * DAY * 91 / 100);
	assert_in_range(most, 7 * DAY * 109 / 100, 7 * DAY * 11 / 10);
}

static void close_to(int64_t value, int64_t wanted)
{
	assert_in_range(value, wanted - wanted / 10, wanted + wanted / 10);
}

static void back_off(void **unused)
{
	static const int64_t wanted[] = {60, 120, 240, 480, 960, 1920, 3840, 7200, 7200};
	struct machine m = fresh();
	struct machine_clock c = at(T0);
	(void)unused;
	m.wanted = true;
	m.tried = T0;
	assert_int_equal(machine_wait(&m, &c), 0);
	for (uint32_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		m.failures = i + 1;
		close_to(machine_wait(&m, &c), wanted[i]);
	}
	m.failures = UINT32_MAX;
	close_to(machine_wait(&m, &c), 7200);
	m.answered = true;
	m.failures = 1;
	close_to(machine_wait(&m, &c), 7200);
	m.retry_minutes = 15;
	close_to(machine_wait(&m, &c), 900);
	m.retry_after = 30;
	close_to(machine_wait(&m, &c), 30);
	c = at(T0 + 33);
	assert_int_equal(machine_wait(&m, &c), 0);
}

static void waits(void **unused)
{
	struct machine m = fresh();
	struct machine_clock c = at(T0);
	(void)unused;
	assert_true(machine_wait(&m, &c) == MACHINE_NEVER); /* nobody asked for it */
	m = leased();
	m.renew_after = 0;
	assert_true(machine_wait(&m, &c) == MACHINE_NEVER);
	m = leased();
	c = at(T0 + 8 * DAY);
	assert_int_equal(machine_wait(&m, &c), 0);
	m.failures = 1; /* due, but it has just failed */
	m.tried = c.wall;
	close_to(machine_wait(&m, &c), 60);
	m = leased();
	m.tampered = true;
	assert_int_equal(machine_wait(&m, &c), 0);
}

/* With a clock that cannot be right, renewals still come, counted on that clock; turned back again, at once.
 */
static void waits_under_a_wrong_clock(void **unused)
{
	struct machine m = leased();
	struct machine_clock c = machine_clock(T0 - 300 * DAY, T0, 0, 0);
	(void)unused;
	m.tried = T0 - 300 * DAY;
	close_to(machine_wait(&m, &c), 7 * DAY);
	c = machine_clock(T0 - 292 * DAY, T0, 0, 0);
	assert_int_equal(machine_wait(&m, &c), 0);
	c = machine_clock(T0 - 600 * DAY, T0, 0, 0);
	assert_int_equal(machine_wait(&m, &c), 0);
	assert_int_equal(machine_state(&m, &c), MACHINE_LICENSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(states),
		cmocka_unit_test(grace_follows_the_product_file),
		cmocka_unit_test(prompts),
		cmocka_unit_test(notices),
		cmocka_unit_test(marks),
		cmocka_unit_test(clocks),
		cmocka_unit_test(renewal_is_spread),
		cmocka_unit_test(back_off),
		cmocka_unit_test(waits),
		cmocka_unit_test(waits_under_a_wrong_clock),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
