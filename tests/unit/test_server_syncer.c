/* SPDX-License-Identifier: Apache-2.0 */
/* The syncer: a store's sync on a thread of its own, begun and waited for once each. */
#include "fixture.h"

#include <pthread.h>
#include <semaphore.h>

#include "store.h"
#include "syncer.h"

#define ROUNDS 1000

/* A store whose sync says what it is told to, and may be held up. */
struct held {
	struct store store;
	bool holds;
	sem_t reached;
	sem_t open;
	int result;
	int syncs;
	pthread_t by;
};

static int held_sync(struct store *store)
{
	struct held *h = (struct held *)store;
	h->by = pthread_self();
	h->syncs++;
	if (h->holds) {
		sem_post(&h->reached);
		while (sem_wait(&h->open))
			;
	}
	return h->result;
}

static const struct store_ops ops = {.version = 4, .name = "held", .sync = held_sync};

static struct held held;
static struct syncer *syncer;

static int setup(void **state)
{
	(void)state;
	held = (struct held){.store = {.ops = &ops}};
	sem_init(&held.reached, 0, 0);
	sem_init(&held.open, 0, 0);
	return syncer_start(&held.store, &syncer);
}

static int teardown(void **state)
{
	(void)state;
	syncer_stop(syncer);
	syncer_stop(NULL);
	sem_destroy(&held.reached);
	sem_destroy(&held.open);
	return 0;
}

static void test_the_caller_goes_on_meanwhile(void **state)
{
	(void)state;
	held.holds = true;
	syncer_begin(syncer);
	while (sem_wait(&held.reached))
		;
	assert_false(syncer_is_done(syncer));
	sem_post(&held.open);
	assert_int_equal(syncer_wait(syncer), 0);
	assert_false(syncer_is_done(syncer));
	assert_false(pthread_equal(held.by, pthread_self()));
}

static void test_each_round_has_its_own_outcome(void **state)
{
	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		held.result = i % 3 ? 0 : E_STORE_UNKNOWN;
		syncer_begin(syncer);
		assert_int_equal(syncer_wait(syncer), held.result);
	}
	assert_int_equal(held.syncs, ROUNDS);
}

static void test_what_is_done_is_waited_for_no_more(void **state)
{
	struct timespec pause = {.tv_nsec = 1000000};
	(void)state;
	syncer_begin(syncer);
	for (int i = 0; i < 5000 && !syncer_is_done(syncer); i++)
		nanosleep(&pause, NULL);
	assert_true(syncer_is_done(syncer));
	assert_int_equal(syncer_wait(syncer), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_the_caller_goes_on_meanwhile, setup, teardown),
		cmocka_unit_test_setup_teardown(test_each_round_has_its_own_outcome, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_done_is_waited_for_no_more, setup, teardown),
	};
	return cmocka_run_group_tests_name("syncer", tests, NULL, NULL);
}
