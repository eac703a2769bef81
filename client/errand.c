/* SPDX-License-Identifier: Apache-2.0 */
#include "errand.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "holder.h"

/* Encoded bytes of wants in one request; device and token take the rest of LIMIT_REQUEST. */
#define WANTS_BYTES 2240
#define FIELD_BYTES 3
#define FIELDS 7
#define SERIAL_BYTES 11
#define COMPONENT_BYTES 10

/* --- outcomes --- */

void errand_note(struct muster *m, const char *product, const char *what)
{
	struct outcome *o = muster_outcome(m, product);
	if (!o)
		return;
	o->what = what;
	fault_clear(&o->fault);
}

void errand_fail(struct muster *m, const char *product, int code, const char *detail)
{
	struct outcome *o = muster_outcome(m, product);
	if (!o)
		return;
	o->what = "failed";
	fault_set(&o->fault, code, "%s", detail);
}

int errand_code(struct muster *m, const char *product)
{
	const struct outcome *o = muster_outcome(m, product);
	return o ? o->fault.code : 0;
}

int errand_conclude(struct muster *m, int error)
{
	if (error)
		return error;
	for (size_t i = 0; i < m->n_outcomes; i++) {
		if (!m->outcomes[i].fault.code)
			continue;
		m->fault = m->outcomes[i].fault;
		return m->fault.code;
	}
	return 0;
}

/* --- products --- */

int errand_product(struct work *w, const char *product, const struct trust_product **ret,
		   struct record **ret_record)
{
	const char *why = w->trust.ignored;
	*ret = trust_find(&w->trust, product);
	if (!*ret)
		return fault_set(&w->m->fault, E_NO_PRODUCT_FILE, "%s in %s%s%s", product,
				 options_text(&w->m->options, OPTION_PRODUCTS), *why ? "; left out: " : "",
				 why);
	*ret_record = work_record(w, *ret, NULL);
	if (!*ret_record)
		return fault_set(&w->m->fault, E_TOO_LARGE, "more than %d products", STATE_RECORDS);
	return 0;
}

void errand_wishes(struct work *w, struct record *r)
{
	const char *plans = options_text(&w->m->options, OPTION_PLANS);
	const char *version = options_text(&w->m->options, OPTION_PRODUCT_VERSION);
	r->wanted = true;
	if (plans)
		options_slugs(plans, r->plans, &r->n_plans);
	else if (!r->serial)
		r->n_plans = 0;
	if (version)
		snprintf(r->version, sizeof(r->version), "%s", version);
}

/* --- calls --- */

static size_t want_bytes(const struct want *want)
{
	size_t n = strlen(want->product) + strlen(want->version) + strlen(want->user) + strlen(want->key) +
		   SERIAL_BYTES + (size_t)FIELDS * FIELD_BYTES + (size_t)LIMIT_COMPONENTS * COMPONENT_BYTES;
	for (size_t i = 0; i < want->n_plans; i++)
		n += strlen(want->plans[i]) + FIELD_BYTES;
	return n;
}

static void fill_want(struct want *want, const struct record *r)
{
	memset(want, 0, sizeof(*want));
	memcpy(want->product, r->product, sizeof(want->product));
	memcpy(want->user, r->user, sizeof(want->user));
	memcpy(want->version, r->version, sizeof(want->version));
	memcpy(want->plans, r->plans, sizeof(want->plans));
	want->n_plans = r->n_plans;
	want->serial = r->serial;
}

void errand_call(struct call *ret, enum call_kind kind, const struct record *r)
{
	memset(ret, 0, sizeof(*ret));
	ret->kind = kind;
	ret->n = 1;
	fill_want(&ret->wants[0], r);
}

/* What this item asks for. */
static int item_want(struct work *w, const struct items *items, const struct item *item, struct want *ret)
{
	fill_want(ret, item->record);
	if (item->kind == CALL_ACTIVATE && items->shown) {
		snprintf(ret->key, sizeof(ret->key), "%s", items->shown->key);
		ret->reinstalled = items->shown->reinstalled;
	}
	/* The lease is given back by whom it belongs to: also the device's own while somebody is signed in.
	 */
	if (item->kind == CALL_RELEASE && holder_user(w, item->record, &item->vendor->roots, ret->user))
		return fault_code(&w->m->fault, E_NO_MEMORY);
	return 0;
}

static bool takes_several(enum call_kind kind)
{
	return kind == CALL_ACTIVATE || kind == CALL_RENEW;
}

/* As many items of the first one's vendor and kind as fit into one request. *ret_vendor: NULL when none is
 * left. */
static int gather(struct work *w, struct items *items, struct call *call, const struct trust_key **ret_vendor)
{
	const struct item *first = NULL;
	size_t bytes = 0;
	memset(call, 0, sizeof(*call));
	*ret_vendor = NULL;
	for (size_t i = 0; i < items->n && call->n < LIMIT_LINES; i++) {
		struct item *item = &items->rows[i];
		if (item->sent || (first && (item->vendor != first->vendor || item->kind != first->kind)))
			continue;
		int error = item_want(w, items, item, &call->wants[call->n]);
		if (error)
			return error;
		bytes += want_bytes(&call->wants[call->n]);
		if (first && (bytes > WANTS_BYTES || !takes_several(item->kind)))
			break;
		first = first ? first : item;
		call->kind = item->kind;
		call->n++;
		item->sent = true;
		*ret_vendor = item->vendor;
	}
	return 0;
}

/*
 * A host that knows nothing of the activation is a new one, or lost its memory: ask it to activate. Only
 * once, and only what somebody wants to have.
 */
static void again_as_new(struct work *w, struct items *items, const struct call *call)
{
	for (size_t i = 0; call->kind == CALL_RENEW && i < items->n; i++) {
		struct item *item = &items->rows[i];
		if (!call_want(call, item->record->product) || !item->record->wanted)
			continue;
		if (errand_code(w->m, item->record->product) != E_NOT_ACTIVATED)
			continue;
		item->kind = CALL_ACTIVATE;
		item->sent = false;
	}
}

static bool any_left(const struct items *items)
{
	for (size_t i = 0; i < items->n; i++)
		if (!items->rows[i].sent)
			return true;
	return false;
}

int errand_run(struct work *w, struct items *items)
{
	struct call *call = malloc(sizeof(*call));
	const struct trust_key *vendor = NULL;
	if (!call)
		return fault_code(&w->m->fault, E_NO_MEMORY);
	int error = gather(w, items, call, &vendor);
	while (!error && vendor) {
		int left = deadline_left(w->deadline);
		struct deadline share =
			any_left(items) ? deadline_within(w->deadline, left / 2) : w->deadline;
		error = flow_run(w, vendor, call, share);
		if (!error)
			again_as_new(w, items, call);
		if (!error)
			error = gather(w, items, call, &vendor);
	}
	sodium_memzero(call, sizeof(*call));
	free(call);
	return error;
}

int errand_one(struct work *w, struct record *r, const struct trust_product *p, enum call_kind kind,
	       const struct shown *shown)
{
	struct items *items = calloc(1, sizeof(*items));
	if (!items)
		return fault_code(&w->m->fault, E_NO_MEMORY);
	items->rows[items->n++] = (struct item){.record = r, .vendor = p->vendor, .kind = kind};
	items->shown = shown;
	int error = errand_run(w, items);
	free(items);
	return error;
}
