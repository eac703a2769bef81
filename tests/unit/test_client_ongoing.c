/* SPDX-License-Identifier: Apache-2.0 */
/* The calls in an event loop of the caller's: nothing waits but the loop, and what comes of them is the same.
 */
#include "client_machine.h"

#include <time.h>

#define MANY 40
#define LONG_MS 10000

/* --- an event loop --- */

static struct muster *loop_machine(struct machine_dir *dir, const struct peer *first,
				   const struct peer *second)
{
	struct muster *m = machine(dir, first, second);
	assert_int_equal(muster_set(m, "nonblocking", "1"), 0);
	return m;
}

static int64_t milliseconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Watch and process until the call is over. *ret_turns: how often it went on. */
static int finish(struct muster *m, int code, int *ret_turns)
{
	int64_t end = milliseconds() + LONG_MS;
	*ret_turns = 0;
	while (code == MUSTER_IN_PROGRESS) {
		struct pollfd p = {.fd = muster_fd(m), .events = (short)muster_events(m)};
		assert_true(p.fd >= 0 && p.events == POLLIN && muster_timeout(m) >= 0);
		assert_true(milliseconds() < end);
		assert_true(poll(&p, 1, muster_timeout(m)) >= 0);
		code = muster_process(m);
		++*ret_turns;
	}
	assert_int_equal(muster_events(m), 0);
	assert_int_equal(muster_timeout(m), -1);
	assert_int_equal(muster_process(m), code); /* the last one's */
	return code;
}

static void expect_later(struct muster *m, int code, int wanted)
{
	int turns;
	assert_int_equal(code, MUSTER_IN_PROGRESS);
	expect(m, finish(m, code, &turns), wanted);
	assert_in_range(turns, 1, 100);
}

/* --- the calls --- */

static void activates(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = loop_machine(&dir, one, NULL);
	(void)unused;
	assert_int_equal(MUSTER_IN_PROGRESS, E_IN_PROGRESS);
	assert_int_equal(muster_fd(m), -1);
	expect_later(m, muster_activate(m, "acme-cad", 0), 0);
	assert_string_equal(muster_outcome_what(m, 0), "activated");
	int fd = muster_fd(m);
	expect_later(m, muster_renew(m, "acme-cad", 0, 0), 0);
	assert_int_equal(muster_fd(m), fd);
	assert_string_equal(state_of(m, "acme-cad"), "licensed");
	/* Nothing to do: it is over at once. */
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	assert_int_equal(one->connections, 2);
	muster_free(m);
}

/* What the caller gives may be gone when the call goes on. */
static int sign_in(struct muster *m)
{
	char product[] = "acme-cad";
	char user[] = "ada";
	char code[] = "";
	int error = muster_signin(m, product, user, code, 0);
	memset(product, 'x', sizeof(product) - 1);
	memset(user, 'x', sizeof(user) - 1);
	return error;
}

static void every_call(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = loop_machine(&dir, one, NULL);
	(void)unused;
	expect_later(m, muster_where(m, 0), 0);
	assert_string_equal(muster_step_result(m, 0), "OK");
	expect_later(m, muster_activate(m, "acme-cad", 0), 0);
	expect_later(m, muster_renew(m, "acme-cad", 0, 0), 0);
	expect(m, muster_renew(m, NULL, 1, 0), 0); /* nothing is due */
	expect_later(m, muster_reset(m, "acme-cad", 0, 0), 0);
	assert_int_equal(muster_reset_count(m), 6);
	char undo[512];
	snprintf(undo, sizeof(undo), "%s", muster_reset_file(m));
	assert_true(undo[0]);
	expect_later(m, muster_reset_undo(m, "acme-cad", undo, 0), 0);
	expect_later(m, muster_release(m, "acme-cad", 0), 0);
	expect_later(m, sign_in(m), 0);
	assert_int_equal(one->last.which_call, muster_v1_Request_sign_in_tag);
	assert_string_equal(one->last.call.sign_in.want.user, "ada");
	expect_later(m, muster_signout(m, NULL, 0), 0);
	muster_free(m);
}

static void refusals(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = loop_machine(&dir, one, NULL);
	long long need = 0;
	(void)unused;
	one->product_code = E_THRESHOLD_NOT_MET;
	one->refuse = "*";
	one->have = 3;
	one->need = 25;
	expect_later(m, muster_activate(m, "acme-cad", 0), E_THRESHOLD_NOT_MET);
	assert_int_equal(muster_error_value(m, "need", &need), 1);
	assert_int_equal(need, 25);
	expect(m, muster_activate(m, "nothing", 0), E_NO_PRODUCT_FILE);
	muster_free(m);
}

/* --- while it goes on --- */

static void one_call_at_a_time(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = loop_machine(&dir, one, NULL);
	struct muster_status *s;
	const char *text;
	long long due;
	(void)unused;
	int code = muster_activate(m, "acme-cad", 0);
	assert_int_equal(code, MUSTER_IN_PROGRESS);
	assert_int_equal(muster_error_number(m), -MUSTER_IN_PROGRESS);
	assert_string_equal(muster_error_name(m), "IN_PROGRESS");
	assert_int_equal(muster_activate(m, "acme-sim", 0), MUSTER_IN_PROGRESS);
	assert_int_equal(muster_set(m, "timeout_ms", "100"), MUSTER_IN_PROGRESS);
	assert_int_equal(muster_status(m, &s), MUSTER_IN_PROGRESS);
	assert_int_equal(muster_next_due(m, &due), MUSTER_IN_PROGRESS);
	assert_int_equal(muster_request(m, "acme-cad", NULL, &text), MUSTER_IN_PROGRESS);
	assert_string_equal(text, "");
	assert_int_equal(muster_bundle(m, "", NULL, &text), MUSTER_IN_PROGRESS);
	assert_int_equal(muster_import(m, ""), MUSTER_IN_PROGRESS);
	assert_int_equal(muster_installation_id(m, "acme-cad", &text), MUSTER_IN_PROGRESS);
	assert_int_equal(muster_confirm(m, "1"), MUSTER_IN_PROGRESS);
	assert_int_equal(muster_generalize(m), MUSTER_IN_PROGRESS);
	assert_int_equal(muster_reset(m, "acme-cad", 0, 0), MUSTER_IN_PROGRESS);
	expect_later(m, code, 0);
	assert_int_equal(one->requests, 1);
	muster_free(m);
}

/* Going on before there was an event does nothing, however often. */
static void impatience(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = loop_machine(&dir, one, NULL);
	int64_t end = milliseconds() + LONG_MS;
	(void)unused;
	int code = muster_activate(m, "acme-cad", 0);
	while (code == MUSTER_IN_PROGRESS && milliseconds() < end)
		code = muster_process(m);
	expect(m, code, 0);
	assert_int_equal(one->requests, 1);
	muster_free(m);
}

static void silence(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = loop_machine(&dir, one, NULL);
	(void)unused;
	one->mode = PEER_SILENT;
	int code = muster_activate(m, "acme-cad", 300);
	assert_in_range(muster_timeout(m), 0, 300);
	expect_later(m, code, E_NO_HOST);
	assert_string_equal(muster_step_result(m, 0), "TIMEOUT");
	muster_free(m);
}

static void cancelled(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = loop_machine(&dir, one, NULL);
	char at[32];
	(void)unused;
	one->mode = PEER_SILENT;
	int code = muster_activate(m, "acme-cad", 60000);
	assert_int_equal(code, MUSTER_IN_PROGRESS);
	muster_cancel(m);
	assert_int_equal(muster_timeout(m), 0);
	expect(m, muster_process(m), E_CANCELLED);
	assert_int_equal(muster_set(m, "host", NULL), 0);
	assert_int_equal(muster_set(m, "host", peer_at(two, at)), 0);
	expect_later(m, muster_activate(m, "acme-cad", 0), 0);
	muster_free(m);
}

static void freed_in_the_middle(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = loop_machine(&dir, one, NULL);
	(void)unused;
	one->mode = PEER_SILENT;
	assert_int_equal(muster_activate(m, "acme-cad", 60000), MUSTER_IN_PROGRESS);
	muster_free(m);
	/* Nothing of it is left: the directory is not locked. */
	m = loop_machine(&dir, two, NULL);
	expect_later(m, muster_activate(m, "acme-cad", 0), 0);
	muster_free(m);
}

/* Another program has the directory: a call with a deadline goes on when it is free, one without says so. */
static void busy_directory(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = loop_machine(&dir, one, NULL);
	const char *text;
	struct fault f;
	int fd;
	(void)unused;
	assert_string_equal(state_of(m, "acme-cad"), "grace");
	assert_int_equal(folder_lock(dir.path, deadline_in(100, NULL), &fd, &f), 0);
	expect(m, muster_request(m, "acme-cad", NULL, &text), E_STATE_LOCKED);
	int code = muster_activate(m, "acme-cad", 0);
	assert_int_equal(code, MUSTER_IN_PROGRESS);
	assert_int_equal(muster_process(m), MUSTER_IN_PROGRESS);
	assert_int_equal(one->connections, 0);
	folder_unlock(fd);
	expect_later(m, code, 0);
	muster_free(m);
}

/* One thread, one loop, many machines that wait at once: all have waited for so long when one has. */
static void many(void **unused)
{
	static struct machine_dir dirs[MANY];
	struct muster *all[MANY];
	int codes[MANY];
	size_t left = MANY;
	int64_t end = milliseconds() + LONG_MS;
	(void)unused;
	one->mode = PEER_SILENT;
	for (size_t i = 0; i < MANY; i++) {
		all[i] = loop_machine(&dirs[i], one, NULL);
		codes[i] = muster_activate(all[i], "acme-cad", LONG_MS / MANY * 2);
		assert_int_equal(codes[i], MUSTER_IN_PROGRESS);
	}
	while (left && milliseconds() < end) {
		struct pollfd fds[MANY];
		int wait = LONG_MS;
		for (size_t i = 0; i < MANY; i++) {
			fds[i] = (struct pollfd){.fd = muster_fd(all[i]), .events = POLLIN};
			int ms = muster_timeout(all[i]);
			wait = ms >= 0 && ms < wait ? ms : wait;
		}
		assert_true(poll(fds, MANY, wait) >= 0);
		for (size_t i = 0; i < MANY; i++) {
			if (codes[i] != MUSTER_IN_PROGRESS)
				continue;
			codes[i] = muster_process(all[i]);
			left -= codes[i] != MUSTER_IN_PROGRESS;
		}
	}
	for (size_t i = 0; i < MANY; i++) {
		expect(all[i], codes[i], E_NO_HOST);
		assert_string_equal(muster_step_result(all[i], 0), "TIMEOUT");
		muster_free(all[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(activates),      TEST(every_call), TEST(refusals),  TEST(one_call_at_a_time),
		TEST(impatience),     TEST(silence),    TEST(cancelled), TEST(freed_in_the_middle),
		TEST(busy_directory), TEST(many),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
