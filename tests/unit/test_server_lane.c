/* SPDX-License-Identifier: Apache-2.0 */
/* The lane: many threads submit, every job is finished exactly once, and a stop drains what is queued. */
#include "fixture.h"

#include <pthread.h>
#include <semaphore.h>

#include "lane.h"
#include "log.h"
#include "store.h"

static struct host_key *key;
static struct store *store;
static struct broker broker;
static struct counters counters;
static struct hand hand = {.wall = NOW};
static atomic_int finished;
static atomic_int wakes;
static atomic_int twice;

static int setup(void **state)
{
	(void)state;
	key = fixture_host_key("lane.key");
	assert_int_equal(store_open("memory:", &store), 0);
	assert_int_equal(broker_open(&broker, store, key, &counters), 0);
	atomic_store(&finished, 0);
	atomic_store(&wakes, 0);
	memset(&counters, 0, sizeof(counters));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	broker_close(&broker);
	store_close(store);
	host_key_free(key);
	return 0;
}

static void count_wake(void *context)
{
	atomic_fetch_add((atomic_int *)context, 1);
}

static struct lane *start(void)
{
	struct clock clock = fixture_clock(&hand);
	struct lane *lane = NULL;
	assert_int_equal(lane_start(&broker, &clock, count_wake, &wakes, &lane), 0);
	return lane;
}

/* The waiter is a flag of the job's own: set once. */
static void finish(struct job *job)
{
	if (atomic_fetch_add((atomic_int *)job->waiter, 1) != 0)
		atomic_fetch_add(&twice, 1);
	if (job->code == 0 && job->now == NOW)
		atomic_fetch_add(&finished, 1);
	job_free(job);
}

static struct job *audit_job(atomic_int *flag)
{
	struct job *job = job_new(JOB_AUDIT, 0);
	assert_non_null(job);
	strcpy(job->actor, "uid:1");
	job->finished = finish;
	job->waiter = flag;
	return job;
}

#define THREADS 8
#define EACH 500

struct submitter {
	struct lane *lane;
	atomic_int flags[EACH];
	int refused;
};

static struct submitter submitters[THREADS];

static void *submit(void *context)
{
	struct submitter *s = context;
	for (int i = 0; i < EACH; i++) {
		struct job *job = audit_job(&s->flags[i]);
		if (lane_submit(s->lane, job) == 0)
			continue;
		s->refused++;
		job_free(job);
	}
	return NULL;
}

static int count_row(const struct row *row, void *context)
{
	(void)row;
	++*(int *)context;
	return 0;
}

static int audit_rows(void)
{
	int n = 0;
	struct listing l = {.kind = LIST_AUDIT};
	assert_int_equal(store_page(store, &l, count_row, &n), 0);
	return n;
}

static void run_submitters(struct lane *lane, pthread_t threads[THREADS])
{
	memset(submitters, 0, sizeof(submitters));
	for (int i = 0; i < THREADS; i++) {
		submitters[i].lane = lane;
		assert_int_equal(pthread_create(&threads[i], NULL, submit, &submitters[i]), 0);
	}
}

static void test_every_job_is_finished_once(void **state)
{
	pthread_t threads[THREADS];
	(void)state;
	struct lane *lane = start();
	run_submitters(lane, threads);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	lane_stop(lane); /* finishes what is queued */
	assert_int_equal(atomic_load(&finished), THREADS * EACH);
	assert_int_equal(atomic_load(&twice), 0);
	for (int i = 0; i < THREADS; i++)
		for (int j = 0; j < EACH; j++)
			assert_int_equal(atomic_load(&submitters[i].flags[j]), 1);
	assert_int_equal(audit_rows(), THREADS * EACH);
	assert_true(atomic_load(&counters.batches) >= THREADS * EACH / LANE_BATCH_MAX);
	assert_true(atomic_load(&wakes) >= atomic_load(&counters.batches));
}

static void test_jobs_of_one_thread_keep_their_order(void **state)
{
	atomic_int flags[1000];
	(void)state;
	memset(flags, 0, sizeof(flags));
	struct lane *lane = start();
	for (int i = 0; i < 1000; i++) {
		struct job *job = audit_job(&flags[i]);
		snprintf(job->installed, sizeof(job->installed), "%d", i);
		assert_int_equal(lane_submit(lane, job), 0);
	}
	lane_stop(lane);
	assert_int_equal(audit_rows(), 1000);
}

static int check_order(const struct row *row, void *context)
{
	int *next = context;
	assert_int_equal(atoi(row->u.audit.audit.object), (*next)++);
	return 0;
}

static void test_the_order_is_on_record(void **state)
{
	int next = 0;
	test_jobs_of_one_thread_keep_their_order(state);
	struct listing l = {.kind = LIST_AUDIT};
	assert_int_equal(store_page(store, &l, check_order, &next), 0);
	assert_int_equal(next, 1000);
}

static void *call_many(void *context)
{
	struct lane *lane = context;
	intptr_t wrong = 0;
	for (int i = 0; i < 200; i++) {
		struct job *job = job_new(JOB_AUDIT, 0);
		strcpy(job->actor, "uid:2");
		job->code = -1;
		wrong += lane_call(lane, job) != 0 || job->code != 0 || job->now != NOW;
		job_free(job);
	}
	return (void *)wrong;
}

static void test_call_waits_for_the_outcome(void **state)
{
	pthread_t threads[4];
	(void)state;
	struct lane *lane = start();
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, call_many, lane), 0);
	for (int i = 0; i < 4; i++) {
		void *wrong;
		pthread_join(threads[i], &wrong);
		assert_null(wrong);
	}
	assert_int_equal(audit_rows(), 800);
	assert_int_equal(lane_depth(lane), 0);
	lane_stop(lane);
}

/* A job whose `finished` holds the lane up until it is let go. */
struct gate {
	sem_t reached;
	sem_t open;
};

static void wait_at_gate(struct job *job)
{
	struct gate *gate = job->waiter;
	sem_post(&gate->reached);
	while (sem_wait(&gate->open))
		;
	job_free(job);
}

/* While the lane is busy jobs gather, and are then taken as one batch. */
static void test_what_waits_becomes_one_batch(void **state)
{
	static atomic_int flags[300];
	struct gate gate;
	(void)state;
	memset(flags, 0, sizeof(flags));
	sem_init(&gate.reached, 0, 0);
	sem_init(&gate.open, 0, 0);
	struct lane *lane = start();
	struct job *first = audit_job(NULL);
	first->finished = wait_at_gate;
	first->waiter = &gate;
	assert_int_equal(lane_submit(lane, first), 0);
	while (sem_wait(&gate.reached))
		;
	for (int i = 0; i < 300; i++)
		assert_int_equal(lane_submit(lane, audit_job(&flags[i])), 0);
	assert_int_equal(lane_depth(lane), 300);
	sem_post(&gate.open);
	lane_stop(lane);
	assert_int_equal(atomic_load(&finished), 300);
	assert_int_equal(atomic_load(&counters.batches), 2);
	/* The first job is one wake; of the others many are handed back before the last one is signed. */
	assert_int_equal(atomic_load(&wakes), 1 + (300 + 15) / 16);
	sem_destroy(&gate.reached);
	sem_destroy(&gate.open);
}

/* More than a batch may hold is not lost at a stop. */
static void test_a_stop_drains_more_than_a_batch(void **state)
{
	static atomic_int flags[3 * LANE_BATCH_MAX];
	struct gate gate;
	(void)state;
	memset(flags, 0, sizeof(flags));
	sem_init(&gate.reached, 0, 0);
	sem_init(&gate.open, 0, 0);
	struct lane *lane = start();
	struct job *first = audit_job(NULL);
	first->finished = wait_at_gate;
	first->waiter = &gate;
	assert_int_equal(lane_submit(lane, first), 0);
	while (sem_wait(&gate.reached))
		;
	for (int i = 0; i < 3 * LANE_BATCH_MAX; i++)
		assert_int_equal(lane_submit(lane, audit_job(&flags[i])), 0);
	sem_post(&gate.open);
	lane_stop(lane);
	assert_int_equal(atomic_load(&finished), 3 * LANE_BATCH_MAX);
	assert_int_equal(atomic_load(&counters.batches), 4);
	sem_destroy(&gate.reached);
	sem_destroy(&gate.open);
}

static void *stop(void *lane)
{
	lane_stop(lane);
	return NULL;
}

/* From the stop on jobs are refused and stay the caller's; what was taken before is finished. */
static void test_after_a_stop_jobs_are_refused(void **state)
{
	struct gate gate;
	atomic_int flag = 0;
	pthread_t stopper;
	int code = 0;
	(void)state;
	sem_init(&gate.reached, 0, 0);
	sem_init(&gate.open, 0, 0);
	struct lane *lane = start();
	struct job *first = audit_job(NULL);
	first->finished = wait_at_gate; /* keeps the lane alive while we look */
	first->waiter = &gate;
	assert_int_equal(lane_submit(lane, first), 0);
	while (sem_wait(&gate.reached))
		;
	assert_int_equal(pthread_create(&stopper, NULL, stop, lane), 0);
	int taken = 0;
	for (int i = 0; i < 10000000 && code == 0; i++) {
		struct job *job = audit_job(&flag);
		atomic_store(&flag, 0);
		code = lane_submit(lane, job);
		if (code)
			job_free(job);
		else
			taken++;
		usleep(1000);
	}
	assert_int_equal(code, E_STOPPING);
	struct job *job = job_new(JOB_AUDIT, 0);
	assert_int_equal(lane_call(lane, job), E_STOPPING);
	job_free(job);
	atomic_store(&twice, 0);
	sem_post(&gate.open);
	pthread_join(stopper, NULL);
	assert_int_equal(atomic_load(&finished), taken);
	sem_destroy(&gate.reached);
	sem_destroy(&gate.open);
}

static void test_an_idle_lane_stops(void **state)
{
	(void)state;
	lane_stop(start());
	assert_int_equal(atomic_load(&counters.batches), 0);
	assert_int_equal(atomic_load(&wakes), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_every_job_is_finished_once),    TEST(test_jobs_of_one_thread_keep_their_order),
		TEST(test_the_order_is_on_record),        TEST(test_call_waits_for_the_outcome),
		TEST(test_what_waits_becomes_one_batch),  TEST(test_a_stop_drains_more_than_a_batch),
		TEST(test_after_a_stop_jobs_are_refused), TEST(test_an_idle_lane_stops),
	};
	log_level_set(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("server/broker/lane", tests, NULL, NULL);
}
