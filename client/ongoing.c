/* SPDX-License-Identifier: Apache-2.0 */
#include "ongoing.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "error.h"
#include "fiber.h"
#include "muster.h"

struct ongoing {
	struct waiter waiter; /* first: what a deadline knows of us */
	struct muster *m;
	struct fiber *fiber;
	struct verb verb; /* its texts are ours */
	char *texts[3];
	struct deadline deadline;
	int64_t until; /* of the monotonic clock in milliseconds */
	int result;
};

/* --- within: waiting --- */

static uint32_t epoll_events(short events)
{
	return (events & POLLIN ? EPOLLIN : 0u) | (events & POLLOUT ? EPOLLOUT : 0u);
}

/* In poll's place. What is watched may be closed as soon as we are back, so it is watched no longer. */
static int wait_outside(struct waiter *waiter, struct pollfd *fds, size_t n, int ms)
{
	struct ongoing *o = (struct ongoing *)waiter;
	if (ms == 0)
		return poll(fds, n, 0);
	for (size_t i = 0; i < n; i++) {
		struct epoll_event event = {.events = epoll_events(fds[i].events)};
		if (fds[i].fd >= 0 && epoll_ctl(o->m->epoll, EPOLL_CTL_ADD, fds[i].fd, &event))
			return -1;
	}
	o->until = deadline_clock() + ms;
	fiber_pause(o->fiber);
	for (size_t i = 0; i < n; i++)
		if (fds[i].fd >= 0)
			epoll_ctl(o->m->epoll, EPOLL_CTL_DEL, fds[i].fd, NULL);
	return poll(fds, n, 0);
}

static void run(void *context)
{
	struct ongoing *o = context;
	o->result = verb_do(o->m, &o->verb, o->deadline);
}

/* --- without --- */

static void ongoing_free(struct ongoing *o)
{
	for (size_t i = 0; i < 3; i++) {
		if (o->texts[i])
			sodium_memzero(o->texts[i], strlen(o->texts[i]));
		free(o->texts[i]);
	}
	fiber_free(o->fiber);
	free(o);
}

static int copy_texts(struct ongoing *o, const struct verb *v)
{
	const char *given[3] = {v->product, v->user, v->text};
	for (size_t i = 0; i < 3; i++)
		if (given[i] && !(o->texts[i] = strdup(given[i])))
			return E_NO_MEMORY;
	o->verb = *v;
	o->verb.product = o->texts[0];
	o->verb.user = o->texts[1];
	o->verb.text = o->texts[2];
	return 0;
}

int ongoing_start(struct muster *m, const struct verb *v, int deadline_ms)
{
	struct ongoing *o = calloc(1, sizeof(*o));
	if (!o)
		return fault_code(&m->fault, E_NO_MEMORY);
	o->waiter.wait = wait_outside;
	o->m = m;
	o->deadline = muster_deadline(m, deadline_ms);
	o->deadline.waiter = &o->waiter;
	if (m->epoll < 0)
		m->epoll = epoll_create1(EPOLL_CLOEXEC);
	int error = m->epoll < 0 ? fault_system(&m->fault, E_IO, NULL) : 0;
	if (!error && (copy_texts(o, v) || fiber_new(run, o, &o->fiber)))
		error = fault_code(&m->fault, E_NO_MEMORY);
	if (error) {
		ongoing_free(o);
		return error;
	}
	m->ongoing = o;
	return ongoing_resume(m);
}

int ongoing_resume(struct muster *m)
{
	struct ongoing *o = m->ongoing;
	if (!fiber_resume(o->fiber))
		return E_IN_PROGRESS;
	int result = o->result;
	m->ongoing = NULL;
	ongoing_free(o);
	return result;
}

void ongoing_end(struct muster *m)
{
	m->cancelled = true; /* it waits no more */
	while (m->ongoing)
		ongoing_resume(m);
	if (m->epoll >= 0)
		close(m->epoll);
	m->epoll = -1;
}

/* --- muster.h --- */

int muster_process(struct muster *m)
{
	return m->ongoing ? ongoing_resume(m) : m->fault.code;
}

int muster_fd(const struct muster *m)
{
	return m->epoll;
}

int muster_events(const struct muster *m)
{
	return m->ongoing ? POLLIN : 0;
}

int muster_timeout(const struct muster *m)
{
	const struct ongoing *o = m->ongoing;
	return o ? deadline_left((struct deadline){.at = o->until, .cancelled = &m->cancelled}) : -1;
}
