/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of machines, and machines that were put back (DESIGN 5.4): the rule, and what the host does by it.
 */
#include "hardware.h"
#include "host.h"
#include "likeness.h"
#include "suspect.h"

#define YEAR (365LL * DAY)

static struct hardware parts_of(uint16_t uuid, uint16_t scope)
{
	return (struct hardware){.n = 4,
				 .parts = {{HARDWARE_MACHINE_ID, 7},
					   {HARDWARE_UUID, uuid},
					   {HARDWARE_CPU, 9},
					   {HARDWARE_SCOPE, scope}}};
}

/* --- the rule --- */

static void test_what_a_ratchet_out_of_step_means(void **state)
{
	static const struct {
		const char *what;
		bool late, abandoned, other;
		size_t rollbacks;
		enum suspicion want;
	} rows[] = {
		{"the same machine", false, false, false, 0, SUSPECT_ROLLBACK},
		{"the fourth time", false, false, false, 3, SUSPECT_ROLLBACK},
		{"the fifth time", false, false, false, 4, SUSPECT_TOO_OFTEN},
		{"another machine", false, false, true, 0, SUSPECT_MACHINE},
		{"a branch that was left", false, true, false, 1, SUSPECT_ABANDONED},
		{"on another machine, too", false, true, true, 1, SUSPECT_ABANDONED},
		{"late, whatever it shows", true, true, true, 9, SUSPECT_LATE},
	};
	struct hardware here = parts_of(1, 1);
	struct hardware there = parts_of(2, 1);
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct suspect_facts f = {.late = rows[i].late,
					  .abandoned = rows[i].abandoned,
					  .rollbacks = rows[i].rollbacks,
					  .stored = &here,
					  .shown = rows[i].other ? &there : &here};
		if (suspect_judge(&f) != rows[i].want)
			fail_msg("%s: %s", rows[i].what, suspect_word(suspect_judge(&f)));
	}
}

static void test_tags_under_another_salt_accuse_nobody(void **state)
{
	struct hardware stored = parts_of(1, 1);
	struct hardware shown = parts_of(2, 2);
	(void)state;
	assert_true(likeness_same(&stored, &shown, SAME_MACHINE_PERCENT));
	assert_false(likeness_twin(&stored, &shown, SAME_MACHINE_PERCENT));
	shown = parts_of(2, 1);
	assert_false(likeness_same(&stored, &shown, SAME_MACHINE_PERCENT));
	shown.n = 0;
	assert_true(likeness_same(&stored, &shown, SAME_MACHINE_PERCENT));
}

static void test_what_was_not_shown_this_time_stays_known(void **state)
{
	struct hardware stored = parts_of(1, 1);
	struct hardware shown = {.n = 2, .parts = {{HARDWARE_CPU, 11}, {HARDWARE_SCOPE, 1}}};
	struct hardware known = likeness_known(&stored, &shown);
	(void)state;
	assert_int_equal(known.n, 4);
	assert_true(likeness_same(&known, &stored, 50));
	shown.parts[1].tag = 2; /* another salt: what was known before says nothing any more */
	known = likeness_known(&stored, &shown);
	assert_int_equal(known.n, 2);
	shown.n = 0;
	known = likeness_known(&stored, &shown);
	assert_int_equal(known.n, 4);
}

/* --- the host --- */

static struct machine licensed(void)
{
	struct machine m = machine(1);
	m.parts = parts_of(1, 1);
	license_host(1);
	assert_int_equal(ask(&m, JOB_ACTIVATE, NULL), 0);
	return m;
}

static void test_a_snapshot_put_back_is_served(void **state)
{
	struct machine m = licensed();
	struct machine snapshot = m;
	(void)state;
	assert_int_equal(ask(&m, JOB_RENEW, NULL), 0);
	assert_int_equal(audits("device.rolled-back"), 0);
	assert_int_equal(ask(&snapshot, JOB_RENEW, NULL), 0);
	assert_int_equal(audits("device.rolled-back"), 1);
	assert_int_equal(ask(&snapshot, JOB_RENEW, NULL), 0); /* in step again */
	assert_int_equal(audits("device.rolled-back"), 1);
	assert_int_equal(atomic_load(&counters.mismatched), 1);
	assert_int_equal(devices(), 1);
	assert_int_equal(grant_row().u.grant.count, 1);
	assert_sound();
}

static void test_the_end_of_a_left_branch_shows_that_both_live(void **state)
{
	struct machine m = licensed();
	struct machine copy = m; /* the same hardware: a live copy under another hypervisor */
	(void)state;
	assert_int_equal(ask(&m, JOB_RENEW, NULL), 0);
	assert_int_equal(ask(&copy, JOB_RENEW, NULL), 0);
	assert_int_equal(ask(&m, JOB_RENEW, NULL), E_IDENTITY_FORKED);
	assert_int_equal(audits("device.forked"), 1);
	assert_int_equal(ask(&m, JOB_RENEW, NULL), E_IDENTITY_FORKED);
	assert_int_equal(audits("device.forked"), 1); /* the same day: only tallied */
	now += DAY;
	assert_int_equal(ask(&m, JOB_RENEW, NULL), E_IDENTITY_FORKED);
	assert_int_equal(audits("device.forked"), 2);
	assert_int_equal(ask(&copy, JOB_RENEW, NULL), 0); /* the one that goes on is not disturbed */
	assert_int_equal(grant_row().u.grant.count, 1);
	assert_sound();
}

/* The last answer of the branch was lost: then its token tells. */
static void test_the_last_request_of_a_left_branch_shows_it_too(void **state)
{
	struct machine m = licensed();
	struct machine copy = m;
	struct job *lost = request(&m, JOB_RENEW, true);
	(void)state;
	run(lost);
	job_free(lost);
	assert_int_equal(ask(&copy, JOB_RENEW, NULL), 0);
	struct job *again = request(&m, JOB_RENEW, false);
	run(again);
	assert_int_equal(again->code, E_IDENTITY_FORKED);
	job_free(again);
	assert_int_equal(ask(&copy, JOB_RENEW, NULL), 0);
}

/* A ratchet that was adopted is the same each time that it is: its branch may be left twice. */
static void test_the_same_branch_is_left_twice(void **state)
{
	struct machine m = licensed();
	struct machine old = m;
	struct ratchet adopted = {.counter = 7, .shown = {7}};
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct effect e = {.kind = EFFECT_RATCHET, .device = 1, .u.ratchet = &adopted};
		assert_int_equal(store_begin(&flaky.store), 0);
		assert_int_equal(store_apply(&flaky.store, &e), 0);
		assert_int_equal(store_commit(&flaky.store), 0);
		struct machine again = old;
		assert_int_equal(ask(&again, JOB_RENEW, NULL), 0);
	}
	assert_int_equal(audits("device.rolled-back"), 2);
}

static void test_another_machine_is_a_copy(void **state)
{
	struct machine m = licensed();
	struct machine copy = m;
	(void)state;
	copy.parts = parts_of(2, 1);
	assert_int_equal(ask(&m, JOB_RENEW, NULL), 0);
	assert_int_equal(ask(&copy, JOB_RENEW, NULL), E_IDENTITY_FORKED);
	assert_int_equal(ask(&copy, JOB_RELEASE, NULL),
			 E_IDENTITY_FORKED); /* it gives nothing of ours back */
	assert_int_equal(audits("device.forked"), 1);
	assert_int_equal(ask(&m, JOB_RENEW, NULL), 0);
	assert_int_equal(grant_row().u.grant.active, 1);
	assert_sound();
}

/* Two copies share at most one renewal: the first that is in step goes on, the other is found. */
static void test_the_copy_that_comes_first_goes_on(void **state)
{
	struct machine m = licensed();
	struct machine copy = m;
	(void)state;
	copy.parts = parts_of(2, 1);
	assert_int_equal(ask(&copy, JOB_RENEW, NULL), 0);
	assert_int_equal(ask(&m, JOB_RENEW, NULL), E_IDENTITY_FORKED);
	assert_int_equal(ask(&copy, JOB_RENEW, NULL), 0);
}

static int take_origin(const struct row *row, void *context)
{
	bool *found = context;
	*found = row->u.device.forked_from && row->u.device.forked_from[0] == 1;
	return 0;
}

static void test_the_copy_comes_back_as_a_device_of_its_own(void **state)
{
	struct machine m = licensed();
	struct machine copy = machine(2);
	struct listing l = {.kind = LIST_DEVICE};
	struct job *job;
	(void)state;
	copy.parts = parts_of(2, 1);
	job = request(&copy, JOB_ACTIVATE, true);
	job->forked = true;
	memcpy(job->forked_from, m.id, DEVICE_ID);
	run(job);
	assert_int_equal(job->lines[0].answer.code, 0);
	learn(&copy, job);
	job_free(job);
	assert_int_equal(ask(&copy, JOB_RENEW, NULL), 0);
	assert_int_equal(devices(), 2);
	assert_int_equal(audits("device.copied"), 1);
	bool found = false;
	l.after[0] = 1;
	assert_int_equal(store_page(&flaky.store, &l, take_origin, &found), 0);
	assert_true(found);
	assert_sound();
}

static void test_a_device_on_record_cannot_be_claimed_as_origin_later(void **state)
{
	struct machine m = licensed();
	struct job *job = request(&m, JOB_RENEW, true);
	(void)state;
	job->forked = true;
	job->forked_from[0] = 9;
	run(job);
	assert_int_equal(job->lines[0].answer.code, 0);
	assert_int_equal(audits("device.copied"), 0);
	job_free(job);
}

static void test_put_back_more_than_four_times_a_year(void **state)
{
	struct machine m = licensed();
	struct machine image = m;
	(void)state;
	assert_int_equal(ask(&m, JOB_RENEW, NULL), 0);
	for (int i = 0; i < ROLLBACKS_MAX; i++) {
		struct machine again = image;
		now += DAY;
		assert_int_equal(ask(&again, JOB_RENEW, NULL), 0);
	}
	struct machine again = image;
	assert_int_equal(ask(&again, JOB_RENEW, NULL), E_IDENTITY_FORKED);
	now += YEAR;
	again = image;
	assert_int_equal(ask(&again, JOB_ACTIVATE, NULL), 0); /* a new year; the lease had ended meanwhile */
	assert_int_equal(audits("device.rolled-back"), ROLLBACKS_MAX + 1);
	assert_sound();
}

static void test_a_late_session_accuses_nobody(void **state)
{
	struct machine m = licensed();
	struct job *late = request(&m, JOB_RENEW, true);
	(void)state;
	assert_int_equal(ask(&m, JOB_RENEW, NULL), 0);
	assert_int_equal(ask(&m, JOB_RENEW, NULL), 0);
	run(late);
	assert_int_equal(late->code, E_RETRY);
	assert_int_equal(late->counter, 0);
	job_free(late);
	assert_int_equal(audits("device.rolled-back") + audits("device.forked"), 0);
	assert_int_equal(ask(&m, JOB_RENEW, NULL), 0);
}

static void test_a_late_repeat_has_the_stored_answer(void **state)
{
	struct machine m = licensed();
	struct job *first = request(&m, JOB_RENEW, true);
	struct job *second = request(&m, JOB_RENEW, false);
	(void)state;
	run(first);
	run(second);
	assert_true(second->repeated);
	assert_string_equal(first->lines[0].lease, second->lines[0].lease);
	job_free(first);
	job_free(second);
}

static void test_a_session_goes_on_after_its_own_answer(void **state)
{
	struct machine m = licensed();
	struct job *job = request(&m, JOB_RENEW, true);
	(void)state;
	run(job);
	learn(&m, job);
	assert_true(job->batch > job->greeted);
	unsigned long long batch = job->batch;
	job_free(job);
	m.counter = 0; /* its state was lost meanwhile: not late, for the session heard the last answer */
	memset(m.ratchet, 0, sizeof(m.ratchet));
	job = request(&m, JOB_RENEW, true);
	job->greeted = batch;
	run(job);
	assert_int_equal(job->code, 0);
	job_free(job);
	assert_int_equal(audits("device.rolled-back"), 1);
}

/* Two of one identity in the same batch: who comes second is asked to come again, and judged then. */
static void test_two_copies_in_one_batch(void **state)
{
	struct machine m = licensed();
	struct machine copy = m;
	copy.parts = parts_of(2, 1);
	struct job *jobs[2] = {request(&m, JOB_RENEW, true), request(&copy, JOB_RENEW, true)};
	(void)state;
	broker_run(&broker, jobs, 2, now);
	assert_int_equal(jobs[0]->code, 0);
	assert_int_equal(jobs[1]->code, E_RETRY);
	job_free(jobs[0]);
	job_free(jobs[1]);
	assert_int_equal(ask(&copy, JOB_RENEW, NULL), E_IDENTITY_FORKED);
	assert_sound();
}

static void test_forgetting_a_device_forgets_its_branches(void **state)
{
	struct machine m = licensed();
	struct machine snapshot = m;
	struct record like = {.kind = RECORD_BRANCH, .u.branch = {.device = 1}};
	int64_t n = 0;
	(void)state;
	assert_int_equal(ask(&m, JOB_RENEW, NULL), 0);
	assert_int_equal(ask(&snapshot, JOB_RENEW, NULL), 0);
	assert_int_equal(store_count(&flaky.store, &like, BY(branch, device), &n), 0);
	assert_int_equal(n, 1);
	struct effect forget = {.kind = EFFECT_FORGET, .device = 1};
	assert_int_equal(store_begin(&flaky.store), 0);
	assert_int_equal(store_apply(&flaky.store, &forget), 0);
	assert_int_equal(store_count(&flaky.store, &like, BY(branch, device), &n), 0);
	assert_int_equal(n, 0);
	store_rollback(&flaky.store);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_a_ratchet_out_of_step_means),
		cmocka_unit_test(test_tags_under_another_salt_accuse_nobody),
		cmocka_unit_test(test_what_was_not_shown_this_time_stays_known),
		BOTH(test_a_snapshot_put_back_is_served),
		BOTH(test_the_end_of_a_left_branch_shows_that_both_live),
		BOTH(test_the_last_request_of_a_left_branch_shows_it_too),
		BOTH(test_the_same_branch_is_left_twice),
		BOTH(test_another_machine_is_a_copy),
		BOTH(test_the_copy_that_comes_first_goes_on),
		BOTH(test_the_copy_comes_back_as_a_device_of_its_own),
		BOTH(test_a_device_on_record_cannot_be_claimed_as_origin_later),
		BOTH(test_put_back_more_than_four_times_a_year),
		BOTH(test_a_late_session_accuses_nobody),
		BOTH(test_a_late_repeat_has_the_stored_answer),
		BOTH(test_a_session_goes_on_after_its_own_answer),
		BOTH(test_two_copies_in_one_batch),
		BOTH(test_forgetting_a_device_forgets_its_branches),
	};
	return cmocka_run_group_tests_name("server/domain/suspect", tests, group_setup, group_teardown);
}
