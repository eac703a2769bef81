/* SPDX-License-Identifier: Apache-2.0 */
/* What administrators do with devices: flags, activations that are taken away, enrolment keys. */
#include <string.h>

#include "base64url.h"
#include "day.h"
#include "error.h"
#include "order.h"

#define ENROL_KEY_DAYS 30 /* an enrolment key holds so long unless it is said otherwise */

/* --- flags --- */

static int put_flags(struct order *o, const struct order_device *d)
{
	struct effect effect = {.kind = EFFECT_FLAGS,
				.device = d->num,
				.at = o->now,
				.u.flags = {d->blocked, d->shared, d->approved}};
	return store_apply(o->b->store, &effect);
}

/* Set one flag of the device; what is so already stays so. */
static int set_flag(struct order *o, size_t at, bool value)
{
	struct order_device d;
	bool make =
		at == offsetof(struct order_device, shared) || at == offsetof(struct order_device, approved);
	int error = order_device(o, o->c->device, make, &d);
	if (error || !d.num)
		return error;
	*(bool *)((char *)&d + at) = value;
	return put_flags(o, &d);
}

int machines_block(struct order *o)
{
	return set_flag(o, offsetof(struct order_device, blocked), true);
}

int machines_unblock(struct order *o)
{
	return set_flag(o, offsetof(struct order_device, blocked), false);
}

int machines_approve(struct order *o)
{
	return set_flag(o, offsetof(struct order_device, approved), true);
}

int machines_mark_shared(struct order *o)
{
	return set_flag(o, offsetof(struct order_device, shared), true);
}

int machines_unmark_shared(struct order *o)
{
	return set_flag(o, offsetof(struct order_device, shared), false);
}

/* --- activations --- */

struct releasing {
	const char *product; /* NULL: every one */
	size_t released;
};

static int release_one(struct order *o, const struct row *row, void *context)
{
	struct releasing *r = context;
	struct catalog_grant g;
	enum holding_state state = row->u.activation.holding.state;
	bool known = catalog_grant(&o->b->catalog, row->u.activation.grant, &g);
	if (state == HOLDING_RELEASED ||
	    (r->product && (!known || strcmp(g.grant->product, r->product) != 0)))
		return 0;
	r->released++;
	return broker_release(o->b, o->now, o->job->actor, "activation.released", row);
}

int machines_release(struct order *o)
{
	struct order_device d;
	struct releasing r = {.product = o->c->product};
	int64_t user = 0;
	int error = order_device(o, o->c->device, false, &d);
	if (!error && d.num && o->c->user)
		error = order_user(o, o->c->user, &user);
	if (error || o->c->code)
		return error;
	error = order_activations(o, d.num, user, release_one, &r);
	return error || r.released ? error : order_refuse(o->c, E_NOT_ACTIVATED, o->c->product);
}

/* Nothing may count for a device that is not there any more. */
static int void_one(struct order *o, const struct row *row, void *context)
{
	static const struct holding nothing;
	(void)context;
	struct effect effect = {.kind = EFFECT_HOLDING,
				.device = row->u.activation.num,
				.grant = row->u.activation.grant,
				.user = row->u.activation.user,
				.at = o->now,
				.u.holding = {row->u.activation.holding, nothing}};
	return store_apply(o->b->store, &effect);
}

int order_forget(struct order *o, int64_t device)
{
	struct effect forget = {.kind = EFFECT_FORGET, .device = device, .at = o->now};
	int error = order_drop_sources(o, MEMBER_DEVICE, device);
	if (!error)
		error = order_activations(o, device, 0, void_one, NULL);
	return error ? error : store_apply(o->b->store, &forget);
}

/* So that no lease of before lets it in again as one of a restored ledger (request_adopt.c). */
static int remember_forgotten(struct order *o, const uint8_t id[DEVICE_ID])
{
	struct record r = {.kind = RECORD_FORGOTTEN,
			   .u.forgotten = {.device = {id, DEVICE_ID}, .at = o->now}};
	int error = store_find_num(o->b->store, &r, BY(forgotten, device), &r.num);
	return error ? error : store_put(o->b->store, &r);
}

int machines_forget(struct order *o)
{
	struct order_device d;
	uint8_t id[DEVICE_ID];
	int error = order_device(o, o->c->device, false, &d);
	if (error || !d.num)
		return error;
	error = base64url_read_exact(o->c->device, strlen(o->c->device), id, sizeof(id));
	if (!error)
		error = remember_forgotten(o, id);
	return error ? error : order_forget(o, d.num);
}

/* --- enrolment keys --- */

int machines_enrol_key_add(struct order *o)
{
	uint8_t hash[KEYCODE_HASH];
	struct change *c = o->c;
	int64_t circle;
	int64_t days = c->days ? c->days : ENROL_KEY_DAYS;
	int error = order_circle(o, CIRCLE_DEVICES, c->group, &circle);
	if (error || !circle)
		return error;
	if (c->uses < 0 || days < 0 || days > LIMIT_KEY_DAYS)
		return order_refuse(c, E_BAD_REQUEST, "uses from 0 (without end), days from 1 to 3660");
	order_code(o, KEYCODE_KEY, hash);
	c->until = o->now + days * DAY_SECONDS;
	struct record r = {
		.kind = RECORD_ENROLKEY,
		.u.enrolkey = {
			.hash = {hash, sizeof(hash)}, .circle = circle, .uses = c->uses, .until = c->until}};
	error = store_put(o->b->store, &r);
	c->id = r.num;
	return error;
}

int machines_enrol_key_remove(struct order *o)
{
	struct record_copy key;
	int error = store_get(o->b->store, RECORD_ENROLKEY, o->c->id, &key);
	if (error == E_NOT_FOUND)
		return order_refuse(o->c, E_NOT_FOUND, "enrolment key");
	return error ? error : store_drop(o->b->store, RECORD_ENROLKEY, o->c->id);
}
