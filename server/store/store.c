/* SPDX-License-Identifier: Apache-2.0 */
#include "store.h"

#include <string.h>

#include "cursor.h"
#include "error.h"

int store_open(const char *url, struct store **ret)
{
	if (strncmp(url, "sqlite:", 7) == 0)
		return store_sqlite_open(url + 7, ret);
	if (strcmp(url, "memory:") == 0)
		return store_memory_open(ret);
	return E_CONFIG_INVALID;
}

int store_reader(struct store *store, struct store **ret)
{
	return store->ops->reader(store, ret);
}

void store_close(struct store *store)
{
	if (store)
		store->ops->close(store);
}

int store_begin(struct store *store)
{
	return store->ops->begin(store);
}

int store_commit(struct store *store)
{
	int error = store_commit_early(store);
	return error ? error : store_sync(store);
}

int store_commit_early(struct store *store)
{
	return store->ops->commit(store);
}

int store_sync(struct store *store)
{
	return store->ops->sync ? store->ops->sync(store) : 0;
}

void store_rollback(struct store *store)
{
	store->ops->rollback(store);
}

int store_mark(struct store *store)
{
	return store->ops->mark(store);
}

int store_keep(struct store *store)
{
	return store->ops->keep(store);
}

int store_undo(struct store *store)
{
	return store->ops->undo(store);
}

int store_facts(struct store *store, const struct asker *asker, int64_t now, struct device_facts *ret_device,
		struct line_facts *lines, size_t n)
{
	return store->ops->facts(store, asker, now, ret_device, lines, n);
}

int store_apply(struct store *store, const struct effect *effect)
{
	return store->ops->apply(store, effect);
}

int store_page(struct store *store, const struct listing *listing, row_function *row, void *context)
{
	return store->ops->page(store, listing, row, context);
}

int store_check(struct store *store, int64_t now, finding_function *finding, void *context)
{
	struct audit_check audit = {.ledger = NULL};
	int error = store->ops->check(store, now, finding, context);
	if (!error)
		error = store_audit(store, &audit);
	if (!error && audit.code)
		finding(audit.code, audit.what, context);
	return error;
}

static int copy_first(const struct row *row, void *context)
{
	return record_copy(&row->u.record, context) ? 1 : E_TOO_LARGE;
}

int store_find(struct store *store, const struct record *like, uint32_t by, struct record_copy *ret)
{
	struct listing one = {.kind = LIST_RECORD, .like = like, .by = by, .limit = 1};
	int found = store_page(store, &one, copy_first, ret);
	return found == 1 ? 0 : found ? found : E_NOT_FOUND;
}

static int note_num(const struct row *row, void *context)
{
	*(int64_t *)context = row->u.record.num;
	return 1;
}

int store_find_num(struct store *store, const struct record *like, uint32_t by, int64_t *ret)
{
	struct listing one = {.kind = LIST_RECORD, .like = like, .by = by, .limit = 1};
	*ret = 0;
	int found = store_page(store, &one, note_num, ret);
	return found < 0 ? found : 0;
}

static int take_count(const struct row *row, void *context)
{
	*(int64_t *)context = row->u.count;
	return 0;
}

int store_count(struct store *store, const struct record *like, uint32_t by, int64_t *ret)
{
	struct listing l = {.kind = LIST_COUNT, .like = like, .by = by};
	*ret = 0;
	return store_page(store, &l, take_count, ret);
}

int store_get(struct store *store, enum record_kind kind, int64_t num, struct record_copy *ret)
{
	struct record any = {.kind = kind};
	struct listing one = {.kind = LIST_RECORD, .like = &any, .after = {num - 1}, .limit = 1};
	int found = store_page(store, &one, copy_first, ret);
	if (found < 0)
		return found;
	return found && ret->record.num == num ? 0 : E_NOT_FOUND;
}

static int copy_grant(const struct row *row, void *context)
{
	struct row *copy = context;
	*copy = *row;
	copy->u.grant.vendor = copy->u.grant.license = copy->u.grant.id = copy->u.grant.product = NULL;
	return 1;
}

int store_grant(struct store *store, int64_t num, int64_t now, struct row *ret)
{
	struct listing one = {.kind = LIST_GRANT, .after = {num - 1}, .limit = 1, .now = now};
	int found = store_page(store, &one, copy_grant, ret);
	if (found < 0)
		return found;
	return found && ret->u.grant.num == num ? 0 : E_NOT_FOUND;
}

int store_put(struct store *store, struct record *record)
{
	return store_apply(store, &(struct effect){.kind = EFFECT_PUT, .u.record = record});
}

int store_drop(struct store *store, enum record_kind kind, int64_t num)
{
	struct record record = {.kind = kind, .num = num};
	return store_apply(store, &(struct effect){.kind = EFFECT_DROP, .u.record = &record});
}

#define DROP_AT_ONCE 256

struct numbers_found {
	int64_t all[DROP_AT_ONCE];
	size_t n;
};

static int take_number(const struct row *row, void *context)
{
	struct numbers_found *f = context;
	f->all[f->n++] = row->u.record.num;
	return f->n == DROP_AT_ONCE;
}

int store_drop_like(struct store *store, const struct record *like, uint32_t by)
{
	struct listing l = {.kind = LIST_RECORD, .like = like, .by = by};
	struct numbers_found f;
	int error;
	do {
		f.n = 0;
		error = store_page(store, &l, take_number, &f);
		error = error < 0 ? error : 0;
		for (size_t i = 0; i < f.n && !error; i++)
			error = store_drop(store, like->kind, f.all[i]);
	} while (!error && f.n == DROP_AT_ONCE);
	return error;
}

int store_devices(struct store *store, int64_t *ret)
{
	return store->ops->devices(store, ret);
}

int store_copy(struct store *store, const char *path, copy_step *step, void *context)
{
	return store->ops->copy ? store->ops->copy(store, path, step, context) : E_CONFIG_INVALID;
}

int store_orphans(struct store *store, mend_function *show, void *context)
{
	return store->ops->orphans ? store->ops->orphans(store, show, context) : 0;
}

int store_mend(struct store *store, bool indexes, mend_function *show, void *context)
{
	return store->ops->mend ? store->ops->mend(store, indexes, show, context) : 0;
}

void store_interrupt(struct store *store)
{
	if (store->ops->interrupt)
		store->ops->interrupt(store);
}

int64_t store_tag(const uint8_t id[DEVICE_ID])
{
	struct reader r = reader_over(id, DEVICE_ID);
	return (int64_t)(reader_u64(&r) >> 1);
}

const char *store_holding_state(const struct holding *h, int64_t now)
{
	if (h->state == HOLDING_COUNTED)
		return "counted";
	if (h->state == HOLDING_RELEASED)
		return "released";
	if (h->state == HOLDING_PENDING)
		return "pending";
	return h->expires && h->expires <= now ? "ended" : "active";
}
