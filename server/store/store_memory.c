/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store in plain arrays: for simulation, tests and `memory:`. It forgets at close. A transaction works on
 * the live arrays and keeps the former value of each row it touches, so that rollback puts them back in
 * reverse. One lock serves the writer's transactions and the readers' pages. Look-ups are linear: it is for
 * thousands of rows, not millions.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "day.h"
#include "error.h"
#include "store.h"

enum table {
	T_META,
	T_LICENSE,
	T_CERTIFICATE,
	T_GRANT,
	T_DEVICE,
	T_HOLDING,
	T_RATCHET,
	T_BUCKET,
	T_DAILY,
	T_AUDIT,
	TABLES
};

/* One row of any table: its key in numbers and texts, its content, kept in key order where listings need it.
 */
struct item {
	int64_t key[3];
	char *text[5];
	void *bytes;
	size_t n;
	int64_t number[4];
	struct holding holding;
	struct ratchet ratchet;
};

struct rows {
	struct item *all;
	size_t used;
	size_t room;
};

struct undo {
	enum table table;
	size_t index;
	bool inserted;
	struct item before;
};

struct memory {
	pthread_mutex_t lock;
	struct rows tables[TABLES];
	struct undo *journal;
	size_t journal_used;
	size_t journal_room;
	int handles;
};

struct memory_store {
	struct store store;
	struct memory *memory;
	bool in_transaction;
};

static const struct store_ops memory_ops;

static struct memory *memory_of(struct store *store)
{
	return ((struct memory_store *)store)->memory;
}

/* --- rows --- */

static void item_free(struct item *item)
{
	for (size_t i = 0; i < 5; i++)
		free(item->text[i]);
	free(item->bytes);
}

/* A deep copy; false without memory. */
static bool item_copy(const struct item *from, struct item *to)
{
	*to = *from;
	to->bytes = NULL;
	memset(to->text, 0, sizeof(to->text));
	for (size_t i = 0; i < 5; i++)
		if (from->text[i] && !(to->text[i] = strdup(from->text[i])))
			return false;
	if (from->bytes) {
		to->bytes = malloc(from->n ? from->n : 1);
		if (!to->bytes)
			return false;
		memcpy(to->bytes, from->bytes, from->n);
	}
	return true;
}

static bool same_key(const struct item *a, const struct item *b)
{
	if (memcmp(a->key, b->key, sizeof(a->key)) != 0)
		return false;
	for (size_t i = 0; i < 2; i++)
		if ((a->text[i] || b->text[i]) &&
		    (!a->text[i] || !b->text[i] || strcmp(a->text[i], b->text[i]) != 0))
			return false;
	return true;
}

/* Tables whose first two texts are part of the key; the others are known by numbers alone. */
static bool keyed_by_text(enum table t)
{
	return t == T_META || t == T_LICENSE || t == T_CERTIFICATE || t == T_DAILY;
}

static struct item *find(struct memory *m, enum table t, const struct item *key)
{
	for (size_t i = 0; i < m->tables[t].used; i++) {
		struct item *item = &m->tables[t].all[i];
		if (keyed_by_text(t) ? same_key(item, key)
				     : memcmp(item->key, key->key, sizeof(key->key)) == 0)
			return item;
	}
	return NULL;
}

static struct item *find_number(struct memory *m, enum table t, int64_t a, int64_t b, int64_t c)
{
	struct item key = {.key = {a, b, c}};
	return find(m, t, &key);
}

static bool grow(void **all, size_t *room, size_t used, size_t size)
{
	if (used < *room)
		return true;
	size_t more = *room ? *room * 2 : 64;
	void *bigger = realloc(*all, more * size);
	if (!bigger)
		return false;
	*all = bigger;
	*room = more;
	return true;
}

/* Put a row: replace the one with its key, or append. The former value goes to the journal. */
static int put(struct memory *m, enum table t, const struct item *row)
{
	struct rows *rows = &m->tables[t];
	struct item *old = find(m, t, row);
	struct item copy;
	if (!item_copy(row, &copy) ||
	    !grow((void **)&m->journal, &m->journal_room, m->journal_used, sizeof(*m->journal)) ||
	    !grow((void **)&rows->all, &rows->room, rows->used + 1, sizeof(*rows->all))) {
		item_free(&copy);
		return E_NO_MEMORY;
	}
	old = find(m, t, row); /* the array may have moved */
	struct undo *undo = &m->journal[m->journal_used++];
	*undo = (struct undo){.table = t, .inserted = !old};
	if (old) {
		undo->index = (size_t)(old - rows->all);
		undo->before = *old;
		*old = copy;
	} else {
		undo->index = rows->used;
		rows->all[rows->used++] = copy;
	}
	return 0;
}

/* --- transactions --- */

static int memory_begin(struct store *store)
{
	pthread_mutex_lock(&memory_of(store)->lock);
	((struct memory_store *)store)->in_transaction = true;
	return 0;
}

static void end(struct store *store)
{
	struct memory *m = memory_of(store);
	m->journal_used = 0;
	((struct memory_store *)store)->in_transaction = false;
	pthread_mutex_unlock(&m->lock);
}

static int memory_commit(struct store *store)
{
	struct memory *m = memory_of(store);
	for (size_t i = 0; i < m->journal_used; i++)
		if (!m->journal[i].inserted)
			item_free(&m->journal[i].before);
	end(store);
	return 0;
}

static void memory_rollback(struct store *store)
{
	struct memory *m = memory_of(store);
	if (!((struct memory_store *)store)->in_transaction)
		return;
	while (m->journal_used) {
		struct undo *undo = &m->journal[--m->journal_used];
		struct rows *rows = &m->tables[undo->table];
		item_free(&rows->all[undo->index]);
		if (undo->inserted)
			rows->used--; /* insertions are undone last first, so this one is at the end */
		else
			rows->all[undo->index] = undo->before;
	}
	end(store);
}

static struct store *new_handle(struct memory *m)
{
	struct memory_store *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->store.ops = &memory_ops;
	s->memory = m;
	m->handles++;
	return &s->store;
}

int store_memory_open(struct store **ret)
{
	struct memory *m = calloc(1, sizeof(*m));
	struct store *store = m ? new_handle(m) : NULL;
	if (!store) {
		free(m);
		return E_NO_MEMORY;
	}
	pthread_mutex_init(&m->lock, NULL);
	*ret = store;
	return 0;
}

static int memory_reader(struct store *store, struct store **ret)
{
	struct memory *m = memory_of(store);
	pthread_mutex_lock(&m->lock);
	struct store *reader = new_handle(m);
	pthread_mutex_unlock(&m->lock);
	if (!reader)
		return E_NO_MEMORY;
	*ret = reader;
	return 0;
}

static void memory_close(struct store *store)
{
	struct memory *m = memory_of(store);
	memory_rollback(store);
	free(store);
	pthread_mutex_lock(&m->lock);
	int left = --m->handles;
	pthread_mutex_unlock(&m->lock);
	if (left)
		return;
	for (size_t t = 0; t < TABLES; t++) {
		for (size_t i = 0; i < m->tables[t].used; i++)
			item_free(&m->tables[t].all[i]);
		free(m->tables[t].all);
	}
	free(m->journal);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

/* --- facts --- */

static int64_t bucket_sum(struct memory *m, int64_t grant, enum bucket_kind kind, int64_t from)
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
	for (size_t i = 0; i < m->tables[T_DEVICE].used; i++)
		if (memcmp(m->tables[T_DEVICE].all[i].bytes, id, DEVICE_ID) == 0)
			return &m->tables[T_DEVICE].all[i];
	return NULL;
}

static void device_facts(struct memory *m, const struct asker *asker, struct device_facts *ret)
{
	const struct item *d = device_by_id(m, asker->id);
	*ret = (struct device_facts){.device = (int64_t)m->tables[T_DEVICE].used + 1};
	if (!d)
		return;
	ret->known = true;
	ret->device = d->key[0];
	ret->blocked = d->number[1] != 0;
	ret->described = strcmp(d->text[2], asker->hostname) == 0 && strcmp(d->text[3], asker->os) == 0 &&
			 strcmp(d->text[4], asker->agent) == 0;
	const struct item *r = find_number(m, T_RATCHET, d->key[0], 0, 0);
	if (r)
		ret->ratchet = r->ratchet;
}

static int memory_facts(struct store *store, const struct asker *asker, int64_t now,
			struct device_facts *ret_device, struct line_facts *lines, size_t n)
{
	struct memory *m = memory_of(store);
	device_facts(m, asker, ret_device);
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < lines[i].n_candidates; j++) {
			struct candidate *c = &lines[i].candidates[j];
			const struct item *g = find_number(m, T_GRANT, c->grant, 0, 0);
			const struct item *h = find_number(m, T_HOLDING, ret_device->device, c->grant, 0);
			c->count = bucket_sum(m, c->grant, BUCKET_CONTACT,
					      bucket_window_start(now, c->policy.window_days));
			c->active = c->quantity ? bucket_sum(m, c->grant, BUCKET_LEASE, day_of(now)) : 0;
			c->reached = g ? g->number[1] : 0;
			c->below_since = g ? g->number[2] : 0;
			if (h)
				c->holding = h->holding;
		}
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
	const struct item *old = find(m, t, &row);
	row.number[0] = n + (old ? old->number[0] : 0);
	return put(m, t, &row);
}

static int put_device(struct memory *m, const struct effect *e)
{
	const struct asker *asker = e->u.device_row.asker;
	const struct item *old = find_number(m, T_DEVICE, e->device, 0, 0);
	struct item row = {.key = {e->device}, .bytes = (void *)asker->id, .n = DEVICE_ID};
	row.text[2] = borrow(asker->hostname);
	row.text[3] = borrow(asker->os);
	row.text[4] = borrow(asker->agent);
	row.number[0] = old ? old->number[0] : e->at;
	row.number[1] = old ? old->number[1] : 0;
	int error = put(m, T_DEVICE, &row);
	if (!error && e->u.device_row.is_new)
		error = add(m, T_BUCKET, (struct item){.key = {0, BUCKET_DEVICES, 0}}, 1);
	return error;
}

static int put_holding(struct memory *m, const struct effect *e)
{
	struct bucket_change changes[4];
	struct item row = {.key = {e->device, e->grant}, .holding = e->u.holding.after};
	int error = put(m, T_HOLDING, &row);
	size_t n = bucket_changes(&e->u.holding.before, &e->u.holding.after, changes);
	for (size_t i = 0; i < n && !error; i++)
		error = add(m, T_BUCKET, (struct item){.key = {e->grant, changes[i].kind, changes[i].day}},
			    changes[i].change);
	return error;
}

static int put_grant(struct memory *m, const struct effect *e)
{
	const struct item *old = find_number(m, T_GRANT, e->grant, 0, 0);
	struct item row = {.key = {e->grant}};
	row.text[0] = borrow(e->u.grant_row.vendor);
	row.text[1] = borrow(e->u.grant_row.license);
	row.text[2] = borrow(e->u.grant_row.id);
	row.text[3] = borrow(e->u.grant_row.product);
	row.number[0] = e->u.grant_row.window_days;
	row.number[1] = old ? old->number[1] : 0;
	row.number[2] = old ? old->number[2] : 0;
	return put(m, T_GRANT, &row);
}

static int put_threshold(struct memory *m, const struct effect *e)
{
	const struct item *old = find_number(m, T_GRANT, e->grant, 0, 0);
	if (!old)
		return 0;
	struct item row = *old;
	row.number[1] = e->u.threshold.reached;
	row.number[2] = e->u.threshold.below_since;
	return put(m, T_GRANT, &row);
}

static int put_signed(struct memory *m, const struct effect *e)
{
	bool license = e->kind == EFFECT_LICENSE;
	struct item row = {.number = {e->u.signed_file.serial, e->at}};
	row.text[0] = borrow(e->u.signed_file.vendor);
	row.text[1] = borrow(e->u.signed_file.license);
	row.text[2] = borrow(license ? "" : e->u.signed_file.vendor_key);
	row.text[3] = borrow(e->u.signed_file.token);
	return put(m, license ? T_LICENSE : T_CERTIFICATE, &row);
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
	return put(m, T_AUDIT, &row);
}

static int memory_apply(struct store *store, const struct effect *e)
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
		return put(m, T_RATCHET, &row);
	case EFFECT_GRANT:
		return put_grant(m, e);
	case EFFECT_THRESHOLD:
		return put_threshold(m, e);
	case EFFECT_LICENSE:
	case EFFECT_CERTIFICATE:
		return put_signed(m, e);
	case EFFECT_META:
		row.text[0] = borrow(e->u.meta.key);
		row.bytes = (void *)e->u.meta.bytes;
		row.n = e->u.meta.n;
		return put(m, T_META, &row);
	case EFFECT_TALLY:
		row.key[0] = day_of(e->at);
		row.key[1] = e->grant;
		row.text[0] = borrow(e->u.tally.what);
		return add(m, T_DAILY, row, e->u.tally.n);
	default:
		return put_audit(m, e);
	}
}

/* --- listings --- */

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

static void show_grant(struct memory *m, const struct item *i, const struct listing *l, struct row *row)
{
	row->u.grant.num = i->key[0];
	row->u.grant.vendor = i->text[0];
	row->u.grant.license = i->text[1];
	row->u.grant.id = i->text[2];
	row->u.grant.product = i->text[3];
	row->u.grant.window_days = (int32_t)i->number[0];
	row->u.grant.reached = i->number[1];
	row->u.grant.below_since = i->number[2];
	row->u.grant.count =
		bucket_sum(m, i->key[0], BUCKET_CONTACT, bucket_window_start(l->now, (uint32_t)i->number[0]));
	row->u.grant.active = bucket_sum(m, i->key[0], BUCKET_LEASE, day_of(l->now));
}

static bool has_lease(struct memory *m, int64_t device, int64_t now)
{
	for (size_t i = 0; i < m->tables[T_HOLDING].used; i++) {
		const struct item *h = &m->tables[T_HOLDING].all[i];
		if (h->key[0] == device && strcmp(store_holding_state(&h->holding, now), "active") == 0)
			return true;
	}
	return false;
}

static void show_device(struct memory *m, const struct item *i, const struct listing *l, struct row *row)
{
	const struct item *r = find_number(m, T_RATCHET, i->key[0], 0, 0);
	row->u.device.num = i->key[0];
	row->u.device.id = i->bytes;
	row->u.device.hostname = i->text[2];
	row->u.device.os = i->text[3];
	row->u.device.agent = i->text[4];
	row->u.device.first_seen = i->number[0];
	row->u.device.last_seen = r ? r->ratchet.at : i->number[0];
	row->u.device.blocked = i->number[1] != 0;
	row->u.device.licensed = has_lease(m, i->key[0], l->now);
}

static void show_activation(struct memory *m, const struct item *i, const struct listing *l, struct row *row)
{
	const struct item *d = find_number(m, T_DEVICE, i->key[0], 0, 0);
	row->u.activation.id = d->bytes;
	row->u.activation.hostname = d->text[2];
	row->u.activation.grant = i->key[1];
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
		show_activation(m, i, l, row);
		break;
	case LIST_AUDIT:
		show_audit(i, l, row);
		break;
	case LIST_DAILY:
		show_daily(i, l, row);
		break;
	}
}

static bool wanted_activation(struct memory *m, const struct item *i, const struct listing *l)
{
	const struct item *g = find_number(m, T_GRANT, i->key[1], 0, 0);
	if (l->device && i->key[0] != l->device)
		return false;
	if (l->product && (!g || strcmp(g->text[3], l->product) != 0))
		return false;
	if (l->state && strcmp(store_holding_state(&i->holding, l->now), l->state) != 0)
		return false;
	return !l->expires_before || (i->holding.expires && i->holding.expires < l->expires_before);
}

static bool wanted(struct memory *m, const struct item *i, const struct listing *l)
{
	if (i->key[0] < l->after[0])
		return false;
	if (l->after[0] && i->key[0] == l->after[0] &&
	    (l->kind != LIST_ACTIVATION || i->key[1] <= l->after[1]))
		return false;
	if (l->kind == LIST_DEVICE && l->tag_to)
		return store_tag(i->bytes) >= l->tag_from && store_tag(i->bytes) <= l->tag_to;
	if (l->kind == LIST_DEVICE)
		return !l->device || i->key[0] == l->device;
	return l->kind != LIST_ACTIVATION || wanted_activation(m, i, l);
}

/* A listing's order: number, texts, second number; the same as the statements of SQLite have. */
static int by_key(const void *a, const void *b)
{
	const struct item *x = *(const struct item *const *)a;
	const struct item *y = *(const struct item *const *)b;
	int order = (x->key[0] > y->key[0]) - (x->key[0] < y->key[0]);
	for (size_t i = 0; i < 2 && !order; i++)
		order = x->text[i] && y->text[i] ? strcmp(x->text[i], y->text[i]) : 0;
	return order ? order : (x->key[1] > y->key[1]) - (x->key[1] < y->key[1]);
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
	qsort(order, n, sizeof(struct item *), by_key);
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

static int memory_page(struct store *store, const struct listing *l, row_function *callback, void *context)
{
	static const enum table tables[] = {
		[LIST_META] = T_META,   [LIST_LICENSE] = T_LICENSE, [LIST_CERTIFICATE] = T_CERTIFICATE,
		[LIST_GRANT] = T_GRANT, [LIST_DEVICE] = T_DEVICE,   [LIST_ACTIVATION] = T_HOLDING,
		[LIST_AUDIT] = T_AUDIT, [LIST_DAILY] = T_DAILY,
	};
	struct memory *m = memory_of(store);
	read_lock(store);
	int result = list(m, tables[l->kind], l, callback, context);
	read_unlock(store);
	return result;
}

static int memory_devices(struct store *store, int64_t *ret)
{
	struct memory *m = memory_of(store);
	read_lock(store);
	*ret = bucket_sum(m, 0, BUCKET_DEVICES, 0);
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
		size_t n = h->key[1] == bucket->key[0] ? bucket_changes(&none, &h->holding, changes) : 0;
		for (size_t j = 0; j < n; j++)
			if ((int64_t)changes[j].kind == bucket->key[1] && changes[j].day == bucket->key[2])
				sum++;
	}
	return bucket->key[1] == BUCKET_DEVICES ? (int64_t)m->tables[T_DEVICE].used : sum;
}

static int memory_check(struct store *store, int64_t now, finding_function *finding, void *context)
{
	struct memory *m = memory_of(store);
	struct audit_chain chain = {0};
	(void)now;
	read_lock(store);
	for (size_t i = 0; i < m->tables[T_BUCKET].used; i++)
		if (recount(m, &m->tables[T_BUCKET].all[i]) != m->tables[T_BUCKET].all[i].number[0])
			finding(E_COUNT_BROKEN, "a kept count differs from a recount", context);
	for (size_t i = 0; i < m->tables[T_AUDIT].used; i++) {
		struct row row = {0};
		show_audit(&m->tables[T_AUDIT].all[i], NULL, &row);
		if (!audit_follows(&chain, row.u.audit.seq, &row.u.audit.audit, row.u.audit.hash)) {
			finding(E_AUDIT_BROKEN, "an audit row does not fit the one before", context);
			break;
		}
	}
	read_unlock(store);
	return 0;
}

static const struct store_ops memory_ops = {
	.version = 1,
	.name = "memory",
	.reader = memory_reader,
	.close = memory_close,
	.begin = memory_begin,
	.facts = memory_facts,
	.apply = memory_apply,
	.commit = memory_commit,
	.rollback = memory_rollback,
	.page = memory_page,
	.check = memory_check,
	.devices = memory_devices,
};
