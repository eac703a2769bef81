/* SPDX-License-Identifier: Apache-2.0 */
#include "deadline.h"

#include <errno.h>
#include <limits.h>
#include <time.h>

#include "error.h"

#define SLICE_MS 100 /* a cancelled call notices at the latest after this long */

int64_t deadline_clock(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct deadline deadline_in(int ms, const atomic_bool *cancelled)
{
	return (struct deadline){.at = deadline_clock() + ms, .cancelled = cancelled};
}

struct deadline deadline_within(struct deadline d, int ms)
{
	int64_t at = deadline_clock() + ms;
	if (at < d.at)
		d.at = at;
	return d;
}

bool deadline_cancelled(struct deadline d)
{
	return d.cancelled && *d.cancelled;
}

int deadline_over(struct deadline d)
{
	return deadline_cancelled(d) ? E_CANCELLED : E_TIMEOUT;
}

int deadline_left(struct deadline d)
{
	int64_t left = d.at - deadline_clock();
	if (left <= 0 || deadline_cancelled(d))
		return 0;
	return left > INT_MAX ? INT_MAX : (int)left;
}

int deadline_poll(struct deadline d, struct pollfd *fds, size_t n)
{
	for (;;) {
		int left = deadline_left(d);
		int ready = d.waiter ? d.waiter->wait(d.waiter, fds, n, left)
				     : poll(fds, n, left < SLICE_MS ? left : SLICE_MS);
		if (ready > 0)
			return ready;
		if (ready < 0 && errno != EINTR)
			return E_IO;
		if (left == 0)
			return 0;
	}
}
