/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of users: sign in, sign out. One user for a product and state directory. */
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "errand.h"
#include "error.h"
#include "muster.h"
#include "verb.h"

/* --- arguments --- */

/* A name that can be kept and shown: UTF-8 without control characters. */
static bool name_ok(const char *user)
{
	char same[LIMIT_USER + 1];
	json_t *text = json_string(user);
	bool ok = text && *user && strlen(user) <= LIMIT_USER &&
		  strcmp(fault_excerpt(user, same, sizeof(same)), user) == 0;
	json_decref(text);
	return ok;
}

static int check_user(struct work *w, const char *user)
{
	char shown[LIMIT_USER + 1];
	if (user && name_ok(user))
		return 0;
	return fault_set(&w->m->fault, E_BAD_REQUEST, "'%s' cannot be a user's name: 1 to %d bytes of UTF-8",
			 fault_excerpt(user ? user : "", shown, sizeof(shown)), LIMIT_USER);
}

/* --- sign in --- */

/* A call that was refused leaves no wish behind, but for a user who waits for a seat. */
static int undo_wishes(struct work *w, struct record *r, const struct record *before)
{
	if (!before->serial && r->user[0] && strcmp(r->user, before->user) != 0)
		return 0;
	r->wanted = before->wanted;
	memcpy(r->plans, before->plans, sizeof(r->plans));
	r->n_plans = before->n_plans;
	memcpy(r->version, before->version, sizeof(r->version));
	return work_save(w);
}

static int send_sign_in(struct work *w, const struct trust_product *p, const struct record *r,
			const char *user, const char *code)
{
	struct call *call = malloc(sizeof(*call));
	if (!call)
		return fault_code(&w->m->fault, E_NO_MEMORY);
	errand_call(call, CALL_SIGN_IN, r);
	snprintf(call->wants[0].user, sizeof(call->wants[0].user), "%s", user);
	snprintf(call->secret, sizeof(call->secret), "%s", code);
	int error = flow_run(w, p->vendor, call, w->deadline);
	sodium_memzero(call, sizeof(*call));
	free(call);
	return error;
}

static int sign_in_with(struct work *w, const char *product, const char *user, const char *code)
{
	const struct trust_product *p;
	struct record *r;
	int error = errand_product(w, product, &p, &r);
	if (error)
		return error;
	const struct record before = *r;
	errand_wishes(w, r);
	error = send_sign_in(w, p, r, user, code);
	return error || !errand_code(w->m, product) ? error : undo_wishes(w, r, &before);
}

static int sign_in(struct work *w, const struct verb *v)
{
	char bare[KEYCODE_KEY + 1] = "";
	int error = check_user(w, v->user);
	if (!error && v->text && *v->text && keycode_read(v->text, KEYCODE_CODE, bare))
		error = fault_set(&w->m->fault, E_KEY_MALFORMED,
				  "a sign-in code has %d characters, of which the last one checks the others",
				  KEYCODE_CODE);
	if (!error)
		error = sign_in_with(w, v->product, v->user, bare);
	sodium_memzero(bare, sizeof(bare));
	return error;
}

int muster_signin(struct muster *m, const char *product, const char *user, const char *code, int deadline_ms)
{
	const struct verb v = {
		.run = sign_in, .mode = WORK_HEAL, .product = verb_text(product), .user = user, .text = code};
	return verb_run(m, &v, deadline_ms);
}

/* --- sign out --- */

static int sign_out_one(struct work *w, const char *product)
{
	const struct trust_product *p;
	struct record *r;
	int error = errand_product(w, product, &p, &r);
	if (error)
		return error;
	if (!r->user[0])
		return fault_set(&w->m->fault, E_NOT_ACTIVATED, "%s: nobody is signed in", product);
	return errand_one(w, r, p, CALL_SIGN_OUT, NULL);
}

/* From every product of the user at the vendor's hosts. */
static int send_sign_out(struct work *w, const struct trust_key *vendor, const char *user,
			 struct deadline deadline)
{
	struct call *call = calloc(1, sizeof(*call));
	if (!call)
		return fault_code(&w->m->fault, E_NO_MEMORY);
	call->kind = CALL_SIGN_OUT;
	call->n = 1;
	snprintf(call->wants[0].user, sizeof(call->wants[0].user), "%s", user);
	int error = flow_run(w, vendor, call, deadline);
	free(call);
	return error;
}

/* Who was signed in for a product when the verb began. */
struct holder {
	const struct trust_key *vendor;
	char product[LIMIT_ID + 1];
	char user[LIMIT_USER + 1];
	bool left;
};

static size_t list_holders(struct work *w, struct holder *out)
{
	size_t n = 0;
	for (size_t i = 0; i < w->state->n_records; i++) {
		const struct record *r = &w->state->records[i];
		const struct trust_product *p = trust_find(&w->trust, r->product);
		if (!r->user[0])
			continue;
		if (!p) {
			errand_fail(w->m, r->product, E_NO_PRODUCT_FILE, w->trust.ignored);
			continue;
		}
		out[n].vendor = p->vendor;
		memcpy(out[n].product, r->product, sizeof(out[n].product));
		memcpy(out[n++].user, r->user, sizeof(out[0].user));
	}
	return n;
}

static bool same_holder(const struct holder *a, const struct holder *b)
{
	return a->vendor == b->vendor && strcmp(a->user, b->user) == 0;
}

/* The call's own outcome becomes that of each product of the user. */
static void share_outcome(struct work *w, struct holder *rows, size_t n, const struct holder *who)
{
	const struct fault f = muster_outcome(w->m, "")->fault;
	w->m->n_outcomes--; /* it was the last one */
	for (size_t i = 0; i < n; i++) {
		if (!same_holder(&rows[i], who))
			continue;
		const struct record *r = state_record(w->state, rows[i].product);
		rows[i].left = true;
		if (f.code)
			errand_fail(w->m, rows[i].product, f.code, f.detail);
		else if (r && r->user[0])
			errand_fail(w->m, rows[i].product, E_LEDGER_MISMATCH,
				    "the lease is of another ledger");
		else
			errand_note(w->m, rows[i].product, "signed out");
	}
}

static int sign_out_all(struct work *w)
{
	struct holder *rows = calloc(STATE_RECORDS, sizeof(*rows));
	if (!rows)
		return fault_code(&w->m->fault, E_NO_MEMORY);
	size_t n = list_holders(w, rows);
	int error = 0;
	for (size_t i = 0; i < n && !error; i++) {
		if (rows[i].left)
			continue;
		int left = deadline_left(w->deadline);
		error = send_sign_out(w, rows[i].vendor, rows[i].user,
				      i + 1 < n ? deadline_within(w->deadline, left / 2) : w->deadline);
		if (!error)
			share_outcome(w, rows, n, &rows[i]);
	}
	free(rows);
	if (!error && w->m->n_outcomes == 0)
		return fault_set(&w->m->fault, E_NOT_ACTIVATED, "nobody is signed in");
	return error;
}

static int sign_out(struct work *w, const struct verb *v)
{
	return v->product ? sign_out_one(w, v->product) : sign_out_all(w);
}

int muster_signout(struct muster *m, const char *product, int deadline_ms)
{
	const struct verb v = {.run = sign_out, .mode = WORK_WRITE, .product = product};
	return verb_run(m, &v, deadline_ms);
}
