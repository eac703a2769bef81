/* SPDX-License-Identifier: Apache-2.0 */
/* Product keys on the command line: "-" is standard input, "@FILE" a file; a literal one is taken with a
 * warning, because others can see it. Main thread. */
#ifndef CTL_KEY_ARG_H
#define CTL_KEY_ARG_H

#include "command.h"
#include "keycode.h"

/* Read and check it; ret: the bare characters. Returns 0, or the exit code after telling the failure. */
int key_arg_read(const struct invocation *, const char *given, char ret[KEYCODE_KEY + 1]);

#endif
