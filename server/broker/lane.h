/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one writer: a thread that takes all waiting jobs as one batch, runs the broker over it and hands every
 * job back. While one batch commits, the next one gathers: group commit without a timer.
 */
#ifndef SERVER_LANE_H
#define SERVER_LANE_H

#include "broker.h"
#include "clock.h"

#define LANE_BATCH_MAX 512

struct lane;

/*
 * Start the thread. some_done (may be NULL) is called on it after some jobs were handed back, for waking
 * whoever waits: for a large batch several times. clock is copied. E_NO_MEMORY, E_INTERNAL.
 */
int lane_start(struct broker *, const struct clock *, void (*some_done)(void *), void *context,
	       struct lane **ret);

/* Queue a job, which becomes the lane's until `finished` is called. Any thread. E_STOPPING: the job stays the
 * caller's. */
int lane_submit(struct lane *, struct job *);

/* Jobs that wait. Any thread. */
size_t lane_depth(struct lane *);

/* Run a job from another thread and wait for its outcome. Not for the loop. E_STOPPING. */
int lane_call(struct lane *, struct job *);

/* Finish what is queued, then end the thread. */
void lane_stop(struct lane *);

#endif
