/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of the daemon, fetched page by page and printed as they come, so that memory does not grow with their
 * length: as a table, with --csv as CSV, with --json as one document. Main thread.
 */
#ifndef CTL_LISTING_H
#define CTL_LISTING_H

#include "command.h"
#include "print.h"

#define LISTING_FIXED 2

/* The word for the value of an option that is a time. */
#define LISTING_TIME "T"

/* The options that every list takes. */
#define LISTING_OPTIONS                                                                                      \
	{"limit", "N", "print at most N; without it, everything", 0},                                        \
		{"after", "CURSOR", "go on behind this cursor, the 'next' of an earlier list", 0},           \
	{                                                                                                    \
		"csv", NULL, "print CSV", 0                                                                  \
	}

struct listing {
	const char *path; /* "/v1/devices" */
	const struct column *columns;
	bool whole; /* comes as one page: no limit and no cursor are sent */
	struct {
		const char *key;
		const char *value;      /* NULL: no such filter */
	} filters[LISTING_FIXED];       /* besides those that listing_run takes from the command line */
	json_t *(*rows)(json_t *items); /* NULL: an item is a row; else the rows (new) for a table and CSV */
};

/*
 * Fetch and print. Options of the command with a value are filters of the API, by the same name with '_' for
 * '-'. Returns the exit code. When a later page fails, what was printed stays, the failure is
 * told and a JSON document ends with the cursor to go on from and the error.
 */
int listing_run(const struct invocation *, const struct listing *);

/*
 * Fetch without printing: visit each item (borrowed); it returns 0, or an exit code that ends the walk.
 * Returns that, or the exit code of a failure that was told, or 0.
 */
int listing_visit(const struct invocation *, const struct listing *,
		  int (*visit)(json_t *item, void *context), void *context);

#endif
