/* SPDX-License-Identifier: Apache-2.0 */
/* Users, groups and rights as administrators change them: what is refused, asked for again, or only tried. */
#include "org.h"

#include <sqlite3.h>
#include <sys/stat.h>

/* Everybody of u0 to u(n-1) in the group, which gives the product. */
static void fill_group(const char *group, size_t n)
{
	struct change *all = calloc(n, sizeof(*all));
	assert_non_null(all);
	must(ADD_GROUP(group));
	must(ASSIGN_GROUP(group));
	for (size_t i = 0; i < n; i++)
		all[i] = JOIN(user_name(i), group);
	assert_int_equal(order_many(all, n, 0), 0);
	free(all);
}

/* --- users --- */

static void test_ten_thousand_in_one_command(void **state)
{
	size_t n = strcmp(*state, memory_name) == 0 ? 1500 : 10000;
	struct change *all = calloc(n, sizeof(*all));
	(void)state;
	assert_non_null(all);
	org_users((int64_t)n - 3);
	add_users(n);
	assert_int_equal(records(RECORD_USER), n);
	for (size_t i = 0; i < n; i++)
		all[i] = ASSIGN(user_name(i));
	/* Each row has its own result: the last three find no seat and stop nobody. */
	struct job *job = order_job(all, n, 0);
	run(job);
	assert_int_equal(job->code, 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(job->orders->changes[i].code, i < n - 3 ? 0 : E_SEATS_EXHAUSTED);
	assert_int_equal(job->orders->n_effects, 1);
	assert_int_equal(job->orders->effects[0].gained, n - 3);
	job_free(job);
	assert_int_equal(seats_of("cad-users"), n - 3);
	free(all);
	assert_sound();
}

static void test_a_user_is_added_once_and_changed(void **state)
{
	struct change c = ADD_USER("ann");
	(void)state;
	org_users(5);
	must(ADD_GROUP("staff"));
	must(c);
	c.name = "Ann";
	c.groups = "staff";
	must(c);
	must(c);
	assert_int_equal(records(RECORD_USER), 1);
	assert_int_equal(records(RECORD_MEMBERSHIP), 1);
	c.groups = "staff,none-such";
	assert_int_equal(order(c), E_NOT_FOUND);
	assert_string_equal(done.detail, "none-such");
	assert_int_equal(order(ADD_USER("")), E_BAD_REQUEST);
	assert_int_equal(order(ADD_USER("two words")), E_BAD_REQUEST);
	assert_int_equal(order((struct change){.kind = CHANGE_USER_REMOVE, .user = "bob"}), E_NOT_FOUND);
}

static void test_a_removed_user_leaves_nothing(void **state)
{
	struct machine m = machine(1);
	(void)state;
	org_users(5);
	must(ADD_USER("ann"));
	must(ADD_GROUP("staff"));
	must(ASSIGN_GROUP("staff"));
	must(JOIN("ann", "staff"));
	must(ASSIGN("ann"));
	assert_int_equal(sign_in_fresh(&m, "ann"), 0);
	char code[KEYCODE_TEXT];
	new_code("ann", code);
	must((struct change){.kind = CHANGE_USER_REMOVE, .user = "ann"});
	static const enum record_kind kinds[] = {RECORD_USER, RECORD_MEMBERSHIP, RECORD_SEAT, RECORD_SIGNIN,
						 RECORD_BINDING};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		assert_int_equal(records(kinds[i]), 0);
	assert_int_equal(seats_of("cad-users"), 0);
	assert_int_equal(audits("activation.released"), 1);
	assert_int_equal(ask_as(&m, JOB_RENEW, "ann"), E_SIGNIN_NEEDED);
	/* Another with that name is somebody else. */
	must(ADD_USER("ann"));
	assert_false(has_seat("ann"));
	assert_int_equal(sign_in(&m, "ann", code), E_SIGNIN_REFUSED);
	assert_int_equal(ask_as(&m, JOB_RENEW, "ann"), E_SIGNIN_NEEDED);
	assert_sound();
}

/* --- groups --- */

static void test_no_group_is_in_itself(void **state)
{
	(void)state;
	org_users(5);
	must(ADD_GROUP("a"));
	must(ADD_GROUP("b"));
	must(ADD_GROUP("c"));
	must(ADD_GROUP("d"));
	must(NEST("a", "b"));
	must(NEST("b", "c"));
	must(NEST("a", "d")); /* two ways up are no ring */
	must(NEST("d", "c"));
	assert_int_equal(order(NEST("a", "a")), E_GROUP_CYCLE);
	assert_int_equal(order(NEST("b", "a")), E_GROUP_CYCLE);
	assert_int_equal(order(NEST("c", "a")), E_GROUP_CYCLE);
	assert_int_equal(records(RECORD_MEMBERSHIP), 4);
	must(UNNEST("b", "c"));
	must(UNNEST("d", "c"));
	must(NEST("c", "a"));
	/* Users are no members of device groups, and the other way round. */
	struct change c = JOIN("ann", "a");
	c.devices = true;
	assert_int_equal(order(c), E_NOT_FOUND); /* the device group "a" */
	must((struct change){.kind = CHANGE_GROUP_ADD, .group = "a", .devices = true});
	must(ADD_USER("ann"));
	assert_int_equal(order(c), E_BAD_REQUEST);
	assert_int_equal(order(LEAVE("ann", "a")), E_NOT_FOUND);
	assert_int_equal(order(ADD_GROUP("No Slug")), E_BAD_REQUEST);
}

static void test_what_is_inherited_is_changed_on_the_group(void **state)
{
	struct change c;
	(void)state;
	org_users(5);
	must(ADD_USER("ann"));
	must(ADD_GROUP("staff"));
	must(ADD_GROUP("house"));
	must(NEST("staff", "house"));
	must(JOIN("ann", "staff"));
	must(ASSIGN_GROUP("house"));
	assert_int_equal(order(UNASSIGN("ann")), E_INHERITED);
	assert_string_equal(done.detail, "house");
	assert_int_equal(order(UNASSIGN_GROUP("staff")), E_INHERITED);
	c = (struct change){.kind = CHANGE_REPLACE, .user = "ann", .product = "acme-cad", .with = "acme-cad"};
	assert_int_equal(order(c), E_INHERITED);
	must(UNASSIGN_GROUP("house"));
	assert_int_equal(order(UNASSIGN("ann")), E_NOT_ASSIGNED);
	/* A direct one comes and goes without touching the inherited. */
	must(ASSIGN_GROUP("house"));
	must(ASSIGN("ann"));
	must(UNASSIGN("ann"));
	assert_true(has_seat("ann"));
}

static void test_a_group_that_licenses_is_removed_by_force(void **state)
{
	struct change c = {.kind = CHANGE_GROUP_REMOVE, .group = "staff"};
	(void)state;
	org_users(5);
	add_users(3);
	fill_group("staff", 3);
	must(ASSIGN("u0")); /* who has it besides loses nothing */
	assert_int_equal(order(c), E_GROUP_IN_USE);
	assert_int_equal(done.numbers.used, 2);
	assert_int_equal(seats_of("cad-users"), 3);
	struct store_hash before = hash_store();
	assert_int_equal(order_many(&c, 1, DRY_RUN), 0);
	assert_int_equal(n_effects, 1);
	assert_int_equal(effects[0].lost, 2);
	assert_same_store(before);
	c.force = true;
	must(c);
	assert_int_equal(seats_of("cad-users"), 1);
	assert_int_equal(records(RECORD_MEMBERSHIP), 0);
	must(ADD_GROUP("staff")); /* empty, and without rights */
	assert_int_equal(records(RECORD_ASSIGNMENT), 1);
	c.force = false;
	must(c);
	assert_sound();
}

/* --- the guard against mass loss, and trying --- */

static void test_losing_much_is_asked_for_again(void **state)
{
	struct change c = UNASSIGN_GROUP("staff");
	(void)state;
	org_users(100);
	add_users(60);
	fill_group("staff", 60);
	struct store_hash before = hash_store();
	assert_int_equal(order(c), E_MASS_LOSS);
	assert_int_equal(order_numbers.used, 60);
	assert_int_equal(order_numbers.quantity, 60);
	assert_same_store(before);
	assert_int_equal(order_many(&c, 1, DRY_RUN), 0); /* trying asks nothing */
	assert_int_equal(effects[0].lost, 60);
	assert_same_store(before);
	assert_int_equal(order_many(&c, 1, CONFIRM), 0);
	assert_int_equal(seats_of("cad-users"), 0);
	assert_sound();
}

/* More than a fifth, or more than 50; as many as five may be named by hand. */
static void test_where_the_guard_begins(void **state)
{
	struct change out[60];
	(void)state;
	org_users(400);
	add_users(300);
	fill_group("staff", 300);
	for (size_t i = 0; i < 60; i++)
		out[i] = LEAVE(user_name(i), "staff");
	assert_int_equal(order_many(out, 51, 0), E_MASS_LOSS); /* 51 of 300 are 17 per cent */
	assert_int_equal(order_many(out, 50, 0), 0);
	assert_int_equal(seats_of("cad-users"), 250);
	for (size_t i = 0; i < 60; i++)
		out[i] = LEAVE(user_name(60 + i), "staff");
	assert_int_equal(order_many(out, 50, 0), 0); /* 50 of 250 are a fifth, and no more */
	for (size_t i = 0; i < 60; i++)
		out[i] = LEAVE(user_name(120 + i), "staff");
	assert_int_equal(order_many(out, 41, 0), E_MASS_LOSS); /* 41 of 200 are 20.5 per cent */
	assert_int_equal(order_many(out, 40, 0), 0);
	assert_int_equal(seats_of("cad-users"), 160);
}

static void test_a_small_number_is_never_much(void **state)
{
	struct change out[8];
	(void)state;
	org_users(20);
	add_users(8);
	fill_group("staff", 8);
	for (size_t i = 0; i < 8; i++)
		out[i] = LEAVE(user_name(i), "staff");
	assert_int_equal(order_many(out, 6, 0), E_MASS_LOSS);
	assert_int_equal(order_many(out, 5, 0), 0);
	assert_int_equal(order_many(out + 5, 3, 0), 0);
}

/* The database as SQLite writes all of its content anew; 0 bytes for memory. */
static size_t whole_database(const char *to, uint8_t **ret)
{
	char path[256];
	char sql[300];
	sqlite3 *db;
	*ret = NULL;
	if (strcmp(flaky.inner->ops->name, sqlite_name) != 0)
		return 0;
	assert_int_equal(sqlite3_open(fixture_file("broker.db", path), &db), SQLITE_OK);
	snprintf(sql, sizeof(sql), "VACUUM INTO '%s'", fixture_file(to, path));
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	size_t n = fixture_read(to, ret);
	assert_non_null(*ret);
	return n;
}

/* Every kind of change tried: gains, losses and cost are told, and not a byte is written. */
static void test_a_dry_run_leaves_the_store_as_it_is(void **state)
{
	struct grant g = with_plans(org_grant("cad-users", MODEL_USER, 6), "modeler", "render");
	struct machine m = machine(1);
	char id[DEVICE_ID_TEXT];
	uint8_t *before;
	uint8_t *after;
	(void)state;
	g.cancel_until = NOW + DAY;
	org_open(&g, 1);
	add_users(4);
	fill_group("staff", 4);
	must(ADD_GROUP("guests"));
	must((struct change){.kind = CHANGE_GROUP_ADD, .group = "floor", .devices = true});
	assert_int_equal(sign_in_fresh(&m, "u1"), 0);
	machine_text(&m, id);
	const struct change all[] = {
		ADD_USER("new"),
		ASSIGN("new"),
		{.kind = CHANGE_USER_REMOVE, .user = "u0"},
		{.kind = CHANGE_SIGNIN_CODE, .user = "u1"},
		ADD_GROUP("more"),
		NEST("more", "staff"),
		JOIN("new", "more"),
		LEAVE("u2", "staff"),
		{.kind = CHANGE_GROUP_REMOVE, .group = "guests"},
		{.kind = CHANGE_REPLACE,
		 .group = "staff",
		 .product = "acme-cad",
		 .with = "acme-cad",
		 .plans = "render"},
		{.kind = CHANGE_DEVICE_BLOCK, .device = id},
		{.kind = CHANGE_DEVICE_MARK_SHARED, .device = id},
		{.kind = CHANGE_ACTIVATION_RELEASE, .device = id, .user = "u1"},
		{.kind = CHANGE_DEVICE_FORGET, .device = id},
		{.kind = CHANGE_ENROL_KEY_ADD, .group = "floor"},
		{.kind = CHANGE_SUBSCRIPTION_CANCEL, .grant = "cad-users"},
	};
	size_t count = sizeof(all) / sizeof(all[0]);
	struct store_hash hash = hash_store();
	size_t n = whole_database("before.db", &before);
	struct job *job = order_job(all, count, DRY_RUN);
	run(job);
	assert_int_equal(job->code, 0);
	for (size_t i = 0; i < count; i++) {
		if (job->orders->changes[i].code)
			print_error("%s: %s\n", change_name(all[i].kind),
				    error_name(job->orders->changes[i].code));
		assert_int_equal(job->orders->changes[i].code, 0);
		/* A code that holds nothing must not be handed out. */
		assert_string_equal(job->orders->changes[i].output, "");
	}
	assert_int_equal(job->orders->n_effects, 1);
	assert_int_equal(job->orders->effects[0].gained, 1);
	assert_int_equal(job->orders->effects[0].lost, 5); /* two, and three who hold what is cancelled */
	assert_int_equal(job->orders->effects[0].seats, -1);
	assert_int_equal(job->orders->effects[0].held, 4);
	job_free(job);
	assert_same_store(hash);
	assert_int_equal(whole_database("after.db", &after), n);
	if (n)
		assert_memory_equal(before, after, n);
	free(before);
	free(after);
	/* And nothing that is remembered besides the store is left over. */
	must(ASSIGN("u0"));
	assert_int_equal(seats_of("cad-users"), 4);
	assert_sound();
}

/* --- guests --- */

static void test_guests_are_an_owners_business(void **state)
{
	struct change guest = ADD_USER("guest");
	struct change all[] = {ASSIGN("guest"),
			       UNASSIGN("guest"),
			       JOIN("guest", "staff"),
			       LEAVE("guest", "staff"),
			       {.kind = CHANGE_USER_REMOVE, .user = "guest"}};
	(void)state;
	org_users(5);
	must(ADD_GROUP("staff"));
	must(ASSIGN_GROUP("staff"));
	guest.guest = true;
	assert_int_equal(order_many(&guest, 1, NO_OWNER), E_GUEST_ROLE);
	must(guest);
	struct change plain = ADD_USER("guest"); /* nobody makes a guest a member by adding him again */
	assert_int_equal(order_many(&plain, 1, NO_OWNER), E_GUEST_ROLE);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (order_many(&all[i], 1, NO_OWNER) != E_GUEST_ROLE)
			print_error("%s\n", change_name(all[i].kind));
		assert_int_equal(done.code, E_GUEST_ROLE);
		assert_int_equal(order(all[i]), 0);
	}
	assert_int_equal(records(RECORD_USER), 0);
	assert_int_equal(order_many(&(struct change){.kind = CHANGE_USER_ADD, .user = "ann"}, 1, NO_OWNER),
			 0);
	assert_sound();
}

static void test_patterns_of_hostnames(void **state)
{
	static const char *bad[] = {"lab-[0-9]", "lab-[!x]*", "lab\\*"};
	(void)state;
	org_users(5);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(order((struct change){.kind = CHANGE_GROUP_ADD,
						       .group = "lab",
						       .devices = true,
						       .pattern = bad[i]}),
				 E_BAD_REQUEST);
	must((struct change){
		.kind = CHANGE_GROUP_ADD, .group = "lab", .devices = true, .pattern = "lab-?-*"});
	assert_int_equal(
		order((struct change){.kind = CHANGE_GROUP_ADD, .group = "staff", .pattern = "lab-*"}),
		E_BAD_REQUEST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_patterns_of_hostnames),
		BOTH(test_ten_thousand_in_one_command),
		BOTH(test_a_user_is_added_once_and_changed),
		BOTH(test_a_removed_user_leaves_nothing),
		BOTH(test_no_group_is_in_itself),
		BOTH(test_what_is_inherited_is_changed_on_the_group),
		BOTH(test_a_group_that_licenses_is_removed_by_force),
		BOTH(test_losing_much_is_asked_for_again),
		BOTH(test_where_the_guard_begins),
		BOTH(test_a_small_number_is_never_much),
		BOTH(test_a_dry_run_leaves_the_store_as_it_is),
		BOTH(test_guests_are_an_owners_business),
	};
	return cmocka_run_group_tests_name("server/broker/people", tests, group_setup, group_teardown);
}
