/* SPDX-License-Identifier: Apache-2.0 */
/* Devices and what they hold. */
#include <inttypes.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64url.h"
#include "error.h"
#include "page.h"

static const char *device_state(const struct row *row)
{
	return row->u.device.blocked ? "blocked" : row->u.device.licensed ? "licensed" : "unlicensed";
}

static json_t *device_row(const struct row *row)
{
	char id[DEVICE_ID_TEXT];
	char from_id[DEVICE_ID_TEXT];
	const char *from = NULL;
	json_t *item = json_object();
	device_id_write(row->u.device.id, id);
	if (row->u.device.forked_from) {
		device_id_write(row->u.device.forked_from, from_id);
		from = from_id;
	}
	json_set_text(item, "device", id);
	json_set_text(item, "hostname", row->u.device.hostname);
	json_set_time(item, "first_seen", row->u.device.first_seen);
	json_set_time(item, "last_seen", row->u.device.last_seen);
	json_object_set_new(item, "shared", json_boolean(row->u.device.shared));
	json_object_set_new(item, "approved", json_boolean(row->u.device.approved));
	json_set_text(item, "state", device_state(row));
	json_set_number(item, "clock_skew", row->u.device.skew);
	json_set_text(item, "forked_from", from);
	return item;
}

static int add_device(const struct row *row, void *context)
{
	struct page *p = context;
	if (!page_take(p, row))
		return 1;
	json_array_append_new(p->items, device_row(row));
	return 0;
}

/* The parameters of /v1/devices; NULL or 0: not given. */
struct device_wish {
	const char *device; /* its beginning */
	const char *state;
	const char *hostname;
	const char *shared;
	const char *skewed;
	int64_t seen_before;
	int64_t seen_after;
};

static bool wants_device(const struct page *p, const struct row *row)
{
	const struct device_wish *w = p->context;
	int64_t seen = row->u.device.last_seen;
	char id[DEVICE_ID_TEXT];
	device_id_write(row->u.device.id, id);
	/* A tag is the greater part of an id: the range may have one or two others. */
	return (!w->device || strncmp(id, w->device, strlen(w->device)) == 0) &&
	       (!w->state || strcmp(w->state, device_state(row)) == 0) &&
	       (!w->shared || row->u.device.shared == (*w->shared == 't')) &&
	       (!w->skewed || (row->u.device.skew != 0) == (*w->skewed == 't')) &&
	       (!w->seen_before || seen < w->seen_before) && (!w->seen_after || seen >= w->seen_after) &&
	       (!w->hostname || glob_fits(w->hostname, row->u.device.hostname));
}

void device_list(struct exchange *x)
{
	struct listing l = {.kind = LIST_DEVICE};
	struct device_wish wish = {
		.device = exchange_query(x, "device"),
		.state = exchange_query(x, "state"),
		.hostname = exchange_query(x, "hostname"),
		.shared = exchange_query(x, "shared"),
		.skewed = exchange_query(x, "skewed"),
		.seen_before = exchange_time(x, "seen_before"),
		.seen_after = exchange_time(x, "seen_after"),
	};
	if (wish.device && exchange_device_prefix(wish.device, &l))
		exchange_problem(x, E_BAD_REQUEST, "device: at least the first 6 characters of an id");
	else if (exchange_page(x, &l))
		exchange_problem(x, E_BAD_REQUEST, PAGE_WRONG);
	else
		page_reply_filtered(x, &l, add_device, wants_device, &wish);
}

static json_t *activation_row(const struct row *row, const struct catalog *catalog)
{
	struct catalog_grant g;
	const struct holding *h = &row->u.activation.holding;
	char id[DEVICE_ID_TEXT];
	json_t *item = json_object();
	bool found = catalog_grant(catalog, row->u.activation.grant, &g);
	device_id_write(row->u.activation.id, id);
	json_set_text(item, "device", id);
	json_set_text(item, "hostname", row->u.activation.hostname);
	json_set_text(item, "product", found ? g.grant->product : NULL);
	json_set_text(item, "grant", found ? g.grant->id : NULL);
	json_set_text(item, "model", found ? model_name(g.grant->model) : NULL);
	json_set_text(item, "user", row->u.activation.user ? row->u.activation.user_name : NULL);
	json_set_text(item, "state", row->u.activation.state);
	json_set_time(item, "activated", h->activated);
	json_set_time(item, "renewed", h->renewed);
	json_set_time(item, "contacted", h->contacted);
	json_set_time(item, "expires", h->expires);
	json_set_number(item, "serial", h->serial);
	return item;
}

static int add_activation(const struct row *row, void *context)
{
	struct page *p = context;
	if (!page_take(p, row))
		return 1;
	json_array_append_new(p->items, activation_row(row, p->catalog));
	return 0;
}

/* The parameters of /v1/activations that the store does not know. */
struct activation_wish {
	const char *product;
	const char *state;
	int64_t grant;
	int64_t expires_before;
};

static bool wants_activation(const struct page *p, const struct row *row)
{
	const struct activation_wish *w = p->context;
	const struct holding *h = &row->u.activation.holding;
	struct catalog_grant g;
	if (w->grant && row->u.activation.grant != w->grant)
		return false;
	if (w->state && strcmp(w->state, row->u.activation.state) != 0)
		return false;
	if (w->expires_before && (!h->expires || h->expires >= w->expires_before))
		return false;
	return !w->product || (catalog_grant(p->catalog, row->u.activation.grant, &g) &&
			       strcmp(g.grant->product, w->product) == 0);
}

/* Numbers of the user, device and grant that are named; ret_why: which is not there. */
static int read_holders(struct exchange *x, struct listing *l, struct activation_wish *wish,
			const char **ret_why)
{
	const char *user = exchange_query(x, "user");
	const char *device = exchange_query(x, "device");
	const char *grant = exchange_query(x, "grant");
	*ret_why = user;
	int error = user ? exchange_user(x, user, &l->user) : 0;
	if (!error && device) {
		*ret_why = device;
		error = exchange_device(x, device, NULL, &l->device, ret_why);
	}
	if (!error && grant) {
		*ret_why = grant;
		error = exchange_grant(x, grant, &wish->grant);
	}
	return error;
}

void activation_list(struct exchange *x)
{
	struct listing l = {.kind = LIST_ACTIVATION};
	struct activation_wish wish = {
		.product = exchange_query(x, "product"),
		.state = exchange_query(x, "state"),
		.expires_before = exchange_time(x, "expires_before"),
	};
	const char *why = NULL;
	int error = read_holders(x, &l, &wish, &why);
	if (error)
		exchange_problem(x, error, why);
	else if (exchange_page(x, &l))
		exchange_problem(x, E_BAD_REQUEST, PAGE_WRONG);
	else
		page_reply_filtered(x, &l, add_activation, wants_activation, &wish);
}

/* --- one device --- */

struct search {
	json_t *item;
	int64_t num;
};

static int keep_device(const struct row *row, void *context)
{
	struct search *s = context;
	s->item = device_row(row);
	s->num = row->u.device.num;
	json_set_text(s->item, "os", row->u.device.os);
	json_set_text(s->item, "agent", row->u.device.agent);
	json_set_number(s->item, "schema", 1);
	return 1;
}

void device_show(struct exchange *x)
{
	struct search s = {NULL, 0};
	struct listing l = {.kind = LIST_DEVICE, .now = x->now, .limit = 1};
	struct listing held = {.kind = LIST_ACTIVATION, .now = x->now};
	struct page p = {.x = x, .limit = CANDIDATES_MAX * LIMIT_PRODUCTS};
	const char *detail = NULL;
	int error = exchange_device(x, x->id, NULL, &l.device, &detail);
	if (!error)
		error = exchange_catalog(x, &p.catalog);
	if (!error)
		error = store_page(x->admin->reader, &l, keep_device, &s);
	if (error < 0 || !s.item) {
		json_decref(s.item);
		exchange_problem(x, error < 0 ? error : E_NOT_FOUND, detail ? detail : x->id);
		return;
	}
	held.device = s.num;
	p.items = json_array();
	error = store_page(x->admin->reader, &held, add_activation, &p);
	json_object_set_new(s.item, "activations", p.items);
	exchange_json(x, MHD_HTTP_OK, s.item);
}
