/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One suite for every store: each promise of store.h, run against SQLite in a file and against plain memory.
 * Listings are in test_store_listings.c; what only a file can promise is in test_store_sqlite.c.
 */
#include "storekit.h"

#include <pthread.h>
#include <time.h>

#include "audit.h"

/* --- transactions --- */

static void test_a_commit_is_seen(void **state)
{
	(void)state;
	fill();
	struct asker a = asker(1, 0);
	struct device_facts d = device_of(&a);
	assert_true(d.known);
	assert_int_equal(d.device, 1);
	assert_int_equal(d.ratchet.counter, 7);
	assert_int_equal(devices(), 2);
	struct candidate c = candidate_of(&a, 1, 30, NOW);
	assert_int_equal(c.count, 2);
	assert_int_equal(c.active, 1);
	assert_int_equal(c.marks.reached, NOW - 9);
	assert_int_equal(c.marks.below_since, NOW - 8);
	assert_int_equal(c.holding.state, HOLDING_ACTIVE);
	assert_int_equal(check().n, 0);
}

static void test_a_transaction_sees_itself(void **state)
{
	(void)state;
	fill();
	struct asker c = asker(3, 0);
	begin();
	assert_int_equal(device_of(&c).device, 3);
	put_device(3, &c, true, NOW);
	put_holding(3, 1, none, counted(NOW));
	struct device_facts d = device_of(&c);
	assert_true(d.known && d.described);
	assert_int_equal(d.device, 3);
	assert_int_equal(d.ratchet.counter, 0);
	struct candidate got = candidate_of(&c, 1, 30, NOW);
	assert_int_equal(got.count, 3);
	assert_int_equal(got.holding.state, HOLDING_COUNTED);
	assert_int_equal(devices(), 3);
	struct listing l = {.kind = LIST_DEVICE, .now = NOW};
	assert_int_equal(list(&l), 3);
	commit();
}

static void test_a_rollback_leaves_nothing(void **state)
{
	(void)state;
	fill();
	dump_from(store, &there);
	for (int i = 0; i < 3; i++) {
		begin();
		change_everything();
		store_rollback(store);
		dump_from(store, &here);
		assert_same_texts(&here, &there);
		assert_int_equal(devices(), 2);
		assert_int_equal(check().n, 0);
		struct asker a = asker(1, 0);
		assert_int_equal(device_of(&a).ratchet.counter, 7);
		assert_int_equal(candidate_of(&a, 1, 30, NOW).count, 2);
	}
	store_rollback(store); /* nothing is open: nothing happens */
	begin();
	change_everything();
	commit();
	assert_int_equal(devices(), 3);
	assert_int_equal(check().n, 0);
	dump_from(store, &here);
	assert_int_not_equal(here.n, there.n);
}

static void test_an_empty_transaction(void **state)
{
	(void)state;
	fill();
	dump_from(store, &there);
	begin();
	commit();
	begin();
	store_rollback(store);
	dump_from(store, &here);
	assert_same_texts(&here, &there);
}

static void test_an_open_transaction_ends_with_the_handle(void **state)
{
	(void)state;
	begin();
	change_everything();
	/* close_store closes over it. */
}

/* --- facts --- */

static void test_an_unknown_device(void **state)
{
	(void)state;
	struct asker a = asker(1, 0);
	struct device_facts d = device_of(&a);
	assert_false(d.known || d.blocked || d.described);
	assert_int_equal(d.device, 1);
	assert_int_equal(d.ratchet.counter, 0);
	assert_int_equal(d.ratchet.answer_n, 0);
	assert_int_equal(devices(), 0);
	struct candidate c = candidate_of(&a, 5, 30, NOW);
	assert_int_equal(c.count, 0);
	assert_int_equal(c.active, 0);
	assert_int_equal(c.marks.reached, 0);
	assert_int_equal(c.holding.state, HOLDING_NONE);
	assert_int_equal(check().n, 0);
}

static void test_described_tells_whether_names_differ(void **state)
{
	(void)state;
	struct asker a = asker(1, 0);
	begin();
	put_device(1, &a, true, NOW);
	commit();
	assert_true(device_of(&a).described);
	const char **names[] = {&a.hostname, &a.os, &a.agent};
	for (size_t i = 0; i < 3; i++) {
		const char *old = *names[i];
		*names[i] = "changed";
		assert_false(device_of(&a).described);
		*names[i] = "";
		assert_false(device_of(&a).described);
		*names[i] = old;
	}
	a.hostname = "wolf.example";
	begin();
	put_device(1, &a, false, NOW + 100);
	commit();
	assert_true(device_of(&a).described);
	assert_int_equal(devices(), 1);
	struct listing l = {.kind = LIST_DEVICE, .now = NOW};
	assert_int_equal(list(&l), 1);
	assert_non_null(strstr(here.all[0], " wolf.example Debian 12 muster 1 1800000000 1800000000 0 0"));
}

/* Ids whose first 63 bits agree are found by the same tag; the whole id decides. */
static void test_the_whole_id_decides(void **state)
{
	(void)state;
	struct asker a = asker(9, 9);
	struct asker b = a;
	struct asker c = a;
	b.id[7] ^= 1; /* the 64th bit */
	c.id[31] = 1;
	assert_int_equal(store_tag(a.id), store_tag(b.id));
	assert_int_equal(store_tag(a.id), store_tag(c.id));
	begin();
	put_device(1, &a, true, NOW);
	put_device(2, &b, true, NOW);
	commit();
	assert_int_equal(device_of(&a).device, 1);
	assert_int_equal(device_of(&b).device, 2);
	assert_false(device_of(&c).known);
	assert_int_equal(device_of(&c).device, 3);
	assert_int_equal(devices(), 2);
	struct listing l = {
		.kind = LIST_DEVICE, .now = NOW, .tag_from = store_tag(a.id), .tag_to = store_tag(a.id)};
	assert_int_equal(list(&l), 2);
}

static void test_ids_at_the_ends_of_the_range(void **state)
{
	(void)state;
	struct asker low = asker(0, 0);
	struct asker high = asker(0, 0);
	memset(high.id, 0xff, sizeof(high.id));
	assert_int_equal(store_tag(low.id), 0);
	assert_int_equal(store_tag(high.id), INT64_MAX);
	begin();
	put_device(1, &low, true, NOW);
	put_device(2, &high, true, NOW);
	commit();
	assert_int_equal(device_of(&low).device, 1);
	assert_int_equal(device_of(&high).device, 2);
}

static void test_a_ratchet_comes_back_whole(void **state)
{
	(void)state;
	struct asker a = asker(1, 0);
	struct ratchet r = {.counter = INT64_MAX - 1, .at = NOW, .answer_n = ANSWER_MAX};
	randombytes_buf(r.token, sizeof(r.token));
	randombytes_buf(r.shown, sizeof(r.shown));
	randombytes_buf(r.answer, sizeof(r.answer));
	begin();
	put_device(1, &a, true, NOW - 5);
	put_ratchet(1, &r);
	commit();
	struct device_facts d = device_of(&a);
	assert_memory_equal(&d.ratchet, &r, sizeof(r));
	struct ratchet empty = {.counter = 1, .at = NOW + 9};
	begin();
	put_ratchet(1, &empty);
	commit();
	d = device_of(&a);
	assert_int_equal(d.ratchet.counter, 1);
	assert_int_equal(d.ratchet.answer_n, 0);
	struct listing l = {.kind = LIST_DEVICE, .now = NOW};
	list(&l);
	assert_non_null(strstr(here.all[0], " 1799999995 1800000009 ")); /* first seen, last seen */
}

/* --- counts --- */

static void test_holdings_move_between_buckets(void **state)
{
	(void)state;
	struct asker a = asker(1, 0);
	struct holding steps[] = {none,
				  counted(NOW),
				  active(NOW, NOW + 10 * (int64_t)DAY, 1),
				  active(NOW + DAY, 0, 2),
				  {HOLDING_RELEASED, NOW, NOW, NOW + 2 * (int64_t)DAY, 0, 2, 3, 1},
				  counted(NOW + 3 * (int64_t)DAY),
				  none};
	static const int counts[] = {0, 1, 1, 1, 0, 1, 0};
	static const int leases[] = {0, 0, 1, 1, 0, 0, 0};
	begin();
	put_device(1, &a, true, NOW);
	put_grant(1, "g", "acme-cad", 30);
	commit();
	for (size_t i = 1; i < sizeof(steps) / sizeof(steps[0]); i++) {
		begin();
		put_holding(1, 1, steps[i - 1], steps[i]);
		commit();
		struct candidate c = candidate_of(&a, 1, 30, NOW);
		assert_int_equal(c.count, counts[i]);
		assert_int_equal(c.active, leases[i]);
		assert_true(same_holding(&c.holding, &steps[i]));
		if (i + 1 < sizeof(steps) / sizeof(steps[0]))
			assert_int_equal(check().n, 0);
	}
}

static void test_a_window_is_days(void **state)
{
	(void)state;
	struct asker who = asker(1, 0);
	begin();
	put_grant(1, "g", "acme-cad", 30);
	for (int64_t i = 0; i < 40; i++) {
		struct asker a = asker((uint8_t)(i + 1), 0);
		put_device(i + 1, &a, true, NOW - i * DAY);
		put_holding(i + 1, 1, none, counted(NOW - i * (int64_t)DAY));
	}
	commit();
	for (uint32_t window = 1; window <= 45; window++)
		assert_int_equal(candidate_of(&who, 1, window, NOW).count, window < 40 ? window : 40);
	for (int64_t later = 0; later < 45; later++) {
		int64_t left = 30 - later;
		assert_int_equal(candidate_of(&who, 1, 30, NOW + later * DAY).count, left > 0 ? left : 0);
	}
	/* The whole day counts, from its first second to its last. */
	int64_t midnight = (int64_t)day_of(NOW) * DAY;
	assert_int_equal(candidate_of(&who, 1, 30, midnight).count, 30);
	assert_int_equal(candidate_of(&who, 1, 30, midnight + DAY - 1).count, 30);
	assert_int_equal(candidate_of(&who, 1, 30, midnight + DAY).count, 29);
}

static void test_leases_leave_with_their_day(void **state)
{
	(void)state;
	struct asker who = asker(1, 0);
	begin();
	put_grant(1, "g", "acme-cad", 400);
	for (int64_t i = 0; i < 10; i++) {
		struct asker a = asker((uint8_t)(i + 1), 0);
		put_device(i + 1, &a, true, NOW);
		put_holding(i + 1, 1, none, active(NOW, i ? NOW + i * DAY : 0, 1));
	}
	commit();
	for (int64_t later = 0; later < 15; later++) {
		int64_t left = later == 0 ? 10 : later < 10 ? 11 - later : 1;
		assert_int_equal(candidate_of(&who, 1, 30, NOW + later * DAY).active, left);
	}
	assert_int_equal(candidate_of(&who, 1, 30, NOW + 10000 * (int64_t)DAY).active, 1); /* perpetual */
}

static void test_grants_count_apart(void **state)
{
	(void)state;
	fill();
	struct asker a = asker(1, 0);
	assert_int_equal(candidate_of(&a, 1, 30, NOW).count, 2);
	assert_int_equal(candidate_of(&a, 2, 30, NOW).count, 0);
	assert_int_equal(candidate_of(&a, 3, 30, NOW).count, 1);
	struct listing l = {.kind = LIST_GRANT, .now = NOW};
	assert_int_equal(list(&l), 3);
	assert_string_equal(here.all[0],
			    "1 k4.pid.v fjord-1 cad-volume acme-cad 30 1799999991 1799999992 2 1");
	assert_string_equal(here.all[1], "2 k4.pid.v fjord-1 cad-site acme-cad 7 0 0 0 0");
	assert_string_equal(here.all[2], "3 k4.pid.v fjord-1 sim acme-sim 30 0 0 1 1");
	l.now = NOW + 29 * (int64_t)DAY; /* the first machine has left the window, both leases go on */
	list(&l);
	assert_string_equal(here.all[0],
			    "1 k4.pid.v fjord-1 cad-volume acme-cad 30 1799999991 1799999992 1 1");
	begin();
	put_grant(1, "cad-volume", "acme-cad",
		  2); /* a new serial with a shorter window keeps marks and counts */
	commit();
	l.now = NOW;
	list(&l);
	assert_string_equal(here.all[0],
			    "1 k4.pid.v fjord-1 cad-volume acme-cad 2 1799999991 1799999992 1 1");
}

/* The listing counts by the stored window, facts by the candidate's: the same rule, to the day. */
static void test_the_listing_counts_like_facts(void **state)
{
	struct asker who = asker(1, 0);
	(void)state;
	begin();
	put_grant(1, "g", "acme-cad", 30);
	for (int64_t i = 0; i < 40; i++) {
		struct asker a = asker((uint8_t)(i + 1), 0);
		put_device(i + 1, &a, true, NOW - i * DAY);
		put_holding(i + 1, 1, none, active(NOW - i * DAY, NOW + (i - 20) * DAY, 1));
	}
	commit();
	for (int64_t later = 0; later < 45; later++) {
		char wanted[64];
		struct listing l = {.kind = LIST_GRANT, .now = NOW + later * DAY};
		struct candidate c = candidate_of(&who, 1, 30, l.now);
		snprintf(wanted, sizeof(wanted), " acme-cad 30 0 0 %lld %lld", (long long)c.count,
			 (long long)c.active);
		assert_int_equal(list(&l), 1);
		assert_non_null(strstr(here.all[0], wanted));
	}
}

/* --- a random walk against a model that recounts --- */

#define WALK 2000
#define WALK_DEVICES 24
#define WALK_GRANTS 3

struct model_store {
	int n_devices;
	struct holding held[WALK_DEVICES][WALK_GRANTS];
	uint64_t counters[WALK_DEVICES];
	int64_t granted;
	int64_t audits;
};

static struct model_store model;
static uint64_t seed;

static uint32_t pick(uint32_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % n;
}

static struct asker walker(int i)
{
	/* Every second pair of ids shares its tag. */
	struct asker a = asker((uint8_t)(i / 2 + 1), 0);
	a.id[20] = (uint8_t)(i % 2);
	return a;
}

static struct holding any_holding(int64_t now)
{
	struct holding h = {(enum holding_state)pick(5),
			    now,
			    now,
			    now - pick(3 * DAY),
			    0,
			    pick(1000),
			    pick(4),
			    1 + pick(3)};
	if (h.state == HOLDING_ACTIVE && pick(5))
		h.expires = now + pick(40 * DAY);
	return h;
}

static void step(struct model_store *m, int64_t now)
{
	int d = (int)pick(WALK_DEVICES);
	if (d >= m->n_devices) {
		d = m->n_devices;
		if (d == WALK_DEVICES)
			return;
		struct asker a = walker(d);
		assert_int_equal(device_of(&a).device, d + 1);
		assert_false(device_of(&a).known);
		put_device(d + 1, &a, true, now);
		m->n_devices++;
	}
	switch (pick(8)) {
	case 0: {
		struct ratchet r = {.counter = ++m->counters[d], .at = now};
		put_ratchet(d + 1, &r);
		break;
	}
	case 1:
		put_audit("walk", "x");
		m->audits++;
		break;
	case 2:
		put_tally("granted", 1, NOW, 3);
		m->granted += 3;
		break;
	default: {
		int g = (int)pick(WALK_GRANTS);
		struct holding after = any_holding(now);
		put_holding(d + 1, g + 1, m->held[d][g], after);
		m->held[d][g] = after;
	}
	}
}

static void compare(const struct model_store *m, int64_t now)
{
	int d = (int)pick(WALK_DEVICES);
	int g = (int)pick(WALK_GRANTS);
	uint32_t window = 1 + pick(10);
	struct asker a = walker(d);
	int64_t count = 0;
	int64_t leases = 0;
	for (int i = 0; i < WALK_DEVICES; i++) {
		const struct holding *h = &m->held[i][g];
		bool stands = h->state == HOLDING_COUNTED || h->state == HOLDING_ACTIVE;
		count += stands && now / DAY - h->contacted / DAY < window;
		if (h->state == HOLDING_ACTIVE && (h->expires == 0 || h->expires / DAY >= now / DAY))
			leases += h->units;
	}
	struct candidate c = candidate_of(&a, g + 1, window, now);
	assert_int_equal(c.count, count);
	assert_int_equal(c.active, leases);
	assert_true(same_holding(&c.holding, &m->held[d][g]));
	assert_int_equal(device_of(&a).known, d < m->n_devices);
	assert_int_equal(device_of(&a).ratchet.counter, m->counters[d]);
	assert_int_equal(devices(), m->n_devices);
}

static void test_a_random_walk_agrees_with_a_recount(void **state)
{
	static struct model_store before;
	int64_t now = NOW;
	(void)state;
	seed = 42;
	memset(&model, 0, sizeof(model));
	begin();
	for (int g = 0; g < WALK_GRANTS; g++) {
		char id[16];
		snprintf(id, sizeof(id), "g%d", g);
		put_grant(g + 1, id, "acme-cad", 30);
	}
	commit();
	for (int done = 0; done < WALK;) {
		before = model;
		begin();
		for (uint32_t n = 1 + pick(12); n > 0; n--, done++)
			step(&model, now);
		compare(&model, now);
		if (pick(4) == 0) {
			store_rollback(store);
			model = before;
		} else {
			commit();
		}
		compare(&model, now);
		now += pick(DAY / 4);
	}
	assert_int_equal(check().n, 0);
	struct listing audit = {.kind = LIST_AUDIT};
	assert_int_equal(list(&audit), model.audits);
	struct listing daily = {.kind = LIST_DAILY};
	char wanted[64];
	snprintf(wanted, sizeof(wanted), "%d granted 1 %lld", day_of(NOW), (long long)model.granted);
	assert_int_equal(list(&daily), 1);
	assert_string_equal(here.all[0], wanted);
}

/* --- licenses, meta, days, audit --- */

static void test_signed_files_are_replaced_by_name(void **state)
{
	(void)state;
	begin();
	for (int64_t i = 1; i <= 3; i++) {
		apply((struct effect){.kind = EFFECT_LICENSE,
				      .at = NOW + i,
				      .u.signed_file = {"k4.pid.b", NULL, "one", i, "token"}});
		apply((struct effect){.kind = EFFECT_CERTIFICATE,
				      .at = NOW + i,
				      .u.signed_file = {"k4.pid.b", "k4.public.b", "one", 0, "cert"}});
	}
	apply((struct effect){
		.kind = EFFECT_LICENSE, .at = NOW, .u.signed_file = {"k4.pid.b", NULL, "a", 1, "t"}});
	apply((struct effect){
		.kind = EFFECT_LICENSE, .at = NOW, .u.signed_file = {"k4.pid.a", NULL, "one", 1, "t"}});
	commit();
	struct listing l = {.kind = LIST_LICENSE};
	assert_int_equal(list(&l), 3);
	assert_string_equal(here.all[0], "k4.pid.a one  t 1 1800000000");
	assert_string_equal(here.all[1], "k4.pid.b a  t 1 1800000000");
	assert_string_equal(here.all[2], "k4.pid.b one  token 3 1800000003");
	l.kind = LIST_CERTIFICATE;
	assert_int_equal(list(&l), 1);
	assert_string_equal(here.all[0], "k4.pid.b one k4.public.b cert 0 1800000003");
}

static void test_meta_is_replaced_by_key(void **state)
{
	(void)state;
	begin();
	put_meta("k", "one", 3);
	put_meta("k", "\0\1", 2);
	commit();
	struct listing l = {.kind = LIST_META};
	assert_int_equal(list(&l), 1);
	assert_string_equal(here.all[0], "k 0001");
}

static void test_tallies_add_up_by_day(void **state)
{
	(void)state;
	begin();
	put_tally("renewed", 1, NOW, 2);
	put_tally("granted", 1, NOW, 1);
	put_tally("granted", 1, NOW + 60, 4);
	put_tally("granted", 2, NOW, 8);
	put_tally("granted", 1, NOW + DAY, 16);
	commit();
	struct listing l = {.kind = LIST_DAILY};
	int day = day_of(NOW);
	static const char *const wanted[] = {"granted 1 5", "granted 2 8", "renewed 1 2", "granted 1 16"};
	assert_int_equal(list(&l), 4);
	for (int i = 0; i < 4; i++) {
		char line[64];
		snprintf(line, sizeof(line), "%d %s", day + (i == 3), wanted[i]);
		assert_string_equal(here.all[i], line);
	}
}

struct audit_walk {
	uint8_t hash[AUDIT_HASH];
	int64_t seq;
};

static int follow(const struct row *row, void *context)
{
	struct audit_walk *c = context;
	assert_int_equal(row->u.audit.seq, ++c->seq);
	audit_hash(c->hash, c->seq, &row->u.audit.audit, c->hash);
	assert_memory_equal(c->hash, row->u.audit.hash, AUDIT_HASH);
	return 0;
}

static void test_the_audit_log_is_a_chain(void **state)
{
	struct audit_walk c = {0};
	(void)state;
	for (int i = 0; i < 5; i++) {
		begin();
		put_audit("kept", "one");
		put_audit("kept", "two");
		commit();
		begin();
		put_audit("undone", "x"); /* leaves no gap and no trace in the hashes */
		store_rollback(store);
	}
	struct listing l = {.kind = LIST_AUDIT};
	assert_int_equal(store_page(store, &l, follow, &c), 0);
	assert_int_equal(c.seq, 10);
	assert_int_equal(check().n, 0);
}

static void test_texts_of_any_kind(void **state)
{
	(void)state;
	static const char odd[] = "'; DROP TABLE device; -- \" \\ \xc3\xa6\xc3\xb8\xc3\xa5";
	struct asker a = asker(1, 0);
	a.hostname = odd;
	a.os = "";
	begin();
	put_device(1, &a, true, NOW);
	apply((struct effect){.kind = EFFECT_AUDIT, .at = NOW, .u.audit = {NOW, odd, "", odd, odd}});
	commit();
	assert_true(device_of(&a).described);
	assert_int_equal(check().n, 0);
}

/* --- a second handle --- */

struct onlooker {
	struct store *reader;
	size_t devices;
	int64_t counted;
	bool done; /* under lock */
	pthread_mutex_t lock;
};

static int count_row(const struct row *row, void *context)
{
	(void)row;
	++*(size_t *)context;
	return 0;
}

static void *look(void *context)
{
	struct onlooker *o = context;
	struct listing l = {.kind = LIST_DEVICE, .now = NOW};
	size_t n = 0;
	int64_t counted_devices = -1;
	int error = store_page(o->reader, &l, count_row, &n);
	if (!error)
		error = store_devices(o->reader, &counted_devices);
	pthread_mutex_lock(&o->lock);
	o->devices = error ? SIZE_MAX : n;
	o->counted = counted_devices;
	o->done = true;
	pthread_mutex_unlock(&o->lock);
	return NULL;
}

static bool is_done(struct onlooker *o)
{
	pthread_mutex_lock(&o->lock);
	bool done = o->done;
	pthread_mutex_unlock(&o->lock);
	return done;
}

/* Memory may make the reader wait; either way it must never see what is not committed. */
static void test_a_reader_sees_only_what_is_committed(void **state)
{
	struct onlooker o = {.lock = PTHREAD_MUTEX_INITIALIZER};
	struct timespec pause = {.tv_nsec = 5000000};
	pthread_t thread;
	struct asker c = asker(3, 0);
	(void)state;
	fill();
	assert_int_equal(store_reader(store, &o.reader), 0);
	begin();
	put_device(3, &c, true, NOW);
	assert_int_equal(pthread_create(&thread, NULL, look, &o), 0);
	for (int i = 0; i < 20 && !is_done(&o); i++)
		nanosleep(&pause, NULL);
	store_rollback(store);
	pthread_join(thread, NULL);
	assert_int_equal(o.devices, 2);
	assert_int_equal(o.counted, 2);
	begin();
	put_device(3, &c, true, NOW);
	commit();
	look(&o);
	assert_int_equal(o.devices, 3);
	dump_from(store, &here);
	dump_from(o.reader, &there);
	assert_same_texts(&here, &there);
	struct findings f = {0};
	assert_int_equal(store_check(o.reader, NOW, find, &f), 0);
	assert_int_equal(f.n, 0);
	store_close(o.reader);
}

/* In two halves: others see it after the first. */
static void test_a_commit_may_be_synced_apart(void **state)
{
	struct onlooker o = {.lock = PTHREAD_MUTEX_INITIALIZER};
	struct asker c = asker(3, 0);
	(void)state;
	fill();
	assert_int_equal(store_reader(store, &o.reader), 0);
	begin();
	put_device(3, &c, true, NOW);
	assert_int_equal(store_commit_early(store), 0);
	look(&o);
	assert_int_equal(o.devices, 3);
	for (int i = 0; i < 2; i++) /* without need, too */
		assert_int_equal(store_sync(store), 0);
	begin();
	commit();
	store_close(o.reader);
}

static void test_unknown_backends_are_refused(void **state)
{
	struct store *other = NULL;
	(void)state;
	assert_int_equal(store_open("postgresql://host/db", &other), E_CONFIG_INVALID);
	assert_int_equal(store_open("", &other), E_CONFIG_INVALID);
	assert_int_equal(store_open("memory", &other), E_CONFIG_INVALID);
	assert_null(other);
	store_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_a_commit_is_seen),
		BOTH(test_a_transaction_sees_itself),
		BOTH(test_a_rollback_leaves_nothing),
		BOTH(test_an_empty_transaction),
		BOTH(test_an_open_transaction_ends_with_the_handle),
		BOTH(test_an_unknown_device),
		BOTH(test_described_tells_whether_names_differ),
		BOTH(test_the_whole_id_decides),
		BOTH(test_ids_at_the_ends_of_the_range),
		BOTH(test_a_ratchet_comes_back_whole),
		BOTH(test_holdings_move_between_buckets),
		BOTH(test_a_window_is_days),
		BOTH(test_leases_leave_with_their_day),
		BOTH(test_grants_count_apart),
		BOTH(test_the_listing_counts_like_facts),
		BOTH(test_a_random_walk_agrees_with_a_recount),
		BOTH(test_signed_files_are_replaced_by_name),
		BOTH(test_meta_is_replaced_by_key),
		BOTH(test_tallies_add_up_by_day),
		BOTH(test_the_audit_log_is_a_chain),
		BOTH(test_texts_of_any_kind),
		BOTH(test_a_reader_sees_only_what_is_committed),
		BOTH(test_a_commit_may_be_synced_apart),
		BOTH(test_unknown_backends_are_refused),
	};
	log_level_set(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("server/store", tests, NULL, NULL);
}
