/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of a telephone call: the installation id to be read out, and the confirmation that is typed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "errand.h"
#include "error.h"
#include "muster.h"
#include "spoken.h"

/* --- the installation id --- */

static int show(struct work *w, const char *product, char **ret)
{
	const struct trust_product *p;
	struct record *r;
	uint8_t iid[VOICE_IID];
	int error = errand_product(w, product, &p, &r);
	if (error)
		return error;
	*ret = malloc(DIGITS_TEXT);
	if (!*ret)
		return fault_code(&w->m->fault, E_NO_MEMORY);
	spoken_installation(w->device, p->vendor->pid, product, iid);
	digits_write(iid, VOICE_IID, VOICE_IID_GROUPS, *ret);
	return work_save(w);
}

int muster_installation_id(struct muster *m, const char *product, const char **ret_text)
{
	struct work w;
	char *text = NULL;
	muster_begin(m);
	*ret_text = "";
	if (!options_text(&m->options, OPTION_SITE_KEY))
		return fault_set(&m->fault, E_VOICE_OFF, "the setting site_key names no file");
	int error = work_open(&w, m, WORK_HEAL, muster_deadline(m, 0));
	if (!error)
		error = show(&w, product, &text);
	work_close(&w);
	if (error) {
		free(text);
		return error;
	}
	free(m->text);
	*ret_text = m->text = text;
	return 0;
}

/* --- the confirmation id --- */

/* What the digits may be proved by. */
struct trial {
	struct work *w;
	const struct sitekeys *keys;
	const struct trust_product *product; /* whose it is, once it is found */
	struct voice_grant grant;
};

static bool try_all(const char *bare, void *context)
{
	struct trial *t = context;
	const struct trust *trust = &t->w->trust;
	for (size_t i = 0; i < trust->n_products; i++) {
		uint8_t iid[VOICE_IID];
		const struct trust_product *p = &trust->products[i];
		spoken_installation(t->w->device, p->vendor->pid, p->file.product.id, iid);
		if (!spoken_check(t->keys, p->vendor->pid, iid, bare, &t->grant))
			continue;
		t->product = p;
		return true;
	}
	return false;
}

/* A wrong try is on disk before it is answered. */
static int refuse(struct work *w, struct calls *c, int code, const char *detail)
{
	calls_wrong(c, w->clock.now);
	int error = calls_save(w->folder, w->device, c, &w->m->fault);
	if (error)
		return error;
	fault_set(&w->m->fault, code, "%s", detail);
	w->m->fault.numbers.until = c->until > w->clock.now ? c->until : 0;
	return code;
}

/*
 * Read and prove what was typed. Faults that show by themselves cost no try, nor does what can be mended:
 * then the very digits are named.
 */
static int prove(struct trial *t, struct calls *c, const char *typed, char bare[DIGITS_BARE])
{
	struct work *w = t->w;
	struct digits_report report;
	char words[DIGITS_WORDS];
	if (c->until > w->clock.now) {
		fault_code(&w->m->fault, E_VOICE_TRY_LATER);
		w->m->fault.numbers.until = c->until;
		return E_VOICE_TRY_LATER;
	}
	int error = digits_read(typed, VOICE_CID_GROUPS, bare, &report);
	if (!error)
		return try_all(bare, t) ? 0 : refuse(w, c, E_VOICE_REFUSED, "");
	digits_explain(&report, words);
	bool whole = strlen(bare) == VOICE_CID_GROUPS * DIGITS_GROUP;
	if (!whole || digits_mend(bare, VOICE_CID_GROUPS, try_all, t, &report))
		return fault_set(&w->m->fault, E_DIGITS_WRONG, "%s",
				 whole ? digits_explain(&report, words) : words);
	return refuse(w, c, E_DIGITS_WRONG, words);
}

static int check_row(struct work *w, const struct trial *t, const struct spoken *s, const char *bare)
{
	struct fault *f = &w->m->fault;
	int64_t end = voice_end(t->grant.day);
	if (strcmp(s->cid, bare) == 0)
		return 0;
	if (t->grant.sequence <= s->sequence)
		return fault_set(f, E_ANSWER_OLD, "it is number %u, and number %u was typed here",
				 t->grant.sequence, s->sequence);
	if (s->in_row >= VOICE_ROW_MAX)
		return fault_code(f, E_VOICE_LIMIT);
	return w->clock.now >= end ? fault_set(f, E_ENDED, "%s", s->product) : 0;
}

static int take(struct work *w, struct trial *t, struct calls *c, const char *bare)
{
	struct record *r;
	const struct trust_product *p;
	const char *product = t->product->file.product.id;
	int error = errand_product(w, product, &p, &r);
	struct spoken *s = error ? NULL : calls_need(c, product);
	if (error || !s)
		return error ? error : fault_code(&w->m->fault, E_TOO_LARGE);
	/* Whoever made it knew the day, or would not have let it end then. */
	work_raise(w, voice_end(t->grant.day) - VOICE_DAYS_MAX * VOICE_DAY);
	work_clock(w);
	error = check_row(w, t, s, bare);
	if (error)
		return error;
	s->in_row += strcmp(s->cid, bare) != 0;
	s->sequence = t->grant.sequence;
	memcpy(s->cid, bare, sizeof(s->cid));
	c->wrong = 0;
	c->until = 0;
	error = calls_save(w->folder, w->device, c, &w->m->fault);
	if (error)
		return error;
	r->wanted = true;
	r->stored = w->clock.now;
	r->refusal = (struct refusal){0};
	errand_note(w->m, product, "activated");
	return work_save(w);
}

static int confirm(struct work *w, const char *typed)
{
	char bare[DIGITS_BARE];
	struct sitekeys *keys = NULL;
	const char *path = options_text(&w->m->options, OPTION_SITE_KEY);
	struct calls *c = malloc(sizeof(*c));
	int error = c ? sitekeys_load(path, &keys, &w->m->fault) : fault_code(&w->m->fault, E_NO_MEMORY);
	struct trial t = {.w = w, .keys = keys};
	if (!error)
		error = calls_load(w->folder, w->device, c, &w->m->fault);
	if (!error)
		error = prove(&t, c, typed, bare);
	if (!error)
		error = take(w, &t, c, bare);
	sitekeys_free(keys);
	free(c);
	return error;
}

int muster_confirm(struct muster *m, const char *typed)
{
	struct work w;
	muster_begin(m);
	if (!options_text(&m->options, OPTION_SITE_KEY))
		return fault_set(&m->fault, E_VOICE_OFF, "the setting site_key names no file");
	int error = work_open(&w, m, WORK_HEAL, muster_deadline(m, 0));
	if (!error)
		error = confirm(&w, typed);
	work_close(&w);
	return errand_conclude(m, error);
}
