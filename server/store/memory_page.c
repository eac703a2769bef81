/* SPDX-License-Identifier: Apache-2.0 */
/* Listings and checks of plain arrays. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "day.h"
#include "error.h"
#include "memory_handle.h"

/* A handle reads its own open transaction without waiting for itself. */
static void read_lock(struct store *store)
{
	if (!((struct memory_store *)store)->in_transaction)
		pthread_mutex_lock(&memory_of(store)->lock);
}

static void read_unlock(struct store *store)
{
	if (!((struct memory_store *)store)->in_transaction)
		pthread_mutex_unlock(&memory_of(store)->lock);
}

static void show_meta(const struct item *i, const struct listing *l, struct row *row)
{
	(void)l;
	row->u.meta.key = i->text[0];
	row->u.meta.bytes = i->bytes;
	row->u.meta.n = i->n;
}

static void show_signed(const struct item *i, const struct listing *l, struct row *row)
{
	(void)l;
	row->u.signed_file.vendor = i->text[0];
	row->u.signed_file.license = i->text[1];
	row->u.signed_file.vendor_key = i->text[2];
	row->u.signed_file.token = i->text[3];
	row->u.signed_file.serial = i->number[0];
	row->u.signed_file.installed = i->number[1];
}

static void show_audit(const struct item *i, const struct listing *l, struct row *row)
{
	(void)l;
	row->u.audit.seq = i->key[0];
	row->u.audit.audit = (struct audit){.at = i->number[0],
					    .actor = i->text[0],
					    .action = i->text[1],
					    .object = i->text[2],
					    .detail = i->text[3]};
	row->u.audit.hash = i->bytes;
}

static void show_daily(const struct item *i, const struct listing *l, struct row *row)
{
	(void)l;
	row->u.daily.day = (int32_t)i->key[0];
	row->u.daily.grant = i->key[1];
	row->u.daily.what = i->text[0];
	row->u.daily.n = i->number[0];
}

static int64_t count_waiting(struct memory *m, const char *product)
{
	int64_t n = 0;
	size_t at = 0;
	const struct record *r;
	while ((r = memory_record(m, RECORD_SEAT, &at)))
		n += !r->u.seat.entitlement && strcmp(r->u.seat.product, product) == 0;
	return n;
}

static void show_grant(struct memory *m, const struct item *i, const struct listing *l, struct row *row)
{
	row->u.grant.num = i->key[0];
	row->u.grant.vendor = i->text[0];
	row->u.grant.license = i->text[1];
	row->u.grant.id = i->text[2];
	row->u.grant.product = i->text[3];
	row->u.grant.window_days = (int32_t)i->number[0];
	row->u.grant.marks = i->marks;
	row->u.grant.count =
		memory_sum(m, i->key[0], BUCKET_CONTACT, bucket_window_start(l->now, (uint32_t)i->number[0]));
	row->u.grant.active = memory_sum(m, i->key[0], BUCKET_LEASE, day_of(l->now));
	row->u.grant.seats = memory_sum(m, i->key[0], BUCKET_SEATS, 0);
	row->u.grant.waiting = count_waiting(m, i->text[3]);
}

static bool has_lease(struct memory *m, int64_t device, int64_t now)
{
	for (size_t i = 0; i < m->tables[T_HOLDING].used; i++) {
		const struct item *h = &m->tables[T_HOLDING].all[i];
		if (!h->dead && h->key[0] == device &&
		    strcmp(store_holding_state(&h->holding, now), "active") == 0)
			return true;
	}
	return false;
}

static void show_device(struct memory *m, const struct item *i, const struct listing *l, struct row *row)
{
	const struct item *r = memory_number(m, T_RATCHET, i->key[0], 0, 0);
	row->u.device.num = i->key[0];
	row->u.device.id = i->bytes;
	row->u.device.hostname = i->text[2];
	row->u.device.os = i->text[3];
	row->u.device.agent = i->text[4];
	row->u.device.first_seen = i->number[0];
	row->u.device.last_seen = r ? r->ratchet.at : i->number[0];
	row->u.device.blocked = i->number[1] != 0;
	row->u.device.shared = i->number[2] != 0;
	row->u.device.approved = i->number[3] != 0;
	row->u.device.skew = i->number[4];
	row->u.device.forked_from = i->n > DEVICE_ID ? (const uint8_t *)i->bytes + DEVICE_ID : NULL;
	row->u.device.licensed = has_lease(m, i->key[0], l->now);
}

static const char *user_name(struct memory *m, int64_t num)
{
	const struct item *u = memory_number(m, T_RECORD, RECORD_USER, num, 0);
	return u ? u->record.u.user.name : "";
}

static void show_activation(struct memory *m, const struct item *i, const struct listing *l, struct row *row)
{
	const struct item *d = memory_number(m, T_DEVICE, i->key[0], 0, 0);
	row->cursor[2] = i->key[2];
	row->u.activation.num = i->key[0];
	row->u.activation.id = d->bytes;
	row->u.activation.hostname = d->text[2];
	row->u.activation.shared = d->number[2] != 0;
	row->u.activation.grant = i->key[1];
	row->u.activation.user = i->key[2];
	row->u.activation.user_name = user_name(m, i->key[2]);
	row->u.activation.holding = i->holding;
	row->u.activation.state = store_holding_state(&i->holding, l->now);
}

static void show(struct memory *m, const struct item *i, const struct listing *l, struct row *row)
{
	row->cursor[0] = i->key[0];
	row->cursor[1] = i->key[1];
	switch (l->kind) {
	case LIST_META:
		show_meta(i, l, row);
		break;
	case LIST_LICENSE:
	case LIST_CERTIFICATE:
		show_signed(i, l, row);
		break;
	case LIST_GRANT:
		show_grant(m, i, l, row);
		break;
	case LIST_DEVICE:
		show_device(m, i, l, row);
		break;
	case LIST_ACTIVATION:
	case LIST_USER_DEVICES:
		show_activation(m, i, l, row);
		break;
	case LIST_AUDIT:
		show_audit(i, l, row);
		break;
	case LIST_DAILY:
		show_daily(i, l, row);
		break;
	case LIST_RECORD:
		row->cursor[0] = i->key[1];
		row->u.record = i->record;
		break;
	case LIST_WAITING:
	case LIST_NEWEST:
		row->u.record = i->record;
		break;
	default:
		break; /* not of one table: memory_walk.c */
	}
}

static bool wanted_activation(struct memory *m, const struct item *i, const struct listing *l)
{
	const struct item *g = memory_number(m, T_GRANT, i->key[1], 0, 0);
	if (l->device && i->key[0] != l->device)
		return false;
	if (l->user && i->key[2] != l->user)
		return false;
	if (l->product && (!g || strcmp(g->text[3], l->product) != 0))
		return false;
	if (l->state && strcmp(store_holding_state(&i->holding, l->now), l->state) != 0)
		return false;
	return !l->expires_before || (i->holding.expires && i->holding.expires < l->expires_before);
}

static bool like(const struct record *r, const struct listing *l)
{
	size_t n;
	const struct record_field *fields = record_fields(r->kind, &n);
	if (r->kind != l->like->kind || r->num <= l->after[0])
		return false;
	for (size_t i = 0; i < n; i++) {
		const struct record_field *f = &fields[i];
		struct bytes a = {0};
		struct bytes b = {0};
		if (!(l->by & 1u << i))
			continue;
		if (f->type == FIELD_INT && record_int(r, f) != record_int(l->like, f))
			return false;
		if (f->type == FIELD_TEXT && strcmp(record_text(r, f), record_text(l->like, f)) != 0)
			return false;
		if (f->type == FIELD_BYTES) {
			a = record_bytes(r, f);
			b = record_bytes(l->like, f);
			if (a.n != b.n || memcmp(a.at, b.at, a.n) != 0)
				return false;
		}
	}
	return true;
}

static bool behind(const struct item *i, const int64_t after[3])
{
	for (size_t k = 0; k < 3; k++)
		if (i->key[k] != after[k])
			return i->key[k] > after[k];
	return false;
}

static bool wanted(struct memory *m, const struct item *i, const struct listing *l)
{
	if (i->dead)
		return false;
	switch (l->kind) {
	case LIST_RECORD:
		return like(&i->record, l);
	case LIST_WAITING:
		return i->record.kind == RECORD_SEAT && !i->record.u.seat.entitlement &&
		       strcmp(i->record.u.seat.product, l->product) == 0;
	case LIST_NEWEST:
		return i->record.kind == RECORD_SEAT && i->record.u.seat.entitlement == l->grant;
	case LIST_USER_DEVICES:
		return i->key[2] && i->key[2] == l->user;
	case LIST_ACTIVATION:
		return behind(i, l->after) && wanted_activation(m, i, l);
	default:
		break;
	}
	if (l->after[0] && i->key[0] <= l->after[0])
		return false;
	if (l->kind == LIST_DEVICE && l->tag_to)
		return store_tag(i->bytes) >= l->tag_from && store_tag(i->bytes) <= l->tag_to;
	return l->kind != LIST_DEVICE || !l->device || i->key[0] == l->device;
}

static int order_of(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

/* A listing's order: number, texts, the other numbers; the same as the statements of SQLite have. */
static int by_key(const void *a, const void *b)
{
	const struct item *x = *(const struct item *const *)a;
	const struct item *y = *(const struct item *const *)b;
	int order = order_of(x->key[0], y->key[0]);
	for (size_t i = 0; i < 2 && !order; i++)
		order = x->text[i] && y->text[i] ? strcmp(x->text[i], y->text[i]) : 0;
	if (!order)
		order = order_of(x->key[1], y->key[1]);
	return order ? order : order_of(x->key[2], y->key[2]);
}

static int by_since(const void *a, const void *b)
{
	const struct record *x = &(*(const struct item *const *)a)->record;
	const struct record *y = &(*(const struct item *const *)b)->record;
	int order = order_of(x->u.seat.since, y->u.seat.since);
	return order ? order : order_of(x->num, y->num);
}

static int by_newest(const void *a, const void *b)
{
	return -by_since(a, b);
}

static int by_contact(const void *a, const void *b)
{
	const struct item *x = *(const struct item *const *)a;
	const struct item *y = *(const struct item *const *)b;
	int order = order_of(x->holding.contacted, y->holding.contacted);
	return order ? order : by_key(a, b);
}

static int (*order_by(enum listing_kind kind))(const void *, const void *)
{
	return kind == LIST_WAITING        ? by_since
	       : kind == LIST_NEWEST       ? by_newest
	       : kind == LIST_USER_DEVICES ? by_contact
					   : by_key;
}

static int list(struct memory *m, enum table t, const struct listing *l, row_function *callback,
		void *context)
{
	struct rows *rows = &m->tables[t];
	const struct item **order = calloc(rows->used + 1, sizeof(struct item *));
	size_t n = 0;
	int stopped = 0;
	if (!order)
		return E_NO_MEMORY;
	for (size_t i = 0; i < rows->used; i++)
		if (wanted(m, &rows->all[i], l))
			order[n++] = &rows->all[i];
	qsort(order, n, sizeof(struct item *), order_by(l->kind));
	if (l->limit && n > (size_t)l->limit)
		n = (size_t)l->limit;
	for (size_t i = 0; i < n && !stopped; i++) {
		struct row row = {0};
		show(m, order[i], l, &row);
		stopped = callback(&row, context);
	}
	free(order);
	return stopped;
}

static int count(struct memory *m, const struct listing *l, row_function *callback, void *context)
{
	struct row row = {0};
	for (size_t i = 0; i < m->tables[T_RECORD].used; i++)
		row.u.count +=
			!m->tables[T_RECORD].all[i].dead && like(&m->tables[T_RECORD].all[i].record, l);
	return callback(&row, context);
}

static int show_audit_end(struct memory *m, row_function *callback, void *context)
{
	struct row row = {0};
	const struct rows *rows = &m->tables[T_AUDIT];
	if (!rows->used || rows->all[rows->used - 1].dead)
		return 0;
	row.cursor[0] = rows->all[rows->used - 1].key[0];
	show_audit(&rows->all[rows->used - 1], NULL, &row);
	return callback(&row, context);
}

static int show_skew(struct memory *m, row_function *callback, void *context)
{
	struct row row = {0};
	const struct rows *rows = &m->tables[T_DEVICE];
	for (size_t i = 0; i < rows->used; i++) {
		int64_t skew = rows->all[i].dead ? 0 : rows->all[i].number[4];
		row.u.skew.ahead += skew > 0;
		row.u.skew.behind += skew < 0;
		if (skew > row.u.skew.most_ahead)
			row.u.skew.most_ahead = skew;
		if (skew < row.u.skew.most_behind)
			row.u.skew.most_behind = skew;
	}
	return callback(&row, context);
}

int memory_page(struct store *store, const struct listing *l, row_function *callback, void *context)
{
	static const enum table tables[] = {
		[LIST_META] = T_META,      [LIST_LICENSE] = T_LICENSE, [LIST_CERTIFICATE] = T_CERTIFICATE,
		[LIST_GRANT] = T_GRANT,    [LIST_DEVICE] = T_DEVICE,   [LIST_ACTIVATION] = T_HOLDING,
		[LIST_AUDIT] = T_AUDIT,    [LIST_DAILY] = T_DAILY,     [LIST_RECORD] = T_RECORD,
		[LIST_WAITING] = T_RECORD, [LIST_NEWEST] = T_RECORD,   [LIST_USER_DEVICES] = T_HOLDING,
	};
	struct memory *m = memory_of(store);
	bool walks = l->kind == LIST_SOURCES || l->kind == LIST_HOLDERS || l->kind == LIST_TAGGED ||
		     l->kind == LIST_PROPOSALS || l->kind == LIST_STALE || l->kind == LIST_HISTORY;
	read_lock(store);
	int result = l->kind == LIST_COUNT       ? count(m, l, callback, context)
		     : l->kind == LIST_AUDIT_END ? show_audit_end(m, callback, context)
		     : l->kind == LIST_SKEW      ? show_skew(m, callback, context)
		     : walks                     ? memory_walk(m, l, callback, context)
						 : list(m, tables[l->kind], l, callback, context);
	read_unlock(store);
	return result;
}

int memory_devices(struct store *store, int64_t *ret)
{
	struct memory *m = memory_of(store);
	read_lock(store);
	*ret = memory_sum(m, 0, BUCKET_DEVICES, 0);
	read_unlock(store);
	return 0;
}

/* --- check --- */

/* A recount of one bucket over all holdings. */
static int64_t recount(struct memory *m, const struct item *bucket)
{
	static const struct holding none;
	struct bucket_change changes[4];
	int64_t sum = 0;
	for (size_t i = 0; i < m->tables[T_HOLDING].used; i++) {
		const struct item *h = &m->tables[T_HOLDING].all[i];
		size_t n = !h->dead && h->key[1] == bucket->key[0]
				   ? bucket_changes(&none, &h->holding, changes)
				   : 0;
		for (size_t j = 0; j < n; j++)
			if ((int64_t)changes[j].kind == bucket->key[1] && changes[j].day == bucket->key[2])
				sum += changes[j].change;
	}
	return sum;
}

static int64_t recount_devices(struct memory *m)
{
	int64_t sum = 0;
	for (size_t i = 0; i < m->tables[T_DEVICE].used; i++)
		sum += !m->tables[T_DEVICE].all[i].dead;
	return sum;
}

static int64_t recount_seats(struct memory *m, int64_t grant)
{
	int64_t sum = 0;
	size_t at = 0;
	const struct record *r;
	while ((r = memory_record(m, RECORD_SEAT, &at)))
		sum += r->u.seat.entitlement == grant;
	return sum;
}

static int64_t recount_any(struct memory *m, const struct item *bucket)
{
	if (bucket->key[1] == BUCKET_DEVICES)
		return recount_devices(m);
	return bucket->key[1] == BUCKET_SEATS ? recount_seats(m, bucket->key[0]) : recount(m, bucket);
}

int memory_check(struct store *store, int64_t now, finding_function *finding, void *context)
{
	struct memory *m = memory_of(store);
	(void)now;
	read_lock(store);
	for (size_t i = 0; i < m->tables[T_BUCKET].used; i++)
		if (recount_any(m, &m->tables[T_BUCKET].all[i]) != m->tables[T_BUCKET].all[i].number[0])
			finding(E_COUNT_BROKEN, "a kept count differs from a recount", context);
	read_unlock(store);
	return 0;
}
