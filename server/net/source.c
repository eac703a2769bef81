/* SPDX-License-Identifier: Apache-2.0 */
#include "source.h"

#include <netinet/in.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 65536
#define PROBES 8
#define HOUR_MS 3600000
#define HANDSHAKE                                                                                            \
	60000 /* what one costs: with a rate a minute, a millisecond adds the rate itself, without rounding  \
	       */
#define DEVICE 3600000 /* the same for a rate an hour */
#define TRUSTED_SUCCESSES 3
#define TRUSTED_FACTOR 10

struct sources {
	struct source_limits limits;
	uint8_t key[crypto_shorthash_KEYBYTES]; /* secret, so that nobody can aim at a neighbour's slots */
	struct source slots[SLOTS];
};

struct sources *sources_new(const struct source_limits *limits)
{
	struct sources *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->limits = *limits;
	randombytes_buf(s->key, sizeof(s->key));
	return s;
}

void sources_free(struct sources *s)
{
	free(s);
}

void sources_limit(struct sources *s, const struct source_limits *limits)
{
	s->limits = *limits;
}

/* An IPv4 address, also one mapped into IPv6, or the first 64 bits of an IPv6 one; 0: neither. */
static uint64_t hash_address(const struct sources *s, const struct sockaddr *address)
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	uint8_t bytes[9] = {0};
	uint8_t hash[crypto_shorthash_BYTES];
	uint64_t value;
	if (address->sa_family == AF_INET) {
		memcpy(bytes, &((const struct sockaddr_in *)address)->sin_addr, 4);
	} else if (address->sa_family == AF_INET6) {
		const uint8_t *six = ((const struct sockaddr_in6 *)address)->sin6_addr.s6_addr;
		bool four = memcmp(six, mapped, sizeof(mapped)) == 0;
		memcpy(bytes, four ? six + sizeof(mapped) : six, four ? 4 : 8);
		bytes[8] = !four;
	} else {
		return 0;
	}
	crypto_shorthash(hash, bytes, sizeof(bytes), s->key);
	memcpy(&value, hash, sizeof(value));
	return value ? value : 1;
}

static int64_t factor(const struct source *source)
{
	return source->successes >= TRUSTED_SUCCESSES ? TRUSTED_FACTOR : 1;
}

static void refill(const struct sources *s, struct source *source, int64_t now_ms)
{
	int64_t elapsed = now_ms - source->refilled;
	int64_t handshakes = (int64_t)s->limits.handshakes_per_minute * factor(source);
	int64_t devices = s->limits.new_devices_per_hour;
	if (elapsed <= 0)
		return;
	if (elapsed > HOUR_MS)
		elapsed = HOUR_MS;
	source->refilled = now_ms;
	source->handshake_tokens += handshakes * elapsed;
	source->device_tokens += devices * elapsed;
	if (source->handshake_tokens > handshakes * HANDSHAKE)
		source->handshake_tokens = handshakes * HANDSHAKE;
	if (source->device_tokens > devices * DEVICE)
		source->device_tokens = devices * DEVICE;
}

static void start(const struct sources *s, struct source *source, uint64_t key, int64_t now_ms)
{
	*source = (struct source){.key = key, .refilled = now_ms};
	source->handshake_tokens = (int64_t)s->limits.handshakes_per_minute * HANDSHAKE;
	source->device_tokens = (int64_t)s->limits.new_devices_per_hour * DEVICE;
}

/* Nothing is lost by forgetting it: an hour has filled its buckets. */
static bool forgettable(const struct source *source, int64_t now_ms)
{
	return source->unauthenticated == 0 && now_ms - source->refilled > HOUR_MS &&
	       source->penalty_until < now_ms;
}

struct source *sources_find(struct sources *s, const struct sockaddr *address, int64_t now_ms)
{
	uint64_t key = hash_address(s, address);
	struct source *spare = NULL;
	if (key == 0)
		return NULL;
	for (uint64_t i = 0; i < PROBES; i++) {
		struct source *slot = &s->slots[(key + i) % SLOTS];
		if (slot->key == key) {
			refill(s, slot, now_ms);
			return slot;
		}
		if (!spare && (slot->key == 0 || forgettable(slot, now_ms)))
			spare = slot;
	}
	if (spare)
		start(s, spare, key, now_ms);
	return spare;
}

bool source_enter(struct sources *s, struct source *source, int64_t now_ms)
{
	if (!source)
		return true;
	if (source->penalty_until - now_ms >= PENALTY_REFUSE ||
	    source->unauthenticated >= s->limits.at_once || source->handshake_tokens < HANDSHAKE)
		return false;
	source->handshake_tokens -= HANDSHAKE;
	source->unauthenticated++;
	return true;
}

void source_leave(struct source *source)
{
	if (source && source->unauthenticated)
		source->unauthenticated--;
}

void source_praise(struct source *source)
{
	if (!source)
		return;
	source->penalty_until = 0;
	if (source->successes < UINT32_MAX)
		source->successes++;
}

void source_punish(struct source *source, int64_t ms, int64_t now_ms)
{
	if (!source)
		return;
	if (source->penalty_until < now_ms)
		source->penalty_until = now_ms;
	source->penalty_until += ms;
	if (source->penalty_until > now_ms + PENALTY_MAX)
		source->penalty_until = now_ms + PENALTY_MAX;
}

bool source_may_enrol(struct sources *s, struct source *source, int64_t now_ms)
{
	if (!source)
		return true;
	refill(s, source, now_ms);
	return source->device_tokens >= DEVICE;
}

void source_enrolled(struct source *source)
{
	if (source)
		source->device_tokens -= DEVICE;
}

void source_not_enrolled(struct source *source)
{
	if (source)
		source->device_tokens += DEVICE; /* the next refill cuts what is over the limit */
}

struct source *sources_known(struct sources *s, uint64_t key)
{
	for (uint64_t i = 0; i < PROBES; i++)
		if (s->slots[(key + i) % SLOTS].key == key)
			return &s->slots[(key + i) % SLOTS];
	return NULL;
}
