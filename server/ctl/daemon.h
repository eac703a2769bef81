/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's own program, run by this one for what only it can do while it does not serve. Main thread. */
#ifndef CTL_DAEMON_H
#define CTL_DAEMON_H

#include <jansson.h>
#include <limits.h>

#include "command.h"

/* The musterd that was built or installed with this program, else the name alone for a search in PATH. */
const char *daemon_find(char out[PATH_MAX]);

/*
 * Run it, saying on a terminal what for, with these arguments (argv[0] is filled in; NULL ends them), an
 * input (NULL: none), and take the one JSON document that it prints. *ret_json: the caller's. Returns 0, or
 * the exit code after telling why it did not run, or what it refused.
 */
int daemon_run(const struct invocation *, const char *what, char **argv, const char *input, size_t input_n,
	       json_t **ret_json);

#endif
