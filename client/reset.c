/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verb that clears a product's state and activates it afresh, in fixed order. Every step can be done
 * again: a reset that was cut off between two of them is completed by another one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "errand.h"
#include "error.h"
#include "folder.h"
#include "muster.h"
#include "rfc3339.h"
#include "undo.h"
#include "verb.h"

#define UNDO_FOLDER "undo"
#define ASK_PARTS 3 /* three steps ask a host, and share the time that is left */

struct reset {
	struct work *w;
	const struct trust_product *p;
	struct record *r;
	char *lease; /* the lease file's text; NULL: none */
};

/* --- what there is to clear --- */

static bool always(const struct reset *x)
{
	(void)x;
	return true;
}

static bool is_held(const struct reset *x)
{
	return x->r->serial || x->r->user[0];
}

static bool has_lease(const struct reset *x)
{
	return x->lease != NULL;
}

/* Not after a reset that was cut off when the lease was gone already: its own undo file has it. */
static bool is_worth_undoing(const struct reset *x)
{
	return has_lease(x) || (x->r->user[0] && !x->r->serial);
}

static bool is_written_down(const struct reset *x)
{
	return is_held(x) || x->r->n_plans || x->r->version[0];
}

/* --- the steps --- */

/* One call for the product; its refusal is the verb's error. */
static int ask(struct reset *x, enum call_kind kind, int parts)
{
	struct work *w = x->w;
	const struct deadline whole = w->deadline;
	w->deadline = deadline_within(whole, deadline_left(whole) / parts);
	int error = errand_one(w, x->r, x->p, kind, NULL);
	w->deadline = whole;
	if (error || !errand_code(w->m, x->r->product))
		return error;
	w->m->fault = muster_outcome(w->m, x->r->product)->fault;
	return w->m->fault.code;
}

/* As the device's own, whoever is signed in now. */
static int preflight(struct reset *x)
{
	const struct record before = *x->r;
	record_clear(x->r);
	int error = ask(x, CALL_PREFLIGHT, ASK_PARTS);
	*x->r = before;
	return error;
}

/* "acme-cad-20270115T080000Z.json". */
static int name_file(struct reset *x, char *out, size_t room)
{
	struct work *w = x->w;
	const char *set = options_text(&w->m->options, OPTION_UNDO_FILE);
	char folder[sizeof(w->m->reset.file)];
	char time[RFC3339_TEXT];
	size_t n = 0;
	if (set) {
		snprintf(out, room, "%s", set);
		return 0;
	}
	if (folder_path(w->folder, UNDO_FOLDER, folder, sizeof(folder)))
		return fault_set(&w->m->fault, E_CANNOT_CREATE, "%s: the path is too long", w->folder);
	int error = folder_make(folder, &w->m->fault);
	if (error)
		return error;
	rfc3339_write(w->clock.now, time);
	for (const char *at = time; *at; at++)
		if (*at != '-' && *at != ':')
			time[n++] = *at;
	time[n] = 0;
	int length = snprintf(out, room, "%s/%s-%s.json", folder, x->r->product, time);
	if (length < 0 || (size_t)length >= room)
		return fault_set(&w->m->fault, E_CANNOT_CREATE, "%s: the path is too long", folder);
	return 0;
}

static int keep(struct reset *x)
{
	struct muster *m = x->w->m;
	const struct undo undo = {.record = *x->r, .lease = x->lease};
	int error = name_file(x, m->reset.file, sizeof(m->reset.file));
	if (!error)
		error = undo_save(m->reset.file, x->w->device, &undo, &m->fault);
	if (error)
		m->reset.file[0] = 0;
	return error;
}

/* First what the user holds; then what is the device's own, if anything is left. */
static int give_back(struct reset *x)
{
	int error = x->r->user[0] ? ask(x, CALL_SIGN_OUT, ASK_PARTS - 1) : 0;
	if (!error && x->r->serial)
		error = ask(x, CALL_RELEASE, ASK_PARTS - 1);
	return error;
}

static int remove_lease(struct reset *x)
{
	return leasefile_remove(x->w->folder, x->r->product, &x->w->m->fault);
}

/* From here on the agent would complete it, too. */
static int clear(struct reset *x)
{
	record_clear(x->r);
	x->r->wanted = true;
	return work_save(x->w);
}

static int activate(struct reset *x)
{
	if (!x->r->wanted) {
		x->r->wanted = true;
		int error = work_save(x->w);
		if (error)
			return error;
	}
	return ask(x, CALL_ACTIVATE, 1);
}

static const struct {
	const char *words;
	bool (*needed)(const struct reset *);
	int (*run)(struct reset *);
} steps[] = {
	{"ask a host whether it can be activated for this device", always, preflight},
	{"keep lease and record in an undo file", is_worth_undoing, keep},
	{"give the activation back to the host", is_held, give_back},
	{"remove the lease", has_lease, remove_lease},
	{"forget user, plans and serial", is_written_down, clear},
	{"activate it for this device", always, activate},
};

#define STEPS (sizeof(steps) / sizeof(steps[0]))
_Static_assert(STEPS == RESET_STEPS, "client.h has room for each step");

/* --- the verb --- */

static int run(struct reset *x, bool dry_run)
{
	struct reset_log *log = &x->w->m->reset;
	int error = 0;
	/* What is to be done is settled before the first step changes it. */
	for (log->n = 0; log->n < STEPS; log->n++) {
		log->rows[log->n].words = steps[log->n].words;
		log->rows[log->n].result = steps[log->n].needed(x) ? "to do" : "nothing to do";
	}
	for (size_t i = 0; i < STEPS && !error && (i == 0 || !dry_run); i++) {
		if (strcmp(log->rows[i].result, "to do") != 0)
			continue;
		error = steps[i].run(x);
		log->rows[i].result = error ? "failed" : "done";
	}
	return error;
}

static int reset(struct work *w, const struct verb *v)
{
	struct reset x = {.w = w};
	int error = errand_product(w, v->product, &x.p, &x.r);
	if (!error)
		error = leasefile_copy(w->folder, v->product, &x.lease, &w->m->fault);
	if (!error)
		error = run(&x, v->flag);
	free(x.lease);
	return error;
}

int muster_reset(struct muster *m, const char *product, int dry_run, int deadline_ms)
{
	const struct verb v = {.run = reset,
			       .mode = dry_run ? WORK_WRITE : WORK_HEAL,
			       .product = verb_text(product),
			       .flag = dry_run != 0};
	if (!m->ongoing) {
		m->reset.n = 0;
		m->reset.file[0] = 0;
	}
	return verb_run(m, &v, deadline_ms);
}

/* --- and its undo --- */

static int put_back(struct work *w, const struct trust_product *p, struct record *r, const struct undo *u)
{
	int64_t first_call = r->first_call;
	struct fault *f = &w->m->fault;
	int error = u->lease ? leasefile_restore(w->folder, r->product, &p->vendor->roots, w->device->id,
						 u->lease, f)
			     : leasefile_remove(w->folder, r->product, f);
	if (error)
		return error;
	*r = u->record;
	/* The first grace never begins anew. */
	if (first_call && first_call < r->first_call)
		r->first_call = first_call;
	return work_save(w);
}

/* The lease stands as it was; a host is told at once, because it was given back there. */
static int undo(struct work *w, const struct verb *v)
{
	const char *product = v->product;
	const struct trust_product *p;
	struct record *r;
	struct undo u;
	int error = errand_product(w, product, &p, &r);
	if (!error)
		error = undo_load(v->text, w->device, product, &u, &w->m->fault);
	if (error)
		return error;
	error = put_back(w, p, r, &u);
	undo_fini(&u);
	if (!error && r->serial)
		error = errand_one(w, r, p, CALL_RENEW, NULL);
	if (!error)
		errand_note(w->m, product, "restored");
	return error;
}

int muster_reset_undo(struct muster *m, const char *product, const char *file, int deadline_ms)
{
	const struct verb v = {
		.run = undo, .mode = WORK_WRITE, .product = verb_text(product), .text = verb_text(file)};
	return verb_run(m, &v, deadline_ms);
}

/* --- what it did --- */

int muster_reset_count(const struct muster *m)
{
	return (int)m->reset.n;
}

const char *muster_reset_step(const struct muster *m, int index)
{
	return index >= 0 && (size_t)index < m->reset.n ? m->reset.rows[index].words : "";
}

const char *muster_reset_result(const struct muster *m, int index)
{
	return index >= 0 && (size_t)index < m->reset.n ? m->reset.rows[index].result : "";
}

const char *muster_reset_file(const struct muster *m)
{
	return m->reset.file;
}
