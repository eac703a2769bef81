/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs that change something: activate, renew, release. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "error.h"
#include "flow.h"
#include "muster.h"

/* Encoded bytes of wants in one request; device and token take the rest of LIMIT_REQUEST. */
#define WANTS_BYTES 2000
#define FIELD_BYTES 3
#define SERIAL_BYTES 11

/* One product that is to be asked for. */
struct item {
	struct record *record;
	const struct trust_key *vendor;
	enum call_kind kind;
	bool sent;
};

struct items {
	struct item rows[STATE_RECORDS];
	size_t n;
};

/* --- outcomes --- */

static int no_product(struct work *w, const char *product)
{
	const char *why = w->trust.ignored;
	return fault_set(&w->m->fault, E_NO_PRODUCT_FILE, "%s in %s%s%s", product,
			 options_text(&w->m->options, OPTION_PRODUCTS), *why ? "; left out: " : "", why);
}

static void note(struct muster *m, const char *product, const char *what)
{
	struct outcome *o = muster_outcome(m, product);
	if (!o)
		return;
	o->what = what;
	fault_clear(&o->fault);
}

static void note_failure(struct muster *m, const char *product, int code, const char *detail)
{
	struct outcome *o = muster_outcome(m, product);
	if (!o)
		return;
	o->what = "failed";
	fault_set(&o->fault, code, "%s", detail);
}

/* The verb's own result: an error of this machine, or the first product's that is not well. */
static int conclude(struct muster *m, int error)
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

/* --- calls --- */

static size_t want_bytes(const struct record *r)
{
	size_t n = strlen(r->product) + strlen(r->version) + SERIAL_BYTES + 3 * FIELD_BYTES;
	for (size_t i = 0; i < r->n_plans; i++)
		n += strlen(r->plans[i]) + FIELD_BYTES;
	return n;
}

static void add_want(struct call *call, const struct record *r)
{
	struct want *want = &call->wants[call->n++];
	memset(want, 0, sizeof(*want));
	memcpy(want->product, r->product, sizeof(want->product));
	memcpy(want->version, r->version, sizeof(want->version));
	memcpy(want->plans, r->plans, sizeof(want->plans));
	want->n_plans = r->n_plans;
	want->serial = r->serial;
}

/* As many items of the first one's vendor and kind as fit into one request. */
static const struct trust_key *gather(struct items *items, struct call *call)
{
	const struct item *first = NULL;
	size_t bytes = 0;
	memset(call, 0, sizeof(*call));
	for (size_t i = 0; i < items->n; i++) {
		struct item *item = &items->rows[i];
		if (item->sent || (first && (item->vendor != first->vendor || item->kind != first->kind)))
			continue;
		bytes += want_bytes(item->record);
		if (first && (call->n == LIMIT_LINES || bytes > WANTS_BYTES || item->kind == CALL_RELEASE))
			break;
		first = first ? first : item;
		call->kind = item->kind;
		item->sent = true;
		add_want(call, item->record);
	}
	return first ? first->vendor : NULL;
}

/*
 * A host that knows nothing of the activation is a new one, or lost its memory: ask it to activate. Only
 * once, and only what somebody wants to have.
 */
static void again_as_new(struct work *w, struct items *items, const struct call *call)
{
	for (size_t i = 0; call->kind == CALL_RENEW && i < items->n; i++) {
		struct item *item = &items->rows[i];
		const struct outcome *o = muster_outcome(w->m, item->record->product);
		if (!call_want(call, item->record->product) || !item->record->wanted)
			continue;
		if (!o || o->fault.code != E_NOT_ACTIVATED)
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

static int run(struct work *w, struct items *items)
{
	struct call *call = malloc(sizeof(*call));
	const struct trust_key *vendor;
	int error = 0;
	if (!call)
		return fault_code(&w->m->fault, E_NO_MEMORY);
	while (!error && (vendor = gather(items, call)) != NULL) {
		int left = deadline_left(w->deadline);
		struct deadline share =
			any_left(items) ? deadline_within(w->deadline, left / 2) : w->deadline;
		error = flow_run(w, vendor, call, share);
		if (!error)
			again_as_new(w, items, call);
	}
	free(call);
	return error;
}

static int run_one(struct work *w, struct record *r, const struct trust_product *p, enum call_kind kind)
{
	struct items *items = calloc(1, sizeof(*items));
	if (!items)
		return fault_code(&w->m->fault, E_NO_MEMORY);
	items->rows[items->n++] = (struct item){.record = r, .vendor = p->vendor, .kind = kind};
	int error = run(w, items);
	free(items);
	return error;
}

/* --- activate --- */

/* Without a lease each activation is a new wish; with one, what is not said stays as it was. */
static void take_wishes(struct work *w, struct record *r)
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

/* A lease that is held must not be lost by renewing it with a wish that was not granted. */
static int keep_old_wishes(struct work *w, struct record *r, const struct record *before)
{
	if (!before->serial)
		return 0;
	memcpy(r->plans, before->plans, sizeof(r->plans));
	r->n_plans = before->n_plans;
	memcpy(r->version, before->version, sizeof(r->version));
	return work_save(w);
}

static bool has_plans(const struct lease *lease, const struct record *r)
{
	for (size_t i = 0; i < r->n_plans; i++) {
		size_t j = 0;
		while (j < lease->n_plans && strcmp(lease->plans[j], r->plans[i]) != 0)
			j++;
		if (j == lease->n_plans)
			return false;
	}
	return true;
}

/* Is what is wanted there already? */
static bool serves(struct work *w, const struct machine *m, const struct stored_lease *lease,
		   const struct record *r)
{
	const char *org = options_text(&w->m->options, OPTION_ORG);
	enum machine_state state = machine_state(m, &w->clock);
	if (state != MACHINE_LICENSED && state != MACHINE_OVERDUE)
		return false;
	return has_plans(&lease->lease, r) && (!org || strcmp(org, lease->lease.org) == 0);
}

/* Is the product there as it is wanted? *ret_due: but its renewal is due. */
static int look(struct work *w, const struct record *r, const struct trust_product *p, bool *ret_there,
		bool *ret_due)
{
	struct fault ignored;
	struct stored_lease *lease = calloc(1, sizeof(*lease));
	if (!lease)
		return fault_code(&w->m->fault, E_NO_MEMORY);
	struct machine m = work_machine(w, r, p, lease, &ignored);
	*ret_there = serves(w, &m, lease, r);
	*ret_due = machine_wait(&m, &w->clock) == 0;
	free(lease);
	return 0;
}

static int activate(struct work *w, const char *product)
{
	bool there = false;
	bool due = false;
	const struct trust_product *p = trust_find(&w->trust, product);
	if (!p)
		return no_product(w, product);
	struct record *r = work_record(w, p, NULL);
	if (!r)
		return fault_set(&w->m->fault, E_TOO_LARGE, "more than %d products", STATE_RECORDS);
	const struct record before = *r;
	take_wishes(w, r);
	int error = look(w, r, p, &there, &due);
	if (error)
		return error;
	if (there && !due) {
		note(w->m, product, "licensed");
		return work_save(w);
	}
	error = run_one(w, r, p, there ? CALL_RENEW : CALL_ACTIVATE);
	const struct outcome *o = muster_outcome(w->m, product);
	if (error || !o || !o->fault.code)
		return error;
	if (there)
		note(w->m, product, "licensed");
	return keep_old_wishes(w, r, &before);
}

int muster_activate(struct muster *m, const char *product, int deadline_ms)
{
	struct work w;
	muster_begin(m);
	int error = work_open(&w, m, WORK_HEAL, muster_deadline(m, deadline_ms));
	if (!error)
		error = activate(&w, product);
	work_close(&w);
	return conclude(m, error);
}

/* --- renew --- */

/* Is there something to do for this record? Its outcome is noted when there is not. */
static bool consider(struct work *w, struct record *r, bool only_if_due, bool named, struct item *ret)
{
	struct fault f;
	const struct trust_product *p = trust_find(&w->trust, r->product);
	if (!r->wanted && !r->serial)
		return false;
	struct machine m = work_machine(w, r, p, NULL, &f);
	int64_t wait = machine_wait(&m, &w->clock);
	if (only_if_due && wait > 0) {
		if (named && machine_state(&m, &w->clock) == MACHINE_LICENSED)
			note(w->m, r->product, "licensed");
		return false;
	}
	if (!p) {
		note_failure(w->m, r->product, f.code, f.detail);
		return false;
	}
	if (wait == MACHINE_NEVER) {
		note(w->m, r->product, "licensed");
		return false;
	}
	*ret = (struct item){
		.record = r, .vendor = p->vendor, .kind = r->serial ? CALL_RENEW : CALL_ACTIVATE};
	return true;
}

static int renew(struct work *w, const char *product, bool only_if_due)
{
	struct items *items = calloc(1, sizeof(*items));
	if (!items)
		return fault_code(&w->m->fault, E_NO_MEMORY);
	for (size_t i = 0; i < w->state->n_records; i++) {
		struct record *r = &w->state->records[i];
		if (product && strcmp(r->product, product) != 0)
			continue;
		if (consider(w, r, only_if_due, product != NULL, &items->rows[items->n]))
			items->n++;
	}
	const struct record *named = product ? state_record(w->state, product) : NULL;
	bool known = named && (named->wanted || named->serial);
	int error = items->n ? run(w, items) : 0;
	free(items);
	if (product ? !known : !only_if_due && w->m->n_outcomes == 0)
		return fault_set(&w->m->fault, E_NOT_ACTIVATED, "%s", product ? product : "no product");
	return error;
}

int muster_renew(struct muster *m, const char *product, int only_if_due, int deadline_ms)
{
	struct work w;
	muster_begin(m);
	int error = work_open(&w, m, WORK_WRITE, muster_deadline(m, deadline_ms));
	if (!error)
		error = renew(&w, product, only_if_due != 0);
	work_close(&w);
	return conclude(m, error);
}

/* --- release --- */

static int release(struct work *w, const char *product)
{
	const struct trust_product *p = trust_find(&w->trust, product);
	struct record *r = state_record(w->state, product);
	if (!p)
		return no_product(w, product);
	if (!r || !r->serial) {
		/* Nobody asks for it any more. */
		int error = r && r->wanted ? (r->wanted = false, work_save(w)) : 0;
		return error ? error : fault_set(&w->m->fault, E_NOT_ACTIVATED, "%s", product);
	}
	return run_one(w, r, p, CALL_RELEASE);
}

int muster_release(struct muster *m, const char *product, int deadline_ms)
{
	struct work w;
	muster_begin(m);
	int error = work_open(&w, m, WORK_WRITE, muster_deadline(m, deadline_ms));
	if (!error)
		error = release(&w, product);
	work_close(&w);
	return conclude(m, error);
}

/* --- when next --- */

int muster_next_due(struct muster *m, long long *ret_seconds)
{
	struct work w;
	int64_t least = MACHINE_NEVER;
	muster_begin(m);
	int error = work_open(&w, m, WORK_READ, muster_deadline(m, 0));
	for (size_t i = 0; !error && i < w.state->n_records; i++) {
		struct fault ignored;
		const struct record *r = &w.state->records[i];
		const struct trust_product *p = trust_find(&w.trust, r->product);
		struct machine machine = work_machine(&w, r, p, NULL, &ignored);
		int64_t wait = p ? machine_wait(&machine, &w.clock) : MACHINE_NEVER;
		least = wait < least ? wait : least;
	}
	work_close(&w);
	if (!error)
		*ret_seconds = least == MACHINE_NEVER ? -1 : (long long)least;
	return error;
}
