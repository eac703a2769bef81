/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A lease that a device shows because it is ahead of the record: the ledger was restored from a backup, and
 * what the lease says was granted after it (DESIGN 5.4). A lease that holds, and is newer than the record,
 * becomes the record; the device's ratchet goes on from where the device is. Nothing is signed here.
 */
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "likeness.h"
#include "request.h"
#include "signin.h"

#define SHOWS_MAX 256 /* by one device in an hour */
#define SHOWS_SECONDS 3600
#define CLOCKS_APART 86400 /* a lease may be so far ahead of this host's clock */

/* What was shown, and what it is of. */
struct shown {
	struct lease lease;
	struct certificate certificate;
	const struct roots *vendor;
	char pid[PASERK_ID_TEXT];
	int64_t grant; /* its number */
};

/* --- does it hold --- */

static int find_vendor(const struct work *w, struct shown *s)
{
	const char *token = w->job->covering;
	int error = token_peek_issuer(token, strlen(token), s->pid);
	if (!error && !(s->vendor = catalog_vendor(&w->b->catalog, s->pid)))
		error = E_VENDOR_NOT_PINNED;
	return error;
}

/* The product that the lease names, to be verified with it. */
static int peek_product(const struct work *w, char ret[LIMIT_ID + 1])
{
	json_t *claims;
	int error = token_peek(w->job->text, strlen(w->job->text), &claims);
	if (error)
		return error;
	const char *product = json_string_value(json_object_get(claims, "product"));
	if (product && slug_ok(product))
		memcpy(ret, product, strlen(product) + 1);
	else
		error = E_CLAIM_INVALID;
	json_decref(claims);
	return error;
}

static int find_grant(const struct work *w, struct shown *s)
{
	const struct catalog_license *l = catalog_license(&w->b->catalog, s->pid, s->lease.license);
	const struct grant *g = l ? license_grant(&l->license, s->lease.grant) : NULL;
	if (!g || strcmp(g->product, s->lease.product) != 0)
		return E_PRODUCT_UNKNOWN;
	if (strcmp(l->license.org, s->lease.org) != 0)
		return E_WRONG_ORG;
	s->grant = l->numbers[g - l->license.grants];
	return s->grant ? 0 : E_PRODUCT_UNKNOWN;
}

/* Signed by a host that this vendor certified for this ledger, for this device, and not since revoked. */
static int verify(const struct work *w, struct shown *s)
{
	struct job_line *line = &w->job->lines[0];
	int error = find_vendor(w, s);
	if (!error)
		error = peek_product(w, line->product);
	if (!error)
		error = lease_verify(w->job->text, w->job->covering, s->vendor, line->product, w->job->device,
				     &s->lease, &s->certificate);
	if (error)
		return error;
	const struct revocations *revoked = catalog_revocations(&w->b->catalog, s->pid);
	if (memcmp(s->certificate.ledger, w->b->ledger, LEDGER_ID) != 0)
		return E_LEDGER_MISMATCH;
	if (revoked && revocations_certificate(revoked, s->lease.head.iss, &s->certificate.chain))
		return E_CERTIFICATE_REVOKED;
	if (s->lease.head.iat > w->now + CLOCKS_APART)
		return E_NOT_YET_VALID;
	memcpy(line->user, s->lease.user, sizeof(line->user));
	return find_grant(w, s);
}

/* --- what is on record --- */

/* The lease's own grant must be among those that are looked at. */
static int load(struct work *w, const struct shown *s)
{
	const struct wish wish = {.product = w->job->lines[0].product, .version = "", .host = w->b->key->id};
	struct line_facts *line = &w->lines[0].facts;
	int error = work_load(w);
	catalog_candidate_add(&w->b->catalog, &wish, s->grant, line);
	if (!error)
		error = store_facts(w->b->store, &w->asker, w->now, &w->lines[0].person, line, 1);
	w->device = w->lines[0].person;
	return error;
}

static struct candidate *find_candidate(struct work *w, const struct shown *s)
{
	struct line_facts *line = &w->lines[0].facts;
	for (size_t i = 0; i < line->n_candidates; i++)
		if (line->candidates[i].grant == s->grant)
			return &line->candidates[i];
	return NULL;
}

static int64_t serial_on_record(const struct work *w)
{
	const struct line_facts *line = &w->lines[0].facts;
	int64_t most = 0;
	for (size_t i = 0; i < line->n_candidates; i++)
		if (line->candidates[i].holding.serial > most)
			most = line->candidates[i].holding.serial;
	return most;
}

/* --- taking it over --- */

static struct holding adopted(const struct candidate *c, const struct lease *lease, int64_t now)
{
	struct holding h = c->holding;
	int64_t at = lease->head.iat < now ? lease->head.iat : now;
	if (h.state != HOLDING_ACTIVE)
		h.activated = at;
	h.state = HOLDING_ACTIVE;
	h.renewed = at;
	h.contacted = h.contacted > at ? h.contacted : at;
	h.expires = lease->exp;
	h.serial = lease->serial;
	h.units = h.units ? h.units : 1;
	h.plans = 0;
	for (size_t i = 0; i < lease->n_plans; i++) {
		int plan = product_plan(c->product, lease->plans[i]);
		if (plan >= 0)
			h.plans |= 1u << plan;
	}
	return h;
}

static int record(struct work *w, const struct candidate *c, const struct lease *lease)
{
	char actor[DEVICE_ID_TEXT + 8] = "device:";
	strcat(actor, w->id);
	broker_tally(w->b, "adopted", c->grant);
	return broker_audit(w->b, w->now, actor, "activation.adopted", w->id,
			    json_pack("{s:s, s:s, s:s, s:s*, s:I, s:I, s:s}", "product", lease->product,
				      "hostname", w->job->hostname, "grant", c->id, "user",
				      lease->user[0] ? lease->user : NULL, "serial",
				      (json_int_t)lease->serial, "on_record", (json_int_t)c->holding.serial,
				      "request", w->job->correlation));
}

static int store_adopted(struct work *w, const struct candidate *c, const struct shown *s)
{
	bool of_user = model_of_users(c->model);
	int64_t user = of_user ? w->lines[0].person.user : 0;
	struct holding after = adopted(c, &s->lease, w->now);
	w->stores = true;
	peaks_note_holding(w->b, c, &after, w->now);
	int error = work_store_device(w);
	if (!error && of_user)
		error = signin_bind(w->b, w->job, w->device.device, user, w->now);
	if (!error)
		error = work_apply(w, (struct effect){.kind = EFFECT_HOLDING,
						      .grant = c->grant,
						      .user = user,
						      .u.holding = {c->holding, after}});
	if (!error)
		error = work_end_former(w, 0, c);
	if (!error && c->model == MODEL_POOL)
		error = work_store_hardware(w, 0, c);
	return error ? error : record(w, c, &s->lease);
}

static int follow(struct work *w)
{
	struct ratchet row = ratchet_adopt(&w->job->shown, w->now);
	row.machine = likeness_known(&w->device.ratchet.machine, &w->job->machine);
	return work_apply(w, (struct effect){.kind = EFFECT_RATCHET, .u.ratchet = &row});
}

/* Only a device that is ahead of the record is listened to, or it would choose what is on record. */
static bool is_ahead(const struct work *w)
{
	const struct ratchet *r = &w->device.ratchet;
	switch (ratchet_judge(w->b->secret, w->job->device, r, &w->job->shown)) {
	case RATCHET_AHEAD:
		return true;
	case RATCHET_CONTINUE:
		return ratchet_adopted(r); /* by another of its leases */
	default:
		return false;
	}
}

/* Was it given before an administrator dropped the device? Then it goes the way of a new one. */
static int was_forgotten(struct work *w, const struct lease *lease, bool *ret)
{
	struct record_copy found;
	struct record like = {.kind = RECORD_FORGOTTEN, .u.forgotten.device = {w->job->device, DEVICE_ID}};
	int error = store_find(w->b->store, &like, BY(forgotten, device), &found);
	*ret = !error && lease->head.iat <= found.record.u.forgotten.at;
	return error == E_NOT_FOUND ? 0 : error;
}

/* Was it given to somebody who had the name before? A user is older than a lease, unless the ledger was
 * restored and the user made anew since. */
static int was_a_namesakes(struct work *w, const struct lease *lease, bool *ret)
{
	struct record_copy found;
	int64_t restored = w->b->restored;
	*ret = false;
	if (!w->lines[0].person.user)
		return 0;
	int error = store_get(w->b->store, RECORD_USER, w->lines[0].person.user, &found);
	if (error)
		return error;
	int64_t made = found.record.u.user.created;
	*ret = lease->head.iat < made && (restored < lease->head.iat || restored > made);
	return 0;
}

static int judge(struct work *w, const struct shown *s, int *ret_code)
{
	const struct candidate *c = find_candidate(w, s);
	int64_t on_record = serial_on_record(w);
	bool forgotten;
	bool namesakes = false;
	int error = was_forgotten(w, &s->lease, &forgotten);
	if (!error)
		error = was_a_namesakes(w, &s->lease, &namesakes);
	if (error)
		return error;
	if (!is_ahead(w) || w->device.blocked) {
		*ret_code = w->device.blocked ? E_DEVICE_BLOCKED : E_BAD_REQUEST;
		return 0;
	}
	if (forgotten || namesakes || (s->lease.exp && s->lease.exp <= w->now)) {
		*ret_code = E_LEASE_OLD;
		return 0;
	}
	if (!c || (model_of_users(c->model) && !w->lines[0].person.user)) {
		*ret_code = c ? E_NOT_FOUND : E_NOT_CERTIFIED;
		return 0;
	}
	if (s->lease.serial > on_record) {
		error = store_adopted(w, c, s);
		return error ? error : follow(w);
	}
	/* What it was told after the backup was no lease: it still has the one on record. */
	if (s->lease.serial == on_record && w->device.known && w->device.ratchet.at <= w->b->restored)
		return follow(w);
	*ret_code = E_LEASE_OLD;
	return 0;
}

static int show(struct work *w)
{
	int *code = &w->job->lines[0].answer.code;
	struct tries *t = broker_tries(w->b, w->b->shows, w->id, w->now, SHOWS_SECONDS);
	struct shown *s = calloc(1, sizeof(*s));
	if (!s)
		return E_NO_MEMORY;
	int error = 0;
	*code = broker_doubts_time(w->b) ? E_CLOCK_UNSAFE : t->n++ < SHOWS_MAX ? verify(w, s) : E_BUSY;
	if (*code == E_NO_MEMORY)
		error = *code;
	if (!*code)
		error = load(w, s);
	if (!error && !*code)
		error = judge(w, s, code);
	free(s);
	return error;
}

int adopt_run(struct broker *b, struct job *job, int64_t now)
{
	struct work *w = calloc(1, sizeof(*w) + sizeof(w->lines[0]));
	if (!w)
		return E_NO_MEMORY;
	job->enrolled = false; /* of a run that was undone */
	job->lines[0].answer = (struct answer_line){.numbers = NUMBERS_NONE};
	work_begin(w, b, job, now);
	int error = show(w);
	free(w);
	return error;
}
