/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets a seat: assigned to users and groups, counted once, waiting and served, with conflicts told. */
#include "org.h"

/* --- totals --- */

/* 5 + 8 = 13, and nobody for the fourteenth. */
static void test_two_grants_are_one_total(void **state)
{
	struct grant grants[] = {with_plans(org_grant("cad-five", MODEL_USER, 5), "modeler", "render"),
				 with_plans(org_grant("cad-eight", MODEL_USER, 8), "modeler", "render")};
	(void)state;
	org_open(grants, 2);
	add_users(14);
	for (size_t i = 0; i < 13; i++)
		must(ASSIGN(user_name(i)));
	assert_int_equal(seats_of("cad-five"), 5);
	assert_int_equal(seats_of("cad-eight"), 8);
	assert_int_equal(order(ASSIGN(user_name(13))), E_SEATS_EXHAUSTED);
	assert_int_equal(done.numbers.used, 13);
	assert_int_equal(done.numbers.quantity, 13);
	assert_int_equal(records(RECORD_ASSIGNMENT), 13); /* what is refused leaves nothing */
	assert_int_equal(records(RECORD_SEAT), 13);
	must(UNASSIGN(user_name(4)));
	must(ASSIGN(user_name(13)));
	assert_int_equal(seats_of("cad-five") + seats_of("cad-eight"), 13);
	assert_sound();
}

/* Direct, by a group and by a group around that: one seat, until the last source is gone. */
static void test_sources_count_once(void **state)
{
	(void)state;
	org_users(3);
	must(ADD_USER("ann"));
	must(ADD_GROUP("inner"));
	must(ADD_GROUP("outer"));
	must(NEST("inner", "outer"));
	must(JOIN("ann", "inner"));
	must(ASSIGN_GROUP("outer"));
	assert_true(has_seat("ann"));
	must(ASSIGN("ann"));
	must(ASSIGN_GROUP("inner"));
	assert_int_equal(seats_of("cad-users"), 1);
	must(UNASSIGN_GROUP("outer"));
	must(UNASSIGN("ann"));
	assert_int_equal(seats_of("cad-users"), 1);
	assert_int_equal(audits("seat.lost"), 0);
	must(UNASSIGN_GROUP("inner"));
	assert_int_equal(seats_of("cad-users"), 0);
	assert_false(has_seat("ann"));
	assert_int_equal(audits("seat.lost"), 1);
	assert_sound();
}

static void test_moving_between_groups_that_both_give(void **state)
{
	(void)state;
	org_users(1);
	must(ADD_USER("ann"));
	must(ADD_USER("bob"));
	must(ADD_GROUP("east"));
	must(ADD_GROUP("west"));
	must(ASSIGN_GROUP("east"));
	must(ASSIGN_GROUP("west"));
	must(JOIN("ann", "east"));
	must(JOIN("bob", "west")); /* waits */
	assert_int_equal(seat_code("bob"), E_SEATS_EXHAUSTED);
	must(JOIN("ann", "west"));
	must(LEAVE("ann", "east"));
	assert_true(has_seat("ann"));
	assert_int_equal(audits("seat.lost"), 0);
	/* Out and in again in one order: nobody else can take it meanwhile. */
	struct change move[] = {LEAVE("ann", "west"), JOIN("ann", "east")};
	assert_int_equal(order_many(move, 2, 0), 0);
	assert_true(has_seat("ann"));
	assert_false(has_seat("bob"));
	assert_sound();
}

/* A group with a grant of its own that is full takes nobody's seat away. */
static void test_a_full_grant_of_one_source_does_not_cost_the_others_seat(void **state)
{
	struct grant grants[] = {with_plans(org_grant("cad-small", MODEL_USER, 1), "modeler", "render"),
				 with_plans(org_grant("cad-large", MODEL_USER, 5), "modeler", "render")};
	struct change pinned = ASSIGN_GROUP("alpha");
	(void)state;
	pinned.grant = "cad-small";
	org_open(grants, 2);
	must(ADD_USER("ann"));
	must(ADD_USER("bob"));
	must(ADD_GROUP("alpha"));
	must(ADD_GROUP("zeta"));
	must(pinned);
	must(ASSIGN_GROUP("zeta"));
	must(JOIN("bob", "alpha"));
	assert_int_equal(seats_of("cad-small"), 1);
	must(JOIN("ann", "zeta"));
	assert_int_equal(seats_of("cad-large"), 1);
	must(JOIN("ann", "alpha"));
	assert_true(has_seat("ann"));
	assert_int_equal(audits("seat.lost"), 0);
	assert_int_equal(seats_of("cad-large"), 1);
	/* Named for ann herself it is refused, and says why. */
	struct change own = ASSIGN("ann");
	own.grant = "cad-small";
	assert_int_equal(order(own), E_SEATS_EXHAUSTED);
	assert_int_equal(done.numbers.quantity, 1);
	assert_true(has_seat("ann"));
	must(LEAVE("bob", "alpha"));
	must(own);
	assert_int_equal(seats_of("cad-small"), 1);
	assert_int_equal(seats_of("cad-large"), 0);
	assert_sound();
}

/* --- plans --- */

static void open_with_all_plans(int64_t quantity)
{
	struct grant g = org_grant("cad-users", MODEL_USER, quantity);
	org_open(&g, 1);
}

static struct change group_with(const char *group, const char *plans)
{
	struct change c = ASSIGN_GROUP(group);
	c.plans = plans;
	return c;
}

static uint32_t plans_of(const char *user)
{
	return (uint32_t)seat_of_holder(MEMBER_USER, user_num(user), "acme-cad").record.u.seat.plans;
}

static void test_plans_are_the_union_of_the_sources(void **state)
{
	(void)state;
	open_with_all_plans(5);
	must(ADD_USER("ann"));
	must(ADD_GROUP("makers"));
	must(ADD_GROUP("painters"));
	must(group_with("makers", "modeler"));
	must(group_with("painters", "render"));
	must(JOIN("ann", "makers"));
	assert_int_equal(plans_of("ann"), 1);
	must(JOIN("ann", "painters"));
	assert_int_equal(plans_of("ann"), 3);
	assert_int_equal(seats_of("cad-users"), 1);
	must(LEAVE("ann", "makers"));
	assert_int_equal(plans_of("ann"), 2);
	assert_int_equal(audits("seat.lost"), 0);
}

/* Both plans and both sources are named; what fits is held; it ends with the conflict. */
static void test_a_conflict_names_plans_and_sources(void **state)
{
	(void)state;
	open_with_all_plans(5);
	must(ADD_USER("ann"));
	must(ADD_GROUP("makers"));
	must(ADD_GROUP("sketchers"));
	must(group_with("makers", "modeler"));
	must(group_with("sketchers", "draft"));
	must(JOIN("ann", "makers"));
	must(JOIN("ann", "sketchers"));
	struct record_copy seat = seat_of_holder(MEMBER_USER, user_num("ann"), "acme-cad");
	assert_int_equal(seat.record.u.seat.code, E_PLAN_CONFLICT);
	assert_int_equal(plans_of("ann"), 1);
	assert_non_null(strstr(seat.record.u.seat.detail, "draft (by group sketchers)"));
	assert_non_null(strstr(seat.record.u.seat.detail, "modeler (by group makers)"));
	/* The same conflict from another side: what is told is what is. */
	must(ADD_GROUP("tracers"));
	must(group_with("tracers", "draft"));
	must(JOIN("ann", "tracers"));
	must(LEAVE("ann", "sketchers"));
	seat = seat_of_holder(MEMBER_USER, user_num("ann"), "acme-cad");
	assert_int_equal(seat.record.u.seat.code, E_PLAN_CONFLICT);
	assert_non_null(strstr(seat.record.u.seat.detail, "by group tracers"));
	assert_null(strstr(seat.record.u.seat.detail, "sketchers"));
	must(LEAVE("ann", "tracers"));
	assert_int_equal(seat_code("ann"), 0);
	assert_int_equal(plans_of("ann"), 1);
	assert_sound();
}

static void test_what_a_single_one_is_refused_at_once(void **state)
{
	struct change both = ASSIGN("ann");
	(void)state;
	open_with_all_plans(5);
	must(ADD_USER("ann"));
	both.plans = "modeler,draft";
	assert_int_equal(order(both), E_PLAN_CONFLICT);
	assert_non_null(strstr(done.detail, "modeler"));
	assert_non_null(strstr(done.detail, "draft"));
	both.plans = "extra";
	assert_int_equal(order(both), E_PLAN_DEPENDENCY);
	assert_string_equal(done.detail, "plan extra needs plan render");
	both.plans = "none-such";
	assert_int_equal(order(both), E_PLAN_UNKNOWN);
	assert_int_equal(records(RECORD_ASSIGNMENT), 0);
	assert_int_equal(seats_of("cad-users"), 0);
	both.plans = "extra,render";
	must(both);
	assert_int_equal(plans_of("ann"), 10);
	assert_sound();
}

/* --- waiting --- */

static void test_who_waits_is_served_when_a_seat_is_freed(void **state)
{
	(void)state;
	org_users(2);
	add_users(4);
	must(ADD_GROUP("all"));
	must(ASSIGN_GROUP("all"));
	for (size_t i = 0; i < 4; i++) {
		now += 10;
		must(JOIN(user_name(i), "all"));
	}
	assert_true(has_seat("u0") && has_seat("u1"));
	assert_int_equal(seat_code("u2"), E_SEATS_EXHAUSTED);
	assert_int_equal(audits("seat.waits"), 2);
	must(LEAVE("u0", "all"));
	assert_true(has_seat("u2")); /* the oldest first, in the same transaction */
	assert_false(has_seat("u3"));
	must((struct change){.kind = CHANGE_USER_REMOVE, .user = "u1"});
	assert_true(has_seat("u3"));
	assert_int_equal(seats_of("cad-users"), 2);
	assert_sound();
}

static void test_who_waits_is_served_when_the_conflict_ends(void **state)
{
	(void)state;
	open_with_all_plans(5);
	must(ADD_USER("ann"));
	must(ADD_GROUP("all"));
	must(group_with("all", "modeler,draft"));
	must(JOIN("ann", "all"));
	assert_int_equal(seat_code("ann"), E_PLAN_CONFLICT);
	assert_false(has_seat("ann"));
	must(group_with("all", "modeler"));
	assert_true(has_seat("ann"));
	assert_int_equal(seat_code("ann"), 0);
}

static void test_results_are_per_product(void **state)
{
	struct grant grants[] = {with_plans(org_grant("cad-users", MODEL_USER, 1), "modeler", "render"),
				 org_grant("sim-users", MODEL_USER, 5)};
	struct change sim = ASSIGN_GROUP("all");
	(void)state;
	strcpy(grants[1].product, "acme-sim");
	sim.product = "acme-sim";
	org_open(grants, 2);
	add_users(2);
	must(ADD_GROUP("all"));
	must(ASSIGN_GROUP("all"));
	must(sim);
	must(JOIN("u0", "all"));
	must(JOIN("u1", "all"));
	assert_int_equal(seats_of("cad-users"), 1);
	assert_int_equal(seats_of("sim-users"), 2); /* one product's lack costs nobody the other */
	assert_int_equal(seat_code("u1"), E_SEATS_EXHAUSTED);
}

/* --- replace --- */

/* A held seat must not go to none inside the transaction, either. */
static int lost_inside;

static int watching_apply(struct store *s, const struct effect *e)
{
	if (e->kind == EFFECT_SEAT && e->u.seat.before && !e->u.seat.record->u.seat.entitlement &&
	    strcmp(e->u.seat.record->u.seat.product, "acme-cad") == 0)
		lost_inside++;
	return flaky_apply(s, e);
}

static struct store_ops watching;

static void watch_seats(void)
{
	watching = flaky_ops;
	watching.apply = watching_apply;
	flaky.store.ops = &watching;
	lost_inside = 0;
}

static struct change replace(const char *user, const char *group, const char *with)
{
	return (struct change){
		.kind = CHANGE_REPLACE, .user = user, .group = group, .product = "acme-cad", .with = with};
}

static void test_replacing_plans_never_lacks_the_seat(void **state)
{
	struct grant grants[] = {org_grant("cad-a", MODEL_USER, 3), org_grant("cad-b", MODEL_USER, 3)};
	(void)state;
	org_open(grants, 2);
	add_users(3);
	must(ADD_GROUP("all"));
	must(group_with("all", "modeler"));
	for (size_t i = 0; i < 3; i++)
		must(JOIN(user_name(i), "all"));
	watch_seats();
	struct change c = replace(NULL, "all", "acme-cad");
	c.plans = "render";
	must(c);
	assert_int_equal(plans_of("u1"), 2);
	for (int i = 0; i < 2; i++) { /* and the grant, whichever it is */
		c.grant = i ? "cad-a" : "cad-b";
		must(c);
		assert_int_equal(seats_of(c.grant), 3);
		assert_int_equal(seats_of(i ? "cad-b" : "cad-a"), 0);
	}
	assert_int_equal(lost_inside, 0);
	assert_int_equal(audits("seat.lost"), 0);
	assert_sound();
}

static void test_replacing_a_product_gives_the_new_before_the_old_goes(void **state)
{
	struct grant grants[] = {with_plans(org_grant("cad-users", MODEL_USER, 1), "modeler", "render"),
				 org_grant("sim-users", MODEL_USER, 1)};
	(void)state;
	strcpy(grants[1].product, "acme-sim");
	org_open(grants, 2);
	add_users(2);
	must(ASSIGN("u0"));
	must(replace("u0", NULL, "acme-sim"));
	assert_int_equal(seats_of("cad-users"), 0);
	assert_int_equal(seats_of("sim-users"), 1);
	/* Without room for the new the old one stays as it is. */
	must(ASSIGN("u1"));
	assert_int_equal(order(replace("u1", NULL, "acme-sim")), E_SEATS_EXHAUSTED);
	assert_true(has_seat("u1"));
	assert_int_equal(records(RECORD_ASSIGNMENT), 2);
	assert_int_equal(order(replace("u0", NULL, "acme-sim")), E_NOT_ASSIGNED); /* it has it no more */
	assert_int_equal(order(replace("u1", NULL, "none-such")), E_PRODUCT_UNKNOWN);
	assert_sound();
}

/* --- devices --- */

static void test_devices_are_assigned_before_they_are_seen(void **state)
{
	struct grant g = org_grant("cad-devices", MODEL_DEVICE, 2);
	struct machine a = machine(1);
	struct machine b = machine(2);
	char id[DEVICE_ID_TEXT];
	(void)state;
	g = with_plans(g, "modeler", "render");
	org_open(&g, 1);
	assert_int_equal(ask(&a, JOB_ACTIVATE, NULL), E_NOT_ASSIGNED);
	must((struct change){.kind = CHANGE_ASSIGN, .device = machine_text(&a, id), .product = "acme-cad"});
	assert_int_equal(devices(), 1);
	assert_int_equal(ask(&a, JOB_ACTIVATE, NULL), 0);
	/* By nested device groups. */
	struct change group = {.kind = CHANGE_GROUP_ADD, .group = "floor", .devices = true};
	must(group);
	group.group = "house";
	must(group);
	must((struct change){
		.kind = CHANGE_MEMBER_ADD, .group = "house", .member = "floor", .devices = true});
	must((struct change){.kind = CHANGE_MEMBER_ADD,
			     .group = "floor",
			     .device = machine_text(&b, id),
			     .devices = true});
	assert_int_equal(ask(&b, JOB_ACTIVATE, NULL), E_NOT_ASSIGNED);
	must((struct change){.kind = CHANGE_ASSIGN, .device_group = "house", .product = "acme-cad"});
	assert_int_equal(ask(&b, JOB_ACTIVATE, NULL), 0);
	assert_int_equal(seats_of("cad-devices"), 2);
	must((struct change){.kind = CHANGE_UNASSIGN, .device_group = "house", .product = "acme-cad"});
	assert_int_equal(ask(&b, JOB_RENEW, NULL), E_NOT_ASSIGNED);
	assert_int_equal(seats_of("cad-devices"), 1);
	assert_sound();
}

static void test_seats_go_to_the_kind_that_they_are_for(void **state)
{
	struct machine a = machine(1);
	char id[DEVICE_ID_TEXT];
	struct change c = {.kind = CHANGE_ASSIGN, .product = "acme-cad"};
	(void)state;
	org_users(5);
	c.device = machine_text(&a, id);
	assert_int_equal(order(c), E_ASSIGN_MODEL);
	assert_int_equal(devices(), 0); /* undone, with the device that was expected */
	must((struct change){.kind = CHANGE_GROUP_ADD, .group = "floor", .devices = true});
	c.device = NULL;
	c.device_group = "floor";
	assert_int_equal(order(c), E_ASSIGN_MODEL);
	must(ADD_USER("ann"));
	assert_int_equal(order((struct change){.kind = CHANGE_ASSIGN, .user = "ann", .product = "acme-sim"}),
			 E_ASSIGN_MODEL);
	assert_int_equal(order((struct change){.kind = CHANGE_ASSIGN, .user = "bob", .product = "acme-cad"}),
			 E_NOT_FOUND);
	c = ASSIGN("ann");
	c.grant = "none-such";
	assert_int_equal(order(c), E_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_two_grants_are_one_total),
		BOTH(test_sources_count_once),
		BOTH(test_moving_between_groups_that_both_give),
		BOTH(test_a_full_grant_of_one_source_does_not_cost_the_others_seat),
		BOTH(test_plans_are_the_union_of_the_sources),
		BOTH(test_a_conflict_names_plans_and_sources),
		BOTH(test_what_a_single_one_is_refused_at_once),
		BOTH(test_who_waits_is_served_when_a_seat_is_freed),
		BOTH(test_who_waits_is_served_when_the_conflict_ends),
		BOTH(test_results_are_per_product),
		BOTH(test_replacing_plans_never_lacks_the_seat),
		BOTH(test_replacing_a_product_gives_the_new_before_the_old_goes),
		BOTH(test_devices_are_assigned_before_they_are_seen),
		BOTH(test_seats_go_to_the_kind_that_they_are_for),
	};
	return cmocka_run_group_tests_name("server/broker/seats", tests, group_setup, group_teardown);
}
