/* SPDX-License-Identifier: Apache-2.0 */
/* What this machine is, product by product: a snapshot that the caller walks. */
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "error.h"
#include "muster.h"

struct row {
	char product[LIMIT_ID + 1];
	char name[LIMIT_NAME + 1];
	enum machine_state state;
	bool prompt;
	unsigned notice;
	bool leased;
	char user[LIMIT_USER + 1];
	struct lease lease;
	int64_t grace_ends;
	char host[ENDPOINT_TEXT];
	struct numbers count;
	int error;
	struct numbers numbers;
	char detail[LIMIT_DETAIL + 1];
	char correlation[FAULT_CORRELATION];
};

struct muster_status {
	char device[DEVICE_ID_TEXT];
	char forked_from[DEVICE_ID_TEXT]; /* "": of none */
	bool clock_suspect;
	struct row *rows;
	size_t n;
};

/* --- taking the snapshot --- */

/* Why it is not well: this machine's own reason before what the last try ended with. */
static void fill_error(const struct work *w, const struct record *r, const struct machine *m,
		       const struct fault *f, struct row *row)
{
	if (f->code) {
		row->error = f->code;
		fault_excerpt(f->detail, row->detail, sizeof(row->detail));
	} else if (m->tampered) {
		row->error = E_STATE_TAMPERED;
	} else if (r->refusal.code) {
		row->error = r->refusal.code;
		row->numbers = r->refusal.numbers;
		memcpy(row->detail, r->refusal.detail, sizeof(row->detail));
		memcpy(row->correlation, r->refusal.correlation, sizeof(row->correlation));
	} else if (w->clock.suspect) {
		row->error = E_CLOCK_SUSPECT;
	}
}

static void fill(struct work *w, const struct record *r, const struct trust_product *p, struct row *row)
{
	struct stored_lease lease;
	struct fault f;
	struct machine m = work_machine(w, r, p, &lease, &f);
	memset(row, 0, sizeof(*row));
	memcpy(row->product, r->product, sizeof(row->product));
	if (p)
		memcpy(row->name, p->file.product.name, sizeof(row->name));
	row->state = machine_state(&m, &w->clock);
	row->prompt = machine_prompt(&m, &w->clock);
	row->notice = machine_notice(&m, &w->clock);
	row->grace_ends = machine_grace_end(&m);
	row->leased = m.leased;
	if (m.leased)
		row->lease = lease.lease;
	memcpy(row->user, m.leased ? lease.lease.user : r->user, sizeof(row->user));
	memcpy(row->host, r->host, sizeof(row->host));
	row->count = r->count;
	fill_error(w, r, &m, &f, row);
}

/* The products of the folder first, then what only the state knows. */
static void fill_all(struct work *w, struct muster_status *s)
{
	for (size_t i = 0; i < w->trust.n_products; i++) {
		const struct trust_product *p = &w->trust.products[i];
		struct record none = {.first_call = w->clock.now};
		const struct record *r = state_record(w->state, p->file.product.id);
		memcpy(none.product, p->file.product.id, sizeof(none.product));
		fill(w, r ? r : &none, p, &s->rows[s->n++]);
	}
	for (size_t i = 0; i < w->state->n_records; i++) {
		const struct record *r = &w->state->records[i];
		/* A product that was only looked at and is gone from the folder is forgotten. */
		if (!trust_find(&w->trust, r->product) && (r->wanted || r->serial))
			fill(w, r, NULL, &s->rows[s->n++]);
	}
	if (w->device)
		memcpy(s->device, w->device->text, sizeof(s->device));
	if (w->state->forked)
		device_id_write(w->state->forked_from, s->forked_from);
	s->clock_suspect = w->clock.suspect;
}

static bool any_new(struct work *w)
{
	for (size_t i = 0; i < w->trust.n_products; i++) {
		const struct record *r = state_record(w->state, w->trust.products[i].file.product.id);
		if (!r || !r->first_call)
			return true;
	}
	return false;
}

/* Begin the first grace of products that were never called for, which must be kept. */
static int begin_graces(struct work *w, struct muster *m)
{
	bool made = false;
	work_close(w);
	int error = work_open(w, m, WORK_WRITE, muster_local_deadline(m));
	for (size_t i = 0; !error && i < w->trust.n_products; i++)
		work_record(w, &w->trust.products[i], &made);
	if (!error && made)
		error = work_save(w);
	return error;
}

static int open_all(struct work *w, struct muster *m)
{
	int error = work_open(w, m, WORK_READ, muster_local_deadline(m));
	if (error || w->damaged || !any_new(w))
		return error;
	error = begin_graces(w, m);
	if (error != E_STATE_LOCKED)
		return error;
	/* Somebody is busy activating: the grace begins with the next call. */
	work_close(w);
	fault_clear(&m->fault);
	return work_open(w, m, WORK_READ, muster_local_deadline(m));
}

int muster_status(struct muster *m, struct muster_status **ret)
{
	struct work w;
	if (muster_begin(m))
		return E_IN_PROGRESS;
	struct muster_status *s = calloc(1, sizeof(*s));
	struct row *rows = calloc(STATE_RECORDS + LIMIT_PRODUCTS, sizeof(*rows));
	if (!s || !rows) {
		free(s);
		free(rows);
		return fault_code(&m->fault, E_NO_MEMORY);
	}
	s->rows = rows;
	int error = open_all(&w, m);
	if (!error)
		fill_all(&w, s);
	work_close(&w);
	if (error)
		muster_status_free(s);
	else
		*ret = s;
	return error;
}

void muster_status_free(struct muster_status *s)
{
	if (!s)
		return;
	free(s->rows);
	free(s);
}

/* --- walking it --- */

static const struct row *at(const struct muster_status *s, int index)
{
	static const struct row none = {.state = MACHINE_UNLICENSED};
	return index >= 0 && (size_t)index < s->n ? &s->rows[index] : &none;
}

const char *muster_status_device(const struct muster_status *s)
{
	return s->device;
}

const char *muster_status_forked_from(const struct muster_status *s)
{
	return s->forked_from;
}

int muster_status_clock_suspect(const struct muster_status *s)
{
	return s->clock_suspect;
}

int muster_status_count(const struct muster_status *s)
{
	return (int)s->n;
}

int muster_status_find(const struct muster_status *s, const char *product)
{
	for (size_t i = 0; i < s->n; i++)
		if (product && strcmp(s->rows[i].product, product) == 0)
			return (int)i;
	return -1;
}

const char *muster_status_product(const struct muster_status *s, int index)
{
	return at(s, index)->product;
}

const char *muster_status_name(const struct muster_status *s, int index)
{
	return at(s, index)->name;
}

const char *muster_status_state(const struct muster_status *s, int index)
{
	return machine_name(at(s, index)->state);
}

const char *muster_status_model(const struct muster_status *s, int index)
{
	const struct row *row = at(s, index);
	return row->leased ? model_name(row->lease.model) : "";
}

long long muster_status_expires(const struct muster_status *s, int index)
{
	return at(s, index)->lease.exp;
}

long long muster_status_renew_after(const struct muster_status *s, int index)
{
	return at(s, index)->lease.renew_after;
}

const char *muster_status_on_expiry(const struct muster_status *s, int index)
{
	const struct row *row = at(s, index);
	return row->leased ? on_expiry_name(row->lease.on_expiry) : "";
}

const char *muster_status_user(const struct muster_status *s, int index)
{
	return at(s, index)->user;
}

long long muster_status_serial(const struct muster_status *s, int index)
{
	return at(s, index)->lease.serial;
}

int muster_status_notice(const struct muster_status *s, int index)
{
	return (int)at(s, index)->notice;
}

const char *muster_status_org(const struct muster_status *s, int index)
{
	return at(s, index)->lease.org;
}

long long muster_status_grace_ends(const struct muster_status *s, int index)
{
	return at(s, index)->grace_ends;
}

const char *muster_status_host(const struct muster_status *s, int index)
{
	return at(s, index)->host;
}

int muster_status_plans(const struct muster_status *s, int index)
{
	return (int)at(s, index)->lease.n_plans;
}

const char *muster_status_plan(const struct muster_status *s, int index, int which)
{
	const struct lease *lease = &at(s, index)->lease;
	return which >= 0 && (size_t)which < lease->n_plans ? lease->plans[which] : "";
}

long long muster_status_have(const struct muster_status *s, int index)
{
	return at(s, index)->count.have;
}

long long muster_status_need(const struct muster_status *s, int index)
{
	return at(s, index)->count.need;
}

int muster_status_error_number(const struct muster_status *s, int index)
{
	return -at(s, index)->error;
}

const char *muster_status_error_name(const struct muster_status *s, int index)
{
	int error = at(s, index)->error;
	return error ? error_name(error) : "";
}

const char *muster_status_error_text(const struct muster_status *s, int index)
{
	int error = at(s, index)->error;
	return error ? error_text(error) : "";
}

const char *muster_status_error_remedy(const struct muster_status *s, int index)
{
	int error = at(s, index)->error;
	return error ? error_row(error)->remedy : "";
}

const char *muster_status_error_detail(const struct muster_status *s, int index)
{
	return at(s, index)->detail;
}

const char *muster_status_error_correlation(const struct muster_status *s, int index)
{
	return at(s, index)->correlation;
}

int muster_status_error_temporary(const struct muster_status *s, int index)
{
	return error_is_temporary(muster_status_error_number(s, index));
}

int muster_status_error_value(const struct muster_status *s, int index, const char *name, long long *ret)
{
	int64_t value;
	if (!numbers_value(&at(s, index)->numbers, name, &value))
		return 0;
	*ret = value;
	return 1;
}

int muster_status_prompt(const struct muster_status *s, int index)
{
	return at(s, index)->prompt;
}

int muster_status_exit(const struct muster_status *s, int index)
{
	return machine_exit(at(s, index)->state);
}
