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
	return store->ops->commit(store);
}

void store_rollback(struct store *store)
{
	store->ops->rollback(store);
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
	return store->ops->check(store, now, finding, context);
}

int store_devices(struct store *store, int64_t *ret)
{
	return store->ops->devices(store, ret);
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
	return h->expires && h->expires <= now ? "ended" : "active";
}
