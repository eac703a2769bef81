/* SPDX-License-Identifier: Apache-2.0 */
/* Users on a machine: signing in and out, waiting for a seat, and codes that are sent exactly once. */
#include "client_machine.h"

#include "keycode.h"

#define ANNA "anna@fjord.example"
#define BERT "bert@fjord.example"

/* A code as an administrator hands it out, and its bare form. */
static char code[KEYCODE_TEXT];
static char bare[KEYCODE_KEY + 1];

static void new_code(void)
{
	keycode_make(KEYCODE_CODE, code);
	assert_int_equal(keycode_read(code, KEYCODE_CODE, bare), 0);
}

static const char *user_of(struct muster *m, const char *product)
{
	static char user[LIMIT_USER + 1];
	struct muster_status *s;
	assert_int_equal(muster_status(m, &s), 0);
	snprintf(user, sizeof(user), "%s", muster_status_user(s, muster_status_find(s, product)));
	muster_status_free(s);
	return user;
}

static int users(void **unused)
{
	fresh(unused);
	one->model = two->model = MODEL_USER;
	one->lease_days = two->lease_days = 30;
	one->renew_days = two->renew_days = 1;
	new_code();
	return 0;
}

static void signs_in(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	const muster_v1_SignIn *call = &one->last.call.sign_in;
	(void)unused;
	assert_int_equal(muster_set(m, "plans", "render"), 0);
	expect(m, muster_signin(m, "acme-cad", ANNA, code, 0), 0);
	assert_string_equal(muster_outcome_what(m, 0), "signed in");
	assert_int_equal(one->last.which_call, muster_v1_Request_sign_in_tag);
	assert_string_equal(call->want.product, "acme-cad");
	assert_string_equal(call->want.user, ANNA);
	assert_string_equal(call->want.plans[0], "render");
	assert_string_equal(call->code, bare);
	assert_string_equal(state_of(m, "acme-cad"), "licensed");
	assert_string_equal(user_of(m, "acme-cad"), ANNA);
	/* A renewal says who is signed in. */
	expect(m, muster_renew(m, "acme-cad", 0, 0), 0);
	assert_string_equal(one->last.call.renew.wants[0].user, ANNA);
	assert_string_equal(one->last.call.renew.wants[0].plans[0], "render");
	/* And so does another process, and an activation; without a code where the user is known. */
	muster_free(m);
	m = machine(&dir, one, NULL);
	expect(m, muster_signin(m, "acme-cad", ANNA, NULL, 0), 0);
	assert_string_equal(call->code, "");
	assert_int_equal(call->want.lease_serial, 2);
	wall = one->now = PEER_NOW + 40 * PEER_DAY;
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	assert_int_equal(one->last.which_call, muster_v1_Request_activate_tag);
	assert_string_equal(one->last.call.activate.wants[0].user, ANNA);
	assert_false(one->ratchet_wrong);
	muster_free(m);
}

/* The host may write a name in its own way. */
static void host_names_the_user(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	(void)unused;
	one->as_user = ANNA;
	expect(m, muster_signin(m, "acme-cad", "Anna@Fjord.Example", code, 0), 0);
	assert_string_equal(user_of(m, "acme-cad"), ANNA);
	expect(m, muster_renew(m, "acme-cad", 0, 0), 0);
	assert_string_equal(one->last.call.renew.wants[0].user, ANNA);
	muster_free(m);
}

/* What cannot be a code or a name is refused before any host hears of it. */
static void arguments(void **unused)
{
	static const char *const codes[] = {"7H4K-9QXD", "7H4K 9QXD 3MWA C6T0", "x", "----",
					    "7H4K-9QXD-3MWA-C6T8-7H4K-9QXD-3MWA"};
	static const char *const names[] = {"", "a\nb", "a\x1b[31m", "\xff\xfe", "a\xc2\x85z"};
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	char text[LIMIT_USER + 2];
	(void)unused;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		expect(m, muster_signin(m, "acme-cad", ANNA, codes[i], 0), E_KEY_MALFORMED);
	assert_non_null(strstr(muster_error_detail(m), "16 characters"));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		expect(m, muster_signin(m, "acme-cad", names[i], code, 0), E_BAD_REQUEST);
	expect(m, muster_signin(m, "acme-cad", NULL, code, 0), E_BAD_REQUEST);
	memset(text, 'a', sizeof(text) - 1);
	text[LIMIT_USER + 1] = 0;
	expect(m, muster_signin(m, "acme-cad", text, code, 0), E_BAD_REQUEST);
	expect(m, muster_signin(m, "no-such", ANNA, code, 0), E_NO_PRODUCT_FILE);
	assert_int_equal(one->connections, 0);
	/* The longest name there may be, and a code as people type it. */
	text[LIMIT_USER] = 0;
	char typed[64];
	snprintf(typed, sizeof(typed), " %.4s \xe2\x80\x93 %s", code, code + 5);
	for (char *at = typed; *at; at++)
		*at = *at >= 'A' && *at <= 'Z' ? (char)(*at | 0x20) : *at;
	expect(m, muster_signin(m, "acme-cad", text, typed, 0), 0);
	assert_string_equal(one->last.call.sign_in.code, bare);
	muster_free(m);
}

/* Each refusal with its numbers and the host's words; nothing is left behind that the agent would ask for. */
static void refusals(void **unused)
{
	static const int codes[] = {E_SIGNIN_REFUSED, E_SIGNIN_CODE_EXPIRED, E_SIGNIN_LOCKED, E_DEVICE_LIMIT,
				    E_DEVICE_NOT_SHARED};
	(void)unused;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		struct machine_dir dir = {0};
		struct muster *m = machine(&dir, one, NULL);
		struct muster_status *s;
		long long value;
		one->done = 0;
		one->counter = 0;
		one->refuse = "*";
		one->product_code = codes[i];
		one->used = one->quantity = 5;
		one->detail = "pc-1, pc-2, pc-3, pc-4; least recently used: pc-4";
		expect(m, muster_signin(m, "acme-cad", ANNA, code, 0), codes[i]);
		assert_string_equal(muster_error_detail(m), one->detail);
		assert_string_equal(muster_outcome_detail(m, 0), one->detail);
		assert_int_equal(muster_error_value(m, "used", &value), 1);
		assert_true(value == 5);
		assert_int_equal(muster_status(m, &s), 0);
		int at = muster_status_find(s, "acme-cad");
		assert_string_equal(muster_status_state(s, at), "grace");
		assert_string_equal(muster_status_user(s, at), "");
		assert_string_equal(muster_status_error_name(s, at), error_name(codes[i]));
		assert_string_equal(muster_status_error_detail(s, at), one->detail);
		assert_string_equal(muster_status_error_remedy(s, at), error_row(codes[i])->remedy);
		muster_status_free(s);
		long long due = 0;
		assert_int_equal(muster_next_due(m, &due), 0);
		assert_true(due == -1);
		one->refuse = one->detail = NULL;
		expect(m, muster_signin(m, "acme-cad", ANNA, code, 0), 0);
		muster_free(m);
	}
}

/* Who was let in but has no seat yet gets it by itself. */
static void waits_for_a_seat(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	long long due = 0;
	(void)unused;
	one->refuse = "*";
	one->product_code = E_NOT_ASSIGNED;
	expect(m, muster_signin(m, "acme-cad", ANNA, code, 0), E_NOT_ASSIGNED);
	assert_string_equal(user_of(m, "acme-cad"), ANNA);
	assert_int_equal(muster_next_due(m, &due), 0);
	assert_in_range(due, 6480, 7920);
	wall += due;
	expect(m, muster_renew(m, NULL, 1, 0), E_NOT_ASSIGNED);
	assert_int_equal(one->last.which_call, muster_v1_Request_activate_tag);
	assert_string_equal(one->last.call.activate.wants[0].user, ANNA);
	one->refuse = NULL;
	expect(m, muster_renew(m, NULL, 0, 0), 0);
	assert_string_equal(state_of(m, "acme-cad"), "licensed");
	/* Waiting again, he may also leave. */
	muster_free(m);
	memset(&dir, 0, sizeof(dir));
	one->done = 0;
	one->counter = 0;
	m = machine(&dir, one, NULL);
	one->refuse = "*";
	one->refuse_tag = muster_v1_Request_sign_in_tag;
	expect(m, muster_signin(m, "acme-cad", ANNA, code, 0), E_NOT_ASSIGNED);
	expect(m, muster_signout(m, "acme-cad", 0), 0);
	assert_int_equal(muster_next_due(m, &due), 0);
	assert_true(due == -1);
	muster_free(m);
}

/* Another user takes the lease over, but only with success. */
static void another_user(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	struct muster_status *s;
	(void)unused;
	expect(m, muster_signin(m, "acme-cad", ANNA, code, 0), 0);
	long long expires = expires_of(m, "acme-cad");
	one->refuse = "*";
	one->now += PEER_DAY;
	static const int codes[] = {E_SIGNIN_REFUSED, E_NOT_ASSIGNED};
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		one->product_code = codes[i];
		assert_int_equal(muster_set(m, "plans", "render"), 0);
		expect(m, muster_signin(m, "acme-cad", BERT, code, 0), codes[i]);
		assert_int_equal(muster_set(m, "plans", NULL), 0);
		assert_string_equal(user_of(m, "acme-cad"), ANNA);
		assert_true(expires_of(m, "acme-cad") == expires);
		/* Anna's lease has no blame for it. */
		assert_int_equal(muster_status(m, &s), 0);
		assert_int_equal(muster_status_error_number(s, muster_status_find(s, "acme-cad")), 0);
		muster_status_free(s);
	}
	one->refuse = NULL;
	expect(m, muster_renew(m, "acme-cad", 0, 0), 0);
	assert_string_equal(one->last.call.renew.wants[0].user, ANNA);
	assert_int_equal(one->last.call.renew.wants[0].plans_count, 0);
	expect(m, muster_signin(m, "acme-cad", BERT, code, 0), 0);
	assert_string_equal(user_of(m, "acme-cad"), BERT);
	expect(m, muster_renew(m, "acme-cad", 0, 0), 0);
	assert_string_equal(one->last.call.renew.wants[0].user, BERT);
	muster_free(m);
}

/* Taken from the user at the host, the lease is good to its end. */
static void unassigned_keeps_the_lease(void **unused)
{
	static const int codes[] = {E_NOT_ASSIGNED, E_SIGNIN_NEEDED};
	(void)unused;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		struct machine_dir dir = {0};
		users(NULL);
		struct muster *m = machine(&dir, one, NULL);
		one->on_expiry = ON_EXPIRY_REDUCED;
		expect(m, muster_signin(m, "acme-cad", ANNA, code, 0), 0);
		one->refuse = "*";
		one->product_code = codes[i];
		expect(m, muster_renew(m, "acme-cad", 0, 0), codes[i]);
		assert_string_equal(state_of(m, "acme-cad"), "licensed");
		assert_string_equal(user_of(m, "acme-cad"), ANNA);
		wall = PEER_NOW + 30 * PEER_DAY;
		assert_string_equal(state_of(m, "acme-cad"), "reduced");
		muster_free(m);
	}
}

/* --- exactly once --- */

static void lost_answer(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	uint8_t token[16];
	char path[512];
	(void)unused;
	state_file(&dir, "state.json", path);
	one->mode = PEER_LOSE;
	one->watch = path;
	expect(m, muster_signin(m, "acme-cad", ANNA, code, 0), E_NO_HOST);
	/* The code was on disk, for its owner only, before it was sent. */
	assert_non_null(one->watched);
	assert_non_null(strstr(one->watched, bare));
	free(one->watched);
	one->watch = NULL;
	memcpy(token, one->token, 16);
	muster_free(m);
	m = machine(&dir, one, NULL);
	one->mode = PEER_SERVE;
	expect(m, muster_signin(m, "acme-cad", ANNA, code, 0), 0);
	assert_int_equal(one->done, 1);
	assert_int_equal(one->repeats, 1);
	assert_memory_equal(peer_once(&one->last)->token, token, 16);
	assert_string_equal(one->last.call.sign_in.code, bare);
	assert_string_equal(user_of(m, "acme-cad"), ANNA);
	/* Answered: it is forgotten. */
	assert_false(state_has(&dir, bare));
	assert_false(one->ratchet_wrong);
	muster_free(m);
}

/* Another code is another call: the first one is settled before. */
static void another_code(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	char first[KEYCODE_KEY + 1];
	(void)unused;
	one->mode = PEER_LOSE;
	expect(m, muster_signin(m, "acme-cad", ANNA, code, 0), E_NO_HOST);
	one->mode = PEER_SERVE;
	memcpy(first, bare, sizeof(first));
	new_code();
	expect(m, muster_signin(m, "acme-cad", ANNA, code, 0), 0);
	assert_int_equal(one->repeats, 1);
	assert_int_equal(one->done, 2);
	assert_string_equal(one->last.call.sign_in.code, bare);
	assert_false(one->ratchet_wrong);
	muster_free(m);
}

static void signs_out(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	uint8_t token[16];
	char path[512];
	(void)unused;
	expect(m, muster_signout(m, "acme-cad", 0), E_NOT_ACTIVATED);
	expect(m, muster_signin(m, "acme-cad", ANNA, code, 0), 0);
	one->mode = PEER_LOSE;
	expect(m, muster_signout(m, "acme-cad", 0), E_NO_HOST);
	assert_string_equal(state_of(m, "acme-cad"), "licensed");
	memcpy(token, one->token, 16);
	one->mode = PEER_SERVE;
	expect(m, muster_signout(m, "acme-cad", 0), 0);
	assert_string_equal(muster_outcome_what(m, 0), "signed out");
	assert_memory_equal(one->token, token, 16);
	assert_int_equal(one->repeats, 1);
	assert_string_equal(one->last.call.sign_out.product, "acme-cad");
	assert_string_equal(one->last.call.sign_out.user, ANNA);
	assert_string_equal(state_of(m, "acme-cad"), "grace");
	assert_string_equal(user_of(m, "acme-cad"), "");
	state_file(&dir, "leases/acme-cad.lease", path);
	assert_int_equal(access(path, F_OK), -1);
	expect(m, muster_signout(m, NULL, 0), E_NOT_ACTIVATED);
	expect(m, muster_renew(m, NULL, 1, 0), 0);
	assert_int_equal(muster_outcome_count(m), 0);
	muster_free(m);
}

/* Where the host knows nothing of it, there is nothing to give back; any other refusal keeps the lease. */
static void sign_out_refused(void **unused)
{
	static const struct {
		int code, result;
	} rows[] = {{E_NOT_ACTIVATED, 0}, {E_SIGNIN_NEEDED, 0}, {E_DEVICE_BLOCKED, E_DEVICE_BLOCKED}};
	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (int all = 0; all < 2; all++) {
			struct machine_dir dir = {0};
			users(NULL);
			struct muster *m = machine(&dir, one, NULL);
			expect(m, muster_signin(m, "acme-cad", ANNA, code, 0), 0);
			one->refuse = "*";
			one->product_code = rows[i].code;
			expect(m, muster_signout(m, all ? NULL : "acme-cad", 0), rows[i].result);
			assert_string_equal(state_of(m, "acme-cad"), rows[i].result ? "licensed" : "grace");
			muster_free(m);
		}
	}
}

static void signs_out_of_all(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	(void)unused;
	expect(m, muster_signin(m, "acme-cad", ANNA, code, 0), 0);
	expect(m, muster_signin(m, "acme-sim", ANNA, code, 0), 0);
	expect(m, muster_signin(m, "acme-view", BERT, code, 0), 0);
	int requests = one->requests;
	expect(m, muster_signout(m, NULL, 0), 0);
	/* One call for each user, which names no product. */
	assert_int_equal(one->requests, requests + 2);
	assert_string_equal(one->last.call.sign_out.product, "");
	assert_int_equal(muster_outcome_count(m), 3);
	for (int i = 0; i < 3; i++)
		assert_string_equal(muster_outcome_what(m, i), "signed out");
	assert_string_equal(state_of(m, "acme-cad"), "grace");
	assert_string_equal(state_of(m, "acme-sim"), "grace");
	assert_string_equal(state_of(m, "acme-view"), "grace");
	expect(m, muster_signout(m, NULL, 0), E_NOT_ACTIVATED);
	assert_false(one->ratchet_wrong);
	muster_free(m);
}

/* What another ledger gave is not given back here. */
static void only_where_it_was_had(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	char at[32];
	(void)unused;
	expect(m, muster_signin(m, "acme-cad", ANNA, code, 0), 0);
	muster_set(m, "host", NULL);
	muster_set(m, "host", peer_at(two, at));
	expect(m, muster_signout(m, "acme-cad", 0), E_NO_HOST);
	assert_non_null(strstr(muster_error_detail(m), "LEDGER_MISMATCH"));
	expect(m, muster_signout(m, NULL, 0), E_NO_HOST);
	assert_int_equal(two->requests, 0);
	/* With another product of his there, only that one ends. */
	expect(m, muster_signin(m, "acme-sim", ANNA, code, 0), 0);
	expect(m, muster_signout(m, NULL, 0), E_LEDGER_MISMATCH);
	assert_string_equal(state_of(m, "acme-cad"), "licensed");
	assert_string_equal(state_of(m, "acme-sim"), "grace");
	muster_free(m);
}

/* A device's own lease is no user's: it stays when a user leaves, and goes back in the device's name. */
static void device_keeps_its_own(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	(void)unused;
	one->as_user = "";
	expect(m, muster_signin(m, "acme-cad", ANNA, code, 0), 0);
	expect(m, muster_renew(m, "acme-cad", 0, 0), 0);
	assert_string_equal(one->last.call.renew.wants[0].user, ANNA);
	expect(m, muster_signout(m, "acme-cad", 0), 0);
	assert_string_equal(state_of(m, "acme-cad"), "licensed");
	expect(m, muster_signin(m, "acme-cad", ANNA, code, 0), 0);
	expect(m, muster_release(m, "acme-cad", 0), 0);
	assert_string_equal(one->last.call.release.user, "");
	assert_string_equal(state_of(m, "acme-cad"), "grace");
	/* A user's goes back in the user's. */
	one->as_user = NULL;
	expect(m, muster_signin(m, "acme-cad", ANNA, code, 0), 0);
	expect(m, muster_release(m, "acme-cad", 0), 0);
	assert_string_equal(one->last.call.release.user, ANNA);
	expect(m, muster_signout(m, "acme-cad", 0), E_NOT_ACTIVATED);
	muster_free(m);
}

/* An untrusted host sees neither name nor code. */
static void wrong_host(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	(void)unused;
	one->vendor = &other;
	expect(m, muster_signin(m, "acme-cad", ANNA, code, 0), E_NO_HOST);
	assert_non_null(strstr(muster_error_detail(m), "HOST_UNTRUSTED"));
	assert_int_equal(one->requests, 0);
	one->vendor = &acme;
	one->foreign_certificate = true;
	expect(m, muster_signin(m, "acme-cad", ANNA, code, 0), E_WRONG_HOST);
	assert_string_equal(state_of(m, "acme-cad"), "grace");
	assert_string_equal(user_of(m, "acme-cad"), "");
	muster_free(m);
}

/* A state that was lost knows the user again from the lease. */
static void healed(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	char path[512];
	(void)unused;
	expect(m, muster_signin(m, "acme-cad", ANNA, code, 0), 0);
	state_file(&dir, "state.json", path);
	peer_write(path, "{}");
	chmod(path, 0600);
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	assert_string_equal(one->last.call.activate.wants[0].user, ANNA);
	assert_string_equal(user_of(m, "acme-cad"), ANNA);
	muster_free(m);
}

#define USERS(name) cmocka_unit_test_setup(name, users)

int main(void)
{
	const struct CMUnitTest tests[] = {
		USERS(signs_in),
		USERS(host_names_the_user),
		USERS(arguments),
		USERS(refusals),
		USERS(waits_for_a_seat),
		USERS(another_user),
		USERS(unassigned_keeps_the_lease),
		USERS(lost_answer),
		USERS(another_code),
		USERS(signs_out),
		USERS(sign_out_refused),
		USERS(signs_out_of_all),
		USERS(only_where_it_was_had),
		USERS(device_keeps_its_own),
		USERS(wrong_host),
		USERS(healed),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
