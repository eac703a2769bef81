/* SPDX-License-Identifier: Apache-2.0 */
/* Product keys, redeemed from a machine; and keys with which an unknown machine enrols. */
#include "client_machine.h"

#include "keycode.h"

static char key[KEYCODE_TEXT];
static char bare[KEYCODE_KEY + 1];
static char lone[256]; /* a products folder with one product */

static int keys(void **unused)
{
	fresh(unused);
	keycode_make(KEYCODE_KEY, key);
	return keycode_read(key, KEYCODE_KEY, bare);
}

static void redeems(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	(void)unused;
	one->detail = "10 more seats of cad-seats, 30 in all, until 2031-01-01";
	expect(m, muster_redeem(m, "acme-cad", key, 0), 0);
	assert_string_equal(muster_outcome_what(m, 0), "redeemed");
	assert_string_equal(muster_outcome_detail(m, 0), one->detail);
	assert_string_equal(one->last.call.redeem.product, "acme-cad");
	assert_string_equal(one->last.call.redeem.key, bare);
	assert_string_equal(state_of(m, "acme-cad"), "grace");
	/* Which product is plain when there is only one. */
	expect(m, muster_redeem(m, NULL, key, 0), E_BAD_REQUEST);
	assert_non_null(strstr(muster_error_detail(m), "4 of them"));
	assert_int_equal(muster_set(m, "products", lone), 0);
	expect(m, muster_redeem(m, NULL, key, 0), 0);
	assert_string_equal(one->last.call.redeem.product, "acme-sim");
	expect(m, muster_redeem(m, "acme-cad", key, 0), E_NO_PRODUCT_FILE);
	assert_false(one->ratchet_wrong);
	muster_free(m);
}

static void malformed(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	char wrong[KEYCODE_TEXT];
	(void)unused;
	/* Each single wrong character is seen here already. */
	for (size_t i = 0; i < strlen(key); i++) {
		memcpy(wrong, key, sizeof(wrong));
		wrong[i] = wrong[i] == 'W' ? 'X' : 'W';
		expect(m, muster_redeem(m, "acme-cad", wrong, 0), E_KEY_MALFORMED);
	}
	expect(m, muster_redeem(m, "acme-cad", "", 0), E_KEY_MALFORMED);
	expect(m, muster_redeem(m, "acme-cad", NULL, 0), E_KEY_MALFORMED);
	keycode_make(KEYCODE_CODE, wrong);
	expect(m, muster_redeem(m, "acme-cad", wrong, 0), E_KEY_MALFORMED);
	assert_int_equal(muster_set(m, "key", wrong), 0);
	expect(m, muster_activate(m, "acme-cad", 0), E_KEY_MALFORMED);
	assert_int_equal(one->connections, 0);
	/* It is never named, not even when it is too long. */
	char long_one[400];
	memset(long_one, 'W', sizeof(long_one) - 1);
	long_one[sizeof(long_one) - 1] = 0;
	expect(m, muster_set(m, "key", long_one), E_CONFIG_INVALID);
	assert_null(strstr(muster_error_detail(m), "WWW"));
	muster_free(m);
}

/* A refused key is no misfortune of the product: its state says nothing of it. */
static void refusals(void **unused)
{
	static const int codes[] = {E_KEY_UNKNOWN,       E_KEY_USED,    E_KEY_EXPIRED,       E_KEY_BLOCKED,
				    E_KEY_WRONG_PRODUCT, E_KEY_EXCEEDS, E_KEY_NOT_PERMITTED, E_KEY_TRY_LATER};
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	(void)unused;
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	one->refuse = "*";
	one->used = 20;
	one->quantity = 25;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		struct muster_status *s;
		long long value = 0;
		long long due = 0;
		one->product_code = codes[i];
		one->detail = "the offer ends at 25 seats";
		expect(m, muster_redeem(m, "acme-cad", key, 0), codes[i]);
		assert_string_equal(muster_error_detail(m), one->detail);
		assert_int_equal(muster_error_value(m, "quantity", &value), 1);
		assert_true(value == 25);
		assert_int_equal(muster_error_exit(m), error_row(codes[i])->exit);
		assert_int_equal(muster_status(m, &s), 0);
		assert_int_equal(muster_status_error_number(s, muster_status_find(s, "acme-cad")), 0);
		muster_status_free(s);
		assert_int_equal(muster_next_due(m, &due), 0);
		assert_true(due > 6 * PEER_DAY);
	}
	muster_free(m);
}

static void lost_answer(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	uint8_t token[16];
	(void)unused;
	one->mode = PEER_LOSE;
	expect(m, muster_redeem(m, "acme-cad", key, 0), E_NO_HOST);
	memcpy(token, one->token, 16);
	assert_true(state_has(&dir, bare));
	muster_free(m);
	m = machine(&dir, one, NULL);
	one->mode = PEER_SERVE;
	expect(m, muster_redeem(m, "acme-cad", key, 0), 0);
	assert_memory_equal(one->token, token, 16);
	assert_int_equal(one->done, 1);
	assert_int_equal(one->repeats, 1);
	assert_false(state_has(&dir, bare));
	/* Another key is another call. */
	one->mode = PEER_LOSE;
	expect(m, muster_redeem(m, "acme-cad", key, 0), E_NO_HOST);
	one->mode = PEER_SERVE;
	keycode_make(KEYCODE_KEY, key);
	expect(m, muster_redeem(m, "acme-cad", key, 0), 0);
	assert_int_equal(one->done, 3);
	assert_int_equal(one->repeats, 2);
	assert_false(one->ratchet_wrong);
	muster_free(m);
}

static void wrong_host(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	(void)unused;
	one->vendor = &other;
	expect(m, muster_redeem(m, "acme-cad", key, 0), E_NO_HOST);
	assert_int_equal(one->requests, 0);
	/* The second host is asked when the first one has trouble of its own. */
	muster_free(m);
	memset(&dir, 0, sizeof(dir));
	one->vendor = &acme;
	one->call_code = E_STORE_FULL;
	m = machine(&dir, one, two);
	expect(m, muster_redeem(m, "acme-cad", key, 0), 0);
	assert_int_equal(two->requests, 1);
	muster_free(m);
}

/* --- keys of enrolment --- */

static void enrols(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	const wire_want *want = &one->last.call.activate.wants[0];
	(void)unused;
	one->refuse = "*";
	one->product_code = E_ENROL_KEY_NEEDED;
	expect(m, muster_activate(m, "acme-cad", 0), E_ENROL_KEY_NEEDED);
	assert_string_equal(want->key, "");
	assert_false(want->reinstalled);
	one->refuse = NULL;
	assert_int_equal(muster_set(m, "key", key), 0);
	assert_int_equal(muster_set(m, "reinstalled", "1"), 0);
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	assert_string_equal(want->key, bare);
	assert_true(want->reinstalled);
	/* Shown once: what follows does without, and nothing of it is kept. */
	expect(m, muster_renew(m, "acme-cad", 0, 0), 0);
	assert_string_equal(one->last.call.renew.wants[0].key, "");
	assert_false(one->last.call.renew.wants[0].reinstalled);
	assert_false(state_has(&dir, bare));
	expect(m, muster_set(m, "reinstalled", "yes"), E_CONFIG_INVALID);
	muster_free(m);
}

/* The same activation again has the same key; without it, it is another call. */
static void lost_enrolment(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	(void)unused;
	assert_int_equal(muster_set(m, "key", key), 0);
	one->mode = PEER_LOSE;
	expect(m, muster_activate(m, "acme-cad", 0), E_NO_HOST);
	one->mode = PEER_SERVE;
	muster_free(m);
	m = machine(&dir, one, NULL);
	assert_int_equal(muster_set(m, "key", key), 0);
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	assert_int_equal(one->done, 1);
	assert_int_equal(one->repeats, 1);
	assert_string_equal(one->last.call.activate.wants[0].key, bare);
	muster_free(m);
}

/* A pool's lease has no end and is never due. */
static void pool(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	struct muster_status *s;
	long long due = 0;
	long long value = 0;
	(void)unused;
	one->model = MODEL_POOL;
	one->lease_days = one->renew_days = 0;
	one->refuse = "*";
	one->product_code = E_POOL_EXHAUSTED;
	one->used = one->quantity = 100;
	expect(m, muster_activate(m, "acme-cad", 0), E_POOL_EXHAUSTED);
	assert_int_equal(muster_error_value(m, "used", &value), 1);
	assert_true(value == 100);
	one->refuse = NULL;
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	wall = PEER_NOW + 300 * PEER_DAY;
	assert_int_equal(muster_status(m, &s), 0);
	int i = muster_status_find(s, "acme-cad");
	assert_string_equal(muster_status_state(s, i), "licensed");
	assert_string_equal(muster_status_model(s, i), "pool");
	assert_true(muster_status_expires(s, i) == 0);
	assert_int_equal(muster_status_notice(s, i), 0);
	assert_int_equal(muster_status_prompt(s, i), 0);
	muster_status_free(s);
	assert_int_equal(muster_next_due(m, &due), 0);
	assert_true(due == -1);
	muster_free(m);
}

#define KEYS(name) cmocka_unit_test_setup(name, keys)

static int start_all(void **unused)
{
	start(unused);
	peer_path("lone", lone);
	peer_product(lone, &acme, "acme-sim", "sim");
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KEYS(redeems),    KEYS(malformed), KEYS(refusals),       KEYS(lost_answer),
		KEYS(wrong_host), KEYS(enrols),    KEYS(lost_enrolment), KEYS(pool),
	};
	return cmocka_run_group_tests(tests, start_all, stop);
}
