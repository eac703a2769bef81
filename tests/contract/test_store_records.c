/* SPDX-License-Identifier: Apache-2.0 */
/* Records of every store: kept by number and found by example; parts of a transaction that are undone; seats
 * that are counted. Listings that follow them are in test_store_walks.c. */
#include "storekit.h"

#include "hardware.h"

/* A record of a kind with values that depend on n alone. Texts live until twenty more were made. */
static struct record sample(enum record_kind kind, int n)
{
	static char rooms[20][16][40];
	char(*texts)[40] = rooms[n % 20];
	struct record r = {.kind = kind};
	size_t count;
	const struct record_field *f = record_fields(kind, &count);
	for (size_t i = 0; i < count; i++) {
		snprintf(texts[i], sizeof(rooms[0][0]), "%s-%d", f[i].name, n);
		if (f[i].type == FIELD_INT)
			record_set_int(&r, &f[i], 100 * (int64_t)n + (int64_t)i);
		else if (f[i].type == FIELD_TEXT)
			record_set_text(&r, &f[i], texts[i]);
		else
			record_set_bytes(&r, &f[i], (struct bytes){texts[i], strlen(texts[i])});
	}
	return r;
}

static void put(struct record *r)
{
	assert_int_equal(store_put(store, r), 0);
	assert_true(r->num > 0);
}

static size_t list_like(const struct record *like, uint32_t by)
{
	struct listing l = {.kind = LIST_RECORD, .like = like, .by = by};
	return list(&l);
}

static void test_every_kind_is_kept_and_found_by_every_field(void **state)
{
	(void)state;
	for (int kind = 0; kind < RECORD_KINDS; kind++) {
		size_t n;
		record_fields((enum record_kind)kind, &n);
		begin();
		for (int i = 1; i <= 3; i++) {
			struct record r = sample((enum record_kind)kind, i);
			put(&r);
			assert_int_equal(r.num, i);
		}
		commit();
		for (int i = 1; i <= 3; i++) {
			char wanted[ROW_TEXT];
			struct record_copy found;
			struct record like = sample((enum record_kind)kind, i);
			/* Each field alone, then all of them. */
			for (size_t field = 0; field <= n; field++) {
				int64_t num;
				uint32_t by = field < n ? 1u << field : (1u << n) - 1;
				assert_int_equal(store_find(store, &like, by, &found), 0);
				assert_int_equal(found.record.num, i);
				print_record(&found.record, here.all[0], ROW_TEXT);
				like.num = i;
				print_record(&like, wanted, ROW_TEXT);
				assert_string_equal(here.all[0], wanted);
				assert_int_equal(store_find_num(store, &like, by, &num), 0);
				assert_int_equal(num, i);
				assert_int_equal(store_count(store, &like, by, &num), 0);
				assert_int_equal(num, list_like(&like, by));
			}
		}
		struct record other = sample((enum record_kind)kind, 9);
		struct record_copy found;
		int64_t num = 7;
		assert_int_equal(store_find(store, &other, 1, &found), E_NOT_FOUND);
		assert_int_equal(store_find_num(store, &other, 1, &num), 0);
		assert_int_equal(num, 0);
		assert_int_equal(list_like(&other, 0), 3);
		assert_int_equal(store_count(store, &other, 0, &num), 0);
		assert_int_equal(num, 3);
		assert_int_equal(store_count(store, &other, 1, &num), 0);
		assert_int_equal(num, 0);
	}
}

static void test_a_record_is_replaced_by_its_number(void **state)
{
	struct record_copy found;
	struct record r = sample(RECORD_USER, 1);
	(void)state;
	begin();
	put(&r);
	r.u.user.display = "Ann the second";
	r.u.user.guest = 1;
	put(&r);
	commit();
	assert_int_equal(list_like(&r, 0), 1);
	assert_int_equal(store_find(store, &r, BY(user, name), &found), 0);
	assert_string_equal(found.record.u.user.display, "Ann the second");
	assert_int_equal(found.record.u.user.guest, 1);
}

static void test_one_record_by_its_number(void **state)
{
	struct record a = sample(RECORD_CIRCLE, 1);
	struct record b = sample(RECORD_CIRCLE, 2);
	struct record_copy found;
	struct row row;
	(void)state;
	begin();
	put_grant(2, "users", "acme-cad", 30);
	put(&a);
	put(&b);
	store_drop(store, RECORD_CIRCLE, a.num);
	commit();
	assert_int_equal(store_get(store, RECORD_CIRCLE, a.num, &found), E_NOT_FOUND); /* not the next one */
	assert_int_equal(store_get(store, RECORD_USER, b.num, &found), E_NOT_FOUND);
	assert_int_equal(store_get(store, RECORD_CIRCLE, b.num, &found), 0);
	assert_string_equal(found.record.u.circle.name, b.u.circle.name);
	assert_int_equal(store_grant(store, 1, NOW, &row), E_NOT_FOUND);
	assert_int_equal(store_grant(store, 2, NOW, &row), 0);
	assert_int_equal(row.u.grant.num, 2);
	assert_null(row.u.grant.id);
}

static void test_a_dropped_record_is_gone(void **state)
{
	struct record a = sample(RECORD_CIRCLE, 1);
	struct record b = sample(RECORD_CIRCLE, 2);
	struct record_copy found;
	(void)state;
	begin();
	put(&a);
	put(&b);
	commit();
	begin();
	assert_int_equal(store_drop(store, RECORD_CIRCLE, a.num), 0);
	assert_int_equal(store_find(store, &a, BY(circle, name), &found), E_NOT_FOUND);
	commit();
	assert_int_equal(list_like(&b, 0), 1);
	begin();
	assert_int_equal(store_drop(store, RECORD_CIRCLE, a.num), 0); /* nothing happens */
	assert_int_equal(store_drop(store, RECORD_USER, b.num), 0);   /* of another kind */
	commit();
	assert_int_equal(list_like(&b, 0), 1);
	begin();
	store_drop(store, RECORD_CIRCLE, b.num);
	store_rollback(store);
	assert_int_equal(list_like(&b, 0), 1);
	/* The same name again is another record, in order after those that were there. */
	begin();
	a.num = 0;
	put(&a);
	commit();
	assert_true(a.num > b.num);
}

/* A user's number is what rights and history are tied to: it is nobody else's afterwards. */
static void test_a_users_number_is_never_given_again(void **state)
{
	struct record a = sample(RECORD_USER, 1);
	struct record b = sample(RECORD_USER, 2);
	(void)state;
	begin();
	put(&a);
	commit();
	begin();
	assert_int_equal(store_drop(store, RECORD_USER, a.num), 0);
	commit();
	begin();
	put(&b);
	commit();
	assert_true(b.num > a.num);
}

static void test_pages_of_records(void **state)
{
	struct record like = {.kind = RECORD_MEMBERSHIP, .u.membership.circle = 3};
	size_t seen = 0;
	(void)state;
	begin();
	for (int i = 0; i < 40; i++) {
		struct record r = {.kind = RECORD_MEMBERSHIP,
				   .u.membership = {.kind = MEMBER_USER, .member = i, .circle = i % 4}};
		put(&r);
	}
	commit();
	struct listing l = {.kind = LIST_RECORD, .like = &like, .by = BY(membership, circle), .limit = 3};
	for (int pages = 0; pages < 10; pages++) {
		size_t n = list(&l);
		seen += n;
		if (n == 0)
			break;
		memcpy(l.after, here.cursor, sizeof(l.after));
	}
	assert_int_equal(seen, 10);
}

static void test_bytes_of_any_value(void **state)
{
	uint8_t hash[40];
	struct record_copy found;
	(void)state;
	memset(hash, 0, sizeof(hash));
	begin();
	for (size_t n = 1; n <= sizeof(hash); n += 13) {
		struct record r = {.kind = RECORD_REDEEMED, .u.redeemed.hash = {hash, n}};
		put(&r);
	}
	commit();
	struct record like = {.kind = RECORD_REDEEMED, .u.redeemed.hash = {hash, 14}};
	assert_int_equal(store_find(store, &like, BY(redeemed, hash), &found), 0);
	assert_int_equal(found.record.u.redeemed.hash.n, 14);
	like.u.redeemed.hash.n = 15;
	assert_int_equal(store_find(store, &like, BY(redeemed, hash), &found), E_NOT_FOUND);
}

/* --- parts of a transaction --- */

static void test_what_is_undone_is_as_it_was(void **state)
{
	(void)state;
	fill();
	struct record kept = sample(RECORD_USER, 1);
	struct record dropped = sample(RECORD_USER, 2);
	begin();
	put(&kept);
	put(&dropped);
	commit();
	begin();
	dump_from(store, &there);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(store_mark(store), 0);
		change_everything();
		assert_int_equal(store_drop(store, RECORD_USER, dropped.num), 0);
		struct record fresh = sample(RECORD_USER, 3);
		put(&fresh);
		put(&kept);
		assert_int_equal(store_undo(store), 0);
		dump_from(store, &here);
		assert_same_texts(&here, &there);
	}
	commit();
	dump_from(store, &here);
	assert_same_texts(&here, &there);
	assert_int_equal(check().n, 0);
}

/* keep_inner, keep_outer: what becomes of each part. */
static void nest(bool keep_inner, bool keep_outer)
{
	struct record outer = sample(RECORD_USER, 11);
	struct record inner = sample(RECORD_USER, 12);
	struct record after = sample(RECORD_USER, 13);
	struct record_copy found;
	begin();
	assert_int_equal(store_mark(store), 0);
	put_audit("outer", "x");
	outer = sample(RECORD_USER, 11);
	put(&outer);
	assert_int_equal(store_mark(store), 0);
	inner = sample(RECORD_USER, 12);
	put(&inner);
	put_audit("inner", "x");
	assert_int_equal(store_drop(store, RECORD_USER, outer.num), 0);
	assert_int_equal(keep_inner ? store_keep(store) : store_undo(store), 0);
	after = sample(RECORD_USER, 13);
	put(&after);
	put_audit("after", "x");
	assert_int_equal(keep_outer ? store_keep(store) : store_undo(store), 0);
	put_audit("end", "x");
	commit();
	int sign = keep_outer ? 0 : E_NOT_FOUND;
	struct record like = sample(RECORD_USER, 13);
	assert_int_equal(store_find(store, &like, BY(user, name), &found), sign);
	like = sample(RECORD_USER, 12);
	assert_int_equal(store_find(store, &like, BY(user, name), &found),
			 keep_outer && keep_inner ? 0 : E_NOT_FOUND);
	like = sample(RECORD_USER, 11);
	assert_int_equal(store_find(store, &like, BY(user, name), &found),
			 keep_outer && !keep_inner ? 0 : E_NOT_FOUND);
	struct listing audit = {.kind = LIST_AUDIT};
	assert_int_equal(list(&audit), 1 + (keep_outer ? 2 + (keep_inner ? 1 : 0) : 0));
	assert_int_equal(check().n, 0); /* and the chain is whole */
}

static void test_parts_within_parts(void **state)
{
	for (int i = 0; i < 4; i++) {
		close_store(state);
		open_store(state);
		nest(i & 1, i & 2);
	}
}

static void test_a_rollback_ends_open_parts(void **state)
{
	(void)state;
	fill();
	dump_from(store, &there);
	for (int i = 0; i < 2; i++) {
		begin();
		assert_int_equal(store_mark(store), 0);
		assert_int_equal(store_mark(store), 0);
		change_everything();
		store_rollback(store);
		dump_from(store, &here);
		assert_same_texts(&here, &there);
	}
	begin();
	change_everything();
	commit();
	assert_int_equal(check().n, 0);
}

static void test_many_parts_one_after_the_other(void **state)
{
	(void)state;
	begin();
	for (int i = 0; i < 500; i++) {
		struct record r = sample(RECORD_USER, i);
		assert_int_equal(store_mark(store), 0);
		put(&r);
		put_audit("user", "x");
		assert_int_equal(i % 3 ? store_keep(store) : store_undo(store), 0);
	}
	commit();
	struct record any = {.kind = RECORD_USER};
	assert_int_equal(list_like(&any, 0), 333);
	assert_int_equal(check().n, 0);
}

/* --- seats --- */

static void put_seat(struct record *r, int64_t before)
{
	apply((struct effect){.kind = EFFECT_SEAT, .at = NOW, .u.seat = {before, r}});
}

static int take_seats(const struct row *row, void *context)
{
	*(int64_t *)context = row->u.grant.seats;
	return 0;
}

static int64_t seats_of(int64_t grant)
{
	struct listing l = {.kind = LIST_GRANT, .after = {grant - 1}, .limit = 1, .now = NOW};
	int64_t seats = -1;
	assert_int_equal(store_page(store, &l, take_seats, &seats), 0);
	return seats;
}

static struct record seat(int64_t holder, int64_t grant, int code, int64_t since)
{
	return (struct record){.kind = RECORD_SEAT,
			       .u.seat = {.kind = MEMBER_USER,
					  .holder = holder,
					  .product = "acme-cad",
					  .entitlement = grant,
					  .code = code,
					  .since = since,
					  .detail = ""}};
}

static void test_seats_are_counted(void **state)
{
	struct record a = seat(1, 1, 0, NOW);
	struct record b = seat(2, 1, 0, NOW);
	struct record waiting = seat(3, 0, 7, NOW);
	(void)state;
	begin();
	put_grant(1, "users", "acme-cad", 30);
	put_grant(2, "more", "acme-cad", 30);
	put_seat(&a, 0);
	put_seat(&b, 0);
	put_seat(&waiting, 0);
	commit();
	assert_true(a.num && b.num && waiting.num);
	assert_int_equal(seats_of(1), 2);
	assert_int_equal(seats_of(2), 0);
	assert_int_equal(check().n, 0);
	begin();
	a.u.seat.entitlement = 2; /* it moves */
	put_seat(&a, 1);
	b.u.seat.plans = 1; /* it stays */
	put_seat(&b, 1);
	waiting.u.seat.entitlement = 2;
	waiting.u.seat.code = 0;
	put_seat(&waiting, 0);
	assert_int_equal(seats_of(1), 1);
	assert_int_equal(seats_of(2), 2);
	commit();
	assert_int_equal(check().n, 0);
	begin();
	a.u.seat.entitlement = 0; /* it waits */
	a.u.seat.code = 5;
	put_seat(&a, 2);
	b.u.seat.entitlement = 0; /* it ends */
	put_seat(&b, 1);
	commit();
	assert_int_equal(seats_of(1), 0);
	assert_int_equal(seats_of(2), 1);
	assert_int_equal(list_like(&a, 0), 2);
	assert_int_equal(check().n, 0);
}

static void test_seats_are_recounted(void **state)
{
	struct record a = seat(1, 1, 0, NOW);
	(void)state;
	begin();
	put_grant(1, "users", "acme-cad", 30);
	put_seat(&a, 0);
	assert_int_equal(store_drop(store, RECORD_SEAT, a.num), 0); /* past the count */
	commit();
	struct findings f = check();
	assert_int_equal(f.n, 1);
	assert_int_equal(f.codes[0], E_COUNT_BROKEN);
}

static void test_seats_of_an_undone_part(void **state)
{
	struct record a = seat(1, 1, 0, NOW);
	(void)state;
	begin();
	put_grant(1, "users", "acme-cad", 30);
	put_seat(&a, 0);
	commit();
	begin();
	assert_int_equal(store_mark(store), 0);
	struct record b = seat(2, 1, 0, NOW);
	put_seat(&b, 0);
	a.u.seat.entitlement = 0;
	put_seat(&a, 1);
	assert_int_equal(store_undo(store), 0);
	assert_int_equal(seats_of(1), 1);
	commit();
	assert_int_equal(check().n, 0);
}

/* --- devices --- */

static void test_flags_stay_when_a_device_comes_again(void **state)
{
	struct asker a = asker(1, 0);
	(void)state;
	begin();
	put_device(1, &a, true, NOW);
	apply((struct effect){.kind = EFFECT_FLAGS, .device = 1, .u.flags = {true, false, true}});
	apply((struct effect){.kind = EFFECT_SKEW, .device = 1, .u.skew = -700});
	commit();
	struct device_facts d = device_of(&a);
	assert_true(d.blocked && !d.shared && d.approved && d.skew == -700);
	a.hostname = "other";
	begin();
	put_device(1, &a, false, NOW + 5);
	commit();
	d = device_of(&a);
	assert_true(d.blocked && !d.shared && d.approved && d.described && d.skew == -700);
	begin();
	apply((struct effect){.kind = EFFECT_FLAGS, .device = 1, .u.flags = {false, true, false}});
	apply((struct effect){.kind = EFFECT_FLAGS, .device = 77, .u.flags = {true, true, true}});
	commit();
	d = device_of(&a);
	assert_true(!d.blocked && d.shared && !d.approved);
	assert_int_equal(devices(), 1);
}

static void test_a_device_is_forgotten_with_its_traces(void **state)
{
	struct asker a = asker(1, 0);
	struct asker b = asker(2, 0);
	struct ratchet r = {.counter = 3, .at = NOW};
	(void)state;
	begin();
	put_grant(1, "g", "acme-cad", 30);
	for (int64_t d = 1; d <= 2; d++) {
		struct record binding = {.kind = RECORD_BINDING, .u.binding = {.device = d, .user = 5}};
		struct record hardware = {.kind = RECORD_HARDWARE,
					  .u.hardware = {.device = d, .entitlement = 1, .parts = {"abc", 3}}};
		struct record tag = {.kind = RECORD_HARDWARETAG,
				     .u.hardwaretag = {.entitlement = 1, .tag = 9, .device = d}};
		put_device(d, d == 1 ? &a : &b, true, NOW);
		put_ratchet(d, &r);
		put_holding(d, 1, none, counted(NOW));
		put(&binding);
		put(&hardware);
		put(&tag);
	}
	put_audit("seen", "a");
	commit();
	begin();
	put_holding(1, 1, counted(NOW), none);
	apply((struct effect){.kind = EFFECT_FORGET, .device = 1, .at = NOW});
	commit();
	assert_int_equal(devices(), 1);
	assert_false(device_of(&a).known);
	assert_true(device_of(&b).known);
	assert_int_equal(device_of(&b).ratchet.counter, 3);
	static const enum record_kind kinds[] = {RECORD_BINDING, RECORD_HARDWARE, RECORD_HARDWARETAG};
	for (size_t i = 0; i < 3; i++) {
		struct record any = {.kind = kinds[i]};
		assert_int_equal(list_like(&any, 0), 1);
	}
	struct listing l = {.kind = LIST_ACTIVATION, .now = NOW};
	assert_int_equal(list(&l), 1);
	l.kind = LIST_AUDIT;
	assert_int_equal(list(&l), 1);
	assert_int_equal(check().n, 0);
	/* It may come again, as a new one. */
	begin();
	struct device_facts again = device_of(&a);
	put_device(again.device, &a, true, NOW + 9);
	commit();
	assert_int_equal(devices(), 2);
	assert_true(device_of(&a).known);
	assert_int_equal(device_of(&a).ratchet.counter, 0);
	assert_int_equal(check().n, 0);
}

static void test_marks_come_back_whole(void **state)
{
	struct grant_marks m = {1, 2, 3, 4, 5, 6, 7, 8};
	(void)state;
	struct asker who = asker(1, 0);
	begin();
	put_grant(1, "g", "acme-cad", 30);
	put_grant(2, "h", "acme-cad", 30);
	apply((struct effect){.kind = EFFECT_MARKS, .grant = 1, .u.marks = m});
	put_grant(1, "g", "acme-cad", 30);
	commit();
	struct candidate c = candidate_of(&who, 1, 30, NOW);
	assert_memory_equal(&c.marks, &m, sizeof(m));
	c = candidate_of(&who, 2, 30, NOW);
	assert_int_equal(c.marks.extended, 0);
}

static void test_old_counters_expire(void **state)
{
	(void)state;
	begin();
	for (int64_t day = 0; day < 10; day++)
		put_tally("granted", 1, NOW - day * DAY, 1);
	commit();
	begin();
	apply((struct effect){.kind = EFFECT_EXPIRE, .at = NOW - 4 * DAY});
	commit();
	struct listing l = {.kind = LIST_DAILY};
	assert_int_equal(list(&l), 5);
	begin();
	put_tally("granted", 1, NOW - 9 * DAY, 3); /* a day that was, again */
	commit();
	assert_int_equal(list(&l), 6);
	assert_non_null(strstr(here.all[0], " granted 1 3"));
}

static void put_peak(int64_t grant, int64_t at, int64_t n)
{
	apply((struct effect){.kind = EFFECT_PEAK, .grant = grant, .at = at, .u.tally = {"peak.active", n}});
}

static void test_the_most_of_a_day_is_kept(void **state)
{
	(void)state;
	begin();
	put_peak(1, NOW, 3);
	put_peak(1, NOW + 1, 7);
	put_peak(1, NOW + 2, 5);
	put_peak(2, NOW, 0);
	put_peak(1, NOW + DAY, 4);
	commit();
	struct listing l = {.kind = LIST_DAILY};
	assert_int_equal(list(&l), 3);
	assert_non_null(strstr(here.all[0], " peak.active 1 7"));
	assert_non_null(strstr(here.all[1], " peak.active 2 0"));
	assert_non_null(strstr(here.all[2], " peak.active 1 4"));
}

struct days {
	size_t n;
	struct row all[8];
};

static int take_history(const struct row *row, void *context)
{
	struct days *days = context;
	days->all[days->n++] = *row;
	return 0;
}

static void test_history_by_day_and_grant(void **state)
{
	const int32_t today = (int32_t)(NOW / DAY);
	struct days days = {0};
	(void)state;
	begin();
	put_peak(1, NOW, 7);
	put_peak(2, NOW, 9);
	put_tally("granted", 1, NOW, 3);
	put_tally("released", 1, NOW, 2);
	put_tally("renewed", 1, NOW, 5);
	put_tally("POOL_EXHAUSTED", 1, NOW, 4);
	put_tally("THRESHOLD_NOT_MET", 1, NOW, 1);
	put_tally("NOT_LICENSED", 0, NOW, 6);
	put_tally("repeated", 0, NOW - DAY, 6); /* of no interest */
	put_peak(1, NOW - 2 * DAY, 1);
	put_peak(1, NOW + DAY, 8);
	commit();
	struct listing l = {.kind = LIST_HISTORY, .after = {today - 1, -1}, .before = today + 1};
	assert_int_equal(store_page(store, &l, take_history, &days), 0);
	assert_int_equal(days.n, 3);
	assert_int_equal(days.all[0].u.history.grant, 0);
	assert_int_equal(days.all[0].u.history.refused, 6);
	assert_int_equal(days.all[1].u.history.day, today);
	assert_int_equal(days.all[1].u.history.active, 7);
	assert_int_equal(days.all[1].u.history.granted, 3);
	assert_int_equal(days.all[1].u.history.released, 2);
	assert_int_equal(days.all[1].u.history.renewed, 5);
	assert_int_equal(days.all[1].u.history.refused, 5);
	assert_int_equal(days.all[2].u.history.active, 9);
	l = (struct listing){.kind = LIST_HISTORY, .after = {today, 1}, .limit = 1};
	days.n = 0;
	assert_int_equal(store_page(store, &l, take_history, &days), 0);
	assert_int_equal(days.n, 1);
	assert_int_equal(days.all[0].cursor[1], 2);
	l.before = 0;
	l.limit = 0;
	l.after[1] = 2;
	days.n = 0;
	assert_int_equal(store_page(store, &l, take_history, &days), 0);
	assert_int_equal(days.n, 1);
	assert_int_equal(days.all[0].u.history.day, today + 1);
}

static void put_denial(int64_t device, int64_t code, int64_t latest)
{
	struct record r = {
		.kind = RECORD_DENIAL,
		.u.denial = {.device = device, .product = "acme-cad", .code = code, .latest = latest}};
	apply((struct effect){.kind = EFFECT_PUT, .u.record = &r});
}

static void test_denials_go_with_their_time_and_their_device(void **state)
{
	struct record any = {.kind = RECORD_DENIAL};
	struct listing l = {.kind = LIST_RECORD, .like = &any};
	struct asker a = asker(1, 0);
	(void)state;
	begin();
	put_device(1, &a, true, NOW);
	put_denial(1, 7, NOW);
	put_denial(1, 8, NOW - 4 * DAY);
	put_denial(1, 9, NOW - 5 * DAY);
	put_denial(0, 7, NOW);
	commit();
	begin();
	apply((struct effect){.kind = EFFECT_EXPIRE, .at = NOW - 4 * DAY});
	commit();
	assert_int_equal(list(&l), 3);
	begin();
	apply((struct effect){.kind = EFFECT_FORGET, .device = 1, .at = NOW});
	commit();
	assert_int_equal(list(&l), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_every_kind_is_kept_and_found_by_every_field),
		BOTH(test_a_record_is_replaced_by_its_number),
		BOTH(test_one_record_by_its_number),
		BOTH(test_a_dropped_record_is_gone),
		BOTH(test_a_users_number_is_never_given_again),
		BOTH(test_pages_of_records),
		BOTH(test_bytes_of_any_value),
		BOTH(test_what_is_undone_is_as_it_was),
		BOTH(test_parts_within_parts),
		BOTH(test_a_rollback_ends_open_parts),
		BOTH(test_many_parts_one_after_the_other),
		BOTH(test_seats_are_counted),
		BOTH(test_seats_are_recounted),
		BOTH(test_seats_of_an_undone_part),
		BOTH(test_flags_stay_when_a_device_comes_again),
		BOTH(test_a_device_is_forgotten_with_its_traces),
		BOTH(test_marks_come_back_whole),
		BOTH(test_old_counters_expire),
		BOTH(test_the_most_of_a_day_is_kept),
		BOTH(test_history_by_day_and_grant),
		BOTH(test_denials_go_with_their_time_and_their_device),
	};
	log_level_set(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("server/store: records", tests, NULL, NULL);
}
