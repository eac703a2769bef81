/* SPDX-License-Identifier: Apache-2.0 */
/* Both halves of a decision in plain arrays: what is known, and what effects change. */
#include <string.h>

#include "audit.h"
#include "day.h"
#include "error.h"
#include "memory_handle.h"

int64_t memory_sum(struct memory *m, int64_t grant, enum bucket_kind kind, int64_t from)
{
	int64_t sum = 0;
	for (size_t i = 0; i < m->tables[T_BUCKET].used; i++) {
		const struct item *b = &m->tables[T_BUCKET].all[i];
		if (b->key[0] == grant && b->key[1] == (int64_t)kind && b->key[2] >= from)
			sum += b->number[0];
	}
	return sum;
}

static struct item *device_by_id(struct memory *m, const uint8_t id[DEVICE_ID])
{
	for (size_t i = 0; i < m->tables[T_DEVICE].used; i++) {
		struct item *d = &m->tables[T_DEVICE].all[i];
		if (!d->dead && memcmp(d->bytes, id, DEVICE_ID) == 0)
			return d;
	}
	return NULL;
}

const struct record *memory_record(struct memory *m, enum record_kind kind, size_t *index)
{
	while (*index < m->tables[T_RECORD].used) {
		const struct item *i = &m->tables[T_RECORD].all[(*index)++];
		if (!i->dead && i->record.kind == kind)
			return &i->record;
	}
	return NULL;
}

static int64_t find_user(struct memory *m, const char *name)
{
	size_t at = 0;
	const struct record *r;
	while ((r = memory_record(m, RECORD_USER, &at)))
		if (strcmp(r->u.user.name, name) == 0)
			return r->num;
	return 0;
}

static const struct record *find_seat(struct memory *m, enum member_kind kind, int64_t holder,
				      const char *product)
{
	size_t at = 0;
	const struct record *r;
	while ((r = memory_record(m, RECORD_SEAT, &at)))
		if (r->u.seat.kind == (int64_t)kind && r->u.seat.holder == holder &&
		    strcmp(r->u.seat.product, product) == 0)
			return r;
	return NULL;
}

static bool is_bound(struct memory *m, int64_t device, int64_t user)
{
	size_t at = 0;
	const struct record *r;
	while ((r = memory_record(m, RECORD_BINDING, &at)))
		if (r->u.binding.device == device && r->u.binding.user == user)
			return true;
	return false;
}

static void device_facts(struct memory *m, const struct asker *asker, struct device_facts *ret)
{
	const struct item *d = device_by_id(m, asker->id);
	*ret = (struct device_facts){.device = (int64_t)m->tables[T_DEVICE].used + 1};
	if (d) {
		ret->known = true;
		ret->device = d->key[0];
		ret->blocked = d->number[1] != 0;
		ret->shared = d->number[2] != 0;
		ret->approved = d->number[3] != 0;
		ret->skew = d->number[4];
		ret->described = strcmp(d->text[2], asker->hostname) == 0 &&
				 strcmp(d->text[3], asker->os) == 0 && strcmp(d->text[4], asker->agent) == 0;
		const struct item *r = memory_number(m, T_RATCHET, d->key[0], 0, 0);
		if (r)
			ret->ratchet = r->ratchet;
	}
	ret->user = asker->user && *asker->user ? find_user(m, asker->user) : 0;
	ret->bound = ret->user && is_bound(m, ret->device, ret->user);
}

static bool in_force(const struct holding *h, int64_t now)
{
	return strcmp(store_holding_state(h, now), "active") == 0;
}

/* The user's activations on other devices, shared ones apart, and whose turn it would be to go. */
static void other_devices(struct memory *m, const struct device_facts *device, int64_t now,
			  struct candidate *c)
{
	for (size_t i = 0; i < m->tables[T_HOLDING].used; i++) {
		const struct item *h = &m->tables[T_HOLDING].all[i];
		const struct item *d = memory_number(m, T_DEVICE, h->key[0], 0, 0);
		if (h->dead || h->key[1] != c->grant || h->key[2] != device->user ||
		    !in_force(&h->holding, now) || h->key[0] == device->device || !d || d->number[2])
			continue;
		c->devices_used++;
		bool older = h->holding.contacted < c->oldest.contacted ||
			     (h->holding.contacted == c->oldest.contacted && h->key[0] < c->oldest_device);
		if (c->oldest_device && !older)
			continue;
		c->oldest_device = h->key[0];
		c->oldest = h->holding;
	}
}

static void held_by_users(struct memory *m, int64_t device, int64_t now, struct candidate *c)
{
	for (size_t i = 0; i < m->tables[T_HOLDING].used; i++) {
		const struct item *h = &m->tables[T_HOLDING].all[i];
		if (!h->dead && h->key[0] == device && h->key[1] == c->grant && h->key[2] &&
		    in_force(&h->holding, now))
			c->held_by_users = true;
	}
}

static void take_seat(const struct record *r, struct seat *ret)
{
	if (r)
		*ret = (struct seat){.grant = r->u.seat.entitlement,
				     .plans = (uint32_t)r->u.seat.plans,
				     .direct = r->u.seat.direct != 0,
				     .code = (int)r->u.seat.code};
}

static void candidate_facts(struct memory *m, const struct device_facts *device, int64_t now,
			    struct candidate *c)
{
	const struct item *g = memory_number(m, T_GRANT, c->grant, 0, 0);
	int64_t user = model_of_users(c->model) ? device->user : 0;
	if (c->model == MODEL_VOLUME)
		c->count = memory_sum(m, c->grant, BUCKET_CONTACT,
				      bucket_window_start(now, c->policy.window_days));
	c->active = c->quantity ? memory_sum(m, c->grant, BUCKET_LEASE, day_of(now)) : 0;
	c->marks = g ? g->marks : (struct grant_marks){0};
	const struct item *h = memory_number(m, T_HOLDING, device->device, c->grant, user);
	if (h && device->known && (user || !model_of_users(c->model)))
		c->holding = h->holding;
}

int memory_facts(struct store *store, const struct asker *asker, int64_t now, struct device_facts *ret_device,
		 struct line_facts *lines, size_t n)
{
	struct memory *m = memory_of(store);
	device_facts(m, asker, ret_device);
	for (size_t i = 0; i < n; i++) {
		struct line_facts *line = &lines[i];
		for (size_t j = 0; j < line->n_candidates; j++) {
			struct candidate *c = &line->candidates[j];
			candidate_facts(m, ret_device, now, c);
			if (!line->seats || !model_of_users(c->model))
				continue;
			held_by_users(m, ret_device->device, now, c);
			if (ret_device->user)
				other_devices(m, ret_device, now, c);
		}
		if (!line->seats)
			continue;
		if (ret_device->known)
			take_seat(find_seat(m, MEMBER_DEVICE, ret_device->device, line->product),
				  &line->device_seat);
		if (ret_device->user)
			take_seat(find_seat(m, MEMBER_USER, ret_device->user, line->product),
				  &line->user_seat);
	}
	return 0;
}

/* --- apply --- */

/* The row's texts are only copied by put, so they may be borrowed from the effect. */
static char *borrow(const char *text)
{
	return (char *)text;
}

static int add(struct memory *m, enum table t, struct item row, int64_t n)
{
	const struct item *old = memory_find(m, t, &row);
	row.number[0] = n + (old ? old->number[0] : 0);
	return memory_put(m, t, &row);
}

static int put_device(struct memory *m, const struct effect *e)
{
	const struct asker *asker = e->u.device_row.asker;
	const struct item *old = memory_number(m, T_DEVICE, e->device, 0, 0);
	uint8_t ids[2 * DEVICE_ID]; /* its own, and of the device that it was a copy of */
	struct item row = {.key = {e->device}, .bytes = ids, .n = DEVICE_ID};
	memcpy(ids, asker->id, DEVICE_ID);
	if (e->u.device_row.is_new && asker->forked_from) {
		memcpy(ids + DEVICE_ID, asker->forked_from, DEVICE_ID);
		row.n = sizeof(ids);
	}
	if (old) {
		row.bytes = old->bytes;
		row.n = old->n;
	}
	row.text[2] = borrow(asker->hostname);
	row.text[3] = borrow(asker->os);
	row.text[4] = borrow(asker->agent);
	row.number[0] = old ? old->number[0] : e->at;
	if (row.number[0] == 0)
		row.number[0] = e->at; /* it was expected, and came */
	for (size_t i = 1; i < 5; i++)
		row.number[i] = old ? old->number[i] : 0;
	int error = memory_put(m, T_DEVICE, &row);
	if (!error && e->u.device_row.is_new)
		error = add(m, T_BUCKET, (struct item){.key = {0, BUCKET_DEVICES, 0}}, 1);
	return error;
}

static int put_holding(struct memory *m, const struct effect *e)
{
	struct bucket_change changes[4];
	struct item row = {.key = {e->device, e->grant, e->user}, .holding = e->u.holding.after};
	if (row.holding.units == 0)
		row.holding.units = 1;
	int error = memory_put(m, T_HOLDING, &row);
	size_t n = bucket_changes(&e->u.holding.before, &e->u.holding.after, changes);
	for (size_t i = 0; i < n && !error; i++)
		error = add(m, T_BUCKET, (struct item){.key = {e->grant, changes[i].kind, changes[i].day}},
			    changes[i].change);
	return error;
}

static int put_grant(struct memory *m, const struct effect *e)
{
	const struct item *old = memory_number(m, T_GRANT, e->grant, 0, 0);
	struct item row = {.key = {e->grant}};
	row.text[0] = borrow(e->u.grant_row.vendor);
	row.text[1] = borrow(e->u.grant_row.license);
	row.text[2] = borrow(e->u.grant_row.id);
	row.text[3] = borrow(e->u.grant_row.product);
	row.number[0] = e->u.grant_row.window_days;
	row.marks = old ? old->marks : (struct grant_marks){0};
	return memory_put(m, T_GRANT, &row);
}

static int put_marks(struct memory *m, const struct effect *e)
{
	const struct item *old = memory_number(m, T_GRANT, e->grant, 0, 0);
	if (!old)
		return 0;
	struct item row = *old;
	row.marks = e->u.marks;
	return memory_put(m, T_GRANT, &row);
}

static int put_flags(struct memory *m, const struct effect *e)
{
	const struct item *old = memory_number(m, T_DEVICE, e->device, 0, 0);
	if (!old)
		return 0;
	struct item row = *old;
	row.number[1] = e->u.flags.blocked;
	row.number[2] = e->u.flags.shared;
	row.number[3] = e->u.flags.approved;
	return memory_put(m, T_DEVICE, &row);
}

static int put_skew(struct memory *m, const struct effect *e)
{
	const struct item *old = memory_number(m, T_DEVICE, e->device, 0, 0);
	if (!old)
		return 0;
	struct item row = *old;
	row.number[4] = e->u.skew;
	return memory_put(m, T_DEVICE, &row);
}

static int put_record(struct memory *m, struct record *r)
{
	int64_t most = 0;
	for (size_t i = 0; i < m->tables[T_RECORD].used; i++)
		if (m->tables[T_RECORD].all[i].key[0] == (int64_t)r->kind &&
		    m->tables[T_RECORD].all[i].key[1] > most)
			most = m->tables[T_RECORD].all[i].key[1];
	if (r->num == 0)
		r->num = most + 1;
	struct item row = {.key = {(int64_t)r->kind, r->num}, .record = *r};
	return memory_put(m, T_RECORD, &row);
}

/* The row stays in its place, dead. */
static int bury(struct memory *m, enum table t, const struct item *old)
{
	struct item row = *old;
	row.dead = true;
	return memory_put(m, t, &row);
}

static int drop_record(struct memory *m, enum record_kind kind, int64_t num)
{
	const struct item *old = memory_number(m, T_RECORD, (int64_t)kind, num, 0);
	return old ? bury(m, T_RECORD, old) : 0;
}

static int put_seat(struct memory *m, const struct effect *e)
{
	struct record *r = e->u.seat.record;
	int64_t before = e->u.seat.before;
	int64_t after = r->u.seat.entitlement;
	int error = 0;
	if (after || r->u.seat.code)
		error = put_record(m, r);
	else if (r->num)
		error = drop_record(m, r->kind, r->num);
	if (!error && before && before != after)
		error = add(m, T_BUCKET, (struct item){.key = {before, BUCKET_SEATS, 0}}, -1);
	if (!error && after && before != after)
		error = add(m, T_BUCKET, (struct item){.key = {after, BUCKET_SEATS, 0}}, 1);
	return error;
}

static bool is_of_device(const struct item *i, enum table t, int64_t device)
{
	if (i->dead)
		return false;
	if (t != T_RECORD)
		return i->key[0] == device;
	const struct record *r = &i->record;
	return (r->kind == RECORD_BINDING && r->u.binding.device == device) ||
	       (r->kind == RECORD_HARDWARE && r->u.hardware.device == device) ||
	       (r->kind == RECORD_HARDWARETAG && r->u.hardwaretag.device == device) ||
	       (r->kind == RECORD_BRANCH && r->u.branch.device == device) ||
	       (r->kind == RECORD_VOICE && r->u.voice.device == device) ||
	       (r->kind == RECORD_OFFLINE && r->u.offline.device == device) ||
	       (r->kind == RECORD_DENIAL && r->u.denial.device == device);
}

static int forget(struct memory *m, const struct effect *e)
{
	static const enum table all[] = {T_HOLDING, T_RATCHET, T_DEVICE, T_RECORD};
	int error = 0;
	for (size_t t = 0; t < sizeof(all) / sizeof(all[0]); t++)
		for (size_t i = 0; i < m->tables[all[t]].used && !error; i++)
			if (is_of_device(&m->tables[all[t]].all[i], all[t], e->device))
				error = bury(m, all[t], &m->tables[all[t]].all[i]);
	return error ? error : add(m, T_BUCKET, (struct item){.key = {0, BUCKET_DEVICES, 0}}, -1);
}

static int expire(struct memory *m, const struct effect *e)
{
	int error = 0;
	for (size_t i = 0; i < m->tables[T_DAILY].used && !error; i++)
		if (!m->tables[T_DAILY].all[i].dead && m->tables[T_DAILY].all[i].key[0] < day_of(e->at))
			error = bury(m, T_DAILY, &m->tables[T_DAILY].all[i]);
	for (size_t i = 0; i < m->tables[T_RECORD].used && !error; i++) {
		const struct item *r = &m->tables[T_RECORD].all[i];
		if (!r->dead && r->record.kind == RECORD_DENIAL &&
		    day_of(r->record.u.denial.latest) < day_of(e->at))
			error = bury(m, T_RECORD, r);
	}
	return error;
}

static int prune(struct memory *m, const struct effect *e)
{
	const struct rows *rows = &m->tables[T_AUDIT];
	int64_t left = e->u.prune.limit;
	int error = 0;
	for (size_t i = 0; i < rows->used && rows->all[i].key[0] <= e->u.prune.through && left && !error;
	     i++) {
		if (rows->all[i].dead)
			continue;
		error = bury(m, T_AUDIT, &rows->all[i]);
		left--;
	}
	return error;
}

static int put_daily(struct memory *m, const struct effect *e)
{
	struct item row = {.key = {day_of(e->at), e->grant}};
	row.text[0] = borrow(e->u.tally.what);
	const struct item *old = e->kind == EFFECT_PEAK ? memory_find(m, T_DAILY, &row) : NULL;
	int64_t more = old ? e->u.tally.n - old->number[0] : e->u.tally.n;
	return more > 0 || !old ? add(m, T_DAILY, row, more) : 0;
}

static int put_signed(struct memory *m, const struct effect *e)
{
	bool license = e->kind == EFFECT_LICENSE;
	struct item row = {.number = {e->u.signed_file.serial, e->at}};
	row.text[0] = borrow(e->u.signed_file.vendor);
	row.text[1] = borrow(e->u.signed_file.license);
	if (license && !e->u.signed_file.token) {
		const struct item *old = memory_find(m, T_LICENSE, &row);
		return old ? bury(m, T_LICENSE, old) : 0;
	}
	row.text[2] = borrow(license ? "" : e->u.signed_file.vendor_key);
	row.text[3] = borrow(e->u.signed_file.token);
	return memory_put(m, license ? T_LICENSE : T_CERTIFICATE, &row);
}

static int put_audit(struct memory *m, const struct effect *e)
{
	static const uint8_t none[AUDIT_HASH];
	const struct rows *rows = &m->tables[T_AUDIT];
	const struct audit *a = &e->u.audit;
	uint8_t hash[AUDIT_HASH];
	int64_t seq = (int64_t)rows->used + 1;
	audit_hash(rows->used ? rows->all[rows->used - 1].bytes : none, seq, a, hash);
	struct item row = {.key = {seq}, .bytes = hash, .n = sizeof(hash), .number = {a->at}};
	row.text[0] = borrow(a->actor);
	row.text[1] = borrow(a->action);
	row.text[2] = borrow(a->object);
	row.text[3] = borrow(a->detail);
	return memory_put(m, T_AUDIT, &row);
}

int memory_apply(struct store *store, const struct effect *e)
{
	struct memory *m = memory_of(store);
	struct item row = {0};
	switch (e->kind) {
	case EFFECT_DEVICE:
		return put_device(m, e);
	case EFFECT_HOLDING:
		return put_holding(m, e);
	case EFFECT_RATCHET:
		row.key[0] = e->device;
		row.ratchet = *e->u.ratchet;
		return memory_put(m, T_RATCHET, &row);
	case EFFECT_GRANT:
		return put_grant(m, e);
	case EFFECT_MARKS:
		return put_marks(m, e);
	case EFFECT_FLAGS:
		return put_flags(m, e);
	case EFFECT_SKEW:
		return put_skew(m, e);
	case EFFECT_FORGET:
		return forget(m, e);
	case EFFECT_SEAT:
		return put_seat(m, e);
	case EFFECT_PUT:
		return put_record(m, e->u.record);
	case EFFECT_DROP:
		return drop_record(m, e->u.record->kind, e->u.record->num);
	case EFFECT_EXPIRE:
		return expire(m, e);
	case EFFECT_LICENSE:
	case EFFECT_CERTIFICATE:
		return put_signed(m, e);
	case EFFECT_META:
		row.text[0] = borrow(e->u.meta.key);
		row.bytes = (void *)e->u.meta.bytes;
		row.n = e->u.meta.n;
		return memory_put(m, T_META, &row);
	case EFFECT_TALLY:
	case EFFECT_PEAK:
		return put_daily(m, e);
	case EFFECT_PRUNE:
		return prune(m, e);
	default:
		return put_audit(m, e);
	}
}
