/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread that waits for the disk in the lane's place, so that the lane signs meanwhile. All calls are the
 * lane's, and one sync is under way at a time.
 */
#ifndef SERVER_SYNCER_H
#define SERVER_SYNCER_H

#include <stdbool.h>

struct store;
struct syncer;

/* Start the thread, for one handle. E_NO_MEMORY, E_INTERNAL. */
int syncer_start(struct store *, struct syncer **ret);

/* Begin to make durable what was committed. The handle must rest until syncer_wait has returned. */
void syncer_begin(struct syncer *);

/* Is that done, so that syncer_wait returns at once? */
bool syncer_is_done(struct syncer *);

/* Wait for what was begun; what store_sync said of it. */
int syncer_wait(struct syncer *);

/* End the thread, which has nothing under way; NULL is allowed. */
void syncer_stop(struct syncer *);

#endif
