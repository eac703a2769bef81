/* SPDX-License-Identifier: Apache-2.0 */
/* Codes and keys that let somebody in: a user's one-time code, a device group's enrolment key. Lane only. */
#ifndef SERVER_SIGNIN_H
#define SERVER_SIGNIN_H

#include "broker.h"

#define SIGNIN_TRIES 10            /* wrong ones, before a code is void (DESIGN 3, User) */
#define SIGNIN_SECONDS (24 * 3600) /* that a code holds */

/* A user (his name in the job's first line) has signed in on the device; bound already is as good. */
int signin_bind(struct broker *, struct job *, int64_t device, int64_t user, int64_t now);

/* Is the bare key an enrolment key that still holds? */
int enrol_find(struct broker *, const char *key, int64_t now, bool *ret_joins);

/* Put the device into the key's group, count the use, and settle its seats. */
int enrol_join(struct broker *, const struct job *, const char *key, int64_t device, int64_t now);

#endif
