/* SPDX-License-Identifier: Apache-2.0 */
/* What reports are made of, as batches write it: the most of each day, and one row for each way to be
 * refused. */
#include "org.h"

#include "day.h"

/* --- peaks --- */

struct peak {
	int32_t day;
	int64_t active;
	int64_t count;
	int64_t seats;
	size_t rows; /* of any day */
};

static int take_peak(const struct row *row, void *context)
{
	struct peak *p = context;
	if (!row->u.history.grant)
		return 0;
	p->rows++;
	if (row->u.history.day == p->day) {
		p->active = row->u.history.active;
		p->count = row->u.history.count;
		p->seats = row->u.history.seats;
	}
	return 0;
}

static struct peak peak_of(int64_t when)
{
	struct peak p = {.day = day_of(when)};
	struct listing l = {.kind = LIST_HISTORY, .after = {0, -1}};
	assert_int_equal(store_page(flaky.inner, &l, take_peak, &p), 0);
	return p;
}

/* All of them in one transaction. */
static void ask_together(struct machine *machines, size_t n, enum job_kind kind)
{
	struct job *jobs[8];
	for (size_t i = 0; i < n; i++)
		jobs[i] = request(&machines[i], kind, true);
	broker_run(&broker, jobs, n, now);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(jobs[i]->code ? jobs[i]->code : jobs[i]->lines[0].answer.code, 0);
		learn(&machines[i], jobs[i]);
		job_free(jobs[i]);
	}
}

static void test_the_most_of_a_day_is_what_was_durable(void **state)
{
	struct machine machines[6];
	(void)state;
	license_host(1);
	for (uint8_t i = 0; i < 6; i++)
		machines[i] = machine((uint8_t)(i + 1));
	ask_together(machines, 4, JOB_ACTIVATE);
	assert_int_equal(peak_of(now).active, 4);
	assert_int_equal(peak_of(now).count, 4);
	ask_together(machines, 3, JOB_RELEASE);
	ask_together(machines + 4, 2, JOB_ACTIVATE);
	assert_int_equal(peak_of(now).active, 4);
	/* A batch that was undone was never so. */
	struct machine more = machine(9);
	flaky.error = E_STORE_FULL;
	flaky.commits_to_fail = 1;
	assert_int_equal(ask(&more, JOB_ACTIVATE, NULL), E_STORE_FULL);
	heal();
	assert_int_equal(peak_of(now).active, 4);
	assert_sound();
}

/* Whoever only renews writes no peak, and a day without changes has its row. */
static void test_quiet_days_have_a_row(void **state)
{
	struct machine m = machine(1);
	(void)state;
	license_host(1);
	assert_int_equal(ask(&m, JOB_ACTIVATE, NULL), 0);
	int64_t first = now;
	for (int i = 0; i < 3; i++) {
		now += DAY;
		sweep();
		assert_int_equal(ask(&m, JOB_RENEW, NULL), 0);
	}
	for (int i = 0; i < 4; i++)
		assert_int_equal(peak_of(first + i * (int64_t)DAY).active, 1);
	assert_int_equal(peak_of(now).rows, 4);
	restart();
	now += DAY;
	sweep();
	assert_int_equal(peak_of(now).active, 1);
}

static void test_seats_have_their_own_peak(void **state)
{
	struct grant g = with_plans(org_grant("cad-users", MODEL_USER, 5), "modeler", "render");
	(void)state;
	org_open(&g, 1);
	add_users(3);
	for (size_t i = 0; i < 3; i++)
		must(ASSIGN(user_name(i)));
	must(UNASSIGN(user_name(0)));
	must(UNASSIGN(user_name(1)));
	assert_int_equal(peak_of(now).seats, 3);
	assert_int_equal(peak_of(now).active, 0);
	now += DAY;
	sweep();
	assert_int_equal(peak_of(now).seats, 1);
}

/* --- denials --- */

struct denials {
	size_t rows;
	int64_t times;
	int64_t began;
	int64_t latest;
};

static int take_denial(const struct row *row, void *context)
{
	struct denials *d = context;
	d->rows++;
	d->times += row->u.record.u.denial.n;
	d->began = row->u.record.u.denial.began;
	d->latest = row->u.record.u.denial.latest;
	return 0;
}

static struct denials denials(void)
{
	struct denials d = {0};
	struct record any = {.kind = RECORD_DENIAL};
	struct listing l = {.kind = LIST_RECORD, .like = &any};
	assert_int_equal(store_page(flaky.inner, &l, take_denial, &d), 0);
	return d;
}

static int ask_for(struct machine *m, const char *product)
{
	struct job *job = request(m, JOB_ACTIVATE, true);
	strcpy(job->lines[0].product, product);
	run(job);
	learn(m, job);
	int code = job->code ? job->code : job->lines[0].answer.code;
	job_free(job);
	return code;
}

static void test_repeated_refusals_share_a_row(void **state)
{
	struct machine m = machine(1);
	struct machine other = machine(2);
	int64_t first = now;
	(void)state;
	license_host(25);
	first = now;
	for (int i = 0; i < 5; i++) {
		now = first + i * 60;
		assert_int_equal(ask_for(&m, "acme-cad"), E_THRESHOLD_NOT_MET);
	}
	struct denials d = denials();
	assert_int_equal(d.rows, 1);
	assert_int_equal(d.times, 5);
	assert_int_equal(d.began, first);
	assert_int_equal(d.latest, now);
	assert_int_equal(ask_for(&other, "acme-cad"), E_THRESHOLD_NOT_MET);
	assert_int_equal(denials().rows, 2);
}

/* Names that somebody makes up do not fill the disk. */
static void test_made_up_products_share_a_row(void **state)
{
	struct machine known = machine(1);
	(void)state;
	license_host(25);
	assert_int_equal(ask_for(&known, "acme-cad"), E_THRESHOLD_NOT_MET);
	size_t before = denials().rows;
	for (int i = 0; i < 20; i++) {
		struct machine stranger = machine((uint8_t)(100 + i));
		char product[24];
		snprintf(product, sizeof(product), "made-up-%d", i);
		assert_int_equal(ask_for(&known, product), E_PRODUCT_UNKNOWN);
		assert_int_equal(ask_for(&stranger, product), E_PRODUCT_UNKNOWN);
	}
	assert_int_equal(denials().rows, before + 2); /* the device's, and that of strangers */
	assert_int_equal(denials().times, 41);
}

static void test_what_is_undone_was_not_refused(void **state)
{
	struct machine m = machine(1);
	(void)state;
	license_host(25);
	flaky.error = E_STORE_FULL;
	flaky.commits_to_fail = 1;
	assert_int_equal(ask_for(&m, "acme-cad"), E_STORE_FULL);
	heal();
	assert_int_equal(denials().rows, 0);
}

static void test_old_denials_and_those_of_the_forgotten_go(void **state)
{
	struct machine m = machine(1);
	(void)state;
	license_host(25);
	assert_int_equal(ask_for(&m, "acme-cad"), E_THRESHOLD_NOT_MET);
	assert_int_equal(ask_for(&m, "other"), E_PRODUCT_UNKNOWN);
	assert_int_equal(denials().rows, 2);
	now += 401 * (int64_t)DAY;
	sweep();
	assert_int_equal(denials().rows, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_the_most_of_a_day_is_what_was_durable),
		BOTH(test_quiet_days_have_a_row),
		BOTH(test_seats_have_their_own_peak),
		BOTH(test_repeated_refusals_share_a_row),
		BOTH(test_made_up_products_share_a_row),
		BOTH(test_what_is_undone_was_not_refused),
		BOTH(test_old_denials_and_those_of_the_forgotten_go),
	};
	return cmocka_run_group_tests_name("server/broker: reports", tests, group_setup, group_teardown);
}
