/* SPDX-License-Identifier: Apache-2.0 */
#include "directory.h"

#include <stdio.h>
#include <string.h>

#include "error.h"

/* --- names --- */

static int copy_id(const struct row *row, void *context)
{
	device_id_write(row->u.device.id, context);
	return 1;
}

const char *directory_name(struct exchange *x, enum member_kind kind, int64_t num, char out[DIRECTORY_NAME])
{
	struct record_copy found;
	struct listing device = {.kind = LIST_DEVICE, .device = num, .limit = 1, .now = x->now};
	out[0] = 0;
	if (kind == MEMBER_DEVICE)
		store_page(x->admin->reader, &device, copy_id, out);
	else if (!store_get(x->admin->reader, kind == MEMBER_USER ? RECORD_USER : RECORD_CIRCLE, num, &found))
		snprintf(out, DIRECTORY_NAME, "%s",
			 kind == MEMBER_USER ? found.record.u.user.name : found.record.u.circle.name);
	return out;
}

const char *directory_grant(const struct catalog *catalog, int64_t num)
{
	struct catalog_grant g;
	return num && catalog_grant(catalog, num, &g) ? g.grant->id : NULL;
}

/* The plans that a mask stands for (0: all of the grant's) as an array of ids. */
static json_t *plans_of(const struct catalog *catalog, int64_t grant, uint32_t mask)
{
	struct catalog_grant g;
	json_t *plans = json_array();
	if (!grant || !catalog_grant(catalog, grant, &g) || !g.product)
		return plans;
	uint32_t all = grant_plans(&g.license->license, g.grant);
	for (size_t i = 0; i < g.product->n_plans; i++)
		if ((mask ? mask & all : all) & 1u << i)
			json_array_append_new(plans, json_string(g.product->plans[i].id));
	return plans;
}

json_t *directory_list(const char *names)
{
	json_t *list = json_array();
	while (*names) {
		size_t n = strcspn(names, ",");
		json_array_append_new(list, json_stringn(names, n));
		names += n + (names[n] == ',');
	}
	return list;
}

/* --- seats --- */

json_t *directory_seat(const struct catalog *catalog, const struct record_seat *seat)
{
	struct catalog_grant g;
	bool known = seat->entitlement && catalog_grant(catalog, seat->entitlement, &g);
	json_t *item = json_object();
	json_set_text(item, "product", seat->product);
	json_set_text(item, "grant", known ? g.grant->id : NULL);
	json_set_text(item, "model", known ? model_name(g.grant->model) : NULL);
	json_object_set_new(item, "plans", plans_of(catalog, seat->entitlement, (uint32_t)seat->plans));
	json_set_text(item, "state", !seat->entitlement ? "waiting" : seat->code ? "conflict" : "held");
	json_object_set_new(item, "error",
			    seat->code ? exchange_error((int)seat->code, seat->detail, &NUMBERS_NONE)
				       : json_null());
	json_set_time(item, "since", seat->since);
	return item;
}

struct rights {
	const struct catalog *catalog;
	json_t *items;
};

static int add_right(const struct row *row, void *context)
{
	struct rights *r = context;
	json_t *item = directory_seat(r->catalog, &row->u.record.u.seat);
	json_object_set_new(item, "sources", json_array());
	json_array_append_new(r->items, item);
	return 0;
}

static int add_source(const struct row *row, void *context)
{
	struct rights *r = context;
	const struct record_assignment *a = &row->u.source.record.u.assignment;
	size_t i;
	json_t *item;
	json_array_foreach (r->items, i, item) {
		const char *product = json_string_value(json_object_get(item, "product"));
		if (!product || strcmp(product, a->product) != 0)
			continue;
		json_t *source = json_object();
		json_set_text(source, "source", row->u.source.circle ? "group" : "direct");
		json_set_text(source, "group", row->u.source.circle ? row->u.source.group : NULL);
		json_set_text(source, "grant", directory_grant(r->catalog, a->entitlement));
		json_object_set_new(source, "plans", directory_list(a->plans));
		json_array_append_new(json_object_get(item, "sources"), source);
	}
	return 0;
}

int directory_rights(struct exchange *x, const struct catalog *catalog, enum member_kind kind, int64_t num,
		     json_t **ret)
{
	struct rights r = {catalog, json_array()};
	struct record like = {.kind = RECORD_SEAT, .u.seat = {.kind = (int64_t)kind, .holder = num}};
	struct listing seats = {.kind = LIST_RECORD, .like = &like, .by = BY(seat, kind) | BY(seat, holder)};
	struct listing sources = {.kind = LIST_SOURCES, .kind_of = kind, .holder = num};
	int error = store_page(x->admin->reader, &seats, add_right, &r);
	if (!error)
		error = store_page(x->admin->reader, &sources, add_source, &r);
	if (error) {
		json_decref(r.items);
		return error;
	}
	*ret = r.items;
	return 0;
}
