/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a subscription: cancelled, taken over, reactivated, shrunk, ended; and product keys with each
 * way to fail (domain.md 5). */
#include "org.h"

#define KEYS 8

static struct grant cad;              /* the grant of users' seats that most of this is about */
static struct redemption gifts[KEYS]; /* what its keys give */
static char typed[KEYS][KEYCODE_TEXT];
static int64_t license_end; /* 0: the usual */

/* A key of the grant that gives this. */
static const char *add_key(int64_t quantity, int64_t days, int64_t exp)
{
	char bare[KEYCODE_KEY + 1];
	size_t i = cad.n_redemptions++;
	assert_true(i < KEYS);
	keycode_make(KEYCODE_KEY, typed[i]);
	assert_int_equal(keycode_read(typed[i], KEYCODE_KEY, bare), 0);
	gifts[i] = (struct redemption){.quantity = quantity, .days = days, .exp = exp};
	keycode_hash(bare, cad.key_salt, KEYCODE_SALT, gifts[i].hash);
	return typed[i];
}

static void begin_grant(int64_t quantity)
{
	cad = with_plans(org_grant("cad-users", MODEL_USER, quantity), "modeler", "render");
	cad.redemptions = gifts;
	license_end = 0;
}

static void end_license(struct license *l)
{
	if (license_end)
		l->exp = license_end;
}

/* The license as it is now, under the next serial. */
static void renew_license(void)
{
	assert_int_equal(org_license_with(&cad, 1, end_license), 0);
}

static void open_host_with_it(void)
{
	org_serial = 0;
	certify();
	renew_license();
}

static struct change redeem_key(const char *text)
{
	return (struct change){.kind = CHANGE_SUBSCRIPTION_REDEEM, .key = text};
}

static struct change of_grant(enum change_kind kind)
{
	return (struct change){.kind = kind, .grant = "cad-users"};
}

static const char *stage(void)
{
	struct catalog_grant g;
	struct grant_marks m = grant_named("cad-users").u.grant.marks;
	assert_true(catalog_grant_named(&broker.catalog, NULL, "cad-users", &g));
	return catalog_terms(&broker.catalog, &g, &m, now).state;
}

/* --- stages --- */

static void test_the_stages_of_a_life(void **state)
{
	struct machine m = machine(1);
	(void)state;
	begin_grant(5);
	license_end = NOW + 10 * (int64_t)DAY;
	open_host_with_it();
	add_users(3);
	must(ASSIGN("u0"));
	assert_int_equal(sign_in_fresh(&m, "u0"), 0);
	assert_string_equal(stage(), "active");
	now = license_end; /* expired: everything works, for 30 days */
	assert_string_equal(stage(), "expired");
	assert_int_equal(ask_as(&m, JOB_RENEW, "u0"), 0);
	assert_int_equal(answered.answer.notices[0], E_GRANT_ENDED);
	must(ASSIGN("u1"));
	now = license_end + 30 * (int64_t)DAY; /* disabled: no leases, no assignments; seats are kept */
	assert_string_equal(stage(), "disabled");
	assert_int_equal(ask_as(&m, JOB_RENEW, "u0"), E_GRANT_ENDED);
	assert_int_equal(order(ASSIGN("u2")), E_GRANT_ENDED);
	sweep();
	assert_int_equal(seats_of("cad-users"), 2);
	now = license_end + 120 * (int64_t)DAY; /* deleted */
	assert_string_equal(stage(), "deleted");
	sweep();
	assert_int_equal(seats_of("cad-users"), 0);
	assert_int_equal(seat_code("u0"), E_GRANT_ENDED);
	/* A license with a higher serial: who waits is served by itself. */
	license_end = now + 100 * (int64_t)DAY;
	renew_license();
	sweep();
	assert_int_equal(seats_of("cad-users"), 2);
	assert_int_equal(ask_as(&m, JOB_RENEW, "u0"), 0);
	assert_sound();
}

/* Only leases in force are lost; those that ran out long ago are not. */
static void test_cancelling_tells_what_is_lost(void **state)
{
	struct grant g = with_plans(org_grant("cad-volume", MODEL_VOLUME, 0), "modeler", "render");
	struct machine silent = machine(1);
	struct machine alive = machine(2);
	struct change cancel = {.kind = CHANGE_SUBSCRIPTION_CANCEL, .grant = "cad-volume"};
	(void)state;
	g.cancel_until = NOW + 300 * (int64_t)DAY;
	g.policy.threshold = 1;
	org_open(&g, 1);
	assert_int_equal(ask(&silent, JOB_ACTIVATE, NULL), 0);
	now += 200 * (int64_t)DAY;
	assert_int_equal(ask(&alive, JOB_ACTIVATE, NULL), 0);
	must(cancel);
	assert_int_equal(n_effects, 1);
	assert_int_equal(effects[0].lost, 1);
	assert_int_equal(effects[0].held, 1);
}

static void test_cancelling(void **state)
{
	struct machine m = machine(1);
	(void)state;
	begin_grant(5);
	cad.cancel_until = NOW + 7 * (int64_t)DAY;
	open_host_with_it();
	add_users(2);
	must(ASSIGN("u0"));
	assert_int_equal(sign_in_fresh(&m, "u0"), 0);
	assert_int_equal(order((struct change){.kind = CHANGE_SUBSCRIPTION_CANCEL, .grant = "none"}),
			 E_NOT_FOUND);
	assert_int_equal(order(of_grant(CHANGE_SUBSCRIPTION_REACTIVATE)), E_NOTHING_TO_REACTIVATE);
	now = cad.cancel_until;
	assert_int_equal(order(of_grant(CHANGE_SUBSCRIPTION_CANCEL)), E_CANCEL_WINDOW_OVER);
	assert_int_equal(done.numbers.until, cad.cancel_until);
	now--;
	must(of_grant(CHANGE_SUBSCRIPTION_CANCEL));
	int64_t at = now;
	assert_string_equal(stage(), "disabled"); /* at once, without a grace */
	assert_int_equal(ask_as(&m, JOB_RENEW, "u0"), E_GRANT_CANCELLED);
	assert_int_equal(answered.answer.numbers.until, at);
	assert_int_equal(order(ASSIGN("u1")), E_GRANT_ENDED);
	assert_int_equal(seats_of("cad-users"), 1);
	assert_int_equal(order(of_grant(CHANGE_SUBSCRIPTION_REACTIVATE)), E_GRANT_CANCELLED);
	now += 89 * (int64_t)DAY;
	assert_string_equal(stage(), "disabled");
	renew_license(); /* reactivates */
	assert_string_equal(stage(), "active");
	assert_int_equal(ask_as(&m, JOB_RENEW, "u0"), 0);
	assert_sound();
}

static void test_a_self_service_grant_is_taken_over(void **state)
{
	struct machine m = machine(1);
	(void)state;
	begin_grant(5);
	strcpy(cad.self_service_owner, "ann");
	open_host_with_it();
	must(ADD_USER("ann"));
	assert_int_equal(order(ASSIGN("ann")), E_SELF_SERVICE);
	assert_int_equal(records(RECORD_ASSIGNMENT), 0);
	must(ADD_GROUP("staff"));
	must(JOIN("ann", "staff"));
	must(ASSIGN_GROUP("staff")); /* its members wait */
	assert_int_equal(seat_code("ann"), E_SELF_SERVICE);
	assert_int_equal(sign_in_fresh(&m, "ann"), E_SELF_SERVICE);
	must(of_grant(CHANGE_SUBSCRIPTION_TAKEOVER));
	assert_true(has_seat("ann")); /* served by itself */
	assert_int_equal(ask_as(&m, JOB_ACTIVATE, "ann"), 0);
	int64_t since = grant_named("cad-users").u.grant.marks.taken_over;
	now += 50;
	must(of_grant(CHANGE_SUBSCRIPTION_TAKEOVER)); /* again: as it is */
	assert_int_equal(grant_named("cad-users").u.grant.marks.taken_over, since);
	renew_license(); /* stays taken over */
	assert_int_equal(ask_as(&m, JOB_RENEW, "ann"), 0);
	assert_sound();
}

static void test_taking_over_what_is_ours(void **state)
{
	(void)state;
	begin_grant(5);
	open_host_with_it();
	assert_int_equal(order(of_grant(CHANGE_SUBSCRIPTION_TAKEOVER)), E_BAD_REQUEST);
}

/* Fewer seats than are taken: 90 days in which nobody is cut off, then the newest end. */
static void test_shrinking(void **state)
{
	struct machine m = machine(1);
	(void)state;
	begin_grant(8);
	open_host_with_it();
	add_users(9);
	for (size_t i = 0; i < 8; i++) {
		must(ASSIGN(user_name(i)));
		now += 60;
	}
	assert_int_equal(sign_in_fresh(&m, "u7"), 0);
	cad.quantity = 5;
	renew_license();
	int64_t since = grant_named("cad-users").u.grant.marks.over_since;
	assert_int_equal(since, now);
	assert_int_equal(order(ASSIGN("u8")), E_SEATS_EXHAUSTED);
	now = since + 90 * (int64_t)DAY - 1;
	sweep();
	assert_int_equal(seats_of("cad-users"), 8);
	assert_int_equal(ask_as(&m, JOB_RENEW, "u7"), 0);
	must(UNASSIGN("u0")); /* one of the three is cured by hand */
	now = since + 90 * (int64_t)DAY;
	sweep();
	assert_int_equal(seats_of("cad-users"), 5);
	for (size_t i = 1; i < 6; i++)
		assert_true(has_seat(user_name(i)));
	assert_int_equal(seat_code("u6"), E_SEATS_EXHAUSTED);
	assert_int_equal(ask_as(&m, JOB_RENEW, "u7"), E_SEATS_EXHAUSTED);
	sweep();
	assert_int_equal(grant_named("cad-users").u.grant.marks.over_since, 0);
	assert_int_equal(seats_of("cad-users"), 5);
	cad.quantity = 8; /* and back again: who waits is served */
	renew_license();
	sweep();
	assert_int_equal(seats_of("cad-users"), 7);
	assert_sound();
}

static void test_a_cure_in_time(void **state)
{
	(void)state;
	begin_grant(3);
	open_host_with_it();
	add_users(3);
	for (size_t i = 0; i < 3; i++)
		must(ASSIGN(user_name(i)));
	cad.quantity = 2;
	renew_license();
	now += 80 * (int64_t)DAY;
	must(UNASSIGN("u1"));
	sweep();
	assert_int_equal(grant_named("cad-users").u.grant.marks.over_since, 0);
	now += 80 * (int64_t)DAY;
	sweep();
	assert_true(has_seat("u0") && has_seat("u2"));
}

/* --- product keys --- */

static void test_a_key_adds_seats_and_time(void **state)
{
	(void)state;
	begin_grant(1);
	license_end = NOW + 10 * (int64_t)DAY;
	const char *seats = add_key(2, 0, 0);
	const char *time = add_key(0, 30, 0);
	open_host_with_it();
	add_users(3);
	must(ADD_GROUP("staff"));
	must(ASSIGN_GROUP("staff"));
	for (size_t i = 0; i < 3; i++)
		must(JOIN(user_name(i), "staff"));
	assert_int_equal(seats_of("cad-users"), 1);
	must(redeem_key(seats));
	assert_string_equal(done.detail, "cad-users: 2 more");
	assert_int_equal(seats_of("cad-users"), 3); /* who waits is served at once */
	struct change lower = redeem_key(time);     /* as people type: any case, any dash */
	char text[2 * KEYCODE_TEXT] = " ";
	for (size_t i = 0; time[i]; i++)
		text[i + 1] = (char)(time[i] >= 'A' ? time[i] | 0x20 : time[i]);
	lower.key = text;
	must(lower);
	assert_string_equal(done.detail, "cad-users: 0 more, until 2027-02-24T08:00:00Z");
	assert_int_equal(grant_named("cad-users").u.grant.marks.extended, license_end + 30 * (int64_t)DAY);
	assert_int_equal(audits("key.redeemed"), 2);
	/* The vendor's next license has the seats in its own number and lists the key no more. */
	gifts[0] = gifts[1];
	cad.n_redemptions = 1;
	cad.quantity = 3;
	renew_license();
	assert_int_equal(grant_named("cad-users").u.grant.marks.extra, 0);
	assert_int_equal(grant_named("cad-users").u.grant.marks.extended, license_end + 30 * (int64_t)DAY);
	assert_int_equal(seats_of("cad-users"), 3);
	now = license_end + 5 * (int64_t)DAY;
	assert_string_equal(stage(), "active");
	assert_sound();
}

/* What a key of seats gave is seats: it does not carry on the time that another key gave before. */
static void test_time_is_the_key_s_that_gave_it(void **state)
{
	(void)state;
	begin_grant(1);
	license_end = NOW + 10 * (int64_t)DAY;
	const char *time = add_key(0, 30, 0);
	const char *seats = add_key(2, 0, 0);
	open_host_with_it();
	must(redeem_key(time));
	must(redeem_key(seats));
	gifts[0] = gifts[1]; /* the next license has the time in its own term */
	cad.n_redemptions = 1;
	renew_license();
	assert_int_equal(grant_named("cad-users").u.grant.marks.extra, 2);
	assert_int_equal(grant_named("cad-users").u.grant.marks.extended, 0);
}

static void test_a_key_reactivates(void **state)
{
	struct machine m = machine(1);
	struct change by_key = of_grant(CHANGE_SUBSCRIPTION_REACTIVATE);
	(void)state;
	begin_grant(5);
	license_end = NOW + 10 * (int64_t)DAY;
	by_key.key = add_key(0, 100, 0);
	open_host_with_it();
	must(ADD_USER("ann"));
	must(ASSIGN("ann"));
	assert_int_equal(sign_in_fresh(&m, "ann"), 0);
	now = license_end + 40 * (int64_t)DAY; /* disabled */
	assert_int_equal(ask_as(&m, JOB_RENEW, "ann"), E_GRANT_ENDED);
	assert_int_equal(order(of_grant(CHANGE_SUBSCRIPTION_REACTIVATE)), E_GRANT_ENDED);
	must(by_key);
	assert_string_equal(stage(), "active");
	assert_int_equal(grant_named("cad-users").u.grant.marks.extended, now + 100 * (int64_t)DAY);
	assert_int_equal(ask_as(&m, JOB_RENEW, "ann"), 0);
	assert_sound();
}

static void test_a_key_reactivates_what_was_cancelled(void **state)
{
	(void)state;
	begin_grant(5);
	cad.cancel_until = NOW + DAY;
	const char *time = add_key(0, 100, 0);
	open_host_with_it();
	must(of_grant(CHANGE_SUBSCRIPTION_CANCEL));
	now += 90 * (int64_t)DAY; /* deleted */
	assert_int_equal(order(redeem_key(time)), E_GRANT_ENDED);
	now -= DAY;
	must(redeem_key(time));
	assert_string_equal(stage(), "active");
}

/* Each way in which a key is not redeemed has its own code, and changes nothing. */
static void test_every_failure_of_a_key(void **state)
{
	struct change c;
	char unknown[KEYCODE_TEXT];
	char mistyped[KEYCODE_TEXT];
	(void)state;
	begin_grant(5);
	cad.quantity_max = 7;
	const char *good = add_key(1, 0, 0);
	const char *expired = add_key(1, 0, NOW);
	const char *large = add_key(3, 0, 0);
	const char *blocked = add_key(1, 0, 0);
	open_host_with_it();
	struct revocations list = {.keys = &gifts[3].hash, .n_keys = 1};
	assert_int_equal(org_revoke(&list), 0);
	keycode_make(KEYCODE_KEY, unknown);
	memcpy(mistyped, good, sizeof(mistyped));
	mistyped[3] = mistyped[3] == 'A' ? 'B' : 'A';
	assert_int_equal(order(redeem_key(mistyped)), E_KEY_MALFORMED);
	assert_int_equal(order(redeem_key("")), E_KEY_MALFORMED);
	assert_int_equal(order(redeem_key(unknown)), E_KEY_UNKNOWN);
	assert_int_equal(order(redeem_key(expired)), E_KEY_EXPIRED);
	assert_int_equal(done.numbers.until, NOW);
	assert_int_equal(order(redeem_key(blocked)), E_KEY_BLOCKED);
	assert_int_equal(order(redeem_key(large)), E_KEY_EXCEEDS);
	assert_int_equal(done.numbers.used, 8);
	assert_int_equal(done.numbers.quantity, 7);
	c = redeem_key(good);
	c.product = "acme-sim";
	assert_int_equal(order(c), E_KEY_WRONG_PRODUCT);
	assert_string_equal(done.detail, "it is for acme-cad (grant cad-users)");
	c.product = "acme-cad";
	assert_int_equal(grant_named("cad-users").u.grant.marks.extra, 0);
	assert_int_equal(records(RECORD_REDEEMED), 0);
	must(c);
	int64_t at = now;
	now += 100;
	assert_int_equal(order(c), E_KEY_USED);
	assert_int_equal(done.numbers.until, at);
	assert_int_equal(grant_named("cad-users").u.grant.marks.extra, 1);
	assert_sound();
}

/* A key whose license the vendor has revoked gives nothing, so it is not used up. */
static void test_a_key_of_a_revoked_license(void **state)
{
	static char licenses[1][LIMIT_ID + 1] = {"fjord-1"};
	struct revocations list = {.licenses = licenses, .n_licenses = 1};
	(void)state;
	begin_grant(5);
	const char *good = add_key(1, 0, 0);
	open_host_with_it();
	assert_int_equal(org_revoke(&list), 0);
	assert_int_equal(order(redeem_key(good)), E_LICENSE_REVOKED);
	assert_int_equal(records(RECORD_REDEEMED), 0);
}

static void test_too_many_wrong_keys(void **state)
{
	struct change wrong[2];
	char unknown[KEYCODE_TEXT];
	(void)state;
	begin_grant(5);
	const char *good = add_key(1, 0, 0);
	open_host_with_it();
	int64_t since = now;
	for (int i = 0; i < 10; i++) {
		keycode_make(KEYCODE_KEY, unknown);
		assert_int_equal(order(redeem_key(unknown)), E_KEY_UNKNOWN);
		now++;
	}
	assert_int_equal(order(redeem_key(good)), E_KEY_TRY_LATER);
	assert_int_equal(done.numbers.until, since + 3600);
	/* Somebody else is not kept waiting. */
	wrong[0] = redeem_key(unknown);
	struct job *job = order_job(wrong, 1, 0);
	strcpy(job->actor, "uid:1234");
	run(job);
	assert_int_equal(job->orders->changes[0].code, E_KEY_UNKNOWN);
	job_free(job);
	now = since + 3600 - 1;
	assert_int_equal(order(redeem_key(good)), E_KEY_TRY_LATER);
	now++;
	must(redeem_key(good));
}

/* --- from a device --- */

static void test_redeeming_from_a_device(void **state)
{
	struct machine m = machine(1);
	char unknown[KEYCODE_TEXT];
	(void)state;
	begin_grant(5);
	const char *first = add_key(1, 0, 0);
	const char *second = add_key(2, 0, 0);
	open_host_with_it();
	assert_int_equal(ask_with(&m, JOB_REDEEM, first), E_KEY_NOT_PERMITTED);
	assert_int_equal(devices(), 0);
	cad.redeem_from_device = true;
	renew_license();
	assert_int_equal(ask_with(&m, JOB_REDEEM, first), 0);
	assert_string_equal(answered.detail, "cad-users: 1 more");
	assert_int_equal(ask_with(&m, JOB_REDEEM, first), E_KEY_USED);
	for (int i = 0; i < 10; i++) {
		keycode_make(KEYCODE_KEY, unknown);
		assert_int_equal(ask_with(&m, JOB_REDEEM, unknown), E_KEY_UNKNOWN);
	}
	assert_int_equal(ask_with(&m, JOB_REDEEM, second), E_KEY_TRY_LATER);
	struct machine other = machine(2);
	assert_int_equal(ask_with(&other, JOB_REDEEM, second), 0);
	assert_int_equal(grant_named("cad-users").u.grant.marks.extra, 3);
	/* The same request again: the same answer, and the key gives nothing twice. */
	struct job *job = request(&other, JOB_REDEEM, false);
	assert_int_equal(keycode_read(second, KEYCODE_KEY, job->lines[0].key), 0);
	job->shown.counter = 0;
	memset(job->shown.ratchet, 0, RATCHET);
	run(job);
	assert_int_equal(job->lines[0].answer.code, 0);
	assert_true(job->repeated);
	assert_string_equal(job->lines[0].detail, "cad-users: 2 more");
	job_free(job);
	assert_int_equal(grant_named("cad-users").u.grant.marks.extra, 3);
	assert_sound();
}

/* --- grants that come and go --- */

/* A grant that one license left out is the same when a later one has it again. */
static void test_a_grant_returns_with_its_number(void **state)
{
	struct grant both[2];
	(void)state;
	begin_grant(5);
	both[0] = cad;
	both[1] = with_plans(org_grant("cad-more", MODEL_USER, 5), "modeler", "render");
	org_open(both, 2);
	int64_t number = grant_named("cad-more").u.grant.num;
	org_license(both, 1);
	org_license(both, 2);
	assert_int_equal(grant_named("cad-more").u.grant.num, number);
	struct catalog_grant g;
	assert_true(catalog_grant_named(&broker.catalog, NULL, "cad-more", &g));
	assert_int_equal(catalog_number(&g), number);
	must(ADD_USER("ann"));
	struct change c = ASSIGN("ann");
	c.grant = "cad-more";
	must(c);
	assert_int_equal(seats_of("cad-more"), 1);
	/* Left out while it gives a seat: another gives it. */
	org_license(both, 1);
	sweep();
	assert_false(has_seat("ann")); /* it was assigned by name */
	org_license(both, 2);
	sweep();
	assert_true(has_seat("ann"));
	assert_sound();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_the_stages_of_a_life),
		BOTH(test_cancelling),
		BOTH(test_cancelling_tells_what_is_lost),
		BOTH(test_a_self_service_grant_is_taken_over),
		BOTH(test_taking_over_what_is_ours),
		BOTH(test_shrinking),
		BOTH(test_a_cure_in_time),
		BOTH(test_a_key_adds_seats_and_time),
		BOTH(test_time_is_the_key_s_that_gave_it),
		BOTH(test_a_key_reactivates),
		BOTH(test_a_key_reactivates_what_was_cancelled),
		BOTH(test_every_failure_of_a_key),
		BOTH(test_a_key_of_a_revoked_license),
		BOTH(test_too_many_wrong_keys),
		BOTH(test_redeeming_from_a_device),
		BOTH(test_a_grant_returns_with_its_number),
	};
	return cmocka_run_group_tests_name("server/broker/subscription", tests, group_setup, group_teardown);
}
