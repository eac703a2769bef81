/* SPDX-License-Identifier: Apache-2.0 */
/* Reports of devices: whose lease ends unseen, who was refused, whose state may be in use twice. */
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "day.h"
#include "directory.h"
#include "error.h"
#include "jsontext.h"
#include "page.h"

/* --- expiring --- */

#define WITHIN_DAYS 30
#define SILENT_DAYS 14
#define DAYS_MAX 36500

/* An index over all ends would cost every renewal; so a page looks at a slice of the activations, like every
 * filtered list. */
struct expiring_wish {
	const char *product;
	int64_t ends_before;
	int64_t silent_since;
};

static bool wants_expiring(const struct page *p, const struct row *row)
{
	const struct expiring_wish *w = p->context;
	const struct holding *h = &row->u.activation.holding;
	struct catalog_grant g;
	if (strcmp(row->u.activation.state, "active") != 0 || !h->expires || h->expires >= w->ends_before ||
	    h->contacted > w->silent_since)
		return false;
	return !w->product || (catalog_grant(p->catalog, row->u.activation.grant, &g) &&
			       strcmp(g.grant->product, w->product) == 0);
}

static int add_expiring(const struct row *row, void *context)
{
	struct page *p = context;
	const struct holding *h = &row->u.activation.holding;
	struct catalog_grant g;
	char id[DEVICE_ID_TEXT];
	if (!page_take(p, row))
		return 1;
	json_t *item = json_object();
	bool found = catalog_grant(p->catalog, row->u.activation.grant, &g);
	device_id_write(row->u.activation.id, id);
	json_set_text(item, "device", id);
	json_set_text(item, "hostname", row->u.activation.hostname);
	json_set_text(item, "user", row->u.activation.user ? row->u.activation.user_name : NULL);
	json_set_text(item, "product", found ? g.grant->product : NULL);
	json_set_text(item, "grant", found ? g.grant->id : NULL);
	json_set_time(item, "expires", h->expires);
	json_set_number(item, "days_left", (h->expires - p->x->now) / DAY_SECONDS);
	json_set_time(item, "contacted", h->contacted);
	json_set_number(item, "days_silent", (p->x->now - h->contacted) / DAY_SECONDS);
	json_array_append_new(p->items, item);
	return 0;
}

/* Days of a parameter; -1: too many. */
static int64_t days_of(const struct exchange *x, const char *key, int64_t usual)
{
	const char *text = exchange_query(x, key);
	int64_t days = text ? strtoll(text, NULL, 10) : usual;
	return days > DAYS_MAX ? -1 : days;
}

void report_expiring(struct exchange *x)
{
	struct listing l = {.kind = LIST_ACTIVATION};
	int64_t within = days_of(x, "within", WITHIN_DAYS);
	int64_t silent = days_of(x, "silent", SILENT_DAYS);
	struct expiring_wish wish = {.product = exchange_query(x, "product"),
				     .ends_before = x->now + within * DAY_SECONDS,
				     .silent_since = x->now - silent * DAY_SECONDS};
	if (within < 0 || silent < 0)
		exchange_problem(x, E_BAD_REQUEST, "within and silent are at most 36500 days");
	else if (exchange_page(x, &l))
		exchange_problem(x, E_BAD_REQUEST, PAGE_WRONG);
	else
		page_reply_filtered(x, &l, add_expiring, wants_expiring, &wish);
}

/* --- denials --- */

static bool wants_denial(const struct page *p, const struct row *row)
{
	const int64_t *since = p->context;
	return row->u.record.u.denial.latest >= *since;
}

static int copy_device(const struct row *row, void *context)
{
	char id[DEVICE_ID_TEXT];
	device_id_write(row->u.device.id, id);
	json_set_text(context, "device", id);
	json_set_text(context, "hostname", row->u.device.hostname);
	return 1;
}

static int add_denial(const struct row *row, void *context)
{
	struct page *p = context;
	const struct record_denial *d = &row->u.record.u.denial;
	struct listing device = {.kind = LIST_DEVICE, .device = d->device, .limit = 1, .now = p->x->now};
	char name[DIRECTORY_NAME];
	int error = 0;
	if (!page_take(p, row))
		return 1;
	json_t *item = json_object();
	json_set_text(item, "device", NULL);
	json_set_text(item, "hostname", NULL);
	if (d->device)
		error = store_page(p->x->admin->reader, &device, copy_device, item);
	if (error < 0) {
		json_decref(item);
		return error;
	}
	json_set_text(item, "user", d->user ? directory_name(p->x, MEMBER_USER, d->user, name) : NULL);
	json_set_text(item, "product", *d->product ? d->product : NULL);
	json_object_set_new(item, "error", exchange_error((int)-d->code, NULL, &NUMBERS_NONE));
	json_set_number(item, "n", d->n);
	json_set_time(item, "began", d->began);
	json_set_time(item, "latest", d->latest);
	json_array_append_new(p->items, item);
	return 0;
}

/* The parameters as an example; ret_why: which is not there. */
static int read_denial(struct exchange *x, struct record *like, uint32_t *by, const char **ret_why)
{
	const char *product = exchange_query(x, "product");
	const char *code = exchange_query(x, "code");
	const char *user = exchange_query(x, "user");
	const char *device = exchange_query(x, "device");
	const struct error_row *row = code ? error_by_name(code) : NULL;
	int error = 0;
	*ret_why = code;
	if (code && !row)
		return E_BAD_REQUEST;
	like->u.denial.product = product ? product : "";
	like->u.denial.code = row ? row->number : 0;
	*by = (product ? BY(denial, product) : 0) | (code ? BY(denial, code) : 0) |
	      (user ? BY(denial, user) : 0) | (device ? BY(denial, device) : 0);
	*ret_why = user;
	if (user)
		error = exchange_user(x, user, &like->u.denial.user);
	if (error || !device)
		return error;
	*ret_why = device;
	return exchange_device(x, device, NULL, &like->u.denial.device, ret_why);
}

void report_denials(struct exchange *x)
{
	struct record like = {.kind = RECORD_DENIAL};
	struct listing l = {.kind = LIST_RECORD, .like = &like};
	int64_t since = exchange_time(x, "since");
	const char *why = NULL;
	int error = read_denial(x, &like, &l.by, &why);
	if (error)
		exchange_problem(x, error, why);
	else if (exchange_page(x, &l))
		exchange_problem(x, E_BAD_REQUEST, PAGE_WRONG);
	else
		page_reply_filtered(x, &l, add_denial, wants_denial, &since);
}

/* --- denials, summed up --- */

struct reason {
	char product[LIMIT_ID + 1]; /* "": of no license */
	int code;
	int64_t n;
	int64_t refused;
	int64_t latest;
};

struct reasons {
	const struct catalog *catalog;
	const char *product; /* only this; NULL: all */
	int64_t since;
	struct reason *all;
	size_t n;
};

/* There are few: products of licenses times codes that happen. */
static struct reason *reason_of(struct reasons *r, const char *product, int code)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->all[i].code == code && strcmp(r->all[i].product, product) == 0)
			return &r->all[i];
	struct reason *more = realloc(r->all, (r->n + 1) * sizeof(*more));
	if (!more)
		return NULL;
	r->all = more;
	more[r->n] = (struct reason){.code = code};
	snprintf(more[r->n].product, sizeof(more->product), "%s", product);
	return &more[r->n++];
}

static int sum_denial(const struct row *row, void *context)
{
	struct reasons *r = context;
	const struct record_denial *d = &row->u.record.u.denial;
	const char *product = catalog_product(r->catalog, d->product) ? d->product : "";
	if (d->latest < r->since || (r->product && strcmp(r->product, product) != 0))
		return 0;
	struct reason *sum = reason_of(r, product, (int)d->code);
	if (!sum)
		return E_NO_MEMORY;
	sum->n += d->n;
	sum->refused++;
	sum->latest = d->latest > sum->latest ? d->latest : sum->latest;
	return 0;
}

static int most_often_first(const void *a, const void *b)
{
	const struct reason *x = a;
	const struct reason *y = b;
	return (x->n < y->n) - (x->n > y->n);
}

static json_t *reason_rows(const struct reasons *r)
{
	json_t *items = json_array();
	for (size_t i = 0; i < r->n; i++) {
		const struct reason *sum = &r->all[i];
		json_t *item = json_object();
		json_object_set_new(item, "error", exchange_error(-sum->code, NULL, &NUMBERS_NONE));
		json_set_text(item, "product", *sum->product ? sum->product : NULL);
		json_set_number(item, "n", sum->n);
		json_set_number(item, "refused", sum->refused);
		json_set_time(item, "latest", sum->latest);
		json_array_append_new(items, item);
	}
	return items;
}

void report_reasons(struct exchange *x)
{
	struct record like = {.kind = RECORD_DENIAL};
	struct listing all = {.kind = LIST_RECORD, .like = &like};
	struct reasons r = {.product = exchange_query(x, "product"), .since = exchange_time(x, "since")};
	int error = exchange_catalog(x, &r.catalog);
	if (!error)
		error = store_page(x->admin->reader, &all, sum_denial, &r);
	if (error) {
		exchange_problem(x, error, NULL);
	} else {
		if (r.n)
			qsort(r.all, r.n, sizeof(r.all[0]), most_often_first);
		page_reply_whole(x, reason_rows(&r));
	}
	free(r.all);
}

/* --- clones --- */

struct clone_wish {
	char device[DEVICE_ID_TEXT]; /* "": any */
	int64_t since;
};

/* Does the row of the audit log tell of a copy, or of a machine that was put back? */
static bool is_clone(const struct audit *a)
{
	return strcmp(a->action, "device.rolled-back") == 0 || strcmp(a->action, "device.forked") == 0 ||
	       strcmp(a->action, "device.copied") == 0;
}

static bool wants_clone(const struct page *p, const struct row *row)
{
	const struct clone_wish *w = p->context;
	const struct audit *a = &row->u.audit.audit;
	return is_clone(a) && a->at >= w->since && (!*w->device || strcmp(w->device, a->object) == 0);
}

static int add_clone(const struct row *row, void *context)
{
	struct page *p = context;
	const struct audit *a = &row->u.audit.audit;
	if (!page_take(p, row))
		return 1;
	json_t *detail = NULL;
	if (jsontext_read(a->detail, strlen(a->detail), &detail, NULL) == E_NO_MEMORY)
		return E_NO_MEMORY;
	json_t *item = json_object();
	const char *kind = json_string_value(json_object_get(detail, "kind"));
	json_set_text(item, "kind", kind ? kind : "copied");
	json_set_time(item, "at", a->at);
	json_set_text(item, "device", a->object);
	json_set_text(item, "hostname", json_string_value(json_object_get(detail, "hostname")));
	json_set_text(item, "forked_from", json_string_value(json_object_get(detail, "forked_from")));
	json_set_text(item, "forked_from_hostname",
		      json_string_value(json_object_get(detail, "forked_from_hostname")));
	json_set_number(item, "shown", json_integer_value(json_object_get(detail, "shown")));
	json_set_number(item, "expected", json_integer_value(json_object_get(detail, "expected")));
	json_decref(detail);
	json_array_append_new(p->items, item);
	return 0;
}

void report_clones(struct exchange *x)
{
	struct listing l = {.kind = LIST_AUDIT};
	struct clone_wish wish = {.since = exchange_time(x, "since")};
	const char *device = exchange_query(x, "device");
	const char *why = device;
	int64_t num;
	int error = device ? exchange_device(x, device, wish.device, &num, &why) : 0;
	if (error)
		exchange_problem(x, error, why);
	else if (exchange_page(x, &l))
		exchange_problem(x, E_BAD_REQUEST, PAGE_WRONG);
	else
		page_reply_filtered(x, &l, add_clone, wants_clone, &wish);
}
