/* SPDX-License-Identifier: Apache-2.0 */
/* Listings of every store that follow records from one to another, and what facts tell of users and seats; at
 * the end the stores against each other. */
#include "storekit.h"

#include "hardware.h"

static int64_t put(struct record r)
{
	assert_int_equal(store_put(store, &r), 0);
	return r.num;
}

static int64_t put_user(const char *name)
{
	return put((struct record){.kind = RECORD_USER, .u.user = {.name = name, .display = ""}});
}

static int64_t put_circle(enum circle_kind kind, const char *name, const char *pattern)
{
	return put((struct record){.kind = RECORD_CIRCLE,
				   .u.circle = {.kind = (int64_t)kind, .name = name, .pattern = pattern}});
}

static void join(enum member_kind kind, int64_t member, int64_t circle)
{
	put((struct record){.kind = RECORD_MEMBERSHIP,
			    .u.membership = {.kind = (int64_t)kind, .member = member, .circle = circle}});
}

static void assign(enum member_kind kind, int64_t subject, const char *product)
{
	put((struct record){
		.kind = RECORD_ASSIGNMENT,
		.u.assignment = {
			.kind = (int64_t)kind, .subject = subject, .product = product, .plans = ""}});
}

/* A user's seat of acme-cad that is on record, from one grant to another; 0: none. */
static void change_seat(int64_t num, int64_t holder, int64_t before, int64_t grant, int code)
{
	struct record r = {.kind = RECORD_SEAT,
			   .num = num,
			   .u.seat = {.kind = MEMBER_USER,
				      .holder = holder,
				      .product = "acme-cad",
				      .entitlement = grant,
				      .code = code,
				      .since = NOW,
				      .detail = ""}};
	apply((struct effect){.kind = EFFECT_SEAT, .at = NOW, .u.seat = {before, &r}});
}

static int64_t put_seat(enum member_kind kind, int64_t holder, const char *product, int64_t grant, int code,
			int64_t since)
{
	struct record r = {.kind = RECORD_SEAT,
			   .u.seat = {.kind = (int64_t)kind,
				      .holder = holder,
				      .product = product,
				      .entitlement = grant,
				      .plans = 2,
				      .direct = 1,
				      .code = code,
				      .since = since,
				      .detail = "why"}};
	apply((struct effect){.kind = EFFECT_SEAT, .at = NOW, .u.seat = {0, &r}});
	return r.num;
}

static void put_user_holding(int64_t device, int64_t grant, int64_t user, struct holding h)
{
	apply((struct effect){.kind = EFFECT_HOLDING,
			      .device = device,
			      .grant = grant,
			      .user = user,
			      .at = NOW,
			      .u.holding = {none, h}});
}

/* --- sources and holders --- */

/*
 *            top ------.
 *           /   \       \
 *        left   right   lone        (a diamond; ann is at the bottom, bob in right)
 *           \   /
 *          bottom
 */
struct tree {
	int64_t top, left, right, lone, bottom, ann, bob;
};

static struct tree put_tree(void)
{
	struct tree t = {.right = put_circle(CIRCLE_USERS, "right", ""),
			 .top = put_circle(CIRCLE_USERS, "top", ""),
			 .bottom = put_circle(CIRCLE_USERS, "bottom", ""),
			 .left = put_circle(CIRCLE_USERS, "left", ""),
			 .lone = put_circle(CIRCLE_USERS, "lone", ""),
			 .ann = put_user("ann"),
			 .bob = put_user("bob")};
	join(MEMBER_GROUP, t.left, t.top);
	join(MEMBER_GROUP, t.right, t.top);
	join(MEMBER_GROUP, t.lone, t.top);
	join(MEMBER_GROUP, t.bottom, t.left);
	join(MEMBER_GROUP, t.bottom, t.right);
	join(MEMBER_USER, t.bob, t.right);
	join(MEMBER_USER, t.ann, t.bottom);
	return t;
}

static struct listing sources_of(enum member_kind kind, int64_t holder, const char *product)
{
	return (struct listing){.kind = LIST_SOURCES, .kind_of = kind, .holder = holder, .product = product};
}

/* The names of the groups in order; "-" for the holder's own. */
static const char *through(struct listing l)
{
	static char out[200];
	size_t n = list(&l);
	out[0] = 0;
	for (size_t i = 0; i < n; i++) {
		size_t n_name = strcspn(here.all[i], " ");
		strncat(out, n_name ? here.all[i] : "-", n_name ? n_name : 1);
		strcat(out, " ");
	}
	return out;
}

static void test_sources_of_a_diamond(void **state)
{
	(void)state;
	begin();
	struct tree t = put_tree();
	assign(MEMBER_GROUP, t.top, "acme-cad");
	assign(MEMBER_GROUP, t.right, "acme-cad");
	assign(MEMBER_GROUP, t.left, "acme-cad");
	assign(MEMBER_GROUP, t.lone, "acme-cad");
	assign(MEMBER_GROUP, t.top, "acme-sim");
	assign(MEMBER_USER, t.ann, "acme-cad");
	assign(MEMBER_DEVICE, t.ann, "acme-cad"); /* a device of the same number is somebody else */
	commit();
	assert_string_equal(through(sources_of(MEMBER_USER, t.ann, "acme-cad")), "- left right top ");
	assert_string_equal(through(sources_of(MEMBER_USER, t.bob, "acme-cad")), "right top ");
	assert_string_equal(through(sources_of(MEMBER_USER, t.ann, "acme-sim")), "top ");
	assert_string_equal(through(sources_of(MEMBER_USER, t.ann, NULL)), "- left right top top ");
	assert_string_equal(through(sources_of(MEMBER_USER, t.bob, "none-such")), "");
	assert_string_equal(through(sources_of(MEMBER_USER, 77, NULL)), "");
	assert_string_equal(through(sources_of(MEMBER_DEVICE, t.ann, NULL)), "- ");
	/* A group itself: its own, and those above. */
	assert_string_equal(through(sources_of(MEMBER_GROUP, t.left, "acme-cad")), "- top ");
	assert_string_equal(through(sources_of(MEMBER_GROUP, t.bottom, "acme-cad")), "left right top ");
	struct listing two = sources_of(MEMBER_USER, t.ann, NULL);
	two.limit = 2;
	assert_string_equal(through(two), "- left ");
}

static void test_holders_of_a_diamond(void **state)
{
	(void)state;
	begin();
	struct tree t = put_tree();
	int64_t cyd = put_user("cyd");
	join(MEMBER_USER, cyd, t.lone);
	join(MEMBER_USER, t.ann, t.top); /* twice below, counted once */
	join(MEMBER_DEVICE, 9, t.lone);
	commit();
	struct listing l = {.kind = LIST_HOLDERS, .holder = t.top};
	assert_int_equal(list(&l), 4);
	assert_string_equal(here.all[0], "0 1");
	assert_string_equal(here.all[1], "0 2");
	assert_string_equal(here.all[2], "0 3");
	assert_string_equal(here.all[3], "1 9");
	l.holder = t.left;
	assert_int_equal(list(&l), 1);
	l.holder = t.right;
	assert_int_equal(list(&l), 2);
	assert_string_equal(here.all[0], "0 1"); /* by number, whoever came first */
	l.limit = 1;
	assert_int_equal(list(&l), 1);
	l = (struct listing){.kind = LIST_HOLDERS, .holder = 77};
	assert_int_equal(list(&l), 0);
}

/* Nobody makes a ring, but a listing must end all the same. */
static void test_a_ring_ends(void **state)
{
	(void)state;
	begin();
	int64_t a = put_circle(CIRCLE_USERS, "a", "");
	int64_t b = put_circle(CIRCLE_USERS, "b", "");
	int64_t ann = put_user("ann");
	join(MEMBER_GROUP, a, b);
	join(MEMBER_GROUP, b, a);
	join(MEMBER_USER, ann, a);
	assign(MEMBER_GROUP, b, "acme-cad");
	commit();
	assert_string_equal(through(sources_of(MEMBER_USER, ann, NULL)), "b ");
	struct listing l = {.kind = LIST_HOLDERS, .holder = b};
	assert_int_equal(list(&l), 1);
}

/* --- seats --- */

static int take_waiting(const struct row *row, void *context)
{
	((int64_t *)context)[row->u.grant.num] = row->u.grant.waiting;
	return 0;
}

/* How many wait is kept per product, whoever comes, gets a seat, loses it or gives up. */
static void test_how_many_wait(void **state)
{
	struct listing l = {.kind = LIST_GRANT, .now = NOW};
	int64_t waiting[4] = {0};
	(void)state;
	begin();
	put_grant(1, "g", "acme-cad", 30);
	put_grant(2, "h", "acme-cad", 30);
	put_grant(3, "i", "acme-sim", 30);
	int64_t first = put_seat(MEMBER_USER, 1, "acme-cad", 0, 7, NOW);
	int64_t second = put_seat(MEMBER_USER, 2, "acme-cad", 0, 7, NOW);
	put_seat(MEMBER_USER, 3, "acme-cad", 1, 0, NOW);
	put_seat(MEMBER_USER, 4, "acme-cad", 1, 8, NOW);
	assert_int_equal(store_page(store, &l, take_waiting, waiting), 0);
	assert_int_equal(waiting[1], 2);
	assert_int_equal(waiting[2], 2);
	assert_int_equal(waiting[3], 0);
	change_seat(first, 1, 0, 1, 0);  /* gets one */
	change_seat(second, 2, 0, 0, 9); /* waits for another reason */
	assert_int_equal(store_page(store, &l, take_waiting, waiting), 0);
	assert_int_equal(waiting[1], 1);
	change_seat(second, 2, 0, 0, 0); /* wants none any more */
	change_seat(first, 1, 1, 0, 7);  /* loses it again */
	commit();
	assert_int_equal(store_page(store, &l, take_waiting, waiting), 0);
	assert_int_equal(waiting[1], 1);
	assert_int_equal(check().n, 0);
}

static void test_waiting_and_newest(void **state)
{
	(void)state;
	begin();
	put_grant(1, "g", "acme-cad", 30);
	put_grant(2, "h", "acme-cad", 30);
	put_seat(MEMBER_USER, 1, "acme-cad", 1, 0, NOW - 5);
	put_seat(MEMBER_USER, 2, "acme-cad", 0, 7, NOW - 1);
	put_seat(MEMBER_USER, 3, "acme-cad", 0, 7, NOW - 9);
	put_seat(MEMBER_USER, 4, "acme-cad", 1, 8, NOW - 5);
	put_seat(MEMBER_USER, 5, "acme-sim", 0, 7, NOW - 50);
	put_seat(MEMBER_USER, 6, "acme-cad", 2, 0, NOW);
	put_seat(MEMBER_DEVICE, 7, "acme-cad", 1, 0, NOW - 2);
	commit();
	struct listing l = {.kind = LIST_WAITING, .product = "acme-cad"};
	/* Who has a seat and a conflict waits for nothing. */
	static const char *const waiting[] = {"seat 3 0 3 ", "seat 2 0 2 "};
	assert_int_equal(list(&l), 2);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(strncmp(here.all[i], waiting[i], strlen(waiting[i])), 0);
	l.limit = 1;
	assert_int_equal(list(&l), 1);
	l = (struct listing){.kind = LIST_NEWEST, .grant = 1};
	static const char *const newest[] = {"seat 7 1 7 ", "seat 4 0 4 ", "seat 1 0 1 "};
	assert_int_equal(list(&l), 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(strncmp(here.all[i], newest[i], strlen(newest[i])), 0);
	l.limit = 2;
	assert_int_equal(list(&l), 2);
	assert_int_equal(check().n, 0);
}

/* --- devices --- */

static void put_devices(int n)
{
	for (int i = 1; i <= n; i++) {
		struct asker a = asker((uint8_t)i, 0);
		char name[32];
		snprintf(name, sizeof(name), i % 2 ? "pc-%d" : "lab-%d", i);
		a.hostname = name;
		put_device(i, &a, true, NOW - 100);
	}
}

static void test_devices_of_a_user(void **state)
{
	(void)state;
	begin();
	put_grant(1, "g", "acme-cad", 30);
	put_grant(2, "h", "acme-sim", 30);
	int64_t ann = put_user("ann");
	int64_t bob = put_user("bob");
	put_devices(3);
	put_user_holding(1, 1, ann, active(NOW - 10, NOW + DAY, 1));
	put_user_holding(2, 1, ann, active(NOW - 30, NOW + DAY, 1));
	put_user_holding(3, 2, ann, active(NOW - 20, NOW + DAY, 1));
	put_user_holding(3, 1, bob, active(NOW - 40, NOW + DAY, 1));
	put_holding(3, 1, none, active(NOW, NOW + DAY, 1));
	commit();
	struct listing l = {.kind = LIST_USER_DEVICES, .user = ann, .now = NOW};
	assert_int_equal(list(&l), 3);
	assert_int_equal(strncmp(here.all[0], "02", 2), 0);
	assert_int_equal(strncmp(here.all[1], "03", 2), 0);
	assert_int_equal(strncmp(here.all[2], "01", 2), 0);
	assert_non_null(strstr(here.all[0], " ann"));
	l.limit = 1;
	assert_int_equal(list(&l), 1);
	l = (struct listing){.kind = LIST_ACTIVATION, .user = bob, .now = NOW};
	assert_int_equal(list(&l), 1);
	l.user = 0;
	assert_int_equal(list(&l), 5);
	l.device = 3;
	assert_int_equal(list(&l), 3);
	/* Page by page, where one device has several. */
	size_t n = 0;
	for (l.limit = 1; n < 3; n++) {
		assert_int_equal(list(&l), 1);
		memcpy(l.after, here.cursor, sizeof(l.after));
	}
	assert_int_equal(list(&l), 0);
}

static void put_tag(int64_t grant, int64_t tag, int64_t device)
{
	put((struct record){.kind = RECORD_HARDWARETAG,
			    .u.hardwaretag = {.entitlement = grant, .tag = tag, .device = device}});
}

static void test_devices_with_a_part(void **state)
{
	const uint32_t tags[] = {5, 7};
	uint32_t many[LIMIT_COMPONENTS];
	(void)state;
	begin();
	put_tag(1, 5, 30);
	put_tag(1, 7, 30);
	put_tag(1, 7, 10);
	put_tag(1, 6, 20);
	put_tag(2, 5, 40);
	for (uint32_t i = 0; i < LIMIT_COMPONENTS; i++) {
		many[i] = 100 + i;
		put_tag(3, many[i], 50 + i);
	}
	commit();
	struct listing l = {.kind = LIST_TAGGED, .grant = 1, .tags = tags, .n_tags = 2};
	assert_int_equal(list(&l), 2); /* each once, those with the most in common first */
	assert_string_equal(here.all[0], "30");
	assert_string_equal(here.all[1], "10");
	l.n_tags = 1;
	assert_int_equal(list(&l), 1);
	assert_string_equal(here.all[0], "30");
	l.n_tags = 0;
	assert_int_equal(list(&l), 0);
	l = (struct listing){.kind = LIST_TAGGED, .grant = 3, .tags = many, .n_tags = LIMIT_COMPONENTS};
	assert_int_equal(list(&l), LIMIT_COMPONENTS);
	l.limit = 5;
	assert_int_equal(list(&l), 5);
}

static void test_patterns_propose(void **state)
{
	(void)state;
	begin();
	put_devices(4); /* pc-1 lab-2 pc-3 lab-4 */
	int64_t pcs = put_circle(CIRCLE_DEVICES, "pcs", "pc-*");
	int64_t first = put_circle(CIRCLE_DEVICES, "first", "*-[12]");
	put_circle(CIRCLE_DEVICES, "none", "");
	put_circle(CIRCLE_USERS, "people", "*");
	put_circle(CIRCLE_DEVICES, "single", "lab-?");
	put_circle(CIRCLE_DEVICES, "upper", "PC-*");
	put_circle(CIRCLE_DEVICES, "others", "pc-[^1]");
	commit();
	struct listing l = {.kind = LIST_PROPOSALS};
	static const char *const all[] = {
		"1 pc-1 pcs pc-*", "1 pc-1 first *-[12]",   "2 lab-2 first *-[12]", "2 lab-2 single lab-?",
		"3 pc-3 pcs pc-*", "3 pc-3 others pc-[^1]", "4 lab-4 single lab-?"};
	assert_int_equal(list(&l), 7);
	for (size_t i = 0; i < 7; i++)
		assert_string_equal(here.all[i], all[i]);
	begin();
	join(MEMBER_DEVICE, 1, pcs); /* who is in is proposed no more */
	join(MEMBER_USER, 3, pcs);   /* a user of the same number is not */
	commit();
	assert_int_equal(list(&l), 6);
	assert_string_equal(here.all[0], all[1]);
	/* Page by page. */
	there.n = 0;
	for (l.limit = 2; there.n < 6;) {
		size_t before = there.n;
		list_from(store, &l, &there);
		assert_true(there.n > before);
		memcpy(l.after, there.cursor, sizeof(l.after));
	}
	l.limit = 0;
	l.after[0] = l.after[1] = 0;
	list(&l);
	assert_same_texts(&here, &there);
	/* Who is proposed for nothing is a row without a group, once, so that a page can end there. */
	begin();
	join(MEMBER_DEVICE, 1, first);
	commit();
	assert_int_equal(list(&l), 6);
	assert_string_equal(here.all[0], "1 pc-1  ");
	there.n = 0;
	for (l.limit = 1; there.n < 6;) {
		list_from(store, &l, &there);
		memcpy(l.after, there.cursor, sizeof(l.after));
	}
	assert_same_texts(&here, &there);
	list_from(store, &l, &there);
	assert_int_equal(there.n, 6);
}

/* Only those that are never licensed, silent, and tied to nothing; the others are passed with 0. */
static void test_stale_devices(void **state)
{
	struct asker late = asker(20, 0);
	struct ratchet r = {.counter = 1, .at = NOW};
	(void)state;
	begin();
	put_grant(1, "g", "acme-cad", 30);
	put_devices(10);
	put_holding(1, 1, none, active(NOW - 90 * DAY, NOW - 50 * DAY, 1)); /* was licensed */
	struct holding given_back = active(NOW - 90 * DAY, 0, 1);
	given_back.state = HOLDING_RELEASED;
	put_holding(2, 1, none, given_back);
	put_holding(3, 1, none, counted(NOW - 90 * DAY)); /* stale: only counted */
	put_ratchet(4, &r);                               /* spoke lately */
	join(MEMBER_DEVICE, 5, put_circle(CIRCLE_DEVICES, "group", ""));
	assign(MEMBER_DEVICE, 6, "acme-cad");
	apply((struct effect){.kind = EFFECT_FLAGS, .device = 7, .u.flags = {.blocked = true}});
	join(MEMBER_USER, 8, 1);            /* stale: a user has that number */
	assign(MEMBER_USER, 9, "acme-cad"); /* stale, for the same reason */
	put_device(11, &late, true, 0);     /* expected, not seen yet */
	commit();
	struct listing l = {.kind = LIST_STALE, .before = NOW - 99};
	static const char *const all[] = {"0", "0", "3", "0", "0", "0", "0", "8", "9", "10", "0"};
	assert_int_equal(list(&l), 11);
	for (size_t i = 0; i < 11; i++)
		assert_string_equal(here.all[i], all[i]);
	l.before = NOW - 100; /* seen in that very second */
	list(&l);
	assert_string_equal(here.all[9], "0");
	l.before = NOW;
	l.limit = 3; /* devices looked at, not found */
	assert_int_equal(list(&l), 3);
	assert_int_equal(here.cursor[0], 3);
	l.after[0] = 3;
	list(&l);
	assert_int_equal(here.cursor[0], 6);
}

/* --- facts --- */

static struct line_facts line_of(const char *product, enum model model, int64_t grant)
{
	struct line_facts line = {.n_candidates = 1, .product = product, .seats = model_seats(model)};
	line.candidates[0] = (struct candidate){
		.grant = grant, .model = model, .policy = {.window_days = 30}, .quantity = 1};
	return line;
}

static struct device_facts facts_of(const struct asker *who, struct line_facts *line)
{
	struct device_facts d;
	assert_int_equal(store_facts(store, who, NOW, &d, line, 1), 0);
	return d;
}

static void test_facts_of_users_and_bindings(void **state)
{
	struct asker a = asker(1, 0);
	struct asker stranger = asker(9, 0);
	(void)state;
	begin();
	put_devices(2);
	int64_t ann = put_user("ann");
	put_user("bob");
	put((struct record){.kind = RECORD_BINDING, .u.binding = {.device = 1, .user = ann}});
	commit();
	struct device_facts d = device_of(&a);
	assert_true(d.user == 0 && !d.bound);
	a.user = "";
	d = device_of(&a);
	assert_true(d.user == 0 && !d.bound);
	a.user = "ann";
	d = device_of(&a);
	assert_true(d.user == ann && d.bound);
	a.user = "Ann";
	assert_int_equal(device_of(&a).user, 0);
	a.user = "bob";
	d = device_of(&a);
	assert_true(d.user != 0 && !d.bound);
	a.user = "nobody";
	assert_int_equal(device_of(&a).user, 0);
	a = asker(2, 0);
	a.user = "ann"; /* on another device */
	assert_false(device_of(&a).bound);
	stranger.user = "ann";
	d = device_of(&stranger);
	assert_true(!d.known && d.user == ann && !d.bound);
}

static void test_facts_of_seats(void **state)
{
	struct asker a = asker(1, 0);
	(void)state;
	begin();
	put_grant(1, "g", "acme-cad", 30);
	put_devices(1);
	int64_t ann = put_user("ann");
	put_seat(MEMBER_USER, ann, "acme-cad", 1, 0, NOW);
	put_seat(MEMBER_DEVICE, 1, "acme-cad", 0, 9, NOW);
	put_seat(MEMBER_DEVICE, 1, "acme-sim", 1, 0, NOW);
	commit();
	struct line_facts line = line_of("acme-cad", MODEL_USER, 1);
	a.user = "ann";
	facts_of(&a, &line);
	assert_int_equal(line.user_seat.grant, 1);
	assert_int_equal(line.user_seat.plans, 2);
	assert_true(line.user_seat.direct);
	assert_int_equal(line.device_seat.grant, 0);
	assert_int_equal(line.device_seat.code, 9);
	a.user = NULL;
	line = line_of("acme-cad", MODEL_USER, 1);
	facts_of(&a, &line);
	assert_int_equal(line.user_seat.grant, 0);
	line = line_of("acme-sim", MODEL_DEVICE, 1);
	facts_of(&a, &line);
	assert_int_equal(line.device_seat.grant, 1);
	line = line_of("acme-cad", MODEL_VOLUME, 1); /* nobody asked for seats */
	a.user = "ann";
	facts_of(&a, &line);
	assert_int_equal(line.user_seat.grant, 0);
}

static void test_facts_of_a_users_other_devices(void **state)
{
	struct asker a = asker(1, 0);
	(void)state;
	begin();
	put_grant(1, "g", "acme-cad", 30);
	put_grant(2, "h", "acme-cad", 30);
	put_devices(8);
	int64_t ann = put_user("ann");
	int64_t bob = put_user("bob");
	put_user_holding(1, 1, ann, active(NOW - 500, NOW + DAY, 1)); /* here */
	put_user_holding(2, 1, ann, active(NOW - 20, NOW + DAY, 1));
	put_user_holding(3, 1, ann, active(NOW - 90, NOW + DAY, 4));
	put_user_holding(4, 1, ann, active(NOW - 95, NOW, 1)); /* ended this second */
	put_user_holding(5, 1, ann, active(NOW - 200, NOW + DAY, 1));
	apply((struct effect){.kind = EFFECT_FLAGS, .device = 5, .u.flags = {.shared = true}});
	put_user_holding(6, 2, ann, active(NOW - 300, NOW + DAY, 1)); /* of another grant */
	put_user_holding(7, 1, bob, active(NOW - 300, NOW + DAY, 1));
	struct holding back = active(NOW - 400, NOW + DAY, 1);
	back.state = HOLDING_RELEASED;
	put_user_holding(8, 1, ann, back);
	commit();
	struct line_facts line = line_of("acme-cad", MODEL_USER, 1);
	const struct candidate *c = &line.candidates[0];
	a.user = "ann";
	facts_of(&a, &line);
	assert_int_equal(c->devices_used, 2);
	assert_int_equal(c->oldest_device, 3);
	assert_int_equal(c->oldest.serial, 4);
	assert_int_equal(c->holding.contacted, NOW - 500);
	assert_true(c->held_by_users);
	/* For the device's own grant the user's holding is another's. */
	line = line_of("acme-cad", MODEL_DEVICE, 1);
	facts_of(&a, &line);
	assert_int_equal(c->holding.state, HOLDING_NONE);
	/* Nobody named: nobody's devices, but held all the same. */
	a.user = NULL;
	line = line_of("acme-cad", MODEL_USER, 1);
	facts_of(&a, &line);
	assert_int_equal(c->devices_used, 0);
	assert_int_equal(c->holding.state, HOLDING_NONE);
	assert_true(c->held_by_users);
	struct asker fourth = asker(4, 0);
	line = line_of("acme-cad", MODEL_USER, 1);
	facts_of(&fourth, &line);
	assert_false(c->held_by_users); /* ended */
	struct asker eighth = asker(8, 0);
	line = line_of("acme-cad", MODEL_USER, 1);
	facts_of(&eighth, &line);
	assert_false(c->held_by_users); /* given back */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_sources_of_a_diamond), BOTH(test_holders_of_a_diamond),
		BOTH(test_a_ring_ends),          BOTH(test_how_many_wait),
		BOTH(test_waiting_and_newest),   BOTH(test_devices_of_a_user),
		BOTH(test_devices_with_a_part),  BOTH(test_patterns_propose),
		BOTH(test_stale_devices),        BOTH(test_facts_of_users_and_bindings),
		BOTH(test_facts_of_seats),       BOTH(test_facts_of_a_users_other_devices),
	};
	log_level_set(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("server/store: walks", tests, NULL, NULL);
}
