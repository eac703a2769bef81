/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The threads that do the public-key work of handshakes, so that the loop does none. Work is given and taken
 * back in batches, so that few threads are woken for much of it; that of strangers waits while there is any
 * of those who are known. Made, given to and freed by one thread.
 */
#ifndef SERVER_CREW_H
#define SERVER_CREW_H

#include <stdbool.h>
#include <stddef.h>

/* A piece of work, part of what it belongs to. */
struct crew_work {
	struct crew_work *next;
};

struct crew_settings {
	size_t threads;
	void (*run)(struct crew_work *); /* on one of the threads */
	void (*ready)(void *context);    /* on one of the threads: there is something to take back */
	void *context;
};

struct crew;

/* E_NO_MEMORY; E_INTERNAL: no thread could be made. */
int crew_new(const struct crew_settings *, struct crew **ret);

/* Run what was given, and end the threads; crew_take has all of it then. */
void crew_stop(struct crew *);
void crew_free(struct crew *);

/* Work for the next crew_give. */
void crew_add(struct crew *, struct crew_work *, bool stranger);

/* Give what was added to the threads. */
void crew_give(struct crew *);

/* All work that is done, as a list; NULL: none. */
struct crew_work *crew_take(struct crew *);

#endif
