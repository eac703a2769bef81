/* SPDX-License-Identifier: Apache-2.0 */
/* The threads beside the loop: all work comes back once, those who are known go first, and the end waits for
 * all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "crew.h"

#define PIECES 5000

struct piece {
	struct crew_work work;
	atomic_int runs;
	int number;
	int order; /* in which it was done */
};

static struct piece pieces[PIECES];
static atomic_int done;
static atomic_int readies;
static sem_t gate;
static bool gated;

static void run(struct crew_work *work)
{
	struct piece *p = (struct piece *)work;
	if (gated && p->number == 0)
		while (sem_wait(&gate))
			;
	p->order = atomic_fetch_add(&done, 1);
	atomic_fetch_add(&p->runs, 1);
}

static void ready(void *context)
{
	atomic_fetch_add((atomic_int *)context, 1);
}

static struct crew *start(size_t threads)
{
	struct crew_settings settings = {.threads = threads, .run = run, .ready = ready, .context = &readies};
	struct crew *crew;
	memset(pieces, 0, sizeof(pieces));
	for (int i = 0; i < PIECES; i++)
		pieces[i].number = i;
	atomic_store(&done, 0);
	atomic_store(&readies, 0);
	assert_int_equal(crew_new(&settings, &crew), 0);
	return crew;
}

static size_t count(struct crew *crew)
{
	size_t n = 0;
	for (struct crew_work *w = crew_take(crew); w; w = w->next)
		n++;
	return n;
}

static void everything_comes_back_once(void **unused)
{
	(void)unused;
	for (size_t threads = 1; threads <= 8; threads *= 2) {
		struct crew *crew = start(threads);
		size_t back = 0;
		for (int i = 0; i < PIECES; i++) {
			crew_add(crew, &pieces[i].work, i % 3 == 0);
			if (i % 7 == 0)
				crew_give(crew);
			back += i % 50 ? 0 : count(crew);
		}
		crew_stop(crew); /* gives what is left, and waits */
		back += count(crew);
		assert_int_equal(back, PIECES);
		for (int i = 0; i < PIECES; i++)
			assert_int_equal(pieces[i].runs, 1);
		assert_true(readies > 0 && readies <= PIECES);
		assert_null(crew_take(crew));
		crew_free(crew);
	}
}

/* Given behind strangers, and done before them: but for those whom the thread has taken already. */
static void the_known_go_first(void **unused)
{
	(void)unused;
	sem_init(&gate, 0, 0);
	gated = true;
	struct crew *crew = start(1);
	for (int i = 0; i < 100; i++)
		crew_add(crew, &pieces[i].work, true);
	crew_give(crew);
	for (int i = 100; i < 200; i++)
		crew_add(crew, &pieces[i].work, false);
	crew_give(crew);
	sem_post(&gate);
	crew_stop(crew);
	assert_int_equal(count(crew), 200);
	for (int i = 100; i < 200; i++)
		assert_in_range(pieces[i].order, i - 100, i - 100 + 2);
	for (int i = 2; i < 100; i++)
		assert_int_equal(pieces[i].order, i + 100);
	crew_free(crew);
	gated = false;
	sem_destroy(&gate);
}

/* What was not given is not begun. */
static void nothing_runs_before_it_is_given(void **unused)
{
	(void)unused;
	struct crew *crew = start(2);
	crew_add(crew, &pieces[0].work, false);
	assert_null(crew_take(crew));
	crew_free(crew); /* which gives it */
	assert_int_equal(pieces[0].runs, 1);
	crew_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_comes_back_once),
		cmocka_unit_test(the_known_go_first),
		cmocka_unit_test(nothing_runs_before_it_is_given),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
