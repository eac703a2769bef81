/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that end before they are over: by their deadline, by somebody, for want of descriptors. */
#include "client_machine.h"

#include <sys/resource.h>

static void deadline_is_kept(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, two);
	(void)unused;
	one->mode = two->mode = PEER_SILENT;
	int64_t began = deadline_clock();
	expect(m, muster_activate(m, "acme-cad", 600), E_NO_HOST);
	assert_in_range(deadline_clock() - began, 500, 1000);
	muster_free(m);
}

static void *cancel_soon(void *context)
{
	usleep(200000);
	muster_cancel(context);
	return NULL;
}

static void can_be_cancelled(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	struct muster_status *s;
	pthread_t thread;
	(void)unused;
	one->mode = PEER_SILENT;
	int64_t began = deadline_clock();
	assert_int_equal(pthread_create(&thread, NULL, cancel_soon, m), 0);
	expect(m, muster_activate(m, "acme-cad", 60000), E_CANCELLED);
	assert_in_range(deadline_clock() - began, 150, 800);
	assert_string_equal(muster_step_result(m, 0), "CANCELLED");
	assert_int_equal(muster_error_temporary(m), 1);
	pthread_join(thread, NULL);
	/* That was nothing that a host had said. */
	assert_int_equal(muster_status(m, &s), 0);
	assert_int_equal(muster_status_error_number(s, muster_status_find(s, "acme-cad")), 0);
	muster_status_free(s);
	assert_int_equal(pthread_create(&thread, NULL, cancel_soon, m), 0);
	expect(m, muster_where(m, 60000), E_CANCELLED);
	pthread_join(thread, NULL);
	one->mode = PEER_SERVE;
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	muster_free(m);
}

/* Ended in the first of two calls: the second is not said to lack a host, and what the host had said of its
 * product stays. */
static void cancelled_between(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	struct muster_status *s;
	pthread_t thread;
	(void)unused;
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	one->refuse = "*";
	one->product_code = E_THRESHOLD_NOT_MET;
	expect(m, muster_activate(m, "acme-sim", 0), E_THRESHOLD_NOT_MET);
	one->mode = PEER_SILENT;
	assert_int_equal(pthread_create(&thread, NULL, cancel_soon, m), 0);
	expect(m, muster_renew(m, NULL, 0, 60000), E_CANCELLED);
	pthread_join(thread, NULL);
	assert_int_equal(muster_outcome_count(m), 2);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(muster_outcome_code(m, i), E_CANCELLED);
		assert_null(strstr(muster_outcome_detail(m, i), "no domain is configured"));
	}
	assert_int_equal(muster_status(m, &s), 0);
	assert_string_equal(muster_status_error_name(s, muster_status_find(s, "acme-sim")),
			    "THRESHOLD_NOT_MET");
	muster_status_free(s);
	muster_free(m);
}

/* What the process has run out of is told as that, not as a fault of a file's. */
static void too_many_files(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	struct rlimit before, none;
	(void)unused;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){.rlim_cur = 3, .rlim_max = before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	int code = muster_activate(m, "acme-cad", 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	expect(m, code, E_TOO_MANY_FILES);
	assert_int_equal(muster_set(m, "nonblocking", "1"), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	code = muster_activate(m, "acme-cad", 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	expect(m, code, E_TOO_MANY_FILES);
	assert_int_equal(muster_set(m, "nonblocking", NULL), 0);
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	muster_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(deadline_is_kept),
		TEST(can_be_cancelled),
		TEST(cancelled_between),
		TEST(too_many_files),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
