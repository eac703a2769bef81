/* SPDX-License-Identifier: Apache-2.0 */
#include "skew.h"

int64_t skew_of(int64_t device_time, int64_t now)
{
	if (device_time <= 0)
		return 0;
	int64_t skew = device_time - now;
	if (skew > INT32_MAX)
		skew = INT32_MAX;
	return skew > SKEW_LEAST || skew < -SKEW_LEAST ? skew : 0;
}

bool skew_moved(int64_t recorded, int64_t skew)
{
	int64_t by = recorded > skew ? recorded - skew : skew - recorded;
	return by > 0 && (!recorded || !skew || by > SKEW_STEP);
}
