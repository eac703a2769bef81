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
#include "rfc3339.h"

static json_t *device_row(const struct row *row)
{
	char id[DEVICE_ID_TEXT];
	json_t *item = json_object();
	device_id_write(row->u.device.id, id);
	json_set_text(item, "device", id);
	json_set_text(item, "hostname", row->u.device.hostname);
	json_set_time(item, "first_seen", row->u.device.first_seen);
	json_set_time(item, "last_seen", row->u.device.last_seen);
	json_object_set_new(item, "shared", json_boolean(row->u.device.shared));
	json_object_set_new(item, "approved", json_boolean(row->u.device.approved));
	json_set_text(item, "state",
		      row->u.device.blocked    ? "blocked"
		      : row->u.device.licensed ? "licensed"
					       : "unlicensed");
	json_set_text(item, "forked_from", NULL);
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

void device_list(struct exchange *x)
{
	struct listing l = {.kind = LIST_DEVICE};
	if (exchange_page(x, &l))
		exchange_problem(x, E_BAD_REQUEST, "limit or after");
	else
		page_reply(x, &l, add_device);
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

static bool known_state(const char *state)
{
	static const char *const states[] = {"active", "ended", "counted", "released", "pending"};
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (strcmp(states[i], state) == 0)
			return true;
	return false;
}

void activation_list(struct exchange *x)
{
	struct listing l = {.kind = LIST_ACTIVATION};
	const char *before = exchange_query(x, "expires_before");
	const char *user = exchange_query(x, "user");
	int error = user ? exchange_user(x, user, &l.user) : 0;
	if (error) {
		exchange_problem(x, error, user);
		return;
	}
	l.product = exchange_query(x, "product");
	l.state = exchange_query(x, "state");
	if (exchange_page(x, &l))
		exchange_problem(x, E_BAD_REQUEST, "limit or after");
	else if (before && rfc3339_read_date(before, &l.expires_before))
		exchange_problem(x, E_BAD_REQUEST, "expires_before is no date");
	else if (l.state && !known_state(l.state))
		exchange_problem(x, E_BAD_REQUEST,
				 "state is one of active, ended, counted, released, pending");
	else
		page_reply(x, &l, add_activation);
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

/* --- the audit log --- */

static int add_audit(const struct row *row, void *context)
{
	struct page *p = context;
	const struct audit *a = &row->u.audit.audit;
	char hash[64];
	if (!page_take(p, row))
		return 1;
	json_t *detail = json_loads(a->detail, 0, NULL);
	json_t *item = json_object();
	base64url_write(row->u.audit.hash, AUDIT_HASH, hash, sizeof(hash));
	json_set_number(item, "seq", row->u.audit.seq);
	json_set_time(item, "at", a->at);
	json_set_text(item, "actor", a->actor);
	json_set_text(item, "action", a->action);
	json_set_text(item, "object", a->object);
	json_object_set_new(item, "detail", detail ? detail : json_object());
	json_set_text(item, "hash", hash);
	json_array_append_new(p->items, item);
	return 0;
}

void audit_list(struct exchange *x)
{
	struct listing l = {.kind = LIST_AUDIT};
	if (exchange_page(x, &l))
		exchange_problem(x, E_BAD_REQUEST, "limit or after");
	else
		page_reply(x, &l, add_audit);
}
