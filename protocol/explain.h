/* SPDX-License-Identifier: Apache-2.0 */
/* The verb "explain" of every program: the error table for people, without any daemon. Main thread. */
#ifndef PROTOCOL_EXPLAIN_H
#define PROTOCOL_EXPLAIN_H

#include "command.h"
#include "error.h"

#define EXPLAIN_NEAR 5 /* names that are proposed for a wrong one */

/* The row of a name in either case, or of a number with or without its sign. NULL: there is none. */
const struct error_row *explain_find(const char *what);

/* Names that somebody may have meant, the likeliest first. Returns how many, at most EXPLAIN_NEAR. */
size_t explain_near(const char *what, const char *ret[EXPLAIN_NEAR]);

/* Print one row, or all of them without an argument; with --json as a document. Returns the exit code. */
int explain_run(struct invocation *);

extern const struct command_option explain_options[];

/* For the command table. */
#define EXPLAIN_COMMAND                                                                                      \
	{                                                                                                    \
		"explain", "[CODE]", 0, 1,                                                                   \
			"explain a code by its name or number, or list all; works offline", explain_options, \
			explain_run                                                                          \
	}

#endif
