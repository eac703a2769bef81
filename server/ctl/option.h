/* SPDX-License-Identifier: Apache-2.0 */
/* Option values with a form of their own. Main thread. */
#ifndef CTL_OPTION_H
#define CTL_OPTION_H

#include "command.h"

/*
 * A whole number of an option, from min to max; *ret keeps its value when the option was not given. Returns
 * 0, or the exit code after a line on standard error.
 */
int option_number(const struct invocation *, const char *option, long min, long max, long *ret);

#endif
