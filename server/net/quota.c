/* SPDX-License-Identifier: Apache-2.0 */
#include "quota.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "allowance.h"

#define SLOTS 65536
#define PROBES 8
#define HOUR_MS 3600000LL
#define DAY_MS (24 * HOUR_MS)

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

static void refill(const struct quotas *q, struct quota *slot, int64_t now_ms)
{
	int64_t elapsed = now_ms - slot->refilled;
	if (elapsed > 0)
		slot->refilled = now_ms;
	slot->requests = allowance_fill(slot->requests, q->limits.requests_per_hour, HOUR_MS, elapsed);
	slot->releases = allowance_fill(slot->releases, q->limits.releases_per_day, DAY_MS, elapsed);
}

/* Nothing is lost by forgetting it. */
static bool is_full(const struct quotas *q, const struct quota *slot)
{
	return slot->requests >= allowance_full(q->limits.requests_per_hour, HOUR_MS) &&
	       slot->releases >= allowance_full(q->limits.releases_per_day, DAY_MS);
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
		*spare = (struct quota){key, allowance_full(q->limits.requests_per_hour, HOUR_MS),
					allowance_full(q->limits.releases_per_day, DAY_MS), now_ms};
	return spare;
}

uint32_t quotas_ask(struct quotas *q, const uint8_t device[QUOTA_DEVICE], bool releases, int64_t now_ms)
{
	struct quota *slot = find(q, device, now_ms);
	if (!slot)
		return 0;
	uint32_t wait = allowance_wait(slot->requests, q->limits.requests_per_hour, HOUR_MS);
	uint32_t longer = releases ? allowance_wait(slot->releases, q->limits.releases_per_day, DAY_MS) : 0;
	if (wait || longer)
		return wait > longer ? wait : longer;
	slot->requests -= HOUR_MS;
	slot->releases -= releases ? DAY_MS : 0;
	return 0;
}
