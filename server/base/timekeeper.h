/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wall clock as far as it can be believed (reliability.md 3.8). A clock that stands before what was seen
 * already, or far beyond it, is not believed: then time goes on from the last instant that was, as the
 * monotonic clock has it, so that nothing expires and nothing is dated wrongly. Any thread.
 */
#ifndef SERVER_TIMEKEEPER_H
#define SERVER_TIMEKEEPER_H

#include <stdbool.h>

#include "clock.h"

/* No clock that is right shows less: this program was not written then. 2026-01-01. */
#define TIME_FLOOR 1767225600LL
/* So far may it go back, in seconds: a time service corrects by that. */
#define TIME_BEHIND_MAX 300
/* And so far forward, at once or while the host was off: a month. */
#define TIME_AHEAD_MAX (31LL * 86400)

enum time_trust { TIME_GOOD, TIME_BEHIND, TIME_AHEAD };

struct timekeeper;

/* Over these clocks, which are copied; without a mark the first instant is believed. NULL without memory. */
struct timekeeper *timekeeper_new(const struct clock *system);
void timekeeper_free(struct timekeeper *);

/* What was believed before the start; 0: nothing is known. */
void timekeeper_remember(struct timekeeper *, int64_t mark);

/* A clock whose wall time is the believed one. It lives as long as the timekeeper. */
struct clock timekeeper_clock(struct timekeeper *);

/* The system's own clocks. */
struct clock timekeeper_system(const struct timekeeper *);

/* What the clocks say now. Texts and times for people and health. */
struct time_view {
	enum time_trust trust;
	int64_t wall; /* by the system */
	int64_t now;  /* believed */
};
struct time_view timekeeper_look(struct timekeeper *);

/* An administrator says that the clock is right: it is believed from now on. */
void timekeeper_accept(struct timekeeper *);

/* The rule. mark: the greatest time that was believed, 0 for none; elapsed: seconds since then, by the
 * monotonic clock. Pure. */
enum time_trust time_judge(int64_t wall, int64_t mark, int64_t elapsed);

#endif
