/* SPDX-License-Identifier: Apache-2.0 */
/* The order in which the hosts of a SRV answer are tried (RFC 2782). Pure; any thread. */
#ifndef CLIENT_SRV_H
#define CLIENT_SRV_H

#include <stddef.h>
#include <stdint.h>

#include "limit.h"

#define SRV_MAX 64 /* records of one answer that are looked at */

struct srv {
	uint16_t priority;
	uint16_t weight;
	uint16_t port;
	char target[LIMIT_HOSTNAME + 1];
};

/* A random number below bound, each as likely as the next. */
typedef uint32_t srv_draw(void *context, uint32_t bound);

/*
 * Put n <= SRV_MAX records into the order to try them: lowest priority first, and among equals by repeated
 * weighted choice.
 */
void srv_order(struct srv *rows, size_t n, srv_draw *draw, void *context);

#endif
