/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A verb that goes on in the caller's event loop: it runs on a fiber, and where it would wait, it leaves what
 * it waits for in an epoll descriptor and comes back to the caller. Not shared between threads.
 */
#ifndef CLIENT_ONGOING_H
#define CLIENT_ONGOING_H

#include "verb.h"

/* Begin a verb, and run it up to where it first waits. E_IN_PROGRESS: it waits now, and m->ongoing is set.
 * Otherwise it is over already, with this result; E_NO_MEMORY and E_IO also when it could not begin. */
int ongoing_start(struct muster *, const struct verb *, int deadline_ms);

/* Go on with it: E_IN_PROGRESS, or its result, and then m->ongoing is NULL. */
int ongoing_resume(struct muster *);

/* End it as cancelled, whatever it waits for, and close what the caller watches. Nothing when there is none.
 */
void ongoing_end(struct muster *);

#endif
