/* SPDX-License-Identifier: Apache-2.0 */
/* What time alone changes. */
#include "org.h"

static void test_the_sweep_sees_a_count_fall(void **state)
{
	struct machine a = machine(1);
	struct machine b = machine(2);
	(void)state;
	license_host(2);
	ask(&a, JOB_ACTIVATE, NULL);
	assert_int_equal(ask(&b, JOB_ACTIVATE, NULL), 0);
	now += 29 * (int64_t)DAY;
	sweep();
	assert_int_equal(grant_row().u.grant.marks.below_since, 0);
	assert_int_equal(audits("threshold.below"), 0);
	now += DAY;
	sweep();
	int64_t since = now;
	assert_int_equal(grant_row().u.grant.marks.below_since, since);
	assert_int_equal(audits("threshold.below"), 1);
	now += DAY;
	sweep(); /* once */
	assert_int_equal(grant_row().u.grant.marks.below_since, since);
	assert_int_equal(audits("threshold.below"), 1);
	assert_int_equal(ask(&b, JOB_RENEW, NULL), 0); /* in its grace */
	now = since + 30 * (int64_t)DAY;
	assert_int_equal(ask(&b, JOB_RENEW, NULL), E_THRESHOLD_NOT_MET);
	assert_int_equal(ask(&a, JOB_ACTIVATE, NULL), 0);
	assert_int_equal(audits("threshold.recovered"), 1);
	assert_int_equal(grant_row().u.grant.marks.below_since, 0);
	assert_sound();
}

static void test_the_sweep_sees_a_recovery(void **state)
{
	struct machine a = machine(1);
	struct machine b = machine(2);
	(void)state;
	license_host(2);
	ask(&a, JOB_ACTIVATE, NULL);
	ask(&b, JOB_ACTIVATE, NULL);
	assert_int_equal(ask(&a, JOB_RELEASE, NULL), 0);
	sweep();
	assert_int_equal(audits("threshold.below"), 1);
	assert_int_equal(install_license(fixture_volume(&vendor, 2, 1)), 0); /* the vendor lowers it */
	sweep();
	assert_int_equal(grant_row().u.grant.marks.below_since, 0);
	assert_int_equal(audits("threshold.recovered"), 1);
}

/* A lowered threshold is met for the first time, which is no recovery. */
static void test_the_sweep_names_a_first_time(void **state)
{
	struct machine a = machine(1);
	struct machine b = machine(2);
	(void)state;
	license_host(25);
	ask(&a, JOB_ACTIVATE, NULL);
	ask(&b, JOB_ACTIVATE, NULL);
	assert_int_equal(install_license(fixture_volume(&vendor, 2, 2)), 0);
	sweep();
	assert_int_equal(grant_row().u.grant.marks.reached, now);
	assert_int_equal(audits("threshold.reached"), 1);
	assert_int_equal(audits("threshold.recovered"), 0);
}

/* A threshold of one is none: neither requests nor sweeps write a line about it. */
static void test_the_sweep_is_silent_about_a_threshold_of_one(void **state)
{
	struct machine a = machine(1);
	(void)state;
	license_host(1);
	assert_int_equal(ask(&a, JOB_ACTIVATE, NULL), 0);
	int64_t rows = audits(NULL);
	now += 40 * (int64_t)DAY;
	sweep();
	assert_int_equal(audits(NULL), rows);
}

/* --- seats --- */

static int seat_effects; /* since the last sweep began */
static int forgotten;

static int counting_apply(struct store *s, const struct effect *e)
{
	seat_effects += e->kind == EFFECT_SEAT;
	forgotten += e->kind == EFFECT_FORGET;
	return flaky_apply(s, e);
}

static void counted_sweep(void)
{
	static struct store_ops counting;
	counting = flaky_ops;
	counting.apply = counting_apply;
	flaky.store.ops = &counting;
	seat_effects = forgotten = 0;
	sweep();
	flaky.store.ops = &flaky_ops;
}

static struct grant users_grant(const char *id, int64_t quantity)
{
	return with_plans(org_grant(id, MODEL_USER, quantity), "modeler", "render");
}

static void assign_all(size_t n)
{
	struct change *all = calloc(n, sizeof(*all));
	assert_non_null(all);
	for (size_t i = 0; i < n; i++)
		all[i] = ASSIGN(user_name(i));
	assert_int_equal(order_many(all, n, 0), 0);
	free(all);
}

/* Seats move to the grant that ends last, some at each sweep, and the walk goes on where it stopped. */
static void test_the_walk_moves_seats_in_portions(void **state)
{
	struct grant grants[] = {users_grant("cad-old", 600), users_grant("cad-new", 700)};
	(void)state;
	grants[0].exp = NOW + 10 * (int64_t)DAY;
	org_open(grants, 1);
	add_users(600);
	assign_all(600);
	assert_int_equal(seats_of("cad-old"), 600);
	org_license(grants, 2);
	int sweeps = 0;
	while (seats_of("cad-new") < 600 && sweeps < 10) {
		counted_sweep();
		assert_true(seat_effects <= 250);
		sweeps++;
		assert_int_equal(seats_of("cad-old") + seats_of("cad-new"), 600);
	}
	assert_true(sweeps >= 3 && sweeps <= 5);
	assert_int_equal(audits("seat.lost"), 0);
	counted_sweep();
	assert_int_equal(seat_effects, 0); /* nothing is written when nothing changes */
	assert_sound();
}

/* A license with more seats: who waits is served at the next sweeps, 1,000 at each, not when the walk comes
 * by. */
static void test_who_waits_is_served_after_a_license(void **state)
{
	struct grant g = users_grant("cad-users", 1);
	(void)state;
	org_open(&g, 1);
	add_users(1500);
	must(ADD_GROUP("all"));
	must(ASSIGN_GROUP("all"));
	struct change *join = calloc(1500, sizeof(*join));
	assert_non_null(join);
	for (size_t i = 0; i < 1500; i++)
		join[i] = JOIN(user_name(i), "all");
	assert_int_equal(order_many(join, 1500, 0), 0);
	free(join);
	assert_int_equal(seats_of("cad-users"), 1);
	sweep();
	g.quantity = 1400;
	org_license(&g, 1);
	counted_sweep();
	int64_t first = seats_of("cad-users");
	assert_true(first >= 1000 && first <= 1300); /* the walk's 250 too */
	counted_sweep();
	assert_int_equal(seats_of("cad-users"), 1400);
	sweep();
	sweep();
	counted_sweep();
	assert_int_equal(seat_effects, 0);
	assert_int_equal(seat_code("u1499"), E_SEATS_EXHAUSTED);
	assert_sound();
}

/* More seats in excess than one sweep takes back. */
static void test_excess_ends_in_portions(void **state)
{
	struct grant g = users_grant("cad-users", 600);
	(void)state;
	org_open(&g, 1);
	add_users(600);
	assign_all(600);
	g.quantity = 10;
	org_license(&g, 1);
	now += 90 * (int64_t)DAY;
	int64_t seats = 600;
	int sweeps = 0;
	while (seats > 10 && sweeps < 10) {
		counted_sweep();
		sweeps++;
		assert_true(seats - seats_of("cad-users") <= 250);
		seats = seats_of("cad-users");
	}
	assert_int_equal(seats, 10);
	assert_true(sweeps >= 3);
	assert_sound();
}

/* --- devices --- */

/* Those that were never licensed and are silent, 250 at a time; nothing else. */
static void test_stale_devices_are_forgotten(void **state)
{
	struct machine licensed = numbered(9001);
	struct machine released = numbered(9002);
	struct machine pending = numbered(9003);
	struct machine grouped = numbered(9004);
	char id[DEVICE_ID_TEXT];
	struct grant grants[] = {org_grant("cad-volume", MODEL_VOLUME, 0),
				 org_grant("sim-volume", MODEL_VOLUME, 0)};
	(void)state;
	grants[0] = with_plans(grants[0], "modeler", "render");
	grants[0].policy.threshold = 5000;
	strcpy(grants[1].product, "acme-sim");
	org_open(grants, 2);
	struct machine *sim[] = {&licensed, &released};
	for (size_t i = 0; i < 2; i++) {
		struct job *job = request(sim[i], JOB_ACTIVATE, true);
		strcpy(job->lines[0].product, "acme-sim");
		assert_int_equal(finish_request(sim[i], job), 0);
	}
	struct job *job = request(&released, JOB_RELEASE, true);
	strcpy(job->lines[0].product, "acme-sim");
	assert_int_equal(finish_request(&released, job), 0);
	for (uint32_t at = 0; at < 600; at += 60) {
		struct job *jobs[60];
		for (uint32_t i = 0; i < 60; i++) {
			struct machine m = numbered(at + i);
			jobs[i] = request(&m, JOB_ACTIVATE, true);
		}
		broker_run(&broker, jobs, 60, now);
		for (uint32_t i = 0; i < 60; i++)
			job_free(jobs[i]);
	}
	assert_int_equal(ask(&pending, JOB_ACTIVATE, NULL), E_THRESHOLD_NOT_MET);
	assert_int_equal(ask(&grouped, JOB_ACTIVATE, NULL), E_THRESHOLD_NOT_MET);
	must((struct change){.kind = CHANGE_GROUP_ADD, .group = "floor", .devices = true});
	must((struct change){.kind = CHANGE_MEMBER_ADD,
			     .group = "floor",
			     .device = machine_text(&grouped, id),
			     .devices = true});
	assert_int_equal(devices(), 604);
	now += 31 * (int64_t)DAY;
	counted_sweep();
	assert_int_equal(forgotten, 0); /* the last day */
	now += 1;
	assert_int_equal(ask(&pending, JOB_ACTIVATE, NULL), E_THRESHOLD_NOT_MET); /* it is alive */
	int sweeps = 0;
	for (; sweeps < 8 && devices() > 4; sweeps++) {
		counted_sweep();
		assert_true(forgotten <= 250);
		assert_sound();
	}
	assert_int_equal(devices(), 4);
	assert_true(sweeps >= 3);
	assert_int_equal(grant_named("cad-volume").u.grant.count, 1);
	assert_true(audits("devices.forgotten") >= 3);
	struct machine back = numbered(5); /* who comes again is a new one */
	assert_int_equal(ask(&back, JOB_ACTIVATE, NULL), E_THRESHOLD_NOT_MET);
	assert_int_equal(devices(), 5);
	assert_sound();
}

static int count_granted(const struct row *row, void *context)
{
	*(int64_t *)context += strcmp(row->u.daily.what, "granted") == 0;
	return 0;
}

/* Days with a counter of what was granted; each day has peaks besides. */
static int64_t days_counted(void)
{
	int64_t n = 0;
	struct listing l = {.kind = LIST_DAILY};
	assert_int_equal(store_page(flaky.inner, &l, count_granted, &n), 0);
	return n;
}

static void test_counters_are_kept_400_days(void **state)
{
	struct machine m = machine(1);
	(void)state;
	license_host(1);
	assert_int_equal(ask(&m, JOB_ACTIVATE, NULL), 0);
	assert_int_equal(days_counted(), 1);
	now += 400 * (int64_t)DAY;
	sweep();
	assert_int_equal(days_counted(), 1);
	now += DAY;
	sweep();
	assert_int_equal(days_counted(), 0);
}

/* The same work again is none: no row is written. */
static void test_a_sweep_with_nothing_to_do_writes_nothing(void **state)
{
	struct grant g = users_grant("cad-users", 5);
	struct machine m = machine(1);
	(void)state;
	org_open(&g, 1);
	add_users(3);
	assign_all(3);
	assert_int_equal(sign_in_fresh(&m, "u0"), 0);
	sweep();
	struct store_hash before = hash_store();
	for (int i = 0; i < 3; i++) {
		now += 60;
		sweep();
		assert_same_store(before);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_the_sweep_sees_a_count_fall),
		BOTH(test_the_sweep_sees_a_recovery),
		BOTH(test_the_sweep_names_a_first_time),
		BOTH(test_the_sweep_is_silent_about_a_threshold_of_one),
		BOTH(test_the_walk_moves_seats_in_portions),
		BOTH(test_who_waits_is_served_after_a_license),
		BOTH(test_excess_ends_in_portions),
		BOTH(test_stale_devices_are_forgotten),
		BOTH(test_counters_are_kept_400_days),
		BOTH(test_a_sweep_with_nothing_to_do_writes_nothing),
	};
	return cmocka_run_group_tests_name("server/broker/sweep", tests, group_setup, group_teardown);
}
