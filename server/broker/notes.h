/* SPDX-License-Identifier: Apache-2.0 */
/* What is counted, measured and logged of jobs when their outcome stands. Lane's thread. */
#ifndef SERVER_NOTES_H
#define SERVER_NOTES_H

#include "broker.h"

/* A transaction over these jobs is over, begun at begin_us (clock_us). */
void notes_transaction(struct counters *, struct job **jobs, size_t n, int64_t begin_us);

/* A job is over: durable and signed, or failed with job->code. Counted here, so that a batch that is undone
 * and run again counts once. */
void notes_job(struct broker *, const struct job *);

#endif
