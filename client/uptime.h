/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long this machine was up since an authenticated time, or since the first call (reliability.md 3.8):
 * while its clock cannot be believed, a lease runs by that. Pure but for uptime_read; any thread.
 */
#ifndef CLIENT_UPTIME_H
#define CLIENT_UPTIME_H

#include <stdint.h>

#define BOOT_ID 37

/* One start of the machine, and how long it was up, asleep or awake. */
struct boot {
	char id[BOOT_ID]; /* "": it could not be read */
	int64_t seconds;
};

/* What is kept. All zero: nothing is known. */
struct uptime {
	struct boot seen; /* at the last look */
	int64_t used;     /* seconds since that time, up to then */
};

/* Of this machine. root: "" for its own. */
struct boot uptime_read(const char *root);

/* Seconds since the authenticated time: what was counted, and since then what this start of the machine adds.
 */
int64_t uptime_used(const struct uptime *, const struct boot *now);

/* A new authenticated time; and a look, after which less is lost with the next start. */
void uptime_begin(struct uptime *, const struct boot *now);
void uptime_look(struct uptime *, const struct boot *now);

#endif
