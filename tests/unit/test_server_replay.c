/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that are remembered under a caller's key: once, whole or not at all, sealed, bounded, for a day. */
#include "org.h"

#include "replay.h"

static const uint8_t secret[32] = {7};

/* The outcomes in short. */
static char *write_short(const struct job *job)
{
	char *text = NULL;
	assert_true(asprintf(&text, "%d %s", job->orders->changes[0].code, job->orders->changes[0].output) >
		    0);
	return text;
}

static char *write_long(const struct job *job)
{
	char *text = malloc(REPLAY_ANSWER_MAX + 2);
	(void)job;
	assert_non_null(text);
	memset(text, 'x', REPLAY_ANSWER_MAX + 1);
	text[REPLAY_ANSWER_MAX + 1] = 0;
	return text;
}

/* Run one change under a key; what: of the request. *ret_text: the answer, the caller's. */
static int order_once(struct change c, const char *caller_key, uint8_t what, char **ret_text)
{
	struct replay r;
	struct job *job = order_job(&c, 1, 0);
	replay_init(&r, secret, sizeof(secret), "uid:0", caller_key);
	r.request[0] = what;
	r.write = write_short;
	job->replay = &r;
	run(job);
	int code = job->code;
	if (ret_text)
		*ret_text = r.text ? strdup(r.text) : NULL;
	replay_fini(&r);
	job_free(job);
	return code;
}

static void test_done_once(void **state)
{
	char *first;
	char *again;
	(void)state;
	must(ADD_USER("ann"));
	struct change code = {.kind = CHANGE_SIGNIN_CODE, .user = "ann"};
	assert_int_equal(order_once(code, "k", 1, &first), 0);
	assert_int_equal(order_once(code, "k", 1, &again), 0);
	assert_string_equal(first, again);
	assert_true(strlen(first) > 8);
	free(again);
	restart();
	assert_int_equal(order_once(code, "k", 1, &again), 0);
	assert_string_equal(first, again);
	free(again);
	assert_int_equal(order_once(code, "k", 2, NULL), E_IDEMPOTENCY_MISMATCH);
	assert_int_equal(order_once(code, "l", 1, &again), 0);
	assert_string_not_equal(first, again);
	free(again);
	free(first);
	assert_int_equal(records(RECORD_REPLAY), 2);
	assert_int_equal(broker.replays, 2);
}

/* Whatever call of the store fails: all of it happened, or nothing and the key is free. */
static void test_whole_or_not_at_all(void **state)
{
	(void)state;
	for (int at = 1, failed = 1; failed; at++) {
		char name[16];
		assert_true(at < 60);
		snprintf(name, sizeof(name), "u%d", at);
		flaky.error = E_STORE_FULL;
		flaky.calls = flaky.failures = 0;
		flaky.fail_at = at;
		int code = order_once((struct change)ADD_USER(name), name, 1, NULL);
		failed = flaky.failures;
		heal();
		assert_int_equal(code, failed ? E_STORE_FULL : 0);
		assert_int_equal(records(RECORD_USER), failed ? at - 1 : at);
		assert_int_equal(records(RECORD_REPLAY), failed ? at - 1 : at);
		assert_int_equal(order_once((struct change)ADD_USER(name), name, 1, NULL), 0);
		assert_int_equal(records(RECORD_REPLAY), at);
		assert_int_equal(broker.replays_counted ? broker.replays : at, at);
	}
}

static void test_what_changed_nothing_leaves_the_key_free(void **state)
{
	struct change remove = {.kind = CHANGE_USER_REMOVE, .user = "ann"};
	char *text;
	(void)state;
	assert_int_equal(order_once(remove, "k", 1, &text), 0);
	assert_null(text);
	assert_int_equal(records(RECORD_REPLAY), 0);
	must(ADD_USER("ann"));
	assert_int_equal(order_once(remove, "k", 2, NULL), 0);
	assert_int_equal(records(RECORD_USER), 0);
	assert_int_equal(records(RECORD_REPLAY), 1);
}

/* Where nothing can be remembered nothing is done. */
static void test_bounds(void **state)
{
	struct change c = ADD_USER("ann");
	struct job *job = order_job(&c, 1, 0);
	struct replay r;
	(void)state;
	replay_init(&r, secret, sizeof(secret), "uid:0", "k");
	r.write = write_long;
	job->replay = &r;
	run(job);
	assert_int_equal(job->code, E_TOO_LARGE);
	replay_fini(&r);
	job_free(job);
	assert_int_equal(order_once((struct change)ADD_USER("bob"), "a", 1, NULL), 0);
	broker.replays = REPLAYS_MAX;
	assert_int_equal(order_once(c, "b", 1, NULL), E_BUSY);
	broker.replays = 1;
	broker.replay_bytes = REPLAY_BYTES_MAX;
	assert_int_equal(order_once(c, "b", 1, NULL), E_BUSY);
	assert_int_equal(records(RECORD_USER), 1);
	assert_int_equal(records(RECORD_REPLAY), 1);
	broker.replays_counted = false;
	assert_int_equal(order_once(c, "b", 1, NULL), 0);
	assert_int_equal(broker.replays, 2);
}

/* The key opens it, for this caller and request; nothing else does. */
static void test_sealed(void **state)
{
	struct replay r;
	struct replay other;
	(void)state;
	must(ADD_USER("ann"));
	assert_int_equal(order_once((struct change){.kind = CHANGE_SIGNIN_CODE, .user = "ann"}, "k", 1, NULL),
			 0);
	replay_init(&r, secret, sizeof(secret), "uid:0", "k");
	r.request[0] = 1;
	assert_int_equal(replay_find(flaky.inner, &r, now), 0);
	assert_true(r.found);
	replay_init(&other, secret, sizeof(secret), "uid:1", "k");
	assert_memory_not_equal(other.name, r.name, REPLAY_HASH);
	assert_memory_not_equal(other.seal, r.seal, REPLAY_HASH);
	assert_memory_not_equal(r.name, r.seal, REPLAY_HASH);
	r.seal[3] ^= 1;
	assert_int_equal(replay_find(flaky.inner, &r, now), E_STORE_CORRUPT);
	assert_false(r.found);
	replay_fini(&r);
	replay_fini(&other);
}

static void test_forgotten_after_a_day(void **state)
{
	(void)state;
	for (int i = 0; i < 300; i++) {
		char name[16];
		snprintf(name, sizeof(name), "u%d", i);
		assert_int_equal(order_once((struct change)ADD_USER(name), name, 1, NULL), 0);
	}
	now += REPLAY_SECONDS - 1;
	assert_int_equal(order_once((struct change)ADD_USER("x"), "u7", 2, NULL), E_IDEMPOTENCY_MISMATCH);
	assert_int_equal(order_once((struct change)ADD_USER("late"), "late", 1, NULL), 0);
	sweep();
	assert_int_equal(records(RECORD_REPLAY), 301);
	now += 1;
	assert_int_equal(order_once((struct change)ADD_USER("x"), "u7", 2, NULL),
			 0); /* not swept yet, but over */
	assert_int_equal(records(RECORD_REPLAY), 301);
	sweep();
	sweep();
	/* The one of today took the place of an old one. */
	assert_int_equal(records(RECORD_REPLAY), 2);
	assert_int_equal(order_once((struct change)ADD_USER("late"), "late", 1, NULL), 0);
	assert_int_equal(broker.replays_counted ? broker.replays : 2, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_done_once),
		BOTH(test_whole_or_not_at_all),
		BOTH(test_what_changed_nothing_leaves_the_key_free),
		BOTH(test_bounds),
		BOTH(test_sealed),
		BOTH(test_forgotten_after_a_day),
	};
	return cmocka_run_group_tests_name("server/broker/replay", tests, group_setup, group_teardown);
}
