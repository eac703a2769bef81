/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A function with a stack of its own, that can stop in the middle and go on later: so that code which waits
 * is written once, for callers who let it wait and for those who have an event loop. By ucontext of the C
 * library; a fiber stays on the thread that started it.
 */
#ifndef CLIENT_FIBER_H
#define CLIENT_FIBER_H

#include <stdbool.h>

struct fiber;

/* Make one; nothing of it runs yet. E_NO_MEMORY. */
int fiber_new(void (*run)(void *), void *context, struct fiber **ret);

/* Let it run until it pauses or has ended; true: it has ended. Not from within. */
bool fiber_resume(struct fiber *);

/* Back to who resumed it. From within only. */
void fiber_pause(struct fiber *);

/* Of one that has ended, or never ran; NULL is allowed. */
void fiber_free(struct fiber *);

#endif
