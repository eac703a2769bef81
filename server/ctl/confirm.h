/* SPDX-License-Identifier: Apache-2.0 */
/* Questions before something is lost. Main thread. */
#ifndef CTL_CONFIRM_H
#define CTL_CONFIRM_H

#include <stdbool.h>

#include "command.h"

/* Was it confirmed on the command line, with --yes or --force? */
bool confirm_given(const struct invocation *);

/* Is there somebody to ask: a terminal for the question and the answer, and no --json? */
bool confirm_possible(const struct invocation *);

/* Ask on standard error, "[y/N]"; true for y or yes. Says that nothing was changed otherwise. */
bool confirm_ask(const char *question);

#endif
