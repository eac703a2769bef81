/* SPDX-License-Identifier: Apache-2.0 */
#include "quota.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 65536
#define PROBES 8
#define HOUR_MS 3600000LL
#define DAY_MS (24 * HOUR_MS)

/* What one costs is the period in ms: a millisecond then adds the rate itself, without rounding. */
struct quota {
	uint64_t key; /* 0: free */
	int64_t requests;
	int64_t releases;
	int64_t refilled; /* monotonic ms */
};

struct quotas {
	struct quota_limits limits;
	uint8_t key[crypto_shorthash_KEYBYTES]; /* secret, so that nobody can aim at a neighbour's slots */
	struct quota slots[SLOTS];
};

struct quotas *quotas_new(void)
{
	struct quotas *q = calloc(1, sizeof(*q));
	if (q)
		randombytes_buf(q->key, sizeof(q->key));
	return q;
}

void quotas_free(struct quotas *q)
{
	free(q);
}

void quotas_limit(struct quotas *q, const struct quota_limits *limits)
{
	q->limits = *limits;
}

static int64_t fill(int64_t tokens, uint32_t rate, int64_t period, int64_t elapsed)
{
	int64_t full = rate * period;
	tokens += rate * elapsed;
	return tokens > full ? full : tokens;
}

static void refill(const struct quotas *q, struct quota *slot, int64_t now_ms)
{
	int64_t elapsed = now_ms - slot->refilled;
	if (elapsed > 0)
		slot->refilled = now_ms;
	elapsed = elapsed < 0 ? 0 : elapsed > DAY_MS ? DAY_MS : elapsed;
	slot->requests = fill(slot->requests, q->limits.requests_per_hour, HOUR_MS, elapsed);
	slot->releases = fill(slot->releases, q->limits.releases_per_day, DAY_MS, elapsed);
}

/* Nothing is lost by forgetting it. */
static bool is_full(const struct quotas *q, const struct quota *slot)
{
	return slot->requests >= q->limits.requests_per_hour * HOUR_MS &&
	       slot->releases >= q->limits.releases_per_day * DAY_MS;
}

static struct quota *find(struct quotas *q, const uint8_t device[QUOTA_DEVICE], int64_t now_ms)
{
	uint8_t hash[crypto_shorthash_BYTES];
	uint64_t key;
	struct quota *spare = NULL;
	crypto_shorthash(hash, device, QUOTA_DEVICE, q->key);
	memcpy(&key, hash, sizeof(key));
	key = key ? key : 1;
	for (uint64_t i = 0; i < PROBES; i++) {
		struct quota *slot = &q->slots[(key + i) % SLOTS];
		refill(q, slot, now_ms);
		if (slot->key == key)
			return slot;
		if (!spare && (slot->key == 0 || is_full(q, slot)))
			spare = slot;
	}
	if (spare)
		*spare = (struct quota){key, q->limits.requests_per_hour * HOUR_MS,
					q->limits.releases_per_day * DAY_MS, now_ms};
	return spare;
}

/* Seconds until tokens that come at a rate make up a period; at least one. */
static uint32_t wait_for(int64_t tokens, uint32_t rate, int64_t period)
{
	if (tokens >= period)
		return 0;
	return rate ? (uint32_t)((period - tokens) / rate / 1000) + 1 : (uint32_t)(period / 1000);
}

uint32_t quotas_ask(struct quotas *q, const uint8_t device[QUOTA_DEVICE], bool releases, int64_t now_ms)
{
	struct quota *slot = find(q, device, now_ms);
	if (!slot)
		return 0;
	uint32_t wait = wait_for(slot->requests, q->limits.requests_per_hour, HOUR_MS);
	uint32_t longer = releases ? wait_for(slot->releases, q->limits.releases_per_day, DAY_MS) : 0;
	if (wait || longer)
		return wait > longer ? wait : longer;
	slot->requests -= HOUR_MS;
	slot->releases -= releases ? DAY_MS : 0;
	return 0;
}
