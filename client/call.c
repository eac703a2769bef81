/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of a telephone call: the installation id to be read out, and the confirmation that is typed. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "errand.h"
#include "error.h"
#include "muster.h"
#include "revoked.h"
#include "spoken.h"
#include "verb.h"

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

/* Without anything that could prove the answer there is no use in asking. */
static int check_set_up(struct work *w)
{
	if (options_text(&w->m->options, OPTION_SITE_KEY) || w->trust.n_hosts)
		return 0;
	return fault_set(&w->m->fault, E_VOICE_OFF,
			 "site_key names no file, and the products folder has no host's certificate");
}

static int tell(struct work *w, const struct verb *v)
{
	char *text = NULL;
	int error = check_set_up(w);
	if (!error)
		error = show(w, v->product, &text);
	return muster_keep_text(w->m, text, error);
}

int muster_installation_id(struct muster *m, const char *product, const char **ret_text)
{
	const struct verb v = {.run = tell, .mode = WORK_HEAL, .product = verb_text(product)};
	int error = verb_run_local(m, &v);
	*ret_text = error ? "" : m->text;
	return error;
}

/* --- the confirmation --- */

/* What was typed, and what it is proved by once that is found. */
struct trial {
	struct work *w;
	struct spoken_trust by;
	bool words;
	char proof[SPOKEN_PROOF];
	unsigned guesses; /* compared with what would be right */
	const struct trust_product *product;
	struct voice_grant grant;
};

static bool digits_hold(const char *bare, void *context)
{
	struct trial *t = context;
	t->guesses++;
	for (size_t i = 0; i < t->w->trust.n_products; i++) {
		t->product = &t->w->trust.products[i];
		if (spoken_digits_hold(&t->by, t->product, bare, &t->grant))
			return true;
	}
	return false;
}

static bool words_hold(const struct spoken_words *words, void *context)
{
	struct trial *t = context;
	for (size_t i = 0; i < t->w->trust.n_products; i++) {
		t->product = &t->w->trust.products[i];
		if (spoken_words_hold(&t->by, t->product, words, t->w->clock.now, &t->grant))
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
 * then the very digits or words are named.
 */
static int prove_digits(struct trial *t, struct calls *c, const char *typed)
{
	struct work *w = t->w;
	struct digits_report report;
	char bare[DIGITS_BARE];
	char words[DIGITS_WORDS];
	int error = digits_read(typed, VOICE_CID_GROUPS, bare, &report);
	if (!error) {
		snprintf(t->proof, sizeof(t->proof), "%s", bare);
		return digits_hold(bare, t) ? 0 : refuse(w, c, E_VOICE_REFUSED, "");
	}
	digits_explain(&report, words);
	bool whole = strlen(bare) == VOICE_CID_GROUPS * DIGITS_GROUP;
	bool mended = whole && digits_mend(bare, VOICE_CID_GROUPS, digits_hold, t, &report);
	if (mended)
		digits_explain(&report, words);
	if (mended || !t->guesses)
		return fault_set(&w->m->fault, E_DIGITS_WRONG, "%s", words);
	return refuse(w, c, E_DIGITS_WRONG, words);
}

/* The words are a host's, but the host may not say them. That is no guess, and costs no try. */
static int doubt(struct work *w, int code)
{
	return fault_set(
		&w->m->fault, code,
		code == E_CLAIM_INVALID
			? "it ends later than its host may grant, unless this machine's clock is behind"
			: "the host that signed it");
}

static int read_lists(struct work *w)
{
	int error = 0;
	for (size_t i = 0; i < w->trust.n_products && !error; i++)
		error = revoked_read(&w->trust, w->trust.products[i].vendor, w->folder);
	return error ? fault_code(&w->m->fault, error) : 0;
}

static int prove_words(struct trial *t, struct calls *c, const char *typed)
{
	struct work *w = t->w;
	struct words_report report;
	struct spoken_words words;
	uint16_t numbers[WORDS];
	char told[WORDS_EXPLAIN];
	int error = read_lists(w);
	if (error)
		return error;
	error = words_read(typed, numbers, &words, &report);
	if (!error) {
		spoken_words_write(&words, t->proof);
		if (words_hold(&words, t))
			return 0;
		return t->by.doubt ? doubt(w, t->by.doubt) : refuse(w, c, E_VOICE_REFUSED, "");
	}
	words_explain(&report, told);
	if (report.faults[0].trouble == WORDS_COUNT)
		return fault_set(&w->m->fault, E_DIGITS_WRONG, "%s", told);
	bool mended = words_mend(numbers, words_hold, t, &report);
	if (mended || report.faults[0].trouble == WORDS_STRANGE)
		return fault_set(&w->m->fault, E_DIGITS_WRONG, "%s", words_explain(&report, told));
	return refuse(w, c, E_DIGITS_WRONG, told);
}

static int prove(struct trial *t, struct calls *c, const char *typed)
{
	struct fault *f = &t->w->m->fault;
	if (c->until > t->w->clock.now) {
		fault_code(f, E_VOICE_TRY_LATER);
		f->numbers.until = c->until;
		return E_VOICE_TRY_LATER;
	}
	t->words = isalpha((unsigned char)typed[strspn(typed, " \t\r\n")]) != 0;
	return t->words ? prove_words(t, c, typed) : prove_digits(t, c, typed);
}

static int check_row(struct work *w, const struct trial *t, const struct spoken *s)
{
	struct fault *f = &w->m->fault;
	if (strcmp(s->proof, t->proof) == 0)
		return 0;
	if (t->grant.sequence <= s->sequence)
		return fault_set(f, E_ANSWER_OLD, "it is number %u, and number %u was typed here",
				 t->grant.sequence, s->sequence);
	if (s->in_row >= VOICE_ROW_MAX && !t->words)
		return fault_code(f, E_VOICE_LIMIT);
	return w->clock.now >= voice_end(t->grant.day) ? fault_set(f, E_ENDED, "%s", s->product) : 0;
}

static int take(struct work *w, const struct trial *t, struct calls *c)
{
	struct record *r;
	const struct trust_product *p;
	const char *product = t->product->file.product.id;
	int error = errand_product(w, product, &p, &r);
	struct spoken *s = error ? NULL : calls_need(c, product);
	if (error || !s)
		return error ? error : fault_code(&w->m->fault, E_TOO_LARGE);
	/* Whoever made it knew the day, or would not have let it end then. */
	if (!t->words) {
		work_raise(w, voice_end(t->grant.day) - VOICE_DAYS_MAX * VOICE_DAY);
		work_clock(w);
	}
	error = check_row(w, t, s);
	if (error)
		return error;
	if (t->words)
		s->in_row = 0;
	else
		s->in_row += strcmp(s->proof, t->proof) != 0;
	s->sequence = t->grant.sequence;
	memcpy(s->proof, t->proof, sizeof(s->proof));
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

static int confirm(struct work *w, const struct verb *v)
{
	struct fault *f = &w->m->fault;
	struct trial t = {.w = w};
	struct calls *c = malloc(sizeof(*c));
	int error = c ? check_set_up(w) : fault_code(f, E_NO_MEMORY);
	if (!error)
		error = spoken_trust_init(&t.by, w->device, &w->trust,
					  options_text(&w->m->options, OPTION_SITE_KEY), f);
	if (!error)
		error = calls_load(w->folder, w->device, c, f);
	if (!error)
		error = prove(&t, c, v->text);
	if (!error)
		error = take(w, &t, c);
	spoken_trust_fini(&t.by);
	free(c);
	return error;
}

int muster_confirm(struct muster *m, const char *typed)
{
	const struct verb v = {.run = confirm, .mode = WORK_HEAL, .text = verb_text(typed)};
	return verb_run_local(m, &v);
}
