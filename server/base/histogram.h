/* SPDX-License-Identifier: Apache-2.0 */
/* How long something takes, in buckets that Prometheus understands. Any thread may add and read. */
#ifndef SERVER_HISTOGRAM_H
#define SERVER_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

/* Upper ends of the buckets, in microseconds, and as text in seconds: X(us, text). Beyond them: +Inf. */
#define HISTOGRAM_BUCKETS(X)                                                                                 \
	X(500, "0.0005")                                                                                     \
	X(1000, "0.001")                                                                                     \
	X(2500, "0.0025")                                                                                    \
	X(5000, "0.005")                                                                                     \
	X(10000, "0.01")                                                                                     \
	X(25000, "0.025")                                                                                    \
	X(50000, "0.05")                                                                                     \
	X(100000, "0.1")                                                                                     \
	X(250000, "0.25")                                                                                    \
	X(500000, "0.5")                                                                                     \
	X(1000000, "1")                                                                                      \
	X(2500000, "2.5")                                                                                    \
	X(10000000, "10")

#define HISTOGRAM_ENDS 13

struct histogram {
	atomic_llong buckets[HISTOGRAM_ENDS + 1]; /* each for itself; the last one is +Inf */
	atomic_llong sum;                         /* microseconds */
};

/* Count one duration, in microseconds; a negative one counts as 0. */
void histogram_add(struct histogram *, int64_t us);

/* End of bucket i as text in seconds, "+Inf" for the last. */
const char *histogram_end(int i);

#endif
