/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much each device may ask for, judged before its request goes to the store (reliability.md 3.6, step
 * 10). A device is the static key that it has proved, so that one which takes new names is still one. The
 * table has a fixed size; who finds no room in it is let through. No socket and no clock in it. Belongs to
 * the loop.
 */
#ifndef SERVER_QUOTA_H
#define SERVER_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

#define QUOTA_DEVICE 32 /* bytes of a static key */

struct quota_limits {
	uint32_t requests_per_hour;
	uint32_t releases_per_day;
};

struct quotas;

struct quotas *quotas_new(void); /* that refuse everything until they are limited; NULL without memory */
void quotas_free(struct quotas *);
void quotas_limit(struct quotas *, const struct quota_limits *);

/* A device asks, or gives something back. 0: it may, and it counts; else the seconds after which it may. */
uint32_t quotas_ask(struct quotas *, const uint8_t device[QUOTA_DEVICE], bool releases, int64_t now_ms);

#endif
