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

/* What a source may do so often an hour. It is charged before the outcome is known, so that nobody gets more
 * by asking for much at once. */
enum source_allowance {
	SOURCE_DEVICES, /* new ones */
	SOURCE_GUESSES, /* wrong sign-in codes and keys */
	SOURCE_ALLOWANCES
};

struct source_limits {
	uint32_t handshakes_per_minute;
	uint32_t per_hour[SOURCE_ALLOWANCES];
	uint32_t open;               /* connections of a source */
	uint32_t at_once;            /* of them, whose device is not known yet, and */
	uint32_t at_once_of_network; /* those of strangers of one network */
	uint32_t penalty_ms;         /* so much is accrued: refuse; 0: never */
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
	uint32_t open;
	uint32_t unauthenticated;
	uint32_t successes;
	int64_t praised;                    /* when the last one was, in monotonic ms, as all times here */
	int64_t handshake_tokens;           /* in 60,000ths */
	int64_t allowed[SOURCE_ALLOWANCES]; /* in 3,600,000ths */
	int64_t refilled;
	int64_t penalty_until;
};

struct sources;

/* Penalties of reliability.md 3.6, in ms. */
#define PENALTY_MALFORMED 5000
#define PENALTY_DEADLINE 10000
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

/* Is it an address without limits? */
bool sources_exempts(const struct sources *, const struct sockaddr *);

enum source_verdict {
	SOURCE_WELCOME,
	SOURCE_PENALTY, /* its faults are not over */
	SOURCE_FULL,    /* too many connections */
	SOURCE_CROWD,   /* too many whose device is not known yet */
	SOURCE_NETWORK, /* the same, of its network */
	SOURCE_RATE,    /* too many handshakes */
};

/* A new connection: may it handshake? If so it counts as unauthenticated until source_leave, and as open
 * until source_close. NULL source: it may. */
enum source_verdict source_enter(struct sources *, struct source *, int64_t now_ms);

/* The connection is authenticated, or gone. stranger: the source was not trusted when it entered. */
void source_leave(struct source *, bool stranger);

/* The connection is gone. */
void source_close(struct source *);

/* A handshake was completed: penalties are forgiven. */
void source_forgive(struct source *);

/* A device of it was given a lease. After three, and never an hour between them, the buckets are ten times as
 * large (a site behind one address). A handshake alone is no merit: anybody can make one. */
void source_praise(struct source *, int64_t now_ms);

/* It misbehaved. */
void source_punish(struct source *, int64_t ms, int64_t now_ms);

/* The seconds after which it may do that once more; 0: now. */
uint32_t source_wait(struct sources *, struct source *, enum source_allowance, int64_t now_ms);

/* It does, so far as is known; and it did not after all. */
void source_charge(struct source *, enum source_allowance);
void source_refund(struct source *, enum source_allowance);

/* The entry with a key, or NULL when it was forgotten meanwhile. */
struct source *sources_known(struct sources *, uint64_t key);

#endif
