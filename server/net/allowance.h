/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Token buckets: so much of something in a period, and no more than a period's worth saved up. What one costs
 * is the period in milliseconds, so that a millisecond adds the rate itself, without rounding. Pure; any
 * thread.
 */
#ifndef SERVER_ALLOWANCE_H
#define SERVER_ALLOWANCE_H

#include <stdint.h>

/* The tokens of a full bucket. rate: of one period. */
int64_t allowance_full(int64_t rate, int64_t period);

/* The tokens after elapsed ms; a clock that goes backwards adds nothing. */
int64_t allowance_fill(int64_t tokens, int64_t rate, int64_t period, int64_t elapsed);

/* Seconds until one can be paid: 0 if it can be now; a rate of 0 makes it a period. */
uint32_t allowance_wait(int64_t tokens, int64_t rate, int64_t period);

#endif
