/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop: sockets, timers, signals, and the hand-over between sessions and the lane. The only folder that
 * knows libuv. Everything here belongs to the loop's thread.
 */
#ifndef SERVER_NET_H
#define SERVER_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker.h"
#include "clock.h"
#include "counters.h"
#include "lane.h"
#include "quota.h"
#include "source.h"

#define NET_LISTENERS_MAX 16
#define NET_ADDRESS_TEXT 64

#define NET_EXEMPT_MAX 32

/* What may be changed while running. */
struct net_limits {
	uint32_t max_connections;
	uint32_t max_unauthenticated;
	uint32_t handshakes_per_second; /* of all sources; 0: half of what the cores can do, measured at start
					 */
	uint32_t handshakes_per_source; /* a minute */
	uint32_t new_devices_per_source; /* an hour */
	uint32_t wrong_codes_per_source; /* an hour */
	uint32_t connections_per_source;
	uint32_t penalty_seconds;
	uint32_t at_once_per_source; /* unauthenticated */
	uint32_t at_once_per_network;
	struct exempt exempt[NET_EXEMPT_MAX]; /* without limits of their source */
	size_t n_exempt;
	struct quota_limits per_device;
	uint32_t idle_seconds;
};

struct net_settings {
	struct broker *broker;
	struct counters *counters;
	struct clock clock;  /* as far as it can be believed */
	struct clock system; /* as it is */
	struct net_limits limits;
	void (*on_reload)(void *context); /* SIGHUP */
	void (*on_tick)(void *context);   /* four times a second */
	void *context;
};

struct net;

/* Make the loop. E_NO_MEMORY, E_INTERNAL. */
int net_open(const struct net_settings *, struct net **ret);

/*
 * Bind and listen on "ADDR:PORT" or "[ADDR]:PORT"; port 0 is any free one. E_CONFIG_INVALID: no such address;
 * E_CANNOT_CREATE: it is in use or not ours; errno says why.
 */
int net_listen(struct net *, const char *address);

/* Take over a listening socket of the service manager. E_CONFIG_INVALID: there are too many; E_CANNOT_CREATE.
 */
int net_adopt(struct net *, int fd);

/* The addresses that were bound, as text; borrowed. */
size_t net_addresses(const struct net *, const char *out[NET_LISTENERS_MAX]);

void net_limit(struct net *, const struct net_limits *);

/* Where sessions' jobs go. Before net_run. */
void net_attach(struct net *, struct lane *);

/* The lane calls these: one when a job is done, one when some of them are. Lane's thread. */
void net_job_finished(struct job *);
void net_jobs_done(void *net);

/* Run until SIGTERM or SIGINT, or the store fails for good; what is owed is answered first. 0, or the store's
 * error. */
int net_run(struct net *);

void net_close(struct net *);

#endif
