/* SPDX-License-Identifier: Apache-2.0 */
/* Records of people, groups and rights as JSON, with names in place of numbers. One socket's thread. */
#ifndef SERVER_DIRECTORY_H
#define SERVER_DIRECTORY_H

#include "exchange.h"

/* The name of a user, group or device (its id) by its number; "" when it is gone. */
#define DIRECTORY_NAME (LIMIT_HOSTNAME + 1)
const char *directory_name(struct exchange *, enum member_kind, int64_t num, char out[DIRECTORY_NAME]);

/* A grant's id, or NULL. */
const char *directory_grant(const struct catalog *, int64_t num);

/* Ids with commas between as an array. */
json_t *directory_list(const char *names);

/* A seat: product, grant, model, plans, state, error, since. */
json_t *directory_seat(const struct catalog *, const struct record_seat *);

/* All that reaches a holder: its seats with their sources. Errors of the store. */
int directory_rights(struct exchange *, const struct catalog *, enum member_kind, int64_t num, json_t **ret);

#endif
