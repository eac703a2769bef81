/* SPDX-License-Identifier: Apache-2.0 */
#include "door.h"

#include "allowance.h"

#define FIRST_CHANCE (DOOR_DRAWS * 3 / 10)
#define COST 1000 /* of a handshake, with a rate a second */

bool door_drops(uint32_t unauthenticated, uint32_t limit, uint32_t draw)
{
	uint32_t half = limit / 2;
	if (unauthenticated >= limit)
		return true;
	if (unauthenticated < half)
		return false;
	uint64_t more = (uint64_t)(DOOR_DRAWS - FIRST_CHANCE) * (unauthenticated - half) / (limit - half);
	return draw < FIRST_CHANCE + more;
}

void budget_fill(struct budget *b, uint32_t rate, int64_t now_ms)
{
	b->tokens = allowance_full(rate, COST);
	b->refilled = now_ms;
}

bool budget_spend(struct budget *b, uint32_t rate, bool stranger, int64_t now_ms)
{
	int64_t elapsed = now_ms - b->refilled;
	if (elapsed > 0)
		b->refilled = now_ms;
	b->tokens = allowance_fill(b->tokens, rate, COST, elapsed);
	int64_t least = stranger ? allowance_full(rate, COST) / 2 : COST;
	if (b->tokens < (least > COST ? least : COST))
		return false;
	b->tokens -= COST;
	return true;
}

uint32_t crowd_spread(const struct crowd *c)
{
	return c->spread < CROWD_LEAST_S  ? CROWD_LEAST_S
	       : c->spread > CROWD_MOST_S ? CROWD_MOST_S
					  : c->spread;
}

void crowd_count(struct crowd *c, bool refused, int64_t now_ms)
{
	int64_t elapsed = now_ms - c->since;
	if (elapsed >= 1000 || elapsed < 0) {
		if (elapsed >= CROWD_MOST_S * 1000 || elapsed < 0)
			c->spread = 0;
		else if (c->refused > c->came / 4)
			c->spread = crowd_spread(c) * 3 / 2;
		else if (c->refused < c->came / 16)
			c->spread = crowd_spread(c) * 3 / 4;
		c->since = now_ms;
		c->came = c->refused = 0;
	}
	c->came++;
	c->refused += refused;
}
