/* SPDX-License-Identifier: Apache-2.0 */
/* What lets somebody in: a user's one-time code, a device group's enrolment key, an administrator's approval.
 */
#include "org.h"

/* --- sign-in codes --- */

static void open_with_ann(void)
{
	org_users(5);
	must(ADD_USER("ann"));
	must(ADD_USER("bob"));
	must(ASSIGN("ann"));
	must(ASSIGN("bob"));
}

static void test_a_code_signs_in_once(void **state)
{
	struct machine m = machine(1);
	struct machine other = machine(2);
	char code[KEYCODE_TEXT];
	(void)state;
	open_with_ann();
	assert_int_equal(ask_as(&m, JOB_ACTIVATE, "ann"), E_SIGNIN_NEEDED);
	assert_int_equal(devices(), 0);
	new_code("ann", code);
	assert_int_equal(strlen(code), 19); /* four groups of four */
	assert_int_equal(done.until, now + DAY);
	assert_int_equal(sign_in(&m, "ann", code), 0);
	assert_int_equal(answered.answer.expires, now + 30 * (int64_t)DAY);
	assert_int_equal(records(RECORD_BINDING), 1);
	assert_int_equal(records(RECORD_SIGNIN), 0);
	assert_int_equal(audits("user.signed-in"), 1);
	assert_int_equal(ask_as(&m, JOB_RENEW, "ann"), 0);
	/* Used up, here and elsewhere. */
	assert_int_equal(sign_in(&m, "ann", code), E_SIGNIN_REFUSED);
	assert_int_equal(sign_in(&other, "ann", code), E_SIGNIN_REFUSED);
	/* Who is bound needs none. */
	assert_int_equal(sign_in(&m, "ann", ""), 0);
	assert_int_equal(sign_in(&other, "ann", ""), E_SIGNIN_NEEDED);
	assert_int_equal(ask_as(&other, JOB_ACTIVATE, "ann"), E_SIGNIN_NEEDED);
	assert_int_equal(devices(), 1);
	assert_sound();
}

/* The last request again gets the last answer again, though the code is used up. */
static void test_a_repeated_sign_in_is_answered_again(void **state)
{
	struct machine m = machine(1);
	char code[KEYCODE_TEXT];
	char bare[KEYCODE_KEY + 1];
	char *lease[2];
	(void)state;
	open_with_ann();
	assert_int_equal(keycode_read(new_code("ann", code), KEYCODE_CODE, bare), 0);
	for (int i = 0; i < 2; i++) {
		struct job *job = request(&m, JOB_SIGN_IN, i == 0);
		struct lease read;
		strcpy(job->lines[0].user, "ann");
		memcpy(job->signin_code, bare, sizeof(job->signin_code));
		run(job);
		assert_lease(job, 0, "acme-cad", &read);
		assert_string_equal(read.user, "ann");
		assert_int_equal(read.model, MODEL_USER);
		assert_int_equal(job->repeated, i);
		lease[i] = strdup(job->lines[0].lease);
		job_free(job);
	}
	assert_string_equal(lease[0], lease[1]);
	free(lease[0]);
	free(lease[1]);
	assert_int_equal(audits("user.signed-in"), 1);
}

static void test_ten_wrong_tries_void_a_code(void **state)
{
	struct machine m = machine(1);
	char wrong[KEYCODE_TEXT];
	char code[KEYCODE_TEXT];
	(void)state;
	open_with_ann();
	new_code("ann", code);
	for (int i = 1; i <= 10; i++) {
		keycode_make(KEYCODE_CODE, wrong);
		assert_int_equal(sign_in(&m, "ann", wrong), i < 10 ? E_SIGNIN_REFUSED : E_SIGNIN_LOCKED);
	}
	assert_int_equal(sign_in(&m, "ann", code), E_SIGNIN_LOCKED);
	assert_int_equal(answered.answer.numbers.have, 10);
	assert_int_equal(answered.answer.numbers.need, 10);
	restart(); /* tries are remembered */
	assert_int_equal(sign_in(&m, "ann", code), E_SIGNIN_LOCKED);
	assert_int_equal(devices(), 0); /* strangers leave no trace */
	/* Bob's is his own, and Ann's next one begins anew. */
	assert_int_equal(sign_in_fresh(&m, "bob"), 0);
	assert_int_equal(sign_in_fresh(&m, "ann"), 0);
	assert_sound();
}

/* A token is no cover: another code is another try, of strangers, too. */
static void test_wrong_tries_with_one_token(void **state)
{
	struct machine m = machine(1);
	char wrong[KEYCODE_TEXT];
	char bare[KEYCODE_KEY + 1];
	(void)state;
	open_with_ann();
	new_code("ann", wrong);
	for (size_t i = 0; i < 20; i++) {
		struct job *job = request(&m, JOB_SIGN_IN, true);
		keycode_make(KEYCODE_CODE, wrong);
		assert_int_equal(keycode_read(wrong, KEYCODE_CODE, bare), 0);
		memset(job->shown.token, 7, sizeof(job->shown.token));
		strcpy(job->lines[0].user, i < 10 ? "ann" : "nobody");
		memcpy(job->signin_code, bare, sizeof(job->signin_code));
		run(job);
		assert_int_equal(job->lines[0].answer.code, i % 10 < 9 ? E_SIGNIN_REFUSED : E_SIGNIN_LOCKED);
		job_free(job);
	}
}

/* Nine wrong ones, and the right one still holds. */
static void test_nine_wrong_tries(void **state)
{
	struct machine m = machine(1);
	char wrong[KEYCODE_TEXT];
	char code[KEYCODE_TEXT];
	(void)state;
	open_with_ann();
	new_code("ann", code);
	for (int i = 0; i < 9; i++) {
		keycode_make(KEYCODE_CODE, wrong);
		assert_int_equal(sign_in(&m, "ann", wrong), E_SIGNIN_REFUSED);
	}
	assert_int_equal(sign_in(&m, "ann", code), 0);
}

static void test_a_code_holds_a_day(void **state)
{
	struct machine m = machine(1);
	char code[KEYCODE_TEXT];
	char wrong[KEYCODE_TEXT];
	(void)state;
	open_with_ann();
	new_code("ann", code);
	int64_t made = now;
	now = made + DAY;
	assert_int_equal(sign_in(&m, "ann", code), E_SIGNIN_CODE_EXPIRED);
	assert_int_equal(answered.answer.numbers.until, made + DAY);
	/* Nobody else hears that there was one. */
	keycode_make(KEYCODE_CODE, wrong);
	assert_int_equal(sign_in(&m, "ann", wrong), E_SIGNIN_REFUSED);
	assert_int_equal(sign_in(&m, "nobody", wrong), E_SIGNIN_REFUSED);
	now = made + DAY - 1;
	assert_int_equal(sign_in(&m, "ann", code), 0);
}

static void test_a_code_is_one_users_and_the_last_one(void **state)
{
	struct machine m = machine(1);
	char first[KEYCODE_TEXT];
	char second[KEYCODE_TEXT];
	(void)state;
	open_with_ann();
	new_code("ann", first);
	assert_int_equal(sign_in(&m, "bob", first), E_SIGNIN_REFUSED); /* he has none */
	assert_int_equal(sign_in(&m, "nobody", first), E_SIGNIN_REFUSED);
	new_code("bob", second);
	assert_int_equal(sign_in(&m, "bob", first), E_SIGNIN_REFUSED);
	new_code("ann", second); /* makes the first void */
	assert_int_equal(sign_in(&m, "ann", first), E_SIGNIN_REFUSED);
	assert_int_equal(sign_in(&m, "ann", second), 0);
	assert_int_equal(order((struct change){.kind = CHANGE_SIGNIN_CODE, .user = "nobody"}), E_NOT_FOUND);
}

/* The binding stands by itself: who is not assigned is signed in, and told. */
static void test_signing_in_without_a_seat(void **state)
{
	struct machine m = machine(1);
	(void)state;
	org_users(5);
	must(ADD_USER("ann"));
	assert_int_equal(sign_in_fresh(&m, "ann"), E_NOT_ASSIGNED);
	assert_int_equal(records(RECORD_BINDING), 1);
	must(ASSIGN("ann"));
	assert_int_equal(ask_as(&m, JOB_ACTIVATE, "ann"), 0);
}

static void test_blocked_devices_and_full_sources_do_not_try_codes(void **state)
{
	struct machine m = machine(1);
	char code[KEYCODE_TEXT];
	char bare[KEYCODE_KEY + 1];
	char id[DEVICE_ID_TEXT];
	(void)state;
	open_with_ann();
	must((struct change){.kind = CHANGE_DEVICE_MARK_SHARED, .device = machine_text(&m, id)});
	must((struct change){.kind = CHANGE_DEVICE_BLOCK, .device = id});
	new_code("ann", code);
	assert_int_equal(sign_in(&m, "ann", code), E_DEVICE_BLOCKED);
	m = machine(2);
	assert_int_equal(keycode_read(code, KEYCODE_CODE, bare), 0);
	struct job *job = request(&m, JOB_SIGN_IN, true);
	strcpy(job->lines[0].user, "ann");
	memcpy(job->signin_code, bare, sizeof(job->signin_code));
	job->may_enrol = false;
	assert_int_equal(finish_request(&m, job), E_ENROL_LIMIT);
	assert_int_equal(sign_in(&m, "ann", code), 0); /* it was not used up */
}

/* --- signing out --- */

static void test_signing_out(void **state)
{
	struct machine m = machine(1);
	(void)state;
	open_with_ann();
	assert_int_equal(sign_in_fresh(&m, "ann"), 0);
	assert_int_equal(sign_in_fresh(&m, "bob"), 0);
	/* Of a product: the activation goes, the binding stays. */
	assert_int_equal(ask_as(&m, JOB_SIGN_OUT, "ann"), 0);
	assert_int_equal(ask_as(&m, JOB_SIGN_OUT, "ann"), E_NOT_ACTIVATED);
	assert_int_equal(ask_as(&m, JOB_ACTIVATE, "ann"), 0);
	/* Of everything: the binding goes, too. */
	struct job *job = request(&m, JOB_SIGN_OUT, true);
	strcpy(job->lines[0].user, "ann");
	job->lines[0].product[0] = 0;
	assert_int_equal(finish_request(&m, job), 0);
	assert_int_equal(ask_as(&m, JOB_ACTIVATE, "ann"), E_SIGNIN_NEEDED);
	assert_int_equal(records(RECORD_BINDING), 1);
	assert_int_equal(ask_as(&m, JOB_RENEW, "bob"), 0); /* the others are not touched */
	job = request(&m, JOB_SIGN_OUT, true);
	strcpy(job->lines[0].user, "ann");
	job->lines[0].product[0] = 0;
	assert_int_equal(finish_request(&m, job), E_NOT_ACTIVATED);
	assert_int_equal(audits("user.signed-out"), 1);
	assert_sound();
}

/* A machine's own place in a pool is not what its user signs out of. */
static void test_signing_out_leaves_the_machines_own(void **state)
{
	struct grant grants[] = {with_plans(org_grant("cad-pool", MODEL_POOL, 5), "modeler", "render"),
				 with_plans(org_grant("cad-users", MODEL_USER, 5), "modeler", "render")};
	struct machine m = machine(1);
	(void)state;
	org_open(grants, 2);
	assert_int_equal(ask(&m, JOB_ACTIVATE, NULL), 0);
	must(ADD_USER("ann"));
	must(ASSIGN("ann"));
	assert_int_equal(sign_in_fresh(&m, "ann"), 0);
	assert_int_equal(grant_named("cad-users").u.grant.active, 1);
	assert_int_equal(ask_as(&m, JOB_SIGN_OUT, "ann"), 0);
	assert_int_equal(grant_named("cad-users").u.grant.active, 0);
	assert_int_equal(grant_named("cad-pool").u.grant.active, 1);
	assert_int_equal(ask_as(&m, JOB_SIGN_OUT, "ann"), E_NOT_ACTIVATED);
	assert_int_equal(grant_named("cad-pool").u.grant.active, 1);
	assert_sound();
}

/* --- M devices, shared machines --- */

static void test_the_device_limit_names_the_devices(void **state)
{
	struct grant grants[] = {with_plans(org_grant("cad-users", MODEL_USER, 5), "modeler", "render"),
				 org_grant("sim-users", MODEL_USER, 5)};
	struct machine all[5];
	char id[DEVICE_ID_TEXT];
	(void)state;
	strcpy(grants[1].product, "acme-sim");
	grants[0].policy.devices_per_user = 2;
	org_open(grants, 2);
	must(ADD_USER("ann"));
	must(ASSIGN("ann"));
	must((struct change){.kind = CHANGE_ASSIGN, .user = "ann", .product = "acme-sim"});
	for (uint8_t i = 0; i < 5; i++)
		all[i] = machine((uint8_t)(i + 1));
	/* Machine 4 is hers for another product, which has nothing to do with this one's limit. */
	char code[KEYCODE_TEXT];
	char bare[KEYCODE_KEY + 1];
	assert_int_equal(keycode_read(new_code("ann", code), KEYCODE_CODE, bare), 0);
	struct job *job = request(&all[3], JOB_SIGN_IN, true);
	strcpy(job->lines[0].user, "ann");
	strcpy(job->lines[0].product, "acme-sim");
	memcpy(job->signin_code, bare, sizeof(job->signin_code));
	assert_int_equal(finish_request(&all[3], job), 0);
	now += 100;
	assert_int_equal(sign_in_fresh(&all[0], "ann"), 0);
	now += 100;
	assert_int_equal(sign_in_fresh(&all[1], "ann"), 0);
	assert_int_equal(sign_in_fresh(&all[2], "ann"), E_DEVICE_LIMIT);
	assert_int_equal(answered.answer.numbers.used, 2);
	assert_int_equal(answered.answer.numbers.quantity, 2);
	assert_string_equal(answered.detail, "least recently used: host-1 (last used 2027-01-15), host-2 "
					     "(last used 2027-01-15)");
	now += 100;
	assert_int_equal(ask_as(&all[0], JOB_RENEW, "ann"), 0);
	assert_int_equal(ask_as(&all[2], JOB_ACTIVATE, "ann"), E_DEVICE_LIMIT);
	assert_non_null(strstr(answered.detail, "least recently used: host-2"));
	/* On a shared machine it uses none of them. */
	must((struct change){.kind = CHANGE_DEVICE_MARK_SHARED, .device = machine_text(&all[4], id)});
	assert_int_equal(sign_in_fresh(&all[4], "ann"), 0);
	/* A machine that is marked later frees one; unmarked again it cuts nobody off. */
	must((struct change){.kind = CHANGE_DEVICE_MARK_SHARED, .device = machine_text(&all[1], id)});
	assert_int_equal(ask_as(&all[2], JOB_ACTIVATE, "ann"), 0);
	must((struct change){.kind = CHANGE_DEVICE_UNMARK_SHARED, .device = id});
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(ask_as(&all[i], JOB_RENEW, "ann"), 0);
	assert_sound();
}

static void test_the_least_recently_used_device_is_released(void **state)
{
	struct grant g = with_plans(org_grant("cad-users", MODEL_USER, 5), "modeler", "render");
	struct machine all[3];
	(void)state;
	g.policy.devices_per_user = 2;
	g.policy.overflow = OVERFLOW_RELEASE;
	org_open(&g, 1);
	must(ADD_USER("ann"));
	must(ASSIGN("ann"));
	for (uint8_t i = 0; i < 3; i++) {
		all[i] = machine((uint8_t)(i + 1));
		now += 100;
		if (i == 2)
			assert_int_equal(ask_as(&all[0], JOB_RENEW, "ann"), 0);
		assert_int_equal(sign_in_fresh(&all[i], "ann"), 0);
	}
	assert_int_equal(audits("activation.evicted"), 1);
	assert_int_equal(grant_named("cad-users").u.grant.active, 2);
	now += 100;
	assert_int_equal(ask_as(&all[0], JOB_RENEW, "ann"), 0);
	assert_int_equal(audits("activation.evicted"), 1); /* the second went, not the first */
	now += 100;
	assert_int_equal(ask_as(&all[1], JOB_RENEW, "ann"), 0); /* and takes the third's place */
	assert_int_equal(audits("activation.evicted"), 2);
	assert_int_equal(grant_named("cad-users").u.grant.active, 2);
	assert_sound();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_a_code_signs_in_once),
		BOTH(test_a_repeated_sign_in_is_answered_again),
		BOTH(test_ten_wrong_tries_void_a_code),
		BOTH(test_wrong_tries_with_one_token),
		BOTH(test_nine_wrong_tries),
		BOTH(test_a_code_holds_a_day),
		BOTH(test_a_code_is_one_users_and_the_last_one),
		BOTH(test_signing_in_without_a_seat),
		BOTH(test_blocked_devices_and_full_sources_do_not_try_codes),
		BOTH(test_signing_out),
		BOTH(test_signing_out_leaves_the_machines_own),
		BOTH(test_the_device_limit_names_the_devices),
		BOTH(test_the_least_recently_used_device_is_released),
	};
	return cmocka_run_group_tests_name("server/broker/signin", tests, group_setup, group_teardown);
}
