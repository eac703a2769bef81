/* SPDX-License-Identifier: Apache-2.0 */
#include "patience.h"

#include <errno.h>
#include <limits.h>
#include <time.h>

#include "error.h"

int64_t patience_clock(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct patience patience_for(int ms, int stop)
{
	return (struct patience){patience_clock() + ms, stop};
}

struct patience patience_within(struct patience p, int ms)
{
	int64_t until = patience_clock() + ms;
	if (until < p.until)
		p.until = until;
	return p;
}

int patience_left(struct patience p)
{
	int64_t left = p.until - patience_clock();
	return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

int patience_poll(struct patience p, struct pollfd *fds, size_t n)
{
	fds[n] = (struct pollfd){.fd = p.stop, .events = POLLIN};
	int ready = poll(fds, n + 1, patience_left(p));
	while (ready < 0 && errno == EINTR)
		ready = poll(fds, n + 1, patience_left(p));
	if (ready < 0)
		return E_IO;
	if (fds[n].revents)
		return E_STOPPING;
	return ready ? ready : E_TIMEOUT;
}
