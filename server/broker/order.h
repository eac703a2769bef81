/* SPDX-License-Identifier: Apache-2.0 */
/* One change at work, and what the files of its kinds share. Lane only, inside the change's part of the
 * transaction. */
#ifndef SERVER_ORDER_H
#define SERVER_ORDER_H

#include <stdio.h>

#include "broker.h"
#include "store.h"

struct order {
	struct broker *b;
	struct job *job;
	struct change *c;
	int64_t now;
};

/* Carries it out: 0, with c->code when it is refused; or the error that undoes the batch. */
typedef int order_function(struct order *);

#define CHANGE(id, name, role, function, needs, verbs) order_function function;
#include "changes.def"
#undef CHANGE

/* Refuse the change; returns 0. detail may be NULL. */
int order_refuse(struct change *, int code, const char *detail);

/* Find by name, or refuse with NOT_FOUND (returns 0, *ret_num 0). Errors of the store. */
int order_user(struct order *, const char *name, int64_t *ret_num);
int order_circle(struct order *, enum circle_kind, const char *name, int64_t *ret_num);

/* The same for whoever is to be given or to lose something: a guest is an owner's to decide about
 * (GUEST_ROLE). */
int order_person(struct order *, const char *name, int64_t *ret_num);

/* Make a code or key of so many characters: c->output shows it this once, ret is the keyed hash to keep. */
void order_code(struct order *, size_t length, uint8_t ret[KEYCODE_HASH]);

/* A device by its whole id, with its flags. make: one that was never seen is expected from now on. */
struct order_device {
	int64_t num; /* 0: refused */
	bool blocked;
	bool shared;
	bool approved;
};
int order_device(struct order *, const char *id, bool make, struct order_device *ret);

/* Take out all memberships and assignments of a user, device or group, and settle a holder's seats. */
int order_drop_sources(struct order *, enum member_kind, int64_t num);

/* Whom the change is about: who holds (or inherits) the right. *ret_num 0: refused. */
int order_subject(struct order *, enum member_kind *ret_kind, int64_t *ret_num);

/* Call for each activation of a device (or of a user), in a copy that survives changes of the store. */
typedef int activation_function(struct order *, const struct row *, void *context);
int order_activations(struct order *, int64_t device, int64_t user, activation_function *, void *context);

/* Whoever holds something of a grant, which the store has as the row, loses it: into the round. */
void order_lose(struct order *, const struct grant *, const struct row *);

/* Take a device out with all it holds. */
int order_forget(struct order *, int64_t device);

#endif
