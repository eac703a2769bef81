/* SPDX-License-Identifier: Apache-2.0 */
/* What is true of seats whatever administrators do, and in whatever order. */
#include "org.h"

#define USERS 7
#define GROUPS 5
#define QUANTITY_A 2
#define QUANTITY_B 2

static uint64_t seed;

static uint32_t pick(uint32_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % n;
}

static const char *const users[USERS] = {"ann", "bob", "cyd", "dan", "eve", "fay", "gus"};
static const char *const groups[GROUPS] = {"east", "north", "south", "west", "zone"};
static const char *const plans[] = {NULL,    "modeler",      "render",       "draft",
				    "extra", "extra,render", "modeler,draft"};

static const char *any_user(void)
{
	return users[pick(USERS)];
}

static const char *any_group(void)
{
	return groups[pick(GROUPS)];
}

/* --- the same again, from the sources alone --- */

#define NODES 400

struct links {
	struct record_membership all[NODES];
	size_t n;
};

struct sources {
	struct record_assignment all[NODES];
	size_t n;
};

static struct links links;
static struct sources sources;

static int take_link(const struct row *row, void *context)
{
	(void)context;
	assert_true(links.n < NODES);
	links.all[links.n++] = row->u.record.u.membership;
	return 0;
}

static int take_source(const struct row *row, void *context)
{
	(void)context;
	assert_true(sources.n < NODES);
	sources.all[sources.n++] = row->u.record.u.assignment;
	return 0;
}

static void load(enum record_kind kind, row_function *take)
{
	struct record any = {.kind = kind};
	struct listing l = {.kind = LIST_RECORD, .like = &any};
	assert_int_equal(store_page(flaky.inner, &l, take, NULL), 0);
}

static bool is_below(enum member_kind kind, int64_t member, int64_t circle, int depth)
{
	assert_true(depth < 2 * GROUPS); /* no group is in itself */
	for (size_t i = 0; i < links.n; i++) {
		const struct record_membership *m = &links.all[i];
		if ((int)m->kind == (int)kind && m->member == member &&
		    (m->circle == circle || is_below(MEMBER_GROUP, m->circle, circle, depth + 1)))
			return true;
	}
	return false;
}

/* Does a source reach the user, and one that any grant may serve? */
static bool is_reached(int64_t user, bool *ret_by_any)
{
	bool found = false;
	*ret_by_any = false;
	for (size_t i = 0; i < sources.n; i++) {
		const struct record_assignment *a = &sources.all[i];
		bool reaches = a->kind == MEMBER_USER ? a->subject == user
						      : is_below(MEMBER_USER, user, a->subject, 0);
		found |= reaches;
		*ret_by_any |= reaches && !a->entitlement;
	}
	return found;
}

static void assert_no_bad_plans(const struct record_seat *seat)
{
	uint32_t held = seat->plans ? (uint32_t)seat->plans : 15;
	assert_false(seat->entitlement && (held & 5) == 5);             /* modeler and draft */
	assert_false(seat->entitlement && (held & 8) && !(held & 2));   /* extra without render */
	assert_false(seat->entitlement && !seat->code && !(held & 15)); /* a seat of nothing */
	assert_true(seat->entitlement || seat->code);                   /* or it would not be there */
}

static void assert_seats_follow_from_sources(void)
{
	int64_t a = seats_of("cad-a");
	int64_t b = seats_of("cad-b");
	int64_t held = 0;
	int64_t reached = 0;
	links.n = sources.n = 0;
	load(RECORD_MEMBERSHIP, take_link);
	load(RECORD_ASSIGNMENT, take_source);
	assert_true(a >= 0 && a <= QUANTITY_A && b >= 0 && b <= QUANTITY_B);
	for (size_t i = 0; i < USERS; i++) {
		bool by_any;
		int64_t num = user_num(users[i]);
		struct record_copy seat = seat_of_holder(MEMBER_USER, num, "acme-cad");
		bool expected = num && is_reached(num, &by_any);
		assert_int_equal(seat.record.num != 0, expected);
		if (!expected)
			continue;
		reached++;
		held += seat.record.u.seat.entitlement != 0;
		assert_no_bad_plans(&seat.record.u.seat);
		/* None waits for a seat while there is one. */
		if (seat.record.u.seat.code == E_SEATS_EXHAUSTED && by_any)
			assert_true(a == QUANTITY_A && b == QUANTITY_B);
	}
	assert_int_equal(a + b, held);
	assert_int_equal(records(RECORD_SEAT), reached);
	assert_sound();
}

/* --- any sequence --- */

static void open_two_grants(int64_t quantity_a, int64_t quantity_b)
{
	struct grant grants[] = {org_grant("cad-a", MODEL_USER, quantity_a),
				 org_grant("cad-b", MODEL_USER, quantity_b)};
	org_open(grants, 2);
}

static struct change any_right(enum change_kind kind)
{
	static const char *const grants[] = {NULL, NULL, NULL, "cad-a", "cad-b"};
	struct change c = {.kind = kind, .product = "acme-cad", .with = "acme-cad"};
	if (pick(3))
		c.group = any_group();
	else
		c.user = any_user();
	c.plans = plans[pick(sizeof(plans) / sizeof(plans[0]))];
	c.grant = grants[pick(5)];
	return c;
}

static struct change any_change(void)
{
	switch (pick(12)) {
	case 0:
		return ADD_USER(any_user());
	case 1:
		return pick(3) ? ADD_USER(any_user())
			       : (struct change){.kind = CHANGE_USER_REMOVE, .user = any_user()};
	case 2:
		return ADD_GROUP(any_group());
	case 3:
		return (struct change){
			.kind = CHANGE_GROUP_REMOVE, .group = any_group(), .force = pick(2) == 0};
	case 4:
		return NEST(any_group(), any_group());
	case 5:
		return UNNEST(any_group(), any_group());
	case 6:
		return LEAVE(any_user(), any_group());
	case 7:
		return any_right(CHANGE_UNASSIGN);
	case 8:
		return any_right(CHANGE_REPLACE);
	case 9:
	case 10:
		return any_right(CHANGE_ASSIGN);
	default:
		return JOIN(any_user(), any_group());
	}
}

/* Never more seats than there are, never one that no source gives, none free while somebody waits; kept
 * counts equal a recount. */
static void walk(uint64_t start, int steps)
{
	seed = start;
	open_two_grants(QUANTITY_A, QUANTITY_B);
	for (int step = 0; step < steps; step++) {
		struct change all[4];
		size_t n = 1 + pick(4);
		for (size_t i = 0; i < n; i++)
			all[i] = any_change();
		now += pick(5);
		struct job *job = order_job(all, n, pick(5) ? CONFIRM : 0);
		run(job);
		assert_int_equal(job->code, 0);
		job_free(job);
		/* What was freed for one grant by a move to another is served by the sweeper. */
		sweep();
		assert_seats_follow_from_sources();
	}
}

static void test_any_sequence(void **state)
{
	bool quick = strcmp(*state, memory_name) == 0; /* no disk to wait for */
	for (uint64_t start = 1; start <= (quick ? 8 : 2); start++) {
		walk(start, quick ? 150 : 100);
		close_host();
		open_host(*state);
	}
}

/* --- any order --- */

#define SET 60
#define ORDERS 8

struct effective {
	bool held;
	int code;
	uint32_t plans;
};

/* What is there before: everybody in east and north, which has plans; zone is assigned. */
static void begin_set(void)
{
	open_two_grants(100, 100);
	for (size_t i = 0; i < USERS; i++)
		must(ADD_USER(users[i]));
	for (size_t i = 0; i < GROUPS; i++)
		must(ADD_GROUP(groups[i]));
	for (size_t i = 0; i < USERS; i++) {
		must(JOIN(users[i], "east"));
		if (i % 2)
			must(JOIN(users[i], "north"));
	}
	struct change c = ASSIGN_GROUP("north");
	c.plans = "render";
	must(c);
	must(ASSIGN_GROUP("zone"));
}

/* Operations of which none undoes or needs another. */
static size_t make_set(struct change *set)
{
	size_t n = 0;
	for (size_t i = 0; i < USERS; i++) {
		if (pick(2))
			set[n++] = LEAVE(users[i], "east");
		if (i % 2 && pick(2))
			set[n++] = LEAVE(users[i], "north");
		for (size_t g = 2; g < GROUPS; g++)
			if (pick(3) == 0)
				set[n++] = JOIN(users[i], groups[g]);
	}
	for (size_t inner = 1; inner < GROUPS; inner++)
		for (size_t outer = 0; outer < inner; outer++)
			if (pick(3) == 0)
				set[n++] = NEST(groups[inner], groups[outer]);
	for (size_t g = 0; g < GROUPS - 1; g++) {
		struct change c = ASSIGN_GROUP(groups[g]);
		if (g == 1)
			c.kind = CHANGE_REPLACE, c.with = c.product;
		c.plans = plans[pick(sizeof(plans) / sizeof(plans[0]))];
		c.grant = pick(4) ? NULL : pick(2) ? "cad-a" : "cad-b";
		if (pick(3))
			set[n++] = c;
	}
	if (pick(2))
		set[n++] = UNASSIGN_GROUP("zone");
	assert_true(n <= SET);
	return n;
}

static void shuffle(struct change *set, size_t n)
{
	for (size_t i = n; i > 1; i--) {
		size_t j = pick((uint32_t)i);
		struct change swapped = set[j];
		set[j] = set[i - 1];
		set[i - 1] = swapped;
	}
}

/* In pieces of any size. */
static void apply_set(const struct change *set, size_t n)
{
	for (size_t i = 0; i < n;) {
		size_t piece = 1 + pick(5);
		piece = piece < n - i ? piece : n - i;
		assert_int_equal(order_many(set + i, piece, CONFIRM), 0);
		i += piece;
	}
}

static void look(struct effective out[USERS])
{
	for (size_t i = 0; i < USERS; i++) {
		struct record_copy r = seat_of_holder(MEMBER_USER, user_num(users[i]), "acme-cad");
		const struct record_seat *seat = &r.record.u.seat;
		out[i] = (struct effective){seat->entitlement != 0, (int)seat->code,
					    seat->entitlement && !seat->plans ? 15 : (uint32_t)seat->plans};
	}
}

static void test_any_order(void **state)
{
	struct change set[SET];
	struct effective first[USERS];
	struct effective again[USERS];
	uint64_t worlds = strcmp(*state, memory_name) == 0 ? 10 : 2;
	for (uint64_t world = 1; world <= worlds; world++) {
		seed = 77 * world;
		size_t n = make_set(set);
		for (int order = 0; order < ORDERS; order++) {
			close_host();
			open_host(*state);
			begin_set();
			apply_set(set, n);
			look(order ? again : first);
			for (size_t i = 0; order && i < USERS; i++) {
				if (first[i].held != again[i].held || first[i].plans != again[i].plans)
					print_error("world %d, order %d, %s\n", (int)world, order, users[i]);
				assert_int_equal(first[i].held, again[i].held);
				assert_int_equal(first[i].code, again[i].code);
				assert_int_equal(first[i].plans, again[i].plans);
			}
			assert_sound();
			shuffle(set, n);
		}
	}
}

/* --- replacing --- */

static int lost_inside;

static int watching_apply(struct store *s, const struct effect *e)
{
	lost_inside += e->kind == EFFECT_SEAT && e->u.seat.before && !e->u.seat.record->u.seat.entitlement;
	return flaky_apply(s, e);
}

/* Whatever is replaced by whatever, inside the transaction, too: nobody's seat goes to none. */
static void test_replacing_never_lacks_a_seat(void **state)
{
	static struct store_ops watching;
	static const char *const fitting[] = {"modeler", "render", "draft", "extra,render", "modeler,render"};
	(void)state;
	seed = 5;
	open_two_grants(100, 100);
	for (size_t i = 0; i < GROUPS; i++) {
		struct change c = ASSIGN_GROUP(groups[i]);
		c.plans = "modeler";
		must(ADD_GROUP(groups[i]));
		must(c);
	}
	for (size_t i = 0; i < USERS; i++) {
		struct change c = ASSIGN(users[i]);
		c.plans = "render";
		must(ADD_USER(users[i]));
		must(JOIN(users[i], any_group()));
		must(c);
	}
	watching = flaky_ops;
	watching.apply = watching_apply;
	flaky.store.ops = &watching;
	for (int i = 0; i < 200; i++) {
		struct change c = any_right(CHANGE_REPLACE);
		c.plans = fitting[pick(5)];
		int code = order_many(&c, 1, CONFIRM);
		assert_true(code == 0 || code == E_PLAN_CONFLICT); /* with a group's plans */
		assert_int_equal(seats_of("cad-a") + seats_of("cad-b"), USERS);
	}
	assert_int_equal(lost_inside, 0);
	assert_int_equal(audits("seat.lost"), 0);
	assert_sound();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_any_sequence),
		BOTH(test_any_order),
		BOTH(test_replacing_never_lacks_a_seat),
	};
	return cmocka_run_group_tests_name("server/broker/seats: any order", tests, group_setup,
					   group_teardown);
}
