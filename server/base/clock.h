/* SPDX-License-Identifier: Apache-2.0 */
/* The two clocks, replaceable in tests: the wall clock in seconds since 1970, and in milliseconds a
 * monotonic one that goes on while the machine sleeps. */
#ifndef SERVER_CLOCK_H
#define SERVER_CLOCK_H

#include <stdint.h>

struct clock {
	int64_t (*wall)(void *context);
	int64_t (*mono_ms)(void *context);
	void *context;
};

/* The system's clocks. Any thread. */
struct clock clock_system(void);

/* The monotonic clock in microseconds, for measuring alone: no test replaces it. Any thread. */
int64_t clock_us(void);

int64_t clock_wall(const struct clock *);
int64_t clock_mono_ms(const struct clock *);

#endif
