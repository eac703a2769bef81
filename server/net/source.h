/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each network source may do: connections at once, handshakes, new devices, penalties. A source is an
 * IPv4 address or an IPv6 /64; a network of them is a /24 or a /48. The table has a fixed size; when it is
 * full a stranger is let through rather than an honest one refused. No socket and no clock in it. Belongs to
 * the loop.
 */
#ifndef SERVER_SOURCE_H
#define SERVER_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct source_limits {
	uint32_t handshakes_per_minute;
	uint32_t new_devices_per_hour;
	uint32_t at_once;            /* unauthenticated connections of a source, and */
	uint32_t at_once_of_network; /* of strangers of one network */
	const struct exempt *exempt; /* borrowed; n_exempt of them */
	size_t n_exempt;
};

/* Addresses without limits, such as a load balancer's: the first bits of an IPv6 address, or of an IPv4 one
 * mapped into it. */
struct exempt {
	uint8_t address[16];
	uint8_t bits;
};

struct source {
	uint64_t key; /* 0: free */
	struct source
		*network; /* counts strangers only; NULL: of a network itself, or there is no room for it */
	uint32_t unauthenticated;
	uint32_t successes;
	int64_t handshake_tokens; /* in 60,000ths */
	int64_t device_tokens;    /* in 3,600,000ths */
	int64_t refilled;         /* monotonic ms */
	int64_t penalty_until;    /* monotonic ms */
};

struct sources;

/* Penalties of reliability.md 3.6, in ms. */
#define PENALTY_MALFORMED 5000
#define PENALTY_DEADLINE 10000
#define PENALTY_REFUSE 15000 /* accrued more than this: refuse */
#define PENALTY_MAX 600000

struct sources *sources_new(const struct source_limits *); /* NULL without memory */
void sources_free(struct sources *);
void sources_limit(struct sources *, const struct source_limits *);

/* Read "10.0.0.0/8", "2001:db8::/32" or a bare address. False when it is none. */
bool exempt_read(const char *text, struct exempt *ret);

/* The entry of an address; NULL when the table is full there, or the address is exempt or none of a network.
 */
struct source *sources_find(struct sources *, const struct sockaddr *, int64_t now_ms);

/* Has it done well lately? Then floods of strangers are no reason to refuse it. */
bool source_trusted(const struct source *);

/* A new connection: may it handshake? It then counts until source_leave. NULL source: yes. */
bool source_enter(struct sources *, struct source *, int64_t now_ms);

/* The connection is authenticated, or gone. stranger: the source was not trusted when it entered. */
void source_leave(struct source *, bool stranger);

/* It did well: penalties are forgiven, and after three the buckets are ten times as large (a site behind one
 * address). */
void source_praise(struct source *);

/* It misbehaved. */
void source_punish(struct source *, int64_t ms, int64_t now_ms);

/* May it bring in a new device now; and it did. */
bool source_may_enrol(struct sources *, struct source *, int64_t now_ms);
void source_enrolled(struct source *);

/* It did not after all. */
void source_not_enrolled(struct source *);

/* The entry with a key, or NULL when it was forgotten meanwhile. */
struct source *sources_known(struct sources *, uint64_t key);

#endif
