/* SPDX-License-Identifier: Apache-2.0 */
/* Pools through the broker: places, keys, approval, reinstalled and copied machines, machines that come and
 * go; and many who want the last places at once. */
#include "org.h"

#include "hardware.h"

static void open_pool(int64_t quantity, enum enrol enrol, uint32_t renew_minutes)
{
	struct grant g = with_plans(org_grant("cad-pool", MODEL_POOL, quantity), "modeler", "render");
	g.policy.enrol = enrol;
	g.policy.renew_minutes = renew_minutes;
	org_open(&g, 1);
}

static int64_t used(void)
{
	return grant_named("cad-pool").u.grant.active;
}

/* Ask with a board and a disk of these serials. */
static int ask_on(struct machine *m, uint16_t uuid, uint16_t disk, bool reinstalled)
{
	struct job *job = request(m, JOB_ACTIVATE, true);
	struct hardware *h = &job->lines[0].machine;
	h->n = 2;
	h->parts[0].kind = HARDWARE_UUID;
	h->parts[0].tag = uuid;
	h->parts[1].kind = HARDWARE_DISK;
	h->parts[1].tag = disk;
	job->lines[0].reinstalled = reinstalled;
	return finish_request(m, job);
}

/* --- places --- */

static void test_the_101st_of_100(void **state)
{
	struct machine all[101];
	char id[DEVICE_ID_TEXT];
	(void)state;
	open_pool(100, ENROL_OPEN, 0);
	for (uint32_t i = 0; i < 101; i++) {
		all[i] = numbered(i);
		int code = ask(&all[i], JOB_ACTIVATE, NULL);
		assert_int_equal(code, i < 100 ? 0 : E_POOL_EXHAUSTED);
	}
	assert_int_equal(devices(), 100);        /* who got nothing left no trace */
	assert_int_equal(audits("pool.low"), 2); /* at 80 and at 95 per cent */
	struct job *job = request(&all[100], JOB_ACTIVATE, true);
	finish_request(&all[100], job);
	assert_int_equal(answered.answer.numbers.used, 100);
	assert_int_equal(answered.answer.numbers.quantity, 100);
	assert_int_equal(ask(&all[7], JOB_ACTIVATE, NULL), 0); /* again costs nothing */
	assert_int_equal(ask(&all[7], JOB_RELEASE, NULL), 0);
	assert_int_equal(ask(&all[100], JOB_ACTIVATE, NULL), 0);
	assert_int_equal(ask(&all[7], JOB_ACTIVATE, NULL), E_POOL_EXHAUSTED);
	must((struct change){.kind = CHANGE_ACTIVATION_RELEASE,
			     .device = machine_text(&all[8], id),
			     .product = "acme-cad"});
	assert_int_equal(order((struct change){.kind = CHANGE_ACTIVATION_RELEASE, .device = id}),
			 E_NOT_ACTIVATED);
	assert_int_equal(ask(&all[7], JOB_ACTIVATE, NULL), 0);
	must((struct change){.kind = CHANGE_DEVICE_FORGET, .device = machine_text(&all[9], id)});
	assert_int_equal(ask(&all[8], JOB_ACTIVATE, NULL), 0);
	assert_int_equal(used(), 100);
	assert_sound();
}

static void test_warnings_rise_once_and_fall_with_use(void **state)
{
	struct machine all[10];
	(void)state;
	open_pool(10, ENROL_OPEN, 0);
	for (uint32_t i = 0; i < 10; i++) {
		all[i] = numbered(i);
		assert_int_equal(ask(&all[i], JOB_ACTIVATE, NULL), 0);
		assert_int_equal(audits("pool.low"), i < 7 ? 0 : i < 9 ? 1 : 2);
	}
	assert_int_equal(grant_named("cad-pool").u.grant.marks.warned, 95);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(ask(&all[i], JOB_RELEASE, NULL), 0);
	sweep();
	assert_int_equal(grant_named("cad-pool").u.grant.marks.warned, 0);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(ask(&all[i], JOB_ACTIVATE, NULL), 0);
	assert_int_equal(audits("pool.low"), 3);
}

/* --- hardware --- */

static void test_changed_hardware_takes_another_place(void **state)
{
	struct machine m = machine(1);
	(void)state;
	open_pool(2, ENROL_OPEN, 0);
	assert_int_equal(ask_on(&m, 1, 1, false), 0);
	assert_int_equal(ask_on(&m, 1, 2, false), 0); /* another disk: 4 of 6 agree */
	assert_int_equal(used(), 1);
	assert_int_equal(ask_on(&m, 9, 2, false), 0); /* another board: 2 of 6 */
	assert_int_equal(used(), 2);
	assert_int_equal(ask_on(&m, 9, 2, false), 0); /* that is what it is now */
	assert_int_equal(ask_on(&m, 7, 7, false), E_POOL_EXHAUSTED);
	assert_int_equal(ask_on(&m, 9, 2, false), 0); /* who was refused keeps what it had */
	assert_int_equal(used(), 2);
	assert_int_equal(ask(&m, JOB_RELEASE, NULL), 0);
	assert_int_equal(used(), 0);
	assert_sound();
}

static void test_a_reinstalled_machine_takes_over_its_old_place(void **state)
{
	struct machine old = machine(1);
	struct machine fresh = machine(2);
	(void)state;
	open_pool(1, ENROL_OPEN, 0);
	assert_int_equal(ask_on(&old, 5, 5, false), 0);
	assert_int_equal(ask_on(&fresh, 6, 6, true), E_POOL_EXHAUSTED); /* another machine */
	assert_int_equal(ask_on(&fresh, 5, 5, false), E_POOL_EXHAUSTED);
	assert_int_equal(ask_on(&fresh, 5, 5, true), 0);
	assert_int_equal(audits("activation.taken-over"), 1);
	assert_int_equal(used(), 1);
	assert_int_equal(ask_on(&old, 5, 5, false), E_POOL_EXHAUSTED); /* the old id has no place any more */
	assert_int_equal(used(), 1);
	assert_sound();
}

/* One image, copied again and again, each copy saying that it was reinstalled: one place in all. */
static void test_copies_of_a_machine_never_exceed_the_pool(void **state)
{
	struct machine all[12];
	(void)state;
	open_pool(2, ENROL_OPEN, 0);
	for (uint8_t i = 0; i < 12; i++) {
		all[i] = machine((uint8_t)(i + 1));
		assert_int_equal(ask_on(&all[i], 5, 5, true), 0);
		assert_int_equal(used(), 1);
		assert_sound();
	}
	/* With the place given back and taken by another, none is left. */
	assert_int_equal(ask(&all[11], JOB_RELEASE, NULL), 0);
	struct machine x = machine(50);
	struct machine y = machine(51);
	assert_int_equal(ask_on(&x, 60, 60, false), 0);
	assert_int_equal(ask_on(&y, 61, 61, false), 0);
	for (size_t i = 0; i < 12; i++)
		assert_int_equal(ask_on(&all[i], 5, 5, true), E_POOL_EXHAUSTED);
	assert_int_equal(used(), 2);
	assert_sound();
}

static void test_a_silent_old_id_gives_its_place(void **state)
{
	struct machine old = machine(1);
	struct machine fresh = machine(2);
	(void)state;
	open_pool(1, ENROL_OPEN, 7 * 24 * 60);
	assert_int_equal(ask_on(&old, 5, 5, false), 0);
	now += 14 * (int64_t)DAY - 1;
	assert_int_equal(ask_on(&fresh, 5, 5, false), E_POOL_EXHAUSTED);
	now += 1;
	assert_int_equal(ask_on(&fresh, 5, 5, false), 0);
	assert_int_equal(used(), 1);
	assert_sound();
}

/* --- who comes in --- */

static void make_key(char typed[KEYCODE_TEXT], const struct grant *g, uint8_t hash[KEYCODE_HASH])
{
	char bare[KEYCODE_KEY + 1];
	keycode_make(KEYCODE_KEY, typed);
	assert_int_equal(keycode_read(typed, KEYCODE_KEY, bare), 0);
	keycode_hash(bare, g->key_salt, KEYCODE_SALT, hash);
}

static void test_the_pools_key(void **state)
{
	struct grant g = with_plans(org_grant("cad-pool", MODEL_POOL, 5), "modeler", "render");
	struct machine m = machine(1);
	struct machine other = machine(2);
	uint8_t hashes[2][KEYCODE_HASH];
	char typed[2][KEYCODE_TEXT];
	char wrong[KEYCODE_TEXT];
	(void)state;
	g.policy.enrol = ENROL_KEY;
	for (size_t i = 0; i < 2; i++)
		make_key(typed[i], &g, hashes[i]);
	g.pool_keys = hashes;
	g.n_pool_keys = 2;
	org_open(&g, 1);
	keycode_make(KEYCODE_KEY, wrong);
	assert_int_equal(ask(&m, JOB_ACTIVATE, NULL), E_ENROL_KEY_NEEDED);
	assert_int_equal(ask_with(&m, JOB_ACTIVATE, wrong), E_ENROL_KEY_WRONG);
	assert_int_equal(devices(), 0);
	assert_int_equal(ask_with(&m, JOB_ACTIVATE, typed[0]), 0);
	assert_int_equal(ask(&m, JOB_ACTIVATE, NULL), 0); /* afterwards it is not needed */
	/* The vendor blocks one of the keys. */
	struct revocations list = {.keys = hashes, .n_keys = 1};
	assert_int_equal(org_revoke(&list), 0);
	assert_int_equal(ask_with(&other, JOB_ACTIVATE, typed[0]), E_ENROL_KEY_WRONG);
	assert_int_equal(ask_with(&other, JOB_ACTIVATE, typed[1]), 0);
	assert_int_equal(ask(&m, JOB_RENEW, NULL), 0);
}

static void test_approval(void **state)
{
	struct machine m = machine(1);
	struct machine other = machine(2);
	char id[DEVICE_ID_TEXT];
	(void)state;
	open_pool(1, ENROL_APPROVE, 0);
	assert_int_equal(ask(&m, JOB_ACTIVATE, NULL), E_APPROVAL_PENDING);
	assert_int_equal(ask(&m, JOB_ACTIVATE, NULL), E_APPROVAL_PENDING);
	assert_int_equal(devices(), 1); /* it stands in the lists, and takes no place */
	assert_int_equal(used(), 0);
	assert_int_equal(audits("activation.refused"), 1);
	must((struct change){.kind = CHANGE_DEVICE_APPROVE, .device = machine_text(&m, id)});
	assert_int_equal(ask(&m, JOB_ACTIVATE, NULL), 0);
	/* Also before it was ever seen. */
	must((struct change){.kind = CHANGE_DEVICE_APPROVE, .device = machine_text(&other, id)});
	assert_int_equal(ask(&other, JOB_ACTIVATE, NULL), E_POOL_EXHAUSTED);
	assert_int_equal(order((struct change){.kind = CHANGE_DEVICE_APPROVE, .device = "short"}),
			 E_BAD_REQUEST);
	assert_sound();
}

/* --- enrolment keys of device groups --- */

static void test_enrolment_keys(void **state)
{
	struct grant g = with_plans(org_grant("cad-devices", MODEL_DEVICE, 9), "modeler", "render");
	struct machine all[5];
	char typed[KEYCODE_TEXT];
	(void)state;
	org_open(&g, 1);
	must((struct change){.kind = CHANGE_GROUP_ADD, .group = "floor", .devices = true});
	must((struct change){.kind = CHANGE_ASSIGN, .device_group = "floor", .product = "acme-cad"});
	must((struct change){.kind = CHANGE_ENROL_KEY_ADD, .group = "floor", .uses = 2, .days = 3});
	memcpy(typed, done.output, sizeof(typed));
	int64_t until = done.until;
	int64_t id = done.id;
	assert_int_equal(until, now + 3 * (int64_t)DAY);
	for (uint8_t i = 0; i < 5; i++)
		all[i] = machine((uint8_t)(i + 1));
	assert_int_equal(ask_with(&all[0], JOB_ACTIVATE, typed), 0);
	assert_int_equal(ask_with(&all[0], JOB_ACTIVATE, typed), 0); /* it is in: no use is used up */
	assert_int_equal(ask_with(&all[1], JOB_ACTIVATE, typed), 0);
	assert_int_equal(ask_with(&all[2], JOB_ACTIVATE, typed), E_NOT_ASSIGNED); /* used up */
	assert_int_equal(audits("device.enrolled"), 2);
	assert_int_equal(seats_of("cad-devices"), 2);
	assert_int_equal(ask(&all[0], JOB_RENEW, NULL), 0);
	/* Without end of uses, until its end. */
	must((struct change){.kind = CHANGE_ENROL_KEY_ADD, .group = "floor", .days = 1});
	memcpy(typed, done.output, sizeof(typed));
	until = done.until;
	now = until - 1;
	assert_int_equal(ask_with(&all[2], JOB_ACTIVATE, typed), 0);
	now = until;
	assert_int_equal(ask_with(&all[3], JOB_ACTIVATE, typed), E_NOT_ASSIGNED);
	now = until - 1;
	must((struct change){.kind = CHANGE_ENROL_KEY_REMOVE, .id = done.id});
	assert_int_equal(ask_with(&all[3], JOB_ACTIVATE, typed), E_NOT_ASSIGNED);
	must((struct change){.kind = CHANGE_ENROL_KEY_REMOVE, .id = id});
	assert_int_equal(order((struct change){.kind = CHANGE_ENROL_KEY_REMOVE, .id = id}), E_NOT_FOUND);
	assert_int_equal(order((struct change){.kind = CHANGE_ENROL_KEY_ADD, .group = "none"}), E_NOT_FOUND);
	struct change bad = {.kind = CHANGE_ENROL_KEY_ADD, .group = "floor", .uses = -1};
	assert_int_equal(order(bad), E_BAD_REQUEST);
	bad = (struct change){.kind = CHANGE_ENROL_KEY_ADD, .group = "floor", .days = LIMIT_KEY_DAYS + 1};
	assert_int_equal(order(bad), E_BAD_REQUEST);
	assert_int_equal(records(RECORD_ENROLKEY), 0);
	assert_sound();
}

/* --- machines that come and go --- */

#define EPHEMERAL 1000
#define PLACES 50

/* All of them ask in one batch, and all get what they ask for. */
static void ask_together(struct machine *all, size_t n, enum job_kind kind)
{
	struct job *jobs[PLACES];
	for (size_t i = 0; i < n; i++)
		jobs[i] = request(&all[i], kind, true);
	broker_run(&broker, jobs, n, now);
	for (size_t i = 0; i < n; i++) {
		learn(&all[i], jobs[i]);
		assert_int_equal(jobs[i]->code, 0);
		assert_int_equal(jobs[i]->lines[0].answer.code, 0);
		job_free(jobs[i]);
	}
}

/* A thousand machines, at most 50 at a time, and each gives its place back at shutdown. */
static void test_ephemeral_machines_release(void **state)
{
	static struct machine alive[PLACES];
	struct machine one_more = numbered(EPHEMERAL);
	(void)state;
	open_pool(PLACES, ENROL_OPEN, 24 * 60);
	for (uint32_t i = 0; i < EPHEMERAL; i += PLACES) {
		if (i)
			ask_together(alive, PLACES, JOB_RELEASE);
		for (uint32_t j = 0; j < PLACES; j++)
			alive[j] = numbered(i + j);
		ask_together(alive, PLACES, JOB_ACTIVATE);
		assert_int_equal(used(), PLACES);
		assert_int_equal(ask(&one_more, JOB_ACTIVATE, NULL), E_POOL_EXHAUSTED);
		now += 60;
	}
	assert_int_equal(devices(), EPHEMERAL);
	assert_sound();
}

/* They are killed: silence past the window brings their places back, without any sweep. */
static void test_ephemeral_machines_fall_silent(void **state)
{
	static struct machine alive[PLACES];
	struct machine early = numbered(EPHEMERAL);
	(void)state;
	open_pool(PLACES, ENROL_OPEN, 24 * 60);
	for (uint32_t i = 0; i < EPHEMERAL; i += PLACES) {
		for (uint32_t j = 0; j < PLACES; j++)
			alive[j] = numbered(i + j);
		ask_together(alive, PLACES, JOB_ACTIVATE);
		assert_int_equal(ask(&early, JOB_ACTIVATE, NULL), E_POOL_EXHAUSTED);
		now += 30 * (int64_t)DAY; /* the last day of their leases */
		assert_int_equal(ask(&early, JOB_ACTIVATE, NULL), E_POOL_EXHAUSTED);
		now += DAY;
		assert_int_equal(used(), 0);
	}
	assert_int_equal(devices(), EPHEMERAL);
	assert_sound();
}

/* --- racing --- */

#define RACERS 1000
#define BATCH 64

/* Two administrators give out the last seats while a thousand clients want the last places, in batches as the
 * lane makes them: never one too many, never one lost. */
static void test_many_race_for_the_last(void **state)
{
	static struct machine all[RACERS];
	struct grant grants[] = {with_plans(org_grant("cad-pool", MODEL_POOL, 100), "modeler", "render"),
				 with_plans(org_grant("cad-users", MODEL_USER, 70), "modeler", "render")};
	size_t granted = 0;
	size_t assigned = 0;
	(void)state;
	org_open(grants, 2);
	add_users(200);
	for (uint32_t i = 0; i < RACERS; i++)
		all[i] = numbered(i);
	for (uint32_t at = 0; at < RACERS; at += BATCH) {
		struct job *jobs[BATCH + 2];
		struct change orders[2][10];
		size_t n = 0;
		for (uint32_t i = at; i < at + BATCH && i < RACERS; i++)
			jobs[n++] = request(&all[i], JOB_ACTIVATE, true);
		size_t clients = n;
		for (size_t a = 0; a < 2; a++) { /* both want the same people to have it, and others */
			for (size_t i = 0; i < 10; i++)
				orders[a][i] = ASSIGN(user_name((at / BATCH * 7 + a * 5 + i) % 200));
			jobs[n++] = order_job(orders[a], 10, 0);
		}
		struct job *swapped = jobs[3]; /* somewhere between the clients */
		jobs[3] = jobs[n - 1];
		jobs[n - 1] = swapped;
		broker_run(&broker, jobs, n, now++);
		for (size_t i = 0; i < n; i++) {
			assert_int_equal(jobs[i]->code, 0);
			if (jobs[i]->kind == JOB_ACTIVATE) {
				bool ok = jobs[i]->lines[0].answer.code == 0;
				assert_true(ok || jobs[i]->lines[0].answer.code == E_POOL_EXHAUSTED);
				assert_int_equal(jobs[i]->lines[0].lease != NULL, ok);
				granted += ok;
			}
			job_free(jobs[i]);
		}
		assert_true(clients > 0);
		assert_int_equal(used(), granted);
		assigned = (size_t)seats_of("cad-users");
		assert_true(granted <= 100 && assigned <= 70);
	}
	assert_int_equal(granted, 100);
	assert_int_equal(assigned, 70);
	int64_t have = 0;
	for (size_t i = 0; i < 200; i++)
		have += has_seat(user_name(i));
	assert_int_equal(have, 70);
	assert_int_equal(records(RECORD_ASSIGNMENT), 70); /* who was refused is assigned nothing */
	assert_sound();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_the_101st_of_100),
		BOTH(test_warnings_rise_once_and_fall_with_use),
		BOTH(test_changed_hardware_takes_another_place),
		BOTH(test_a_reinstalled_machine_takes_over_its_old_place),
		BOTH(test_copies_of_a_machine_never_exceed_the_pool),
		BOTH(test_a_silent_old_id_gives_its_place),
		BOTH(test_the_pools_key),
		BOTH(test_approval),
		BOTH(test_enrolment_keys),
		BOTH(test_ephemeral_machines_release),
		BOTH(test_ephemeral_machines_fall_silent),
		BOTH(test_many_race_for_the_last),
	};
	return cmocka_run_group_tests_name("server/broker/pool", tests, group_setup, group_teardown);
}
