/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call of muster.h from its beginning to its end: the files are opened, its work is done, and what came of
 * it is concluded; at once, or bit by bit in the caller's event loop (ongoing.h). Not shared between threads.
 */
#ifndef CLIENT_VERB_H
#define CLIENT_VERB_H

#include "client.h"

/* What is to be done, and with which of the caller's arguments; a verb that outlives its call copies them. */
struct verb {
	int (*run)(struct work *, const struct verb *); /* an error is in m->fault, too */
	enum work_mode mode;
	const char *product; /* these three may be NULL where that means something */
	const char *user;
	const char *text; /* what was typed or read: a code, key, digits, file; wiped with the copy */
	bool flag;        /* what it means is the verb's own */
};

/* Run it, with a deadline in milliseconds as in muster.h; or begin it, where the handle does not wait, and
 * return E_IN_PROGRESS. */
int verb_run(struct muster *, const struct verb *, int deadline_ms);

/* Run one that uses no network, and waits for nobody but another program that has the state directory. */
int verb_run_local(struct muster *, const struct verb *);

/* A text that the caller had to give. */
static inline const char *verb_text(const char *given)
{
	return given ? given : "";
}

/* All of it, up to the deadline. */
int verb_do(struct muster *, const struct verb *, struct deadline);

#endif
