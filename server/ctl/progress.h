/* SPDX-License-Identifier: Apache-2.0 */
/* One line on a terminal's standard error that says what is being waited for, and how long already; gone at
 * the end. Main thread. */
#ifndef CTL_PROGRESS_H
#define CTL_PROGRESS_H

#include <stdbool.h>
#include <time.h>

struct progress {
	const char *what; /* NULL: nothing is shown */
	struct timespec start;
	long shown; /* the second last shown, -1: none yet */
};

/* Begin; what: borrowed, NULL or no terminal: nothing will be shown. */
void progress_begin(struct progress *, const char *what);

/* Will anything be shown? */
bool progress_wanted(const struct progress *);

/* Draw the line, at most once a second. */
void progress_show(struct progress *);

/* The same with how much is done of a whole (of 0: not known yet). */
void progress_share(struct progress *, long long done, long long total);

/* Erase the line. */
void progress_end(struct progress *);

#endif
