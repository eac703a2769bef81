/* SPDX-License-Identifier: Apache-2.0 */
/* Files that the command line names. Main thread. */
#ifndef CTL_INPUT_H
#define CTL_INPUT_H

#include <stddef.h>

#include "command.h"

/* Read all of a file of at most max bytes, "-" being standard input, with a NUL behind it. *ret: freed by the
 * caller. Returns 0, or the exit code after telling the failure. */
int input_read(const struct invocation *, const char *path, size_t max, char **ret, size_t *ret_n);

#endif
