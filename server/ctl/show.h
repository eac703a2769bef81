/* SPDX-License-Identifier: Apache-2.0 */
/* One answer of the daemon, shown: the usual course of a command that is no list. Main thread. */
#ifndef CTL_SHOW_H
#define CTL_SHOW_H

#include <jansson.h>

#include "request.h"

/*
 * Exchange; print the answer as it is with --json, else through print, which returns 0 or E_NO_MEMORY.
 * Failures are told. Returns the exit code.
 */
int show_answer(const struct invocation *, const struct request *, int (*print)(json_t *answer));

#endif
