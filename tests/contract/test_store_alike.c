/* SPDX-License-Identifier: Apache-2.0 */
/* The same changes on both stores, whatever they are, give the same rows in the same order. */
#include "storekit.h"

#define STEPS 600
#define DEVICES 8
#define GRANTS 3
#define USERS 5
#define CIRCLES 6

static struct store *stores[2];
static uint64_t seed;

static uint32_t pick(uint32_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % n;
}

static const char *product(uint32_t i)
{
	return i % 2 ? "acme-sim" : "acme-cad";
}

/* --- changes; what depends on the store is asked of it --- */

/* Add the record unless one has its key. */
static void put_once(struct record r, uint32_t by)
{
	assert_int_equal(store_find_num(store, &r, by, &r.num), 0);
	assert_int_equal(store_put(store, &r), 0);
}

/* Not the newest of its kind, whose number SQLite may give again. */
static void drop_some(enum record_kind kind)
{
	struct record any = {.kind = kind};
	struct listing l = {.kind = LIST_RECORD, .like = &any};
	size_t n = list(&l);
	if (n < 2)
		return;
	l.limit = 1 + pick((uint32_t)n - 1);
	list(&l);
	assert_int_equal(store_drop(store, kind, here.cursor[0]), 0);
}

static void change_people(void)
{
	static const char *const names[] = {"ann", "bob", "cyd", "dan", "eve", "fay"};
	int64_t kind = pick(3);
	uint32_t name = pick(USERS);
	int64_t member = 1 + pick(CIRCLES);
	int64_t circle = 1 + pick(CIRCLES);
	switch (pick(6)) {
	case 0:
		put_once((struct record){.kind = RECORD_USER,
					 .u.user = {.name = names[name],
						    .display = names[pick(USERS)],
						    .created = pick(9)}},
			 BY(user, name));
		break;
	case 1:
		put_once((struct record){.kind = RECORD_CIRCLE,
					 .u.circle = {.kind = pick(2),
						      .name = names[pick(CIRCLES)],
						      .pattern = pick(2) ? "pc-*" : ""}},
			 BY(circle, kind) | BY(circle, name));
		break;
	case 2:
		put_once((struct record){.kind = RECORD_ASSIGNMENT,
					 .u.assignment = {.kind = kind,
							  .subject = 1 + pick(CIRCLES),
							  .product = product(pick(2)),
							  .entitlement = pick(GRANTS),
							  .plans = pick(2) ? "render" : ""}},
			 BY(assignment, kind) | BY(assignment, subject) | BY(assignment, product));
		break;
	default: /* no ring: a group is only in one of a lower number */
		if (kind == MEMBER_GROUP && member <= circle)
			break;
		put_once((struct record){.kind = RECORD_MEMBERSHIP,
					 .u.membership = {.kind = kind, .member = member, .circle = circle}},
			 BY(membership, kind) | BY(membership, member) | BY(membership, circle));
	}
}

static void change_seat(void)
{
	struct record_copy old;
	struct record r = {.kind = RECORD_SEAT,
			   .u.seat = {.kind = pick(2), .holder = 1 + pick(6), .product = product(pick(2))}};
	uint32_t by = BY(seat, kind) | BY(seat, holder) | BY(seat, product);
	int error = store_find(store, &r, by, &old);
	int64_t before = error ? 0 : old.record.u.seat.entitlement;
	r.num = error ? 0 : old.record.num;
	r.u.seat.entitlement = pick(GRANTS + 1);
	r.u.seat.code = pick(3) ? 0 : 7;
	if (r.num == 0 && !r.u.seat.entitlement)
		r.u.seat.code = 7;
	if (r.num && !r.u.seat.entitlement && !r.u.seat.code)
		r.u.seat.code = 8; /* taken out below, where it is not the newest */
	r.u.seat.since = NOW - pick(50);
	r.u.seat.detail = "why";
	apply((struct effect){.kind = EFFECT_SEAT, .at = NOW, .u.seat = {before, &r}});
}

static void change_device(void)
{
	struct asker a = asker((uint8_t)(1 + pick(DEVICES)), 0);
	struct device_facts d = device_of(&a);
	char name[16];
	snprintf(name, sizeof(name), pick(2) ? "pc-%d" : "lab-%d", (int)pick(5));
	a.hostname = name;
	put_device(d.device, &a, !d.known, NOW - pick(90) * (int64_t)DAY);
	if (pick(2))
		apply((struct effect){.kind = EFFECT_FLAGS,
				      .device = d.device,
				      .u.flags = {pick(4) == 0, pick(3) == 0, pick(2) == 0}});
	if (pick(2))
		apply((struct effect){.kind = EFFECT_SKEW,
				      .device = d.device,
				      .u.skew = ((int64_t)pick(3) - 1) * 1000 + pick(3)});
	if (pick(2)) {
		struct ratchet r = {.counter = 1 + pick(9), .at = NOW - pick(60) * (int64_t)DAY};
		put_ratchet(d.device, &r);
	}
}

static void change_holding(void)
{
	struct asker a = asker((uint8_t)(1 + pick(DEVICES)), 0);
	int64_t grant = 1 + pick(GRANTS);
	int64_t user = pick(3);
	struct device_facts d = device_of(&a);
	if (!d.known)
		return;
	struct line_facts line = {.n_candidates = 1};
	/* The candidate of the model finds the holding of the user who is named. */
	line.candidates[0] = (struct candidate){
		.grant = grant, .model = user ? MODEL_USER : MODEL_VOLUME, .policy = {.window_days = 30}};
	static const char *const names[] = {NULL, "ann", "bob"};
	a.user = names[user];
	assert_int_equal(store_facts(store, &a, NOW, &d, &line, 1), 0);
	struct holding after =
		active(NOW - pick(40) * (int64_t)DAY, pick(4) ? NOW + pick(40) * (int64_t)DAY : 0, pick(100));
	after.state = (enum holding_state)(1 + pick(4));
	after.units = 1 + pick(2);
	if (user && !d.user)
		return;
	apply((struct effect){.kind = EFFECT_HOLDING,
			      .device = d.device,
			      .grant = grant,
			      .user = user ? d.user : 0,
			      .at = NOW,
			      .u.holding = {line.candidates[0].holding, after}});
}

static int take_activation(const struct row *row, void *context)
{
	*(struct row *)context = *row;
	return 1;
}

/* With all that it holds, as the broker does it; not the newest. */
static void forget_device(void)
{
	int64_t device = 1 + pick(DEVICES - 1);
	struct listing one = {.kind = LIST_DEVICE, .device = device, .limit = 1, .now = NOW};
	struct listing behind = {.kind = LIST_DEVICE, .after = {device}, .limit = 1, .now = NOW};
	struct listing held = {.kind = LIST_ACTIVATION, .device = device, .now = NOW};
	struct row row;
	if (!list(&one) || !list(&behind))
		return;
	for (int i = 0; i < 50; i++) {
		int found = store_page(store, &held, take_activation, &row);
		if (found == 0)
			break;
		memcpy(held.after, row.cursor, sizeof(held.after));
		apply((struct effect){.kind = EFFECT_HOLDING,
				      .device = device,
				      .grant = row.u.activation.grant,
				      .user = row.u.activation.user,
				      .at = NOW,
				      .u.holding = {row.u.activation.holding, none}});
	}
	/* Its newest tag goes, too, and must not be the newest of all. */
	put_once((struct record){.kind = RECORD_HARDWARETAG,
				 .u.hardwaretag = {.entitlement = 9, .tag = pick(1u << 30), .device = 99}},
		 BY(hardwaretag, entitlement) | BY(hardwaretag, tag) | BY(hardwaretag, device));
	apply((struct effect){.kind = EFFECT_FORGET, .device = device, .at = NOW});
}

static void change_tags(void)
{
	put_once((struct record){.kind = RECORD_HARDWARETAG,
				 .u.hardwaretag = {.entitlement = 1 + pick(2),
						   .tag = pick(4),
						   .device = 1 + pick(DEVICES)}},
		 BY(hardwaretag, entitlement) | BY(hardwaretag, tag) | BY(hardwaretag, device));
}

static void change_other(void)
{
	static const enum record_kind kinds[] = {RECORD_CIRCLE, RECORD_MEMBERSHIP, RECORD_ASSIGNMENT,
						 RECORD_HARDWARETAG};
	switch (pick(7)) {
	case 0:
		apply((struct effect){.kind = EFFECT_MARKS,
				      .grant = 1 + pick(GRANTS),
				      .u.marks = {.reached = pick(9), .extra = pick(9)}});
		break;
	case 1:
		put_tally("granted", pick(2), NOW - pick(9) * (int64_t)DAY, 1 + pick(3));
		break;
	case 2:
		apply((struct effect){.kind = EFFECT_EXPIRE, .at = NOW - (2 + pick(7)) * (int64_t)DAY});
		break;
	case 3:
		put_audit("walk", "x");
		break;
	case 4:
		apply((struct effect){.kind = EFFECT_LICENSE,
				      .at = NOW,
				      .u.signed_file = {"k4.pid.a", NULL, pick(2) ? "one" : "two",
							1 + pick(9), pick(3) ? "t" : NULL}});
		break;
	default:
		drop_some(kinds[pick(4)]);
	}
}

static void change_something(void)
{
	switch (pick(8)) {
	case 0:
	case 1:
		change_people();
		break;
	case 2:
		change_seat();
		break;
	case 3:
		change_device();
		break;
	case 4:
		change_holding();
		break;
	case 5:
		change_tags();
		break;
	case 6:
		if (pick(4) == 0) {
			forget_device();
			break;
		}
		/* fall through */
	default:
		change_other();
	}
}

/* A few changes, some of them taken back, and at the end all of them perhaps. */
static void transact(void)
{
	begin();
	for (uint32_t n = 1 + pick(6); n > 0; n--) {
		uint32_t how = pick(4);
		if (how < 2)
			assert_int_equal(store_mark(store), 0);
		change_something();
		if (how < 2)
			assert_int_equal(how ? store_keep(store) : store_undo(store), 0);
	}
	if (pick(5))
		commit();
	else
		store_rollback(store);
}

/* --- looking --- */

/* What the usual texts leave out. */
static int keep_more(const struct row *row, void *context)
{
	struct texts *t = context;
	const struct grant_marks *m = &row->u.grant.marks;
	assert_true(t->n < ROWS_MAX);
	char *out = t->all[t->n++];
	if (t->kind == LIST_GRANT)
		snprintf(out, ROW_TEXT, "seats %lld, marks %lld %lld", (long long)row->u.grant.seats,
			 (long long)m->reached, (long long)m->extra);
	else if (t->kind == LIST_DEVICE)
		snprintf(out, ROW_TEXT, "flags %d %d %d, skew %lld", row->u.device.blocked,
			 row->u.device.shared, row->u.device.approved, (long long)row->u.device.skew);
	else
		snprintf(out, ROW_TEXT, "user %lld '%s', units %u", (long long)row->u.activation.user,
			 row->u.activation.user_name, row->u.activation.holding.units);
	return 0;
}

static void walk_from(struct store *from, struct texts *t)
{
	static const uint32_t tags[] = {0, 2, 3};
	static const enum listing_kind more[] = {LIST_GRANT, LIST_DEVICE, LIST_ACTIVATION};
	dump_from(from, t);
	for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
		struct listing l = {.kind = t->kind = more[i], .now = NOW};
		assert_int_equal(store_page(from, &l, keep_more, t), 0);
	}
	for (int64_t i = 1; i <= CIRCLES; i++) {
		for (int kind = MEMBER_USER; kind <= MEMBER_GROUP; kind++) {
			struct listing sources = {.kind = LIST_SOURCES,
						  .kind_of = (enum member_kind)kind,
						  .holder = i,
						  .product = i % 2 ? "acme-cad" : NULL};
			list_from(from, &sources, t);
		}
		struct listing holders = {.kind = LIST_HOLDERS, .holder = i};
		list_from(from, &holders, t);
		struct listing devices_of = {.kind = LIST_USER_DEVICES, .user = i, .now = NOW};
		list_from(from, &devices_of, t);
	}
	for (int64_t i = 1; i <= GRANTS; i++) {
		struct listing newest = {.kind = LIST_NEWEST, .grant = i, .limit = 3};
		list_from(from, &newest, t);
		struct listing tagged = {.kind = LIST_TAGGED, .grant = i, .tags = tags, .n_tags = 3};
		list_from(from, &tagged, t);
	}
	struct listing others[] = {{.kind = LIST_SKEW},
				   {.kind = LIST_WAITING, .product = "acme-cad"},
				   {.kind = LIST_PROPOSALS},
				   {.kind = LIST_STALE, .before = NOW - 30 * (int64_t)DAY}};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		list_from(from, &others[i], t);
}

static void assert_alike(int step)
{
	walk_from(stores[0], &here);
	walk_from(stores[1], &there);
	for (size_t i = 0; i < here.n && i < there.n; i++)
		if (strcmp(here.all[i], there.all[i]) != 0) {
			print_error("step %d: '%s' and '%s'\n", step, here.all[i], there.all[i]);
			break;
		}
	assert_same_texts(&here, &there);
	for (size_t i = 0; i < 2; i++) {
		store = stores[i];
		assert_int_equal(check().n, 0);
	}
}

static void test_any_changes_give_the_same(void **state)
{
	char path[256];
	char url[300];
	(void)state;
	fixture_empty();
	snprintf(url, sizeof(url), "sqlite:%s", database(path));
	assert_int_equal(store_open(url, &stores[0]), 0);
	assert_int_equal(store_open("memory:", &stores[1]), 0);
	for (size_t i = 0; i < 2; i++) {
		store = stores[i];
		begin();
		for (int64_t g = 1; g <= GRANTS; g++) {
			char id[8];
			snprintf(id, sizeof(id), "g%d", (int)g);
			put_grant(g, id, product((uint32_t)g), 30);
		}
		commit();
	}
	for (int step = 0; step < STEPS; step++) {
		for (size_t i = 0; i < 2; i++) {
			store = stores[i];
			seed = 1000003u * (uint64_t)(step + 1);
			transact();
		}
		if (step % 5 == 0)
			assert_alike(step);
	}
	assert_alike(STEPS);
	assert_true(here.n > 60); /* there is something to compare */
	store_close(stores[0]);
	store_close(stores[1]);
	store = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_any_changes_give_the_same)};
	log_level_set(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("server/store: alike", tests, NULL, NULL);
}
