/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's backups: one at a time, on a thread of their own with a low priority; those that an
 * administrator asks for lie in the state folder until they were fetched, and those of the schedule go into a
 * folder that is kept short. Any thread.
 */
#ifndef BACKUP_VAULT_H
#define BACKUP_VAULT_H

#include <jansson.h>

#include "broker.h"
#include "clock.h"
#include "lane.h"

struct vault;

/* All is borrowed and outlives it, but for the texts, which are copied. */
struct vault_settings {
	struct broker *broker; /* only its key and ledger are looked at */
	struct lane *lane;
	struct store *store; /* for opening readers */
	struct clock clock;
	const char *name;   /* of the host */
	const char *folder; /* the state folder */
	const char *dir;    /* of the schedule; "": none */
	int64_t every_hours;
	int64_t keep; /* so many of them */
};

/* E_NO_MEMORY, E_INTERNAL. */
int vault_start(const struct vault_settings *, struct vault **ret);

/* Break off what is under way, and end the thread; NULL is allowed. */
void vault_stop(struct vault *);

/* Begin a backup that is to be fetched. passphrase: the keys go with it, under this (NULL: no keys).
 * E_BACKUP_RUNNING, E_NO_MEMORY. */
int vault_begin(struct vault *, const char *passphrase, size_t n, const char *actor);

/* {"state": "none|running|verifying|ready|failed", "done", "total", "backup": info, "error"}; NULL without
 * memory. */
json_t *vault_show(struct vault *);

/* The finished file, opened for reading; the caller closes it. E_NOT_FOUND, E_IO. */
int vault_open(struct vault *, int *ret_fd, int64_t *ret_n);

/* Remove it: it was fetched. */
void vault_drop(struct vault *);

#endif
