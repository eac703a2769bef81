/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Completion in the shells: the words that may stand next on a line, from the same table that parses it.
 * "PROGRAM --complete WORD..." prints one a line for the last WORD, which may be empty, with a tab and its
 * help behind it; a line that is a tab and "file" asks the shell for files. Main thread.
 */
#ifndef PROTOCOL_COMPLETE_H
#define PROTOCOL_COMPLETE_H

#include "command.h"

/* What is being completed. */
struct completion {
	const char *before; /* stays in front of every word: "--product=", or "" */
	const char *begun;  /* what the words must begin with */
};

/* Print a word, if it begins as it must. help: NULL for none. */
void completion_offer(const struct completion *, const char *word, const char *help);

/* Answer for the words behind the program's name. Always 0: a shell wants no message. */
int completion_answer(const struct program *, int n, char **words, void *context);

/* The verb "completion": print the script for the shell that is its argument. Returns the exit code. */
int completion_run(struct invocation *);

/* What completion_run takes, for the command table. */
#define COMPLETION_COMMAND                                                                                   \
	{                                                                                                    \
		"completion", "bash|zsh|fish", 1, 1, "print what a shell needs to complete this program",    \
			NULL, completion_run                                                                 \
	}

#endif
