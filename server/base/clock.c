/* SPDX-License-Identifier: Apache-2.0 */
#include "clock.h"

#include <stddef.h>
#include <time.h>

static int64_t system_wall(void *context)
{
	struct timespec now;
	(void)context;
	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec;
}

static int64_t system_mono(void *context)
{
	struct timespec now;
	(void)context;
	clock_gettime(CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

struct clock clock_system(void)
{
	return (struct clock){system_wall, system_mono, NULL};
}

int64_t clock_wall(const struct clock *clock)
{
	return clock->wall(clock->context);
}

int64_t clock_mono_ms(const struct clock *clock)
{
	return clock->mono_ms(clock->context);
}
