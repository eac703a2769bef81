/* SPDX-License-Identifier: Apache-2.0 */
/* Everything the daemon counts since its start; made from counters.def. Any thread may add and read. */
#ifndef SERVER_COUNTERS_H
#define SERVER_COUNTERS_H

#include <stdatomic.h>

#include "histogram.h"

#define COUNTERS_CODES 256 /* numbers of errors.def */

#define ERR(number, name, retry, http, exit, text, remedy)                                                   \
	_Static_assert((number) < COUNTERS_CODES, "every code has a counter");
#include "errors.def"
#undef ERR

struct counters {
#define COUNTER(field, kind, metric, label, help) atomic_llong field;
#include "counters.def"
#undef COUNTER
	atomic_llong refusals[COUNTERS_CODES]; /* products refused, by code */
	atomic_llong contact_at;               /* when a device was last served, in Unix time */
	atomic_llong closures[COUNTERS_CODES]; /* connections closed because of a fault, by code */
#define HISTOGRAM(field, metric, label, help) struct histogram field;
	struct {
#include "histograms.def"
	} took;
#undef HISTOGRAM
};

/* Add one to a counter of the struct, or to the row of an error code (negative or positive). */
static inline void counter_add(atomic_llong *counter, long long n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static inline void counter_code(atomic_llong codes[COUNTERS_CODES], int code)
{
	int number = code < 0 ? -code : code;
	if (number < COUNTERS_CODES)
		counter_add(&codes[number], 1);
}

#endif
