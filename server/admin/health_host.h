/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of the host itself: disk, database, backups, clock, and whether anybody calls. Pure. */
#ifndef SERVER_HEALTH_HOST_H
#define SERVER_HEALTH_HOST_H

#include "status.h"

/* One finding; see health.c for what a severity means. */
typedef void health_finding(struct overview *, int code, enum severity, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Tell what is wrong. counters: since the daemon's start, which was at `started`. */
void health_host(struct overview *, const struct health_limits *, const struct counters *, int64_t started,
		 int64_t now, health_finding *);

#endif
