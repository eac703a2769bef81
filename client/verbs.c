/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs that change something: activate, renew, release. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "errand.h"
#include "error.h"
#include "muster.h"
#include "verb.h"

/* --- activate --- */

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
	if ((state != MACHINE_LICENSED && state != MACHINE_OVERDUE) || m->spoken)
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

/* The key that was typed, in its bare form. *ret: "" for none. */
static int take_key(struct work *w, char ret[KEYCODE_KEY + 1])
{
	const char *typed = options_text(&w->m->options, OPTION_ENROL_KEY);
	ret[0] = 0;
	if (!typed || keycode_read(typed, KEYCODE_KEY, ret) == 0)
		return 0;
	return fault_code(&w->m->fault, E_KEY_MALFORMED);
}

static int activate_with(struct work *w, const char *product, const char *key)
{
	bool there = false;
	bool due = false;
	const struct trust_product *p;
	struct record *r;
	int error = errand_product(w, product, &p, &r);
	if (error)
		return error;
	const struct record before = *r;
	errand_wishes(w, r);
	error = look(w, r, p, &there, &due);
	if (error)
		return error;
	if (there && !due) {
		errand_note(w->m, product, "licensed");
		return work_save(w);
	}
	const struct shown shown = {.key = key,
				    .reinstalled = options_flag(&w->m->options, OPTION_REINSTALLED)};
	error = errand_one(w, r, p, there ? CALL_RENEW : CALL_ACTIVATE, &shown);
	if (error || !errand_code(w->m, product))
		return error;
	if (there)
		errand_note(w->m, product, "licensed");
	return keep_old_wishes(w, r, &before);
}

static int activate(struct work *w, const struct verb *v)
{
	char key[KEYCODE_KEY + 1];
	int error = take_key(w, key);
	if (!error)
		error = activate_with(w, v->product, key);
	sodium_memzero(key, sizeof(key));
	return error;
}

int muster_activate(struct muster *m, const char *product, int deadline_ms)
{
	const struct verb v = {.run = activate, .mode = WORK_HEAL, .product = verb_text(product)};
	return verb_run(m, &v, deadline_ms);
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
			errand_note(w->m, r->product, "licensed");
		return false;
	}
	if (!p) {
		errand_fail(w->m, r->product, f.code, f.detail);
		return false;
	}
	if (wait == MACHINE_NEVER) {
		errand_note(w->m, r->product, "licensed");
		return false;
	}
	*ret = (struct item){
		.record = r, .vendor = p->vendor, .kind = r->serial ? CALL_RENEW : CALL_ACTIVATE};
	return true;
}

static int renew(struct work *w, const struct verb *v)
{
	const char *product = v->product;
	bool only_if_due = v->flag;
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
	int error = items->n ? errand_run(w, items) : 0;
	free(items);
	if (product ? !known : !only_if_due && w->m->n_outcomes == 0)
		return fault_set(&w->m->fault, E_NOT_ACTIVATED, "%s", product ? product : "no product");
	return error;
}

int muster_renew(struct muster *m, const char *product, int only_if_due, int deadline_ms)
{
	const struct verb v = {
		.run = renew, .mode = WORK_WRITE, .product = product, .flag = only_if_due != 0};
	return verb_run(m, &v, deadline_ms);
}

/* --- release --- */

/* What is to be given back; where nothing is, nobody asks for the product any more. */
static bool gives_back(struct work *w, struct record *r, struct item *ret)
{
	const struct trust_product *p = trust_find(&w->trust, r->product);
	if (!r->serial) {
		r->wanted = false;
		return false;
	}
	if (!p) {
		errand_fail(w->m, r->product, E_NO_PRODUCT_FILE, w->trust.ignored);
		return false;
	}
	*ret = (struct item){.record = r, .vendor = p->vendor, .kind = CALL_RELEASE};
	return true;
}

static int release_all(struct work *w)
{
	struct items *items = calloc(1, sizeof(*items));
	if (!items)
		return fault_code(&w->m->fault, E_NO_MEMORY);
	for (size_t i = 0; i < w->state->n_records; i++)
		if (gives_back(w, &w->state->records[i], &items->rows[items->n]))
			items->n++;
	int error = work_save(w);
	if (!error)
		error = errand_run(w, items);
	free(items);
	return error;
}

static int release_one(struct work *w, const char *product)
{
	const struct trust_product *p;
	struct record *r;
	int error = errand_product(w, product, &p, &r);
	if (error)
		return error;
	if (r->serial)
		return errand_one(w, r, p, CALL_RELEASE, NULL);
	/* Nobody asks for it any more. */
	error = r->wanted ? (r->wanted = false, work_save(w)) : 0;
	return error ? error : fault_set(&w->m->fault, E_NOT_ACTIVATED, "%s", product);
}

static int release(struct work *w, const struct verb *v)
{
	return v->product ? release_one(w, v->product) : release_all(w);
}

int muster_release(struct muster *m, const char *product, int deadline_ms)
{
	const struct verb v = {.run = release, .mode = WORK_WRITE, .product = product};
	return verb_run(m, &v, deadline_ms);
}

/* --- when next --- */

int muster_next_due(struct muster *m, long long *ret_seconds)
{
	struct work w;
	int64_t least = MACHINE_NEVER;
	int error = muster_begin(m);
	if (error)
		return error;
	error = work_open(&w, m, WORK_READ, muster_local_deadline(m));
	for (size_t i = 0; !error && i < w.state->n_records; i++) {
		struct fault ignored;
		const struct record *r = &w.state->records[i];
		const struct trust_product *p = trust_find(&w.trust, r->product);
		struct machine machine = work_machine(&w, r, p, NULL, &ignored);
		int64_t wait = p ? machine_wait(&machine, &w.clock) : MACHINE_NEVER;
		least = wait < least ? wait : least;
	}
	if (!error && w.clock.suspect && least > UPTIME_KEEP)
		least = UPTIME_KEEP;
	work_close(&w);
	if (!error)
		*ret_seconds = least == MACHINE_NEVER ? -1 : (long long)least;
	return error;
}
