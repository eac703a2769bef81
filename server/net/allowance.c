/* SPDX-License-Identifier: Apache-2.0 */
#include "allowance.h"

int64_t allowance_full(int64_t rate, int64_t period)
{
	return rate * period;
}

int64_t allowance_fill(int64_t tokens, int64_t rate, int64_t period, int64_t elapsed)
{
	int64_t full = allowance_full(rate, period);
	tokens += rate * (elapsed < 0 ? 0 : elapsed > period ? period : elapsed);
	return tokens > full ? full : tokens;
}

uint32_t allowance_wait(int64_t tokens, int64_t rate, int64_t period)
{
	if (tokens >= period)
		return 0;
	return rate ? (uint32_t)((period - tokens) / rate / 1000) + 1 : (uint32_t)(period / 1000);
}
