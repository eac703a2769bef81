/* SPDX-License-Identifier: Apache-2.0 */
/* Days of UTC, in which counts are kept. Pure. */
#ifndef SERVER_DAY_H
#define SERVER_DAY_H

#include <stdint.h>

#define DAY_SECONDS 86400

/* The day of a time: whole days since 1970. */
static inline int32_t day_of(int64_t time)
{
	return (int32_t)(time / DAY_SECONDS);
}

#endif
