/* SPDX-License-Identifier: Apache-2.0 */
/* A request that travels by file, and bundles of them. What comes back is taken in by import.c. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "armour.h"
#include "bundle.h"
#include "errand.h"
#include "error.h"
#include "holder.h"
#include "muster.h"
#include "offline_request.h"
#include "request.h"
#include "spoken.h"
#include "verb.h"

/* --- a request --- */

/* A certificate of the vendor, with whose salt this machine's parts can be told. NULL: there is none yet. */
static int find_certificate(struct work *w, const struct trust_key *vendor, struct stored_lease **ret)
{
	int error = 0;
	*ret = NULL;
	for (size_t i = 0; i < w->state->n_records && !*ret && !error; i++) {
		const struct record *r = &w->state->records[i];
		if (r->serial && strcmp(r->vendor, vendor->pid) == 0)
			error = holder_lease(w, r, &vendor->roots, ret);
	}
	return error;
}

static int fill_components(struct work *w, const struct trust_key *vendor, struct offline_request *q)
{
	struct parts parts;
	struct request_tag tags[LIMIT_COMPONENTS];
	struct stored_lease *lease;
	int error = find_certificate(w, vendor, &lease);
	if (!lease || w->device->chosen) {
		free(lease);
		return error;
	}
	parts_read(w->m->root, &parts);
	q->n_components = request_tags(&parts, &lease->certificate, q->product, tags);
	for (size_t i = 0; i < q->n_components; i++) {
		q->components[i].kind = tags[i].kind;
		q->components[i].tag = tags[i].tag;
	}
	free(lease);
	return 0;
}

static void fill_device(const struct work *w, struct offline_request *q)
{
	const struct options *o = &w->m->options;
	q->head.iat = w->clock.now;
	randombytes_buf(q->token, sizeof(q->token));
	memcpy(q->sign, w->device->sign_public, sizeof(q->sign));
	memcpy(q->fixed, w->device->fixed.public, sizeof(q->fixed));
	request_os(q->os);
	snprintf(q->agent, sizeof(q->agent), "%s", options_text(o, OPTION_AGENT));
	if (!options_flag(o, OPTION_NO_NAMES))
		request_hostname(o, q->hostname);
}

static void fill_wishes(struct work *w, const struct record *r, const struct trust_product *p,
			const char *user, struct offline_request *q)
{
	const char *org = options_text(&w->m->options, OPTION_ORG);
	memcpy(q->vendor, p->vendor->pid, sizeof(q->vendor));
	snprintf(q->org, sizeof(q->org), "%s", org ? org : state_pin(w->state, p->vendor->pid)->org);
	memcpy(q->product, r->product, sizeof(q->product));
	memcpy(q->version, r->version, sizeof(q->version));
	memcpy(q->plans, r->plans, sizeof(q->plans));
	q->n_plans = r->n_plans;
	q->serial = r->serial;
	q->spoken = spoken_shown(w->folder, w->device, p->vendor->pid, r->product, q->voice);
	q->reinstalled = options_flag(&w->m->options, OPTION_REINSTALLED);
	if (!options_flag(&w->m->options, OPTION_NO_NAMES))
		snprintf(q->user, sizeof(q->user), "%s", user && *user ? user : r->user);
}

static int sign(struct work *w, const struct offline_request *q, char **ret)
{
	char *token = NULL;
	int error = offline_request_sign(q, w->device->sign_secret, &token);
	if (!error)
		error = armour_write(token_request.label, token, ret);
	free(token);
	return error ? fault_code(&w->m->fault, error) : 0;
}

static int make_request(struct work *w, const char *product, const char *user, char **ret)
{
	const struct trust_product *p;
	struct record *r;
	struct offline_request *q = calloc(1, sizeof(*q));
	int error = q ? errand_product(w, product, &p, &r) : fault_code(&w->m->fault, E_NO_MEMORY);
	if (!error) {
		errand_wishes(w, r);
		fill_device(w, q);
		fill_wishes(w, r, p, user, q);
		if (fill_components(w, p->vendor, q))
			error = fault_code(&w->m->fault, E_NO_MEMORY);
	}
	if (!error)
		error = sign(w, q, ret);
	if (!error)
		error = work_save(w);
	free(q);
	return error;
}

static int request(struct work *w, const struct verb *v)
{
	char *text = NULL;
	const char *user = v->user && *v->user ? v->user : NULL;
	if (user && !user_ok(user))
		return fault_set(&w->m->fault, E_BAD_REQUEST, "no user has such a name");
	if (user && options_flag(&w->m->options, OPTION_NO_NAMES))
		return fault_set(&w->m->fault, E_NAMES_TOLD, "no_names, and the user %s", user);
	int error = make_request(w, v->product, user, &text);
	return muster_keep_text(w->m, text, error);
}

int muster_request(struct muster *m, const char *product, const char *user, const char **ret_text)
{
	const struct verb v = {
		.run = request, .mode = WORK_HEAL, .product = verb_text(product), .user = user};
	int error = verb_run_local(m, &v);
	*ret_text = error ? "" : m->text;
	return error;
}

/* --- bundles --- */

/* Of a device's requests for a product and user, the newest stays. */
static bool replaces(const char *newer, const char *older)
{
	struct offline_request a;
	struct offline_request b;
	return offline_request_open(newer, strlen(newer), &a, NULL) == 0 &&
	       offline_request_open(older, strlen(older), &b, NULL) == 0 &&
	       memcmp(a.device, b.device, DEVICE_ID) == 0 && strcmp(a.product, b.product) == 0 &&
	       strcmp(a.vendor, b.vendor) == 0 && strcmp(a.user, b.user) == 0;
}

static int add_request(struct bundle *all, char *token)
{
	for (size_t i = 0; i < all->n; i++) {
		if (!replaces(token, all->tokens[i]))
			continue;
		free(all->tokens[i]);
		memmove(&all->tokens[i], &all->tokens[i + 1], (all->n - i - 1) * sizeof(*all->tokens));
		all->n--;
		break;
	}
	return bundle_add(all, token);
}

static int add_text(struct muster *m, struct bundle *all, const char *text)
{
	struct bundle b;
	struct offline_request ignored;
	int error = bundle_read(&token_request, text, strlen(text), &b);
	if (error)
		fault_code(&m->fault, error);
	for (size_t i = 0; i < b.n && !error; i++) {
		error = offline_request_open(b.tokens[i], strlen(b.tokens[i]), &ignored, NULL);
		if (!error)
			error = add_request(all, b.tokens[i]);
		if (error)
			fault_set(&m->fault, error, "request %zu", i + 1);
	}
	bundle_fini(&b);
	return error;
}

int muster_bundle(struct muster *m, const char *first, const char *second, const char **ret_text)
{
	struct bundle all = {.kind = &token_request};
	char *text = NULL;
	char *copy = second ? strdup(second) : NULL; /* it may be the text that the handle owns */
	int error = muster_begin(m);
	*ret_text = "";
	if (!error)
		error = second && !copy ? fault_code(&m->fault, E_NO_MEMORY)
					: add_text(m, &all, verb_text(first));
	if (!error && copy)
		error = add_text(m, &all, copy);
	if (!error && (error = bundle_write(&all, &text)) != 0)
		fault_code(&m->fault, error);
	bundle_fini(&all);
	free(copy);
	error = muster_keep_text(m, text, error);
	*ret_text = error ? "" : m->text;
	return error;
}
