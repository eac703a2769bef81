/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers that came by file: all that the file holds is verified first, and only then what is this machine's
 * is written. So a file that is wrong, cut off or another machine's changes nothing (DESIGN 3, Offline
 * devices).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apply.h"
#include "bundle.h"
#include "errand.h"
#include "error.h"
#include "hostcheck.h"
#include "muster.h"
#include "offline_answer.h"
#include "revoked.h"
#include "spoken.h"
#include "verb.h"

/* An answer for this machine that holds. */
struct taken {
	const struct trust_product *product;
	struct record *record;
	struct stored_lease lease;
	bool renewal;
	char *former; /* the lease file's text before; NULL: there was none */
};

struct import {
	struct work *w;
	struct taken *all;
	size_t n;
};

/* --- verifying --- */

static int check_org(struct work *w, const struct taken *t, struct fault *f)
{
	const char *set = options_text(&w->m->options, OPTION_ORG);
	const char *org = set ? set : state_pin(w->state, t->product->vendor->pid)->org;
	if (org[0] && strcmp(t->lease.lease.org, org) != 0)
		return fault_set(f, E_WRONG_ORG, "the answer is of %s, this machine of %s",
				 t->lease.lease.org, org);
	return 0;
}

/* What was given back, or replaced by something newer, does not come back by an old file. */
static int check_age(struct work *w, const struct taken *t, struct fault *f)
{
	const struct record *r = t->record;
	const struct lease *l = &t->lease.lease;
	if (!r->wanted && !r->serial && r->stored)
		return fault_set(f, E_ANSWER_OLD, "%s was given back on this machine", r->product);
	if (apply_check_serial(w, t->product, &t->lease, true, f))
		return fault_set(f, E_ANSWER_OLD,
				 "%s: its serial is %lld, and that of this machine's lease %lld", r->product,
				 (long long)l->serial, (long long)r->serial);
	struct machine_clock clock = w->clock;
	if (l->head.iat > w->state->mark)
		clock = machine_clock(w->m->wall(), l->head.iat, trust_floor(&w->trust), 0);
	if (l->exp && clock.now >= l->exp)
		return fault_set(f, E_ENDED, "%s: the lease in it is over%s", r->product,
				 clock.suspect ? ", and this machine's clock is not to be believed" : "");
	return 0;
}

static int take(struct import *im, const char *token, const struct trust_product *p)
{
	struct work *w = im->w;
	struct fault *f = &w->m->fault;
	struct offline_answer *a = malloc(sizeof(*a));
	struct taken t = {.product = p};
	if (!a)
		return fault_code(f, E_NO_MEMORY);
	int error = offline_answer_verify(token, strlen(token), &p->vendor->roots, p->file.product.id,
					  w->device->id, a, &t.lease.lease, &t.lease.certificate);
	if (error)
		fault_set(f, error, "the answer for %s: %s", p->file.product.id, error_text(error));
	else if (revoked_read(&w->trust, p->vendor, w->folder))
		error = fault_code(f, E_NO_MEMORY);
	else if (hostcheck_revoked(p->vendor->revoked, &t.lease.certificate))
		error = fault_set(f, E_CERTIFICATE_REVOKED, "the answer for %s: of host %s",
				  p->file.product.id, t.lease.certificate.name);
	else if (!(t.record = work_record(w, p, NULL)))
		error = fault_set(f, E_TOO_LARGE, "more than %d products", STATE_RECORDS);
	if (!error) {
		memcpy(t.lease.token, a->lease, sizeof(t.lease.token));
		memcpy(t.lease.covering, a->certificate, sizeof(t.lease.covering));
		error = check_org(w, &t, f);
	}
	free(a);
	if (!error)
		error = check_age(w, &t, f);
	if (!error)
		im->all[im->n++] = t;
	return error;
}

/* Another machine's answer is only looked at to see that the file is whole; what we cannot judge is passed
 * over.
 */
static int look(struct import *im, const char *token, const struct offline_label *label)
{
	static const size_t room = sizeof(struct lease) + sizeof(struct certificate);
	const struct trust_product *p = trust_find(&im->w->trust, label->product);
	struct offline_answer *a = malloc(sizeof(*a) + room);
	if (!a)
		return E_NO_MEMORY;
	struct lease *lease = (struct lease *)(a + 1);
	struct certificate *cert = (struct certificate *)(lease + 1);
	int error = 0;
	if (p && strcmp(p->vendor->pid, label->vendor) == 0)
		error = offline_answer_verify(token, strlen(token), &p->vendor->roots, label->product, NULL,
					      a, lease, cert);
	free(a);
	return error;
}

static int find_product(struct work *w, const struct offline_label *label, const struct trust_product **ret)
{
	struct record *ignored;
	int error = errand_product(w, label->product, ret, &ignored);
	if (!error && strcmp((*ret)->vendor->pid, label->vendor) != 0)
		error = fault_set(&w->m->fault, E_WRONG_VENDOR, "the answer for %s", label->product);
	return error;
}

static int verify_one(struct import *im, const char *token, size_t number)
{
	struct work *w = im->w;
	struct offline_label label;
	const struct trust_product *p;
	int error = offline_answer_label(token, strlen(token), &label);
	if (!error && memcmp(label.device, w->device->id, DEVICE_ID) == 0) {
		error = find_product(w, &label, &p);
		return error ? error : take(im, token, p);
	}
	if (!error)
		error = look(im, token, &label);
	return error ? fault_set(&w->m->fault, error, "answer %zu of the file", number) : 0;
}

static int verify(struct import *im, const struct bundle *b)
{
	int error = 0;
	im->all = calloc(b->n, sizeof(*im->all));
	if (!im->all)
		return fault_code(&im->w->m->fault, E_NO_MEMORY);
	for (size_t i = 0; i < b->n && !error; i++)
		error = verify_one(im, b->tokens[i], i + 1);
	if (!error && im->n == 0)
		error = fault_set(&im->w->m->fault, E_ANSWER_FOREIGN, "this machine is %s",
				  im->w->device->text);
	return error;
}

/* --- writing --- */

static void put_back(struct work *w, const struct taken *t)
{
	struct fault ignored;
	const char *product = t->record->product;
	if (t->former)
		leasefile_restore(w->folder, product, &t->product->vendor->roots, w->device->id, t->former,
				  &ignored);
	else
		leasefile_remove(w->folder, product, &ignored);
}

static int write_lease(struct work *w, struct taken *t)
{
	struct fault *f = &w->m->fault;
	const char *product = t->record->product;
	int error = leasefile_copy(w->folder, product, &t->former, f);
	t->renewal = t->former != NULL;
	return error ? error : leasefile_write(w->folder, product, t->lease.token, t->lease.covering, f);
}

static void take_over(struct work *w, const struct taken *t)
{
	const struct lease *l = &t->lease.lease;
	struct record *r = t->record;
	memcpy(state_pin(w->state, l->vendor)->org, l->org, sizeof(l->org));
	work_raise(w, l->head.iat);
	work_clock(w);
	memcpy(r->vendor, l->vendor, sizeof(r->vendor));
	if (l->user[0])
		memcpy(r->user, l->user, sizeof(r->user));
	r->wanted = true;
	r->serial = l->serial;
	r->stored = w->clock.now;
	r->count = (struct numbers){.have = l->have, .need = l->need};
	r->tried = w->clock.wall;
	r->failures = 0;
	r->refusal = (struct refusal){0};
	spoken_settle(w->folder, w->device, r->product);
}

/* The newest answer of a product comes last, so that it is what stays. */
static int by_serial(const void *left, const void *right)
{
	const struct taken *a = left;
	const struct taken *b = right;
	int64_t x = a->lease.lease.serial;
	int64_t y = b->lease.lease.serial;
	return (x > y) - (x < y);
}

static int write_all(struct import *im)
{
	struct work *w = im->w;
	size_t n = 0;
	int error = 0;
	qsort(im->all, im->n, sizeof(im->all[0]), by_serial);
	while (n < im->n && !error)
		error = write_lease(w, &im->all[n++]);
	for (size_t i = 0; i < im->n && !error; i++)
		take_over(w, &im->all[i]);
	if (!error)
		error = work_save(w);
	for (size_t i = n; i > 0 && error; i--)
		put_back(w, &im->all[i - 1]);
	for (size_t i = 0; i < im->n && !error; i++)
		errand_note(w->m, im->all[i].record->product, im->all[i].renewal ? "renewed" : "activated");
	return error;
}

/* --- the verb --- */

static int import(struct work *w, const struct verb *v)
{
	struct import im = {.w = w};
	struct bundle b;
	int error = bundle_read(&token_answer, v->text, strlen(v->text), &b);
	if (error)
		fault_code(&w->m->fault, error);
	else
		error = verify(&im, &b);
	if (!error)
		error = write_all(&im);
	for (size_t i = 0; i < im.n; i++)
		free(im.all[i].former);
	free(im.all);
	bundle_fini(&b);
	return error;
}

int muster_import(struct muster *m, const char *text)
{
	const struct verb v = {.run = import, .mode = WORK_HEAL, .text = verb_text(text)};
	return verb_run_local(m, &v);
}
