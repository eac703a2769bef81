/* SPDX-License-Identifier: Apache-2.0 */
#include "source.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "allowance.h"

#define SLOTS 65536
#define PROBES 8
#define HOUR_MS 3600000
#define HANDSHAKE 60000 /* the periods of the buckets: handshakes have a rate a minute, */
#define ALLOWED HOUR_MS /* the others a rate an hour */
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
	if (now_ms - source->praised > HOUR_MS)
		source->successes = 0;
	if (elapsed <= 0)
		return;
	source->refilled = now_ms;
	source->handshake_tokens =
		allowance_fill(source->handshake_tokens, s->limits.handshakes_per_minute * factor(source),
			       HANDSHAKE, elapsed);
	for (size_t i = 0; i < SOURCE_ALLOWANCES; i++)
		source->allowed[i] =
			allowance_fill(source->allowed[i], s->limits.per_hour[i], ALLOWED, elapsed);
}

static void start(const struct sources *s, struct source *source, uint64_t key, int64_t now_ms)
{
	*source = (struct source){.key = key, .refilled = now_ms};
	source->handshake_tokens = allowance_full(s->limits.handshakes_per_minute, HANDSHAKE);
	for (size_t i = 0; i < SOURCE_ALLOWANCES; i++)
		source->allowed[i] = allowance_full(s->limits.per_hour[i], ALLOWED);
}

/* Nothing is lost by forgetting it: an hour has filled its buckets. */
static bool forgettable(const struct source *source, int64_t now_ms)
{
	return source->open == 0 && source->unauthenticated == 0 && now_ms - source->refilled > HOUR_MS &&
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

bool sources_exempts(const struct sources *s, const struct sockaddr *address)
{
	uint8_t six[16];
	return as_six(address, six) && is_exempt(s, six);
}

bool source_trusted(const struct source *source)
{
	return source && source->successes >= TRUSTED_SUCCESSES;
}

enum source_verdict source_enter(struct sources *s, struct source *source, int64_t now_ms)
{
	if (!source)
		return SOURCE_WELCOME;
	struct source *network = source_trusted(source) ? NULL : source->network;
	if (s->limits.penalty_ms && source->penalty_until - now_ms >= s->limits.penalty_ms)
		return SOURCE_PENALTY;
	if (source->open >= s->limits.open)
		return SOURCE_FULL;
	if (source->unauthenticated >= s->limits.at_once * factor(source))
		return SOURCE_CROWD;
	if (network && network->unauthenticated >= s->limits.at_once_of_network)
		return SOURCE_NETWORK;
	if (source->handshake_tokens < HANDSHAKE)
		return SOURCE_RATE;
	source->handshake_tokens -= HANDSHAKE;
	source->open++;
	source->unauthenticated++;
	if (source->network)
		source->network->unauthenticated += network != NULL;
	return SOURCE_WELCOME;
}

void source_leave(struct source *source, bool stranger)
{
	if (!source || !source->unauthenticated)
		return;
	source->unauthenticated--;
	if (stranger && source->network && source->network->unauthenticated)
		source->network->unauthenticated--;
}

void source_close(struct source *source)
{
	if (source && source->open)
		source->open--;
}

void source_forgive(struct source *source)
{
	if (source)
		source->penalty_until = 0;
}

void source_praise(struct source *source, int64_t now_ms)
{
	if (!source)
		return;
	if (now_ms - source->praised > HOUR_MS)
		source->successes = 0;
	source->praised = now_ms;
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

uint32_t source_wait(struct sources *s, struct source *source, enum source_allowance what, int64_t now_ms)
{
	if (!source)
		return 0;
	refill(s, source, now_ms);
	return allowance_wait(source->allowed[what], s->limits.per_hour[what], ALLOWED);
}

void source_charge(struct source *source, enum source_allowance what)
{
	if (source)
		source->allowed[what] -= ALLOWED;
}

void source_refund(struct source *source, enum source_allowance what)
{
	if (source)
		source->allowed[what] += ALLOWED; /* the next refill cuts what is over the limit */
}

struct source *sources_known(struct sources *s, uint64_t key)
{
	for (uint64_t i = 0; i < PROBES; i++)
		if (s->slots[(key + i) % SLOTS].key == key)
			return &s->slots[(key + i) % SLOTS];
	return NULL;
}
