/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far a device's clock is from the host's. A wrong clock stops nobody (freshness does not go by it), but
 * both sides are told from five minutes on (domain.md section 8, 19). Pure; any thread.
 */
#ifndef SERVER_SKEW_H
#define SERVER_SKEW_H

#include <stdbool.h>
#include <stdint.h>

#define SKEW_LEAST 300 /* seconds that are nobody's trouble */
#define SKEW_STEP 60   /* a change of so much is worth writing down */

/* Seconds by which the device is ahead, or negative behind; 0: not worth telling, or it told no time. */
int64_t skew_of(int64_t device_time, int64_t now);

/* Is what the record says no longer true? */
bool skew_moved(int64_t recorded, int64_t skew);

#endif
