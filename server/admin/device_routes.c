/* SPDX-License-Identifier: Apache-2.0 */
/* Devices and what they hold. */
#include <inttypes.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64url.h"
#include "error.h"
#include "exchange.h"
#include "rfc3339.h"

#define PREFIX_MIN 6 /* characters of a shortened device id */
#define CURSOR_TEXT 48

/* A page under construction: one row more than asked for tells whether there is a next one. */
struct page {
	struct exchange *x;
	const struct catalog *catalog;
	json_t *items;
	int64_t limit;
	int64_t n;
	char cursor[CURSOR_TEXT];
	bool more;
};

/* Count a row in; false when the page is full. */
static bool page_take(struct page *p, const struct row *row)
{
	if (p->n == p->limit) {
		p->more = true;
		return false;
	}
	p->n++;
	snprintf(p->cursor, sizeof(p->cursor), row->cursor[1] ? "%" PRId64 ".%" PRId64 : "%" PRId64,
		 row->cursor[0], row->cursor[1]);
	return true;
}

/* Run a listing into a page and reply with it. */
static void reply_page(struct exchange *x, struct listing *l, row_function *add)
{
	struct page p = {.x = x, .items = json_array(), .limit = l->limit};
	int error = exchange_catalog(x, &p.catalog);
	l->limit++;
	if (!error)
		error = store_page(x->admin->reader, l, add, &p);
	if (error < 0) {
		json_decref(p.items);
		exchange_problem(x, error, NULL);
		return;
	}
	exchange_json(x, MHD_HTTP_OK, json_page(p.items, p.more ? p.cursor : NULL));
}

static json_t *device_row(const struct row *row)
{
	char id[DEVICE_ID_TEXT];
	json_t *item = json_object();
	device_id_write(row->u.device.id, id);
	json_set_text(item, "device", id);
	json_set_text(item, "hostname", row->u.device.hostname);
	json_set_time(item, "first_seen", row->u.device.first_seen);
	json_set_time(item, "last_seen", row->u.device.last_seen);
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
		reply_page(x, &l, add_device);
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
	json_set_text(item, "user", NULL);
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
	static const char *const states[] = {"active", "ended", "counted", "released"};
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (strcmp(states[i], state) == 0)
			return true;
	return false;
}

void activation_list(struct exchange *x)
{
	struct listing l = {.kind = LIST_ACTIVATION};
	const char *before = exchange_query(x, "expires_before");
	l.product = exchange_query(x, "product");
	l.state = exchange_query(x, "state");
	if (exchange_page(x, &l))
		exchange_problem(x, E_BAD_REQUEST, "limit or after");
	else if (before && rfc3339_read_date(before, &l.expires_before))
		exchange_problem(x, E_BAD_REQUEST, "expires_before is no date");
	else if (l.state && !known_state(l.state))
		exchange_problem(x, E_BAD_REQUEST, "state is one of active, ended, counted, released");
	else
		reply_page(x, &l, add_activation);
}

/* --- one device --- */

/* The tags that an id's prefix can begin with: each character is six bits of it, most significant first. */
static bool tag_range(const char *prefix, int64_t *ret_from, int64_t *ret_to)
{
	size_t n = strlen(prefix);
	uint8_t low[DEVICE_ID];
	uint8_t high[DEVICE_ID];
	char text[DEVICE_ID_TEXT];
	if (n < PREFIX_MIN || n >= DEVICE_ID_TEXT)
		return false;
	/* Pad with the least and the greatest characters; the last one holds only four bits, so its low ones
	 * are zero. */
	memset(text, 'A', sizeof(text) - 1);
	memcpy(text, prefix, n);
	text[sizeof(text) - 1] = 0;
	if (base64url_read_exact(text, sizeof(text) - 1, low, sizeof(low)))
		return false;
	memset(text + n, '_', sizeof(text) - 1 - n);
	text[sizeof(text) - 2] = n == DEVICE_ID_TEXT - 1 ? prefix[n - 1] : '8';
	if (base64url_read_exact(text, sizeof(text) - 1, high, sizeof(high)))
		return false;
	*ret_from = store_tag(low);
	*ret_to = store_tag(high);
	return true;
}

struct search {
	const char *prefix;
	json_t *item;
	int64_t num;
	int found;
};

static int find_device(const struct row *row, void *context)
{
	struct search *s = context;
	char id[DEVICE_ID_TEXT];
	device_id_write(row->u.device.id, id);
	if (strncmp(id, s->prefix, strlen(s->prefix)) != 0 || ++s->found > 1)
		return 0;
	s->item = device_row(row);
	s->num = row->u.device.num;
	json_set_text(s->item, "os", row->u.device.os);
	json_set_text(s->item, "agent", row->u.device.agent);
	json_set_number(s->item, "schema", 1);
	return 0;
}

void device_show(struct exchange *x)
{
	struct search s = {.prefix = x->id};
	struct listing l = {.kind = LIST_DEVICE, .now = x->now};
	struct listing held = {.kind = LIST_ACTIVATION, .now = x->now};
	struct page p = {.x = x, .limit = CANDIDATES_MAX * LIMIT_PRODUCTS};
	if (!tag_range(x->id, &l.tag_from, &l.tag_to)) {
		exchange_problem(x, E_BAD_REQUEST, "a device id, or at least its first 6 characters");
		return;
	}
	int error = exchange_catalog(x, &p.catalog);
	if (!error)
		error = store_page(x->admin->reader, &l, find_device, &s);
	if (!error && s.found != 1)
		error = s.found ? E_BAD_REQUEST : E_NOT_FOUND;
	if (error) {
		json_decref(s.item);
		exchange_problem(x, error, s.found > 1 ? "more than one device id begins so" : x->id);
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
		reply_page(x, &l, add_audit);
}
