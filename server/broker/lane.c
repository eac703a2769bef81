/* SPDX-License-Identifier: Apache-2.0 */
#include "lane.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

#include "error.h"
#include "syncer.h"

/* Jobs handed back behind which it is worth while to wake who waits: there are more to be signed. */
#define WAKE_AFTER 16

struct lane {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct job *first;
	struct job **last;
	size_t depth;
	bool stopping;
	size_t handed; /* back, since the last wake */
	struct broker *broker;
	struct clock clock;
	void (*some_done)(void *);
	void *context;
};

/* Take up to a batch of waiting jobs, in order; 0 only when the lane ends. */
static size_t take(struct lane *lane, struct job *batch[LANE_BATCH_MAX])
{
	size_t n = 0;
	pthread_mutex_lock(&lane->lock);
	while (!lane->first && !lane->stopping)
		pthread_cond_wait(&lane->wake, &lane->lock);
	while (lane->first && n < LANE_BATCH_MAX) {
		batch[n++] = lane->first;
		lane->first = lane->first->next;
	}
	if (!lane->first)
		lane->last = &lane->first;
	lane->depth -= n;
	pthread_mutex_unlock(&lane->lock);
	return n;
}

static void wake(struct lane *lane)
{
	if (lane->handed && lane->some_done)
		lane->some_done(lane->context);
	lane->handed = 0;
}

static void hand_back(struct job *job, void *context)
{
	struct lane *lane = context;
	job->finished(job);
	if (++lane->handed == WAKE_AFTER)
		wake(lane);
}

static void *lane_main(void *context)
{
	struct lane *lane = context;
	struct job *batch[LANE_BATCH_MAX];
	size_t n;
	pthread_setname_np(pthread_self(), "lane");
	while ((n = take(lane, batch)) != 0) {
		broker_serve(lane->broker, batch, n, clock_wall(&lane->clock), hand_back, lane);
		wake(lane);
	}
	return NULL;
}

static void end(struct lane *lane)
{
	syncer_stop(lane->broker->syncer);
	lane->broker->syncer = NULL;
	pthread_mutex_destroy(&lane->lock);
	pthread_cond_destroy(&lane->wake);
	free(lane);
}

int lane_start(struct broker *broker, const struct clock *clock, void (*some_done)(void *), void *context,
	       struct lane **ret)
{
	struct lane *lane = calloc(1, sizeof(*lane));
	if (!lane)
		return E_NO_MEMORY;
	pthread_mutex_init(&lane->lock, NULL);
	pthread_cond_init(&lane->wake, NULL);
	lane->last = &lane->first;
	lane->broker = broker;
	lane->clock = *clock;
	lane->some_done = some_done;
	lane->context = context;
	int error = syncer_start(broker->store, &broker->syncer);
	if (!error && pthread_create(&lane->thread, NULL, lane_main, lane))
		error = E_INTERNAL;
	if (error)
		end(lane);
	else
		*ret = lane;
	return error;
}

int lane_submit(struct lane *lane, struct job *job)
{
	pthread_mutex_lock(&lane->lock);
	if (lane->stopping) {
		pthread_mutex_unlock(&lane->lock);
		return E_STOPPING;
	}
	bool was_empty = !lane->first;
	job->next = NULL;
	job->queued_us = clock_us();
	*lane->last = job;
	lane->last = &job->next;
	lane->depth++;
	if (was_empty)
		pthread_cond_signal(&lane->wake);
	pthread_mutex_unlock(&lane->lock);
	return 0;
}

size_t lane_depth(struct lane *lane)
{
	pthread_mutex_lock(&lane->lock);
	size_t depth = lane->depth;
	pthread_mutex_unlock(&lane->lock);
	return depth;
}

static void post(struct job *job)
{
	sem_post(job->waiter);
}

int lane_call(struct lane *lane, struct job *job)
{
	sem_t done;
	sem_init(&done, 0, 0);
	job->finished = post;
	job->waiter = &done;
	int error = lane_submit(lane, job);
	while (!error && sem_wait(&done))
		; /* interrupted by a signal */
	sem_destroy(&done);
	return error;
}

void lane_stop(struct lane *lane)
{
	pthread_mutex_lock(&lane->lock);
	lane->stopping = true;
	pthread_cond_signal(&lane->wake);
	pthread_mutex_unlock(&lane->lock);
	pthread_join(lane->thread, NULL);
	end(lane);
}
