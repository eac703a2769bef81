/* SPDX-License-Identifier: Apache-2.0 */
#include "source.h"

#include <arpa/inet.h>
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

/* --- addresses --- */

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* As an IPv6 address, an IPv4 one mapped into it. False: neither. */
static bool as_six(const struct sockaddr *address, uint8_t ret[16])
{
	if (address->sa_family == AF_INET6) {
		memcpy(ret, ((const struct sockaddr_in6 *)address)->sin6_addr.s6_addr, 16);
		return true;
	}
	memcpy(ret, mapped, sizeof(mapped));
	memcpy(ret + sizeof(mapped), &((const struct sockaddr_in *)address)->sin_addr, 4);
	return address->sa_family == AF_INET;
}

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned rest = bits % 8;
	uint8_t mask = (uint8_t)(0xff << (8 - rest));
	return memcmp(a, b, bits / 8) == 0 && (!rest || ((a[bits / 8] ^ b[bits / 8]) & mask) == 0);
}

static bool is_exempt(const struct sources *s, const uint8_t address[16])
{
	for (size_t i = 0; i < s->limits.n_exempt; i++)
		if (same_bits(s->limits.exempt[i].address, address, s->limits.exempt[i].bits))
			return true;
	return false;
}

static bool read_bits(const char *text, unsigned most, unsigned *ret)
{
	char *end;
	if (*text < '0' || *text > '9')
		return false;
	unsigned long bits = strtoul(text, &end, 10);
	*ret = (unsigned)bits;
	return !*end && bits <= most;
}

bool exempt_read(const char *text, struct exempt *ret)
{
	char address[64];
	struct sockaddr_in four = {.sin_family = AF_INET};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6};
	size_t n = strcspn(text, "/");
	if (n >= sizeof(address))
		return false;
	memcpy(address, text, n);
	address[n] = 0;
	bool is_four = inet_pton(AF_INET, address, &four.sin_addr) == 1;
	if (!is_four && inet_pton(AF_INET6, address, &six.sin6_addr) != 1)
		return false;
	as_six(is_four ? (const struct sockaddr *)&four : (const struct sockaddr *)&six, ret->address);
	unsigned most = is_four ? 32 : 128;
	unsigned bits = most;
	if (text[n] && !read_bits(text + n + 1, most, &bits))
		return false;
	ret->bits = (uint8_t)(bits + 128 - most);
	return true;
}

/* Of the first bits of an address; never 0, which means free. */
static uint64_t hash_address(const struct sources *s, const uint8_t address[16], unsigned bits)
{
	uint8_t bytes[17] = {0};
	uint8_t hash[crypto_shorthash_BYTES];
	uint64_t value;
	memcpy(bytes, address, bits / 8);
	bytes[16] = (uint8_t)bits;
	crypto_shorthash(hash, bytes, sizeof(bytes), s->key);
	memcpy(&value, hash, sizeof(value));
	return value ? value : 1;
}

/* --- entries --- */

static int64_t factor(const struct source *source)
{
	return source_trusted(source) ? TRUSTED_FACTOR : 1;
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

static struct source *find(struct sources *s, uint64_t key, int64_t now_ms)
{
	struct source *spare = NULL;
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

struct source *sources_find(struct sources *s, const struct sockaddr *address, int64_t now_ms)
{
	uint8_t six[16];
	if (!as_six(address, six) || is_exempt(s, six))
		return NULL;
	bool four = memcmp(six, mapped, sizeof(mapped)) == 0;
	struct source *source = find(s, hash_address(s, six, four ? 128 : 64), now_ms);
	if (source && !source->unauthenticated)
		source->network = find(s, hash_address(s, six, four ? 120 : 48), now_ms);
	return source;
}

bool source_trusted(const struct source *source)
{
	return source && source->successes >= TRUSTED_SUCCESSES;
}

bool source_enter(struct sources *s, struct source *source, int64_t now_ms)
{
	if (!source)
		return true;
	struct source *network = source_trusted(source) ? NULL : source->network;
	if (source->penalty_until - now_ms >= PENALTY_REFUSE ||
	    source->unauthenticated >= s->limits.at_once * factor(source) ||
	    (network && network->unauthenticated >= s->limits.at_once_of_network) ||
	    source->handshake_tokens < HANDSHAKE)
		return false;
	source->handshake_tokens -= HANDSHAKE;
	source->unauthenticated++;
	if (source->network)
		source->network->unauthenticated += network != NULL;
	return true;
}

void source_leave(struct source *source, bool stranger)
{
	if (!source || !source->unauthenticated)
		return;
	source->unauthenticated--;
	if (stranger && source->network && source->network->unauthenticated)
		source->network->unauthenticated--;
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
