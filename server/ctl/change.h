/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes: rows gathered from the command line or a file, sent as one request (one transaction of the
 * daemon), and told row by row. Rows that are refused do not stop the others. Main thread.
 */
#ifndef CTL_CHANGE_H
#define CTL_CHANGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "buffer.h"
#include "command.h"

/* The options of changes that may take something away; what they mean is the same everywhere. */
#define CHANGE_OPTION_DRY_RUN                                                                                \
	{                                                                                                    \
		"dry-run", NULL, "show what would be gained and lost; save nothing", 0                       \
	}
#define CHANGE_OPTION_YES                                                                                    \
	{                                                                                                    \
		"yes", NULL, "do not ask, however much is lost", 'y'                                         \
	}

struct changes {
	const struct invocation *inv;
	const char *past;           /* what has become of a row: "added" */
	const char *file;           /* where the rows come from; NULL: the command line */
	const char *question;       /* always asked first; NULL: only when the daemon wants it confirmed */
	void (*show)(json_t *item); /* tells of the one row that was done; NULL: the usual line */
	bool listed;                /* many rows are usual: a refused one is exit code 1, whatever its code */
	struct buffer body;
	struct buffer lines; /* of each row in the file: uint32_t */
	size_t n;
	size_t done; /* how many of the rows the last answer has as done, or possible in a dry run */
};

/* No rows yet. past: borrowed. changes_fini it. */
void changes_init(struct changes *, const struct invocation *, const char *past);

void changes_fini(struct changes *);

/*
 * Add a row, taken over: {"do": kind, ...}; NULL stands for a value that was not UTF-8. line: in the file, or
 * 0. Returns 0, or the exit code after telling the failure.
 */
int changes_add(struct changes *, json_t *row_new, unsigned line);

/*
 * Send them, with --dry-run for show only, and with --yes or --force confirmed; ask on a terminal what needs
 * to be asked; print the outcome. Returns the exit code: 0 when every row was done.
 */
int changes_run(struct changes *);

/* Add one row (taken over), run, and changes_fini. */
int changes_run_one(struct changes *, json_t *row_new);

#endif
