/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests by telephone (DESIGN 5.5). Nobody can read a machine's keys out, so the installation id itself
 * stands for the machine: the same one is the same device, counted once. A confirmation that is still good
 * for more than half of its time is told again; the next one is a renewal, with a higher sequence.
 */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "day.h"
#include "error.h"
#include "request.h"

#define DEVICE_LABEL "muster/1 voice device"

static void voice_device(const uint8_t iid[VOICE_IID], uint8_t ret[DEVICE_ID])
{
	crypto_generichash_state state;
	crypto_generichash_init(&state, NULL, 0, DEVICE_ID);
	crypto_generichash_update(&state, (const uint8_t *)DEVICE_LABEL, sizeof(DEVICE_LABEL));
	crypto_generichash_update(&state, iid, VOICE_IID);
	crypto_generichash_final(&state, ret, DEVICE_ID);
}

/* --- what it is about --- */

/* The licensed product that has the number. */
static bool find_product(const struct catalog *c, uint32_t number, struct job *part)
{
	for (size_t i = 0; i < c->n_licenses; i++) {
		const struct catalog_license *l = &c->licenses[i];
		for (size_t j = 0; j < l->license.n_products; j++) {
			const char *id = l->license.products[j].id;
			if (voice_product(l->vendor, id) != number)
				continue;
			memcpy(part->vendor, l->vendor, sizeof(part->vendor));
			memcpy(part->lines[0].product, id, sizeof(part->lines[0].product));
			return true;
		}
	}
	return false;
}

int voice_begin(const struct broker *b, struct job *part)
{
	struct voice_installation parts;
	if (!b->voice.key && !part->voice.words)
		return E_VOICE_OFF;
	int error = voice_installation_read(part->voice.iid, &parts);
	if (error)
		return error;
	voice_device(part->voice.iid, part->device);
	return find_product(&b->catalog, parts.product, part) ? 0 : E_INSTALLATION_UNKNOWN;
}

/* --- what was confirmed before --- */

/* By its installation id. As store_find. */
static int find(struct work *w, const uint8_t iid[VOICE_IID], struct record_copy *ret)
{
	struct record like = {.kind = RECORD_VOICE, .u.voice.iid = {iid, VOICE_IID}};
	return store_find(w->b->store, &like, BY(voice, iid), ret);
}

/* Is the place still held that it stands for? It may have been given back since. */
static bool is_held(const struct work *w, const struct record_voice *v)
{
	const struct line_facts *line = &w->lines[0].facts;
	for (size_t i = 0; i < line->n_candidates; i++)
		if (line->candidates[i].grant == v->entitlement)
			return line->candidates[i].holding.state == HOLDING_ACTIVE;
	return false;
}

/* And short enough for digits, when it was told in words. */
static bool is_fresh(const struct work *w, const struct record_voice *v)
{
	int64_t left = voice_end((uint32_t)v->day) - w->now;
	int64_t most = (int64_t)w->b->voice.days * DAY_SECONDS;
	return left > (voice_end((uint32_t)v->day) - v->at) / 2 && (w->job->voice.words || left <= most);
}

static void tell(struct work *w, const struct record_voice *v)
{
	struct job *part = w->job;
	part->voice.grant = (struct voice_grant){.index = part->voice.words ? 0 : w->b->voice.index,
						 .day = (uint32_t)v->day,
						 .flags = (unsigned)v->flags,
						 .sequence = (unsigned)v->sequence};
	part->lines[0].answer.code = 0;
	part->lines[0].answer.grant = v->entitlement;
	part->lines[0].answer.expires = voice_end((uint32_t)v->day);
	part->lines[0].answer.serial = v->sequence;
}

static void refuse(struct work *w, int code, int64_t until)
{
	struct answer_line *a = &w->job->lines[0].answer;
	*a = (struct answer_line){.code = code, .numbers = NUMBERS_NONE};
	a->numbers.until = until;
}

/* --- deciding --- */

/* A lease by telephone ends with a day. One that would be over before it begins is none. */
static bool shorten(struct work *w)
{
	struct verdict *v = &w->lines[0].verdict;
	int64_t days = w->job->voice.words ? UINT16_MAX : w->b->voice.days;
	int64_t most = w->now + days * DAY_SECONDS;
	int64_t end = !v->holding.expires || v->holding.expires > most ? most : v->holding.expires;
	v->holding.expires = voice_end(voice_day(end));
	return v->holding.expires > w->now;
}

static int keep(struct work *w, struct record *old)
{
	const struct candidate *c = work_chosen(w, 0);
	struct record_voice *v = &old->u.voice;
	v->device = w->device.device;
	v->iid = (struct bytes){w->job->voice.iid, VOICE_IID};
	v->entitlement = c->grant;
	v->sequence++;
	v->day = voice_day(w->lines[0].verdict.holding.expires);
	v->flags = c->policy.on_expiry == ON_EXPIRY_REDUCED ? (int64_t)VOICE_REDUCED : 0;
	v->in_row = w->job->voice.words ? 0 : v->in_row + 1; /* words are worth a file */
	v->at = w->now;
	tell(w, v);
	return store_put(w->b->store, old);
}

int work_voice(struct work *w)
{
	struct record_copy found;
	int error = find(w, w->job->voice.iid, &found);
	struct record_voice *v = &found.record.u.voice;
	if (error == E_NOT_FOUND)
		found.record = (struct record){.kind = RECORD_VOICE};
	else if (error)
		return error;
	if (found.record.num && is_fresh(w, v) && is_held(w, v) && !w->device.blocked) {
		w->job->repeated = true;
		tell(w, v);
		return 0;
	}
	if (v->in_row >= VOICE_ROW_MAX && !w->job->voice.words) {
		refuse(w, E_VOICE_LIMIT, voice_end((uint32_t)v->day));
		return 0;
	}
	if (v->sequence >= VOICE_SEQUENCE_MAX) {
		refuse(w, E_VOICE_LIMIT, 0);
		return 0;
	}
	error = work_decide(w);
	if (error)
		return error;
	bool granted = w->lines[0].verdict.code == 0;
	if (granted && !shorten(w)) {
		refuse(w, E_GRANT_ENDED, w->lines[0].verdict.holding.expires);
		return 0;
	}
	error = work_store(w);
	return error || !granted ? error : keep(w, &found.record);
}

/* --- a machine that has come back --- */

struct held {
	struct row rows[8];
	uint8_t ids[8][DEVICE_ID];
	size_t n;
};

static int take_held(const struct row *row, void *context)
{
	struct held *h = context;
	if (row->u.activation.holding.state != HOLDING_ACTIVE)
		return 0;
	memcpy(h->ids[h->n], row->u.activation.id, DEVICE_ID);
	h->rows[h->n] = *row;
	h->rows[h->n].u.activation.id = h->ids[h->n];
	h->rows[h->n].u.activation.user_name = "";
	h->n++;
	return h->n == sizeof(h->rows) / sizeof(h->rows[0]);
}

/* What stood for the machine gives its place, and the count of calls in a row begins anew. */
static int settle(struct work *w, struct record *r)
{
	struct held h = {.n = 0};
	struct listing l = {.kind = LIST_ACTIVATION, .device = r->u.voice.device, .now = w->now};
	int error = store_page(w->b->store, &l, take_held, &h);
	for (size_t i = 0; i < h.n && error >= 0; i++)
		error = broker_release(w->b, w->now, "host", "voice.settled", &h.rows[i]);
	if (error < 0)
		return error;
	r->u.voice.in_row = 0;
	return store_put(w->b->store, r);
}

/* A confirmation that nobody here has made was made by whoever has the site's key. */
static int report(struct work *w, size_t i)
{
	if (broker_told_today(w->b, w->job->device, w->now))
		return 0;
	return broker_audit(w->b, w->now, "host", "voice.unknown", w->id,
			    json_pack("{s:s, s:s, s:s}", "product", w->job->lines[i].product, "hostname",
				      w->job->hostname, "request", w->job->correlation));
}

/* Was it confirmed here, or at least so far? */
static bool is_ours(const uint8_t shown[VOICE_SHOWN], const struct record_voice *v)
{
	struct voice_grant g;
	if (voice_head_read(shown + VOICE_IID, &g))
		return false;
	return (int64_t)g.sequence < v->sequence ||
	       ((int64_t)g.sequence == v->sequence && (int64_t)g.day <= v->day);
}

/* How many lines are to be settled: those that were not confirmed here are reported, and no longer spoken. */
static int count_spoken(struct work *w, size_t *ret)
{
	int error = 0;
	*ret = 0;
	for (size_t i = 0; i < w->job->n_lines && !error; i++) {
		struct record_copy found;
		struct job_line *line = &w->job->lines[i];
		if (!line->spoken)
			continue;
		error = find(w, line->voice, &found);
		line->spoken = !error && is_ours(line->voice, &found.record.u.voice);
		*ret += line->spoken;
		if (error == E_NOT_FOUND || (!error && !line->spoken))
			error = report(w, i);
	}
	return error;
}

static int settle_all(struct work *w)
{
	int error = 0;
	for (size_t i = 0; i < w->job->n_lines && !error; i++) {
		struct record_copy found;
		if (!w->job->lines[i].spoken)
			continue;
		error = find(w, w->job->lines[i].voice, &found);
		if (!error)
			error = settle(w, &found.record);
	}
	return error;
}

static int decide_again(struct work *w)
{
	int error = work_load(w);
	return error ? error : work_decide(w);
}

/* Those who are refused are no longer spoken; how many these are. */
static size_t leave_refused(struct work *w)
{
	size_t n = 0;
	for (size_t i = 0; i < w->job->n_lines; i++) {
		struct job_line *line = &w->job->lines[i];
		if (!line->spoken || work_gives_back(w) || !w->lines[i].verdict.code)
			continue;
		line->spoken = false;
		n++;
	}
	return n;
}

/* The lines that would then be refused keep what they have by telephone: the rest is tried without them. */
int work_voice_settle(struct work *w)
{
	size_t n;
	int error = count_spoken(w, &n);
	while (!error && n) {
		error = store_mark(w->b->store);
		if (!error)
			error = settle_all(w);
		if (!error)
			error = decide_again(w);
		size_t refused = error ? 0 : leave_refused(w);
		if (error || !refused)
			return error ? error : store_keep(w->b->store);
		n -= refused;
		seats_forget(w->b);
		error = store_undo(w->b->store);
		if (!error)
			error = decide_again(w);
	}
	return error;
}
