/* SPDX-License-Identifier: Apache-2.0 */
/* A point on the monotonic clock up to which a call may wait, and the waiting itself. Not shared, but for the
 * flag. */
#ifndef CLIENT_DEADLINE_H
#define CLIENT_DEADLINE_H

#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Who waits in poll's place, for a call that goes on in an event loop (ongoing.h). */
struct waiter {
	/* As poll; it may come back early. */
	int (*wait)(struct waiter *, struct pollfd *, size_t n, int ms);
};

struct deadline {
	int64_t at;                   /* milliseconds of the monotonic clock */
	const atomic_bool *cancelled; /* may be NULL; set: stop waiting */
	struct waiter *waiter;        /* NULL: poll */
};

/* Milliseconds of the monotonic clock. */
int64_t deadline_clock(void);

/* The point `ms` milliseconds from now. */
struct deadline deadline_in(int ms, const atomic_bool *cancelled);

/* The sooner of the deadline and `ms` milliseconds from now. */
struct deadline deadline_within(struct deadline, int ms);

/* Somebody has made the call end before it was over. */
bool deadline_cancelled(struct deadline);

/* What it is called that there is no time left: CANCELLED or TIMEOUT. */
int deadline_over(struct deadline);

/* Milliseconds left; 0 when it is over or cancelled. */
int deadline_left(struct deadline);

/* poll(2) until something is ready or the deadline is over. More than 0: how many are ready; 0: over; E_IO.
 */
int deadline_poll(struct deadline, struct pollfd *, size_t n);

#endif
