/* SPDX-License-Identifier: Apache-2.0 */
/* How long a call may wait, and what ends the waiting at once. A value; any thread. */
#ifndef SERVER_DNS_PATIENCE_H
#define SERVER_DNS_PATIENCE_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

struct patience {
	int64_t until; /* milliseconds of the monotonic clock */
	int stop;      /* a file that becomes readable when all waiting must end; -1: none */
};

/* Milliseconds of the monotonic clock. */
int64_t patience_clock(void);

/* So many milliseconds from now. */
struct patience patience_for(int ms, int stop);

/* The same, but no longer than `ms` from now. */
struct patience patience_within(struct patience, int ms);

/* Milliseconds left; 0 when it is over. */
int patience_left(struct patience);

/*
 * poll(2) until one of n files is ready; fds has room for one more behind them. How many are ready (more than
 * 0), or E_TIMEOUT, E_STOPPING, E_IO.
 */
int patience_poll(struct patience, struct pollfd *fds, size_t n);

#endif
