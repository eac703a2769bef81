/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "error.h"
#include "folder.h"
#include "muster.h"
#include "ongoing.h"
#include "revoked.h"
#include "spoken.h"

#define FORK_SECONDS 86400 /* a host that errs must not make identities without end */

/* --- the handle --- */

static int64_t wall_clock(void)
{
	return (int64_t)time(NULL);
}

static uint32_t draw_any(void *context, uint32_t bound)
{
	(void)context;
	return randombytes_uniform(bound);
}

const char *muster_version(void)
{
	return MUSTER_VERSION;
}

struct muster *muster_new(void)
{
	if (sodium_init() < 0)
		return NULL;
	struct muster *m = calloc(1, sizeof(*m));
	struct outcome *outcomes = calloc(LIMIT_PRODUCTS, sizeof(*outcomes));
	if (!m || !outcomes) {
		free(m);
		free(outcomes);
		return NULL;
	}
	m->outcomes = outcomes;
	m->epoll = -1;
	m->wall = wall_clock;
	m->boot = uptime_read;
	m->root = "";
	m->draw = draw_any;
	return m;
}

void muster_free(struct muster *m)
{
	if (!m)
		return;
	ongoing_end(m);
	options_fini(&m->options);
	free(m->outcomes);
	free(m->text);
	free(m);
}

int muster_set(struct muster *m, const char *option, const char *value)
{
	if (m->ongoing)
		return E_IN_PROGRESS;
	fault_clear(&m->fault);
	return options_set(&m->options, option ? option : "", value, &m->fault);
}

const char *muster_option(int index, int *ret_repeatable)
{
	size_t n;
	const struct option_row *rows = option_rows(&n);
	if (index < 0 || (size_t)index >= n)
		return NULL;
	if (ret_repeatable)
		*ret_repeatable = rows[index].repeatable;
	return rows[index].name;
}

void muster_cancel(struct muster *m)
{
	if (m)
		m->cancelled = true;
}

int muster_begin(struct muster *m)
{
	if (m->ongoing)
		return E_IN_PROGRESS;
	fault_clear(&m->fault);
	m->steps.n = 0;
	m->n_outcomes = 0;
	m->cancelled = false;
	return 0;
}

struct deadline muster_deadline(struct muster *m, int deadline_ms)
{
	return deadline_in(deadline_ms > 0 ? deadline_ms : options_timeout(&m->options), &m->cancelled);
}

struct deadline muster_local_deadline(struct muster *m)
{
	bool waits = !options_flag(&m->options, OPTION_NONBLOCKING);
	return deadline_in(waits ? options_timeout(&m->options) : 0, &m->cancelled);
}

int muster_keep_text(struct muster *m, char *text, int error)
{
	if (error) {
		free(text);
		return error;
	}
	free(m->text);
	m->text = text;
	return 0;
}

struct outcome *muster_outcome(struct muster *m, const char *product)
{
	for (size_t i = 0; i < m->n_outcomes; i++)
		if (strcmp(m->outcomes[i].product, product) == 0)
			return &m->outcomes[i];
	if (m->n_outcomes == LIMIT_PRODUCTS)
		return NULL;
	struct outcome *o = &m->outcomes[m->n_outcomes++];
	memset(o, 0, sizeof(*o));
	memcpy(o->product, product, strnlen(product, LIMIT_ID));
	o->what = "failed";
	return o;
}

/* --- the files of a verb --- */

static int load_trust(struct work *w)
{
	struct muster *m = w->m;
	int error = 0;
	for (size_t i = 0; i < options_count(&m->options, OPTION_VENDOR_KEY) && !error; i++)
		error = trust_add_key(&w->trust, options_at(&m->options, OPTION_VENDOR_KEY, i), &m->fault);
	return error ? error : trust_load(&w->trust, options_text(&m->options, OPTION_PRODUCTS), &m->fault);
}

/* New keys for this machine, in place of what w->device has, if anything. */
static int renew_device(struct work *w, const struct parts *parts)
{
	struct device *fresh = NULL;
	int error = device_make(w->folder, parts, w->device, &fresh, &w->m->fault);
	if (error)
		return error;
	device_free(w->device);
	w->device = fresh;
	return 0;
}

/* A device key is made once, by whoever holds the lock; and again on a copy of the machine. */
static int make_device(struct work *w, const struct parts *parts)
{
	struct fault *f = &w->m->fault;
	int lock = w->lock;
	int error = lock >= 0 ? 0 : folder_lock(w->folder, w->deadline, &lock, f);
	if (error)
		return error;
	device_free(w->device);
	w->device = NULL;
	error = device_load(w->folder, &w->device, f);
	if (error == E_NOT_FOUND || error == E_STATE_TAMPERED || (!error && device_is_copy(w->device, parts)))
		error = renew_device(w, parts);
	if (w->lock < 0)
		folder_unlock(lock);
	return error;
}

static int read_device(struct work *w, const char *identity)
{
	return identity ? device_from_seed(identity, &w->device, &w->m->fault)
			: device_load(w->folder, &w->device, &w->m->fault);
}

static int load_device(struct work *w, enum work_mode mode)
{
	const char *identity = options_text(&w->m->options, OPTION_IDENTITY);
	struct parts parts;
	int error = read_device(w, identity);
	if (identity)
		return error;
	parts_read_origin(w->m->root, &parts);
	if (error == E_NOT_FOUND || (!error && device_is_copy(w->device, &parts)))
		error = make_device(w, &parts);
	if (error != E_STATE_TAMPERED)
		return error;
	w->damaged = true;
	if (mode == WORK_HEAL)
		return make_device(w, &parts);
	return mode == WORK_READ ? 0 : error;
}

/* What other documents prove: leases carry the vendor's and the host's signatures and this device's id, so
 * the mark, the organisation and the serials can be had from them. For a state that was lost, and for a
 * record that was not written any more after its lease; of what was given back the record says so. */
static void learn_from_leases(struct work *w)
{
	struct stored_lease *lease = malloc(sizeof(*lease));
	struct fault ignored;
	for (size_t i = 0; lease && i < w->trust.n_products; i++) {
		const struct trust_product *p = &w->trust.products[i];
		const char *id = p->file.product.id;
		const struct record *known = state_record(w->state, id);
		if (known && (known->serial || known->stored))
			continue;
		if (leasefile_read(w->folder, id, &p->vendor->roots, w->device->id, lease, &ignored))
			continue;
		struct record *r = state_need(w->state, id, p->vendor->pid);
		if (!r)
			continue;
		r->wanted = true;
		r->serial = lease->lease.serial;
		memcpy(r->user, lease->lease.user, sizeof(r->user));
		work_raise(w, lease->lease.head.iat);
		struct pin *pin = state_pin(w->state, p->vendor->pid);
		memcpy(pin->org, lease->lease.org, sizeof(pin->org));
	}
	free(lease);
	work_clock(w);
}

/* A new state in place of a damaged one. */
static void heal(struct work *w)
{
	memset(w->state, 0, sizeof(*w->state));
	memcpy(w->state->device, w->device->id, DEVICE_ID);
	learn_from_leases(w);
	w->state->tampered = w->clock.now;
	w->damaged = false;
}

/* Those of the device that this machine was a copy of. */
static int drop_leases(struct work *w)
{
	int error = 0;
	for (size_t i = 0; i < w->state->n_records && !error; i++)
		error = leasefile_remove(w->folder, w->state->records[i].product, &w->m->fault);
	if (!error)
		error = work_save(w);
	w->state->disowned = error != 0;
	return error;
}

static int load_state(struct work *w, enum work_mode mode)
{
	int error = w->device ? state_load(w->folder, w->device, w->m->wall(), w->state, &w->m->fault)
			      : E_STATE_TAMPERED;
	if (!error && !w->damaged) {
		learn_from_leases(w);
		return w->lock >= 0 && w->state->disowned ? drop_leases(w) : 0;
	}
	if (error && error != E_STATE_TAMPERED)
		return error;
	w->damaged = true;
	if (mode == WORK_HEAL)
		heal(w);
	return mode == WORK_WRITE ? error : 0;
}

/* As a machine that was never here before, when the real one's files cannot be had. */
static int peek(struct work *w)
{
	struct fault ignored;
	struct parts parts;
	int error = read_device(w, options_text(&w->m->options, OPTION_IDENTITY));
	parts_read_origin(w->m->root, &parts);
	bool ours = !error && !device_is_copy(w->device, &parts);
	if (ours && state_load(w->folder, w->device, w->m->wall(), w->state, &ignored) == 0)
		return 0;
	memset(w->state, 0, sizeof(*w->state));
	if (w->device)
		return 0;
	w->device = sodium_malloc(sizeof(*w->device));
	if (!w->device)
		return fault_code(&w->m->fault, E_NO_MEMORY);
	memset(w->device, 0, sizeof(*w->device));
	noise_pair_make(&w->device->fixed);
	return 0;
}

static int open_files(struct work *w, enum work_mode mode)
{
	struct fault *f = &w->m->fault;
	int error = load_trust(w);
	if (error || mode == WORK_PEEK)
		return error ? error : peek(w);
	error = folder_make(w->folder, f);
	if (!error && mode != WORK_READ)
		error = folder_lock(w->folder, w->deadline, &w->lock, f);
	if (!error)
		error = load_device(w, mode);
	if (!error)
		error = load_state(w, mode);
	return error;
}

/* Is it time to write down how long a machine was up whose clock is wrong, so that the next start forgets
 * little? */
static bool is_long(const struct work *w)
{
	struct boot now = w->m->boot(w->m->root);
	return w->clock.suspect && uptime_used(&w->state->up, &now) - w->state->up.used >= UPTIME_KEEP;
}

int work_open(struct work *w, struct muster *m, enum work_mode mode, struct deadline deadline)
{
	memset(w, 0, sizeof(*w));
	w->m = m;
	w->deadline = deadline;
	w->lock = -1;
	w->folder = options_text(&m->options, OPTION_STATE);
	w->state = calloc(1, sizeof(*w->state));
	if (!w->state)
		return fault_code(&m->fault, E_NO_MEMORY);
	int error = open_files(w, mode);
	if (error)
		return error;
	/* What was said while looking (no key file yet) is no error of the verb. */
	fault_clear(&m->fault);
	work_clock(w);
	return w->lock >= 0 && is_long(w) ? work_save(w) : 0;
}

void work_close(struct work *w)
{
	device_free(w->device);
	if (w->state)
		sodium_memzero(w->state, sizeof(*w->state));
	free(w->state);
	trust_fini(&w->trust);
	if (w->lock >= 0)
		folder_unlock(w->lock);
}

int work_save(struct work *w)
{
	struct boot now = w->m->boot(w->m->root);
	uptime_look(&w->state->up, &now);
	return state_save(w->folder, w->device, w->state, &w->m->fault);
}

bool work_may_fork(const struct work *w)
{
	int64_t since = w->clock.now - w->state->forked_at;
	return !w->device->chosen && (!w->state->forked || since < 0 || since >= FORK_SECONDS);
}

int work_fork(struct work *w)
{
	struct parts parts;
	parts_read_origin(w->m->root, &parts);
	int error = renew_device(w, &parts);
	if (error)
		return error;
	state_disown(w->state, w->device->id, w->clock.now);
	return drop_leases(w);
}

_Static_assert(STATE_PINS >= TRUST_KEYS, "no vendor's pin gives way to another's");

/* Nothing is asked of the machine when it stays as it was. */
static void set_mark(struct work *w, int64_t time)
{
	if (time == w->state->mark)
		return;
	struct boot now = w->m->boot(w->m->root);
	state_mark(w->state, time, &now);
}

void work_raise(struct work *w, int64_t time)
{
	set_mark(w, time > w->state->mark ? time : w->state->mark);
}

void work_told(struct work *w, int64_t time, const struct certificate *by)
{
	set_mark(w, machine_mark(w->state->mark, time, by->nbf, by->exp));
	work_clock(w);
}

/* The first call for any product; 0: there was none. */
static int64_t first_call(const struct state *s)
{
	int64_t first = 0;
	for (size_t i = 0; i < s->n_records; i++) {
		int64_t call = s->records[i].first_call;
		if (call && (!first || call < first))
			first = call;
	}
	return first;
}

/* The time since when it is counted how long the machine was up, and that. */
static int64_t reached(const struct work *w, const struct boot *now)
{
	int64_t since = w->state->mark ? w->state->mark : first_call(w->state);
	return since ? since + uptime_used(&w->state->up, now) : 0;
}

void work_clock(struct work *w)
{
	struct boot now = w->m->boot(w->m->root);
	w->clock = machine_clock(w->m->wall(), w->state->mark, trust_floor(&w->trust), reached(w, &now));
}

/* --- one product --- */

struct record *work_record(struct work *w, const struct trust_product *p, bool *made)
{
	bool there = state_record(w->state, p->file.product.id) != NULL;
	struct record *r = state_need(w->state, p->file.product.id, p->vendor->pid);
	bool changed = r && (!there || !r->first_call);
	if (changed && !w->state->mark && !first_call(w->state)) {
		struct boot now = w->m->boot(w->m->root);
		uptime_begin(&w->state->up, &now);
	}
	if (changed)
		r->first_call = w->clock.now;
	if (changed && made)
		*made = true;
	return r;
}

static void take_lease(struct machine *m, const struct lease *lease)
{
	m->leased = true;
	m->model = lease->model;
	m->iat = lease->head.iat;
	m->exp = lease->exp;
	m->renew_after = lease->renew_after;
	m->on_expiry = lease->on_expiry;
}

/* Is it being given back? Its lease goes before the record says so. */
static bool gives_back(const struct state *s, const struct record *r)
{
	for (size_t i = 0; i < s->n_ledgers; i++) {
		const struct ledger *l = &s->ledgers[i];
		const struct want *all = call_want(&l->call, ""); /* products of this user */
		if (l->pending && (l->call.kind == CALL_RELEASE || l->call.kind == CALL_SIGN_OUT) &&
		    (call_want(&l->call, r->product) || (all && strcmp(all->user, r->user) == 0)))
			return true;
	}
	return false;
}

/* Does the lease on disk hold, and is it the one that the state knows? 0, E_NOT_FOUND, or what is wrong. */
static int read_lease(struct work *w, const struct record *r, const struct trust_product *p,
		      struct stored_lease *lease, struct fault *f)
{
	if (!p)
		return fault_set(f, E_NO_PRODUCT_FILE, "%s",
				 w->trust.ignored[0] ? w->trust.ignored
						     : "no file in the products folder is for it");
	/* It was given back: a copy of the file that somebody put there again is no lease. */
	if (!r->serial && r->stored)
		return E_NOT_FOUND;
	int error = leasefile_read(w->folder, r->product, &p->vendor->roots, w->device->id, lease, f);
	if (error == E_NOT_FOUND && r->serial && !gives_back(w->state, r))
		return fault_set(f, E_STATE_TAMPERED, "the lease file is gone");
	if (!error && lease->lease.serial < r->serial)
		return fault_set(f, E_STATE_TAMPERED, "the lease file is older than the state");
	if (!error && w->state->tampered && r->stored < w->state->tampered)
		return fault_set(f, E_STATE_TAMPERED, "the state was changed by another hand");
	return error;
}

/* What was confirmed by telephone, where there is no better lease. */
static void read_spoken(struct work *w, const struct trust_product *p, struct machine *m,
			struct stored_lease *lease)
{
	struct lease spoken;
	const char *site_key = options_text(&w->m->options, OPTION_SITE_KEY);
	/* Without memory for the list nothing is proved. */
	if (w->trust.n_hosts && revoked_read(&w->trust, p->vendor, w->folder))
		return;
	if (!spoken_lease(w->folder, site_key, w->device, &w->trust, p, &spoken) ||
	    (m->leased && spoken.exp <= m->exp))
		return;
	memset(lease, 0, sizeof(*lease));
	lease->lease = spoken;
	snprintf(lease->lease.org, sizeof(lease->lease.org), "%s", state_pin(w->state, p->vendor->pid)->org);
	take_lease(m, &spoken);
	m->spoken = true;
}

struct machine work_machine(struct work *w, const struct record *r, const struct trust_product *p,
			    struct stored_lease *ret_lease, struct fault *f)
{
	struct stored_lease own;
	struct stored_lease *lease = ret_lease ? ret_lease : &own;
	struct machine m = {
		.wanted = r->wanted,
		.first_call = r->first_call,
		.grace_days = p ? p->file.grace_days : 0,
		.prompt_days = p ? p->file.prompt_days : 0,
		.retry_minutes = r->retry_minutes,
		.tried = r->tried,
		.failures = r->failures,
		.answered = r->refusal.answered,
		.retry_after = r->refusal.retry_after,
	};
	fault_clear(f);
	m.tampered = w->damaged || (w->state->tampered && r->stored < w->state->tampered);
	if (!w->device)
		return m;
	m.seed = device_seed(w->device, r->product);
	int error = read_lease(w, r, p, lease, f);
	if (!error)
		take_lease(&m, &lease->lease);
	if (error == E_NOT_FOUND)
		fault_clear(f);
	m.tampered |= error == E_STATE_TAMPERED;
	if (p && (error == E_NOT_FOUND || (m.leased && m.exp && m.exp <= w->clock.now)))
		read_spoken(w, p, &m, lease);
	return m;
}
