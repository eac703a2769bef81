/* SPDX-License-Identifier: Apache-2.0 */
/* Devices with wrong clocks: told to both sides, written down where it changes, and in nobody's way. */
#include "org.h"

#include "skew.h"

static int64_t recorded;
static int written;

static int counting_apply(struct store *s, const struct effect *e)
{
	written += e->kind == EFFECT_SKEW;
	return flaky_apply(s, e);
}

static int take_skew(const struct row *row, void *context)
{
	(void)context;
	recorded = row->u.device.skew;
	return 0;
}

static int64_t on_record(void)
{
	struct listing l = {.kind = LIST_DEVICE, .now = now};
	recorded = 0;
	assert_int_equal(store_page(flaky.inner, &l, take_skew, NULL), 0);
	return recorded;
}

/* Ask with a clock that is so far ahead; is there the notice? */
static bool noticed(struct machine *m, enum job_kind kind, int64_t device_time)
{
	static struct store_ops counting;
	counting = flaky_ops;
	counting.apply = counting_apply;
	flaky.store.ops = &counting;
	struct job *job = request(m, kind, true);
	job->device_time = device_time;
	run(job);
	learn(m, job);
	assert_int_equal(job->code, 0);
	bool found = false;
	for (size_t i = 0; i < LIMIT_NOTICES; i++)
		found |= job->lines[0].answer.notices[i] == E_CLOCK_SKEWED;
	job_free(job);
	flaky.store.ops = &flaky_ops;
	return found;
}

static void test_limits(void **state)
{
	(void)state;
	assert_int_equal(skew_of(0, NOW), 0);
	assert_int_equal(skew_of(-5, NOW), 0);
	assert_int_equal(skew_of(NOW, NOW), 0);
	assert_int_equal(skew_of(NOW + 300, NOW), 0);
	assert_int_equal(skew_of(NOW + 301, NOW), 301);
	assert_int_equal(skew_of(NOW - 300, NOW), 0);
	assert_int_equal(skew_of(NOW - 301, NOW), -301);
	assert_int_equal(skew_of(INT64_MAX, NOW), INT32_MAX);
	assert_int_equal(skew_of(1, NOW), 1 - NOW);
	assert_false(skew_moved(0, 0));
	assert_true(skew_moved(0, 301));
	assert_true(skew_moved(301, 0));
	assert_false(skew_moved(400, 460));
	assert_true(skew_moved(400, 461));
	assert_true(skew_moved(-400, 400));
}

/* It is served, told and recorded; what stays as it is is not written again, and what is over is taken back.
 */
static void test_a_wrong_clock_is_told_and_recorded(void **state)
{
	struct machine m = machine(1);
	(void)state;
	license_host(1);
	written = 0;
	assert_true(noticed(&m, JOB_ACTIVATE, now + 3600));
	assert_int_equal(on_record(), 3600);
	assert_int_equal(written, 1);
	assert_true(noticed(&m, JOB_RENEW, now + 3630));
	assert_int_equal(written, 1);
	assert_true(noticed(&m, JOB_RENEW, now + 4000));
	assert_int_equal(on_record(), 4000);
	assert_false(noticed(&m, JOB_RENEW, now + 20));
	assert_int_equal(on_record(), 0);
	assert_int_equal(written, 3);
	assert_false(noticed(&m, JOB_RENEW, 0)); /* an older client tells no time */
	assert_false(noticed(&m, JOB_RENEW, now - 299));
	assert_int_equal(written, 3);
	assert_sound();
}

/* A refusal tells it, too; and a question writes nothing. */
static void test_a_refused_device_hears_of_its_clock(void **state)
{
	struct machine m = machine(1);
	struct job *job;
	(void)state;
	license_host(25);
	assert_true(noticed(&m, JOB_ACTIVATE, now - 7200));
	assert_int_equal(on_record(), -7200);
	job = request(&m, JOB_ACTIVATE, true);
	job->dry_run = true;
	job->device_time = now;
	run(job);
	job_free(job);
	assert_int_equal(on_record(), -7200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limits),
		BOTH(test_a_wrong_clock_is_told_and_recorded),
		BOTH(test_a_refused_device_hears_of_its_clock),
	};
	return cmocka_run_group_tests_name("server/domain/skew", tests, group_setup, group_teardown);
}
