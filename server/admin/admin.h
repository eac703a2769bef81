/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The management API on Unix sockets, by libmicrohttpd. Each socket has a thread and a reading store handle
 * of its own, so that no listing ever touches the loop or the lane; changes go to the lane as jobs.
 */
#ifndef SERVER_ADMIN_H
#define SERVER_ADMIN_H

#include <jansson.h>
#include <stdbool.h>

#include "broker.h"
#include "clock.h"
#include "counters.h"
#include "lane.h"

#define ADMIN_LISTENERS_MAX 16

struct watch;
struct vault;

/* When health warns; each may change while running, 0: never. */
struct health_limits {
	atomic_uint backup_days; /* without a backup */
	atomic_uint idle_hours;  /* without any device calling */
	atomic_uint disk_mb;     /* free on the state folder's disk */
	atomic_uint wal_mb;      /* of write-ahead log */
};

/* What the API needs of the daemon. Everything is borrowed and outlives it. */
struct admin_settings {
	struct broker *broker; /* only its key, ledger and generation are looked at */
	struct lane *lane;
	struct store *store; /* for opening readers */
	struct counters *counters;
	struct vault *vault; /* backups; NULL: there are none */
	struct clock clock;
	const struct health_limits *health;
	const char *state_dir;
	const char *store_path;                     /* of the database; NULL: in memory */
	const char *name;                           /* of the host, for people */
	const char *listeners[ADMIN_LISTENERS_MAX]; /* addresses of the RPC port */
	size_t n_listeners;
	struct watch *dns;                /* stops before the sockets do */
	json_t *(*config)(void *context); /* items of /v1/config; thread-safe */
	void *config_context;
};

struct admin;

/* Once, before the program has threads. */
void admin_prepare(void);

/*
 * Serve a listening Unix socket, which becomes the API's. status_only: the open routes alone, for everybody.
 * E_NO_MEMORY, E_INTERNAL, errors of the store.
 */
int admin_start(const struct admin_settings *, int fd, bool status_only, struct admin **ret);

/* Finish what is under way and end the thread; NULL is allowed. */
void admin_stop(struct admin *);

#endif
