/* SPDX-License-Identifier: Apache-2.0 */
#include "dial.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "error.h"

#define STAGGER_MS 250

/* Connections under way: fds[i] is to rows[i], or -1. */
struct race {
	struct pollfd fds[RESOLVER_ADDRESSES];
	size_t started;
	size_t n;
	int reason; /* errno of the last one that failed */
};

static void start_next(struct race *race, const struct address *rows)
{
	size_t i = race->started++;
	int one = 1;
	int fd = socket(rows[i].at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	race->fds[i] = (struct pollfd){.fd = fd, .events = POLLOUT};
	if (fd < 0) {
		race->reason = errno;
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(fd, (const struct sockaddr *)&rows[i].at, rows[i].n) && errno != EINPROGRESS) {
		race->reason = errno;
		close(fd);
		race->fds[i].fd = -1;
	}
}

/* The index of a connection that stands now, or -1; failed ones are closed. */
static int winner(struct race *race)
{
	for (size_t i = 0; i < race->started; i++) {
		int reason = 0;
		socklen_t size = sizeof(reason);
		if (race->fds[i].fd < 0 || !race->fds[i].revents)
			continue;
		getsockopt(race->fds[i].fd, SOL_SOCKET, SO_ERROR, &reason, &size);
		if (!reason)
			return (int)i;
		race->reason = reason;
		close(race->fds[i].fd);
		race->fds[i].fd = -1;
	}
	return -1;
}

static bool under_way(const struct race *race)
{
	for (size_t i = 0; i < race->started; i++)
		if (race->fds[i].fd >= 0)
			return true;
	return false;
}

static int run(struct race *race, const struct address *rows, struct deadline deadline, int *ret)
{
	for (;;) {
		if (race->started < race->n)
			start_next(race, rows);
		bool more = race->started < race->n;
		if (!under_way(race)) {
			if (more)
				continue;
			return E_CONNECT_FAILED;
		}
		struct deadline wait = more ? deadline_within(deadline, STAGGER_MS) : deadline;
		if (deadline_poll(wait, race->fds, race->started) < 0)
			return E_IO;
		*ret = winner(race);
		if (*ret >= 0)
			return 0;
		if (under_way(race) && deadline_left(deadline) == 0)
			return deadline_over(deadline);
	}
}

int dial(const struct address *rows, size_t n, struct deadline deadline, int *ret_fd, size_t *ret_index)
{
	struct race race = {.n = n < RESOLVER_ADDRESSES ? n : RESOLVER_ADDRESSES};
	int index = -1;
	int error = run(&race, rows, deadline, &index);
	for (size_t i = 0; i < race.started; i++)
		if (race.fds[i].fd >= 0 && (int)i != index)
			close(race.fds[i].fd);
	errno = race.reason;
	if (error)
		return error;
	*ret_fd = race.fds[index].fd;
	*ret_index = (size_t)index;
	return 0;
}
