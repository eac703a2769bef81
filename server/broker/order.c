/* SPDX-License-Identifier: Apache-2.0 */
#include "order.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base64url.h"
#include "error.h"

static int find_user(struct order *o, const char *name, bool guests, int64_t *ret_num)
{
	struct record_copy found;
	struct record like = {.kind = RECORD_USER, .u.user.name = name};
	*ret_num = 0;
	int error = store_find(o->b->store, &like, BY(user, name), &found);
	if (error == E_NOT_FOUND)
		return order_refuse(o->c, E_NOT_FOUND, name);
	if (error)
		return error;
	if (found.record.u.user.guest && !guests)
		return order_refuse(o->c, E_GUEST_ROLE, name);
	*ret_num = found.record.num;
	return 0;
}

int order_user(struct order *o, const char *name, int64_t *ret_num)
{
	return find_user(o, name, true, ret_num);
}

int order_person(struct order *o, const char *name, int64_t *ret_num)
{
	return find_user(o, name, o->job->orders->may_guests, ret_num);
}

int order_circle(struct order *o, enum circle_kind kind, const char *name, int64_t *ret_num)
{
	struct record_copy found;
	struct record like = {.kind = RECORD_CIRCLE, .u.circle = {.kind = (int64_t)kind, .name = name}};
	*ret_num = 0;
	int error = store_find(o->b->store, &like, BY(circle, kind) | BY(circle, name), &found);
	if (error == E_NOT_FOUND)
		return order_refuse(o->c, E_NOT_FOUND, name);
	*ret_num = error ? 0 : found.record.num;
	return error;
}

static int take_device(const struct row *row, void *context)
{
	*(struct order_device *)context = (struct order_device){row->u.device.num, row->u.device.blocked,
								row->u.device.shared, row->u.device.approved};
	return 1;
}

/* A device that an administrator names before it was ever seen: it has no names and no first day yet. */
static int expect_device(struct order *o, const struct asker *asker, const struct device_facts *facts)
{
	struct effect effect = {
		.kind = EFFECT_DEVICE, .device = facts->device, .at = 0, .u.device_row = {asker, true}};
	return store_apply(o->b->store, &effect);
}

int order_device(struct order *o, const char *id, bool make, struct order_device *ret)
{
	struct asker asker = {.hostname = "", .os = "", .agent = ""};
	struct device_facts facts;
	*ret = (struct order_device){0};
	if (base64url_read_exact(id, strlen(id), asker.id, DEVICE_ID))
		return order_refuse(o->c, E_BAD_REQUEST, "a device id has 43 characters");
	int error = store_facts(o->b->store, &asker, o->now, &facts, NULL, 0);
	if (error)
		return error;
	if (!facts.known && !make)
		return order_refuse(o->c, E_NOT_FOUND, id);
	if (!facts.known) {
		ret->num = facts.device;
		return expect_device(o, &asker, &facts);
	}
	struct listing one = {.kind = LIST_DEVICE, .device = facts.device, .limit = 1, .now = o->now};
	error = store_page(o->b->store, &one, take_device, ret);
	return error < 0 ? error : 0;
}

int order_subject(struct order *o, enum member_kind *ret_kind, int64_t *ret_num)
{
	const struct change *c = o->c;
	struct order_device device = {0};
	*ret_num = 0;
	*ret_kind = c->user ? MEMBER_USER : c->device ? MEMBER_DEVICE : MEMBER_GROUP;
	if (c->user)
		return order_person(o, c->user, ret_num);
	if (c->device) {
		int error = order_device(o, c->device, c->kind == CHANGE_ASSIGN || c->kind == CHANGE_REPLACE,
					 &device);
		*ret_num = device.num;
		return error;
	}
	return c->group ? order_circle(o, CIRCLE_USERS, c->group, ret_num)
			: order_circle(o, CIRCLE_DEVICES, c->device_group, ret_num);
}

void order_code(struct order *o, size_t length, uint8_t ret[KEYCODE_HASH])
{
	char bare[KEYCODE_KEY + 1];
	keycode_make(length, o->c->output);
	keycode_read(o->c->output, length, bare);
	keycode_hash(bare, o->b->secret, RATCHET_SECRET, ret);
	sodium_memzero(bare, sizeof(bare));
}

/* --- activations --- */

#define ACTIVATIONS_AT_ONCE 64

struct activation_copy {
	struct row row;
	uint8_t id[DEVICE_ID];
	char user_name[LIMIT_USER + 1];
};

struct activations {
	struct activation_copy all[ACTIVATIONS_AT_ONCE];
	size_t n;
};

static int copy_activation(const struct row *row, void *context)
{
	struct activations *a = context;
	struct activation_copy *copy = &a->all[a->n++];
	copy->row = *row;
	memcpy(copy->id, row->u.activation.id, DEVICE_ID);
	snprintf(copy->user_name, sizeof(copy->user_name), "%s", row->u.activation.user_name);
	copy->row.u.activation.id = copy->id;
	copy->row.u.activation.user_name = copy->user_name;
	return 0;
}

void order_lose(struct order *o, const struct grant *grant, const struct row *row)
{
	int64_t held = model_seats(grant->model) ? row->u.grant.seats : row->u.grant.active;
	struct change_effect *e = round_effect(&o->b->round, grant->product);
	e->lost += held;
	e->held += held;
}

int order_activations(struct order *o, int64_t device, int64_t user, activation_function *each, void *context)
{
	struct activations *a = malloc(sizeof(*a));
	struct listing l = {.kind = LIST_ACTIVATION,
			    .now = o->now,
			    .device = device,
			    .user = user,
			    .limit = ACTIVATIONS_AT_ONCE};
	int error = a ? 0 : E_NO_MEMORY;
	do {
		if (error)
			break;
		a->n = 0;
		error = store_page(o->b->store, &l, copy_activation, a);
		for (size_t i = 0; i < a->n && !error; i++)
			error = each(o, &a->all[i].row, context);
		if (a->n)
			memcpy(l.after, a->all[a->n - 1].row.cursor, sizeof(l.after));
	} while (a->n == ACTIVATIONS_AT_ONCE);
	free(a);
	return error;
}
