/* SPDX-License-Identifier: Apache-2.0 */
#include "flow.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apply.h"
#include "error.h"
#include "holder.h"
#include "request.h"
#include "revoked.h"
#include "revoked_fetch.h"

#define AGAIN_MAX 3 /* sessions with one host */

/* How much one reason for failure is worth telling instead of NO_HOST. */
enum rank { RANK_NONE, RANK_BUSY, RANK_ANSWERED };

struct flow {
	struct work *w;
	const struct trust_key *vendor;
	struct deadline deadline;
	struct call call; /* the products without a final answer yet */
	char names[LIMIT_LINES][LIMIT_ID + 1];
	struct fault best; /* the most telling reason why there is none */
	enum rank rank;
	bool fatal; /* this machine failed, not the host: stop */
	bool again; /* the same host, in a new session */
	struct parts parts;
	struct ledger question; /* of a preflight: a copy that is thrown away */
	struct visit visit;
	wire_request request;
	wire_response response;
};

static const char *const done_words[CALL_KINDS] = {
	"activated", "renewed", "released", "signed in", "signed out", "redeemed", "possible",
};

/* Does a failure say something of the product on this machine? What another person tries does not. */
static bool marks(enum call_kind kind, const struct record *r)
{
	if (!r || kind == CALL_REDEEM || kind == CALL_PREFLIGHT)
		return false;
	return kind != CALL_SIGN_IN || !r->serial;
}

/* --- what is worth telling, and whether to go on --- */

static void consider(struct flow *flow, const struct fault *f, enum rank rank)
{
	if (rank <= flow->rank)
		return;
	flow->best = *f;
	flow->rank = rank;
}

/* A trusted host's refusal is final, unless it speaks of its own trouble, which another host need not have.
 */
static bool is_final(int code)
{
	const struct error_row *row = error_row(code);
	return row->retry != RETRY_NEXT && row->http < 500;
}

/* A product has its final answer; the code is 0 for success. */
static void finish_want(struct flow *flow, const char *product, const struct fault *f)
{
	struct outcome *o = muster_outcome(flow->w->m, product);
	size_t i = 0;
	if (o) {
		o->what = f->code ? "failed" : done_words[flow->call.kind];
		o->fault = *f;
		apply_notices(&flow->response, product, o->notices);
	}
	while (i < flow->call.n && strcmp(flow->call.wants[i].product, product) != 0)
		i++;
	if (i == flow->call.n)
		return;
	flow->call.n--;
	memmove(&flow->call.wants[i], &flow->call.wants[i + 1],
		(flow->call.n - i) * sizeof(flow->call.wants[0]));
}

/* --- answers --- */

/* The result of one product. settling: of an older call, which says nothing of what is asked now. */
static void take_result(struct flow *flow, const struct applied *a, const struct want *want, bool settling)
{
	struct work *w = flow->w;
	struct fault f;
	fault_clear(&f);
	enum apply_end end = apply_result(w, &flow->visit, a, want, &flow->response, &f);
	if (end == APPLY_FATAL) {
		flow->fatal = true;
		w->m->fault = f;
		return;
	}
	bool final = end == APPLY_DONE || (end == APPLY_REFUSED && is_final(f.code));
	if (!final && !settling) {
		consider(flow, &f, RANK_ANSWERED);
		return;
	}
	struct record *r = state_record(w->state, want->product);
	if (end != APPLY_DONE && marks(a->kind, r))
		apply_failure(w, r, &f, true);
	if (!settling)
		finish_want(flow, want->product, &f);
}

/* An answered call is forgotten, with its keys and codes. */
static void forget(struct ledger *l)
{
	l->pending = false;
	sodium_memzero(&l->call, sizeof(l->call));
}

static int take_answer(struct flow *flow, struct ledger *l, bool repeat, bool settling)
{
	const wire_response *response = &flow->response;
	const struct applied a = {.kind = l->call.kind, .repeat = repeat};
	if (response->which_result != muster_v1_Response_answer_tag ||
	    response->result.answer.counter > INT64_MAX)
		return E_MALFORMED;
	/* A host that counted did not understand that it was only asked. */
	if (a.kind == CALL_PREFLIGHT && response->result.answer.counter)
		return E_MALFORMED;
	for (size_t i = 0; i < l->call.n && !flow->fatal; i++)
		take_result(flow, &a, &l->call.wants[i], settling);
	if (flow->fatal)
		return flow->w->m->fault.code;
	l->ratchet_n = response->result.answer.ratchet.size;
	memcpy(l->ratchet, response->result.answer.ratchet.bytes, l->ratchet_n);
	l->counter = response->result.answer.counter;
	forget(l);
	return 0;
}

/* Is it known that nothing was done, so that the token is used up? A host may refuse a repeat for a reason of
 * the moment, although it has done what was asked the first time. */
static bool nothing_done(int code, bool repeat)
{
	if (code == E_STORE_UNKNOWN || code == E_INTERNAL || code == E_TIMEOUT || code == E_RETRY)
		return false;
	return !repeat || error_row(code)->retry == RETRY_NEVER;
}

/* The call as a whole was refused. */
static int take_refusal(struct flow *flow, struct ledger *l, const struct fault *f, bool repeat,
			bool settling)
{
	enum call_kind kind = l->call.kind;
	if (f->code == E_IDENTITY_FORKED && work_may_fork(flow->w)) {
		flow->again = work_fork(flow->w) == 0;
		flow->fatal |= !flow->again;
		return f->code;
	}
	flow->again = f->code == E_RETRY;
	if (nothing_done(f->code, repeat))
		forget(l);
	if (settling)
		return f->code;
	if (!is_final(f->code)) {
		consider(flow, f, RANK_ANSWERED);
		return f->code;
	}
	while (flow->call.n) {
		struct record *r = state_record(flow->w->state, flow->call.wants[0].product);
		if (marks(kind, r))
			apply_failure(flow->w, r, f, true);
		finish_want(flow, flow->call.wants[0].product, f);
	}
	return f->code;
}

static int save(struct flow *flow)
{
	int error = work_save(flow->w);
	flow->fatal |= error != 0;
	return error;
}

static struct request_terms terms_of(const struct flow *flow)
{
	return (struct request_terms){
		.options = &flow->w->m->options,
		.device = flow->w->device,
		.parts = &flow->parts,
		.host = &flow->visit.certificate,
		.wall = flow->w->m->wall(),
		.folder = flow->w->folder,
		.forked_from = flow->w->state->forked ? flow->w->state->forked_from : NULL,
	};
}

static int exchange(struct flow *flow, const struct ledger *l, const struct request_terms *terms)
{
	request_fill(&flow->request, l, terms);
	int error = dialog_call(&flow->visit.dialog, &flow->request, &flow->response);
	sodium_memzero(&flow->request, sizeof(flow->request));
	return error;
}

/* What the host makes of a lease does not matter here: our request, sent again, is answered by what it knows
 * then. */
static int show_lease(struct flow *flow, const struct ledger *l, const struct request_terms *terms,
		      const struct record *r)
{
	struct stored_lease *lease;
	int error = holder_lease(flow->w, r, &flow->vendor->roots, &lease);
	if (!error && lease && memcmp(lease->certificate.ledger, l->id, LEDGER_ID) == 0) {
		request_show(&flow->request, l, terms, r->product, lease->token, lease->covering);
		error = dialog_call(&flow->visit.dialog, &flow->request, &flow->response);
	}
	free(lease);
	return error;
}

/* The host knows less than we do, because it was restored from a backup: it learns from the leases that it
 * gave us (DESIGN 5.4). Nothing changes on this machine. */
static int show_leases(struct flow *flow, const struct ledger *l, struct request_terms *terms)
{
	const struct state *state = flow->w->state;
	int error = 0;
	for (size_t i = 0; i < state->n_records && !error; i++) {
		const struct record *r = &state->records[i];
		if (r->serial && strcmp(r->vendor, flow->vendor->pid) == 0)
			error = show_lease(flow, l, terms, r);
	}
	terms->shown = true;
	return error;
}

static bool asks_for_leases(const wire_response *response)
{
	return response->status.code == (uint32_t)error_row(E_SHOW_LEASE)->number;
}

static int transfer(struct flow *flow, const struct ledger *l, struct fault *f)
{
	struct work *w = flow->w;
	struct request_terms terms = terms_of(flow);
	int error = exchange(flow, l, &terms);
	if (!error && asks_for_leases(&flow->response)) {
		error = show_leases(flow, l, &terms);
		if (!error)
			error = exchange(flow, l, &terms);
	}
	if (error)
		return fault_set(f, error, "%s", error_text(error));
	work_told(w, flow->response.time, &flow->visit.certificate);
	return 0;
}

static int take_response(struct flow *flow, struct ledger *l, bool repeat, bool settling, struct fault *f)
{
	int error;
	if (apply_status(&flow->response.status, flow->response.correlation, f))
		error = take_refusal(flow, l, f, repeat, settling);
	else
		error = take_answer(flow, l, repeat, settling);
	if (error && !f->code)
		fault_set(f, error, "%s", error_text(error));
	return error;
}

/* Send the ledger's pending call and take what comes. Its token is on disk when the first byte leaves. */
static int send_pending(struct flow *flow, struct ledger *l, bool repeat, bool settling, struct fault *f)
{
	l->used = flow->w->clock.now;
	int error = save(flow);
	if (!error)
		error = transfer(flow, l, f);
	if (error)
		return error;
	error = take_response(flow, l, repeat, settling, f);
	int saved = flow->fatal ? 0 : save(flow);
	return error ? error : saved;
}

/* Only a question: nothing of it is kept, and the ledger goes on as if it had not been asked. */
static int ask(struct flow *flow, struct fault *f)
{
	struct ledger *l = &flow->question;
	*l = *state_ledger(flow->w->state, flow->visit.certificate.ledger);
	randombytes_buf(l->token, TOKEN_ID);
	l->call = flow->call;
	int error = transfer(flow, l, f);
	return error ? error : take_response(flow, l, false, false, f);
}

static void make_pending(struct flow *flow, struct ledger *l)
{
	for (size_t i = 0; i < flow->call.n; i++) {
		const struct record *r = state_record(flow->w->state, flow->call.wants[i].product);
		flow->call.wants[i].serial = r ? r->serial : 0;
	}
	randombytes_buf(l->token, TOKEN_ID);
	l->call = flow->call;
	l->pending = true;
}

/* All that is said to one trusted host: first an older call that was left without an answer, then ours. */
static int converse(struct flow *flow, struct fault *f)
{
	if (flow->call.kind == CALL_PREFLIGHT)
		return ask(flow, f);
	struct ledger *l = state_ledger(flow->w->state, flow->visit.certificate.ledger);
	bool repeat = l->pending && call_same(&l->call, &flow->call);
	if (l->pending && !repeat) {
		int error = send_pending(flow, l, true, true, f);
		if (error && (l->pending || flow->fatal || flow->again))
			return error;
		fault_clear(f);
	}
	if (!repeat)
		make_pending(flow, l);
	return send_pending(flow, l, repeat, false, f);
}

/* --- going from host to host --- */

/* A lease may only be given back where it was had; all of a user's where there is none, or one of them. */
static int check_ledger(struct flow *flow, struct fault *f)
{
	const struct want *want = &flow->call.wants[0];
	size_t here = 0;
	size_t elsewhere = 0;
	if (flow->call.kind != CALL_RELEASE && flow->call.kind != CALL_SIGN_OUT)
		return 0;
	for (size_t i = 0; i < flow->w->state->n_records; i++) {
		const struct record *r = &flow->w->state->records[i];
		bool meant = want->product[0] ? strcmp(r->product, want->product) == 0
					      : holder_signed_in(r, flow->vendor->pid, want->user);
		if (!meant)
			continue;
		int place = holder_place(flow->w, r, &flow->vendor->roots, flow->visit.certificate.ledger);
		if (place < 0)
			return fault_code(f, place);
		here += place == PLACE_HERE;
		elsewhere += place == PLACE_ELSEWHERE;
	}
	return elsewhere && !here ? fault_set(f, E_LEDGER_MISMATCH, "the lease is of another ledger") : 0;
}

/* Says the host that it has a newer list? We asked for certificates of one vendor, so that all numbers are of
 * its list. */
static bool has_newer(const struct flow *flow)
{
	const wire_server_hello *hello = &flow->visit.dialog.hello;
	for (size_t i = 0; i < hello->revocations_count; i++)
		if (hello->revocations[i] > revoked_number(flow->vendor))
			return true;
	return false;
}

/* The host has a newer list of revocations: keep it. What went well stays well if that does not work. */
static void fetch_list(struct flow *flow)
{
	struct fault ignored;
	struct trust_key *key = &flow->w->trust.keys[flow->vendor - flow->w->trust.keys];
	char *token;
	if (!has_newer(flow))
		return;
	if (revoked_fetch(&key->roots, &flow->visit.dialog, &flow->request, &flow->response, &token) == 0)
		(void)revoked_keep(key, flow->w->folder, token, &ignored);
	free(token);
}

static int visit_one(struct flow *flow, const struct candidate *c, struct deadline share, struct step *step,
		     struct fault *f)
{
	struct work *w = flow->w;
	const char *org = options_text(&w->m->options, OPTION_ORG);
	size_t named = 0;
	for (size_t i = 0; i < flow->call.n; i++)
		if (flow->call.wants[i].product[0])
			memcpy(flow->names[named++], flow->call.wants[i].product, sizeof(flow->names[0]));
	struct visit_terms terms = {
		.vendor = flow->vendor,
		.org = org ? org : state_pin(w->state, flow->vendor->pid)->org,
		.products = (const char(*)[LIMIT_ID + 1]) flow->names,
		.n_products = named,
	};
	int error = visit_open(&flow->visit, w, c, &terms, share, step, f);
	if (error == E_BUSY || error == E_STOPPING)
		consider(flow, f, RANK_BUSY);
	if (error == E_PRODUCT_UNKNOWN)
		consider(flow, f, RANK_ANSWERED);
	if (error)
		return error;
	work_told(w, flow->visit.dialog.hello.time, &flow->visit.certificate);
	error = check_ledger(flow, f);
	if (!error)
		error = converse(flow, f);
	if (!error)
		fetch_list(flow);
	return error;
}

static void go_once(struct flow *flow, const struct candidate *c, struct deadline share)
{
	struct fault f;
	char target[ENDPOINT_TEXT];
	int64_t began = deadline_clock();
	struct step *step = steps_add(&flow->w->m->steps, c->source, c->host.host, c->host.port);
	fault_clear(&f);
	int error = visit_one(flow, c, share, step, &f);
	/* Products that the host refused, while it served others, leave the step as it is. */
	if (!error && flow->call.n)
		error = flow->best.code;
	if (error && error == flow->best.code && !f.detail[0])
		f = flow->best;
	visit_step(step, error, &f, began);
	visit_close(&flow->visit);
	if (flow->fatal && !flow->w->m->fault.code)
		fault_set(&flow->w->m->fault, error, "%s", endpoint_write(&c->host, target));
}

/* A host that has answered in another session meanwhile, or found a copy, is asked again at once. */
static void go_to(struct flow *flow, const struct candidate *c, struct deadline share)
{
	for (int i = 0; i < AGAIN_MAX; i++) {
		flow->again = false;
		go_once(flow, c, share);
		if (!flow->again || flow->fatal || deadline_left(share) <= 0)
			return;
	}
}

/* Every host that was tried, with its own reason. */
static void list_steps(const struct steps *steps, size_t from, struct fault *f)
{
	for (size_t i = from; i < steps->n; i++) {
		const struct step *s = &steps->rows[i];
		struct endpoint at = {.port = s->port};
		char name[ENDPOINT_TEXT];
		if (!s->result)
			continue;
		snprintf(at.host, sizeof(at.host), "%.*s", LIMIT_HOSTNAME, s->target);
		fault_add(f, "%s: %s (%s)", s->port ? endpoint_write(&at, name) : s->target,
			  error_name(s->result), s->reason);
	}
}

/* No host gave these products a final answer. */
static void give_up(struct flow *flow, size_t first_step)
{
	struct work *w = flow->w;
	struct fault f = flow->best;
	if (flow->rank == RANK_NONE)
		fault_code(&f, deadline_cancelled(w->deadline) ? E_CANCELLED : E_NO_HOST);
	else
		f.detail[0] = 0;
	list_steps(&w->m->steps, first_step, &f);
	if (!f.detail[0] && f.code == E_NO_HOST)
		fault_add(&f, "%s",
			  "no host and no domain is configured, and this machine is in no DNS domain");
	while (flow->call.n) {
		struct record *r = state_record(w->state, flow->call.wants[0].product);
		/* What hosts said before is worth more than that this call was ended. */
		if (f.code != E_CANCELLED && marks(flow->call.kind, r))
			apply_failure(w, r, &f, flow->rank == RANK_ANSWERED);
		finish_want(flow, flow->call.wants[0].product, &f);
	}
}

static int run(struct flow *flow)
{
	struct work *w = flow->w;
	struct candidate c;
	size_t first_step = w->m->steps.n;
	const struct pin pin = *state_pin(w->state, flow->vendor->pid);
	struct discover *d = malloc(sizeof(*d));
	if (!d)
		return fault_code(&w->m->fault, E_NO_MEMORY);
	visit_discover(d, w, &pin, flow->deadline);
	while (flow->call.n && !flow->fatal && deadline_left(flow->deadline) > 0 && discover_next(d, &c))
		go_to(flow, &c, visit_share(flow->deadline, d));
	free(d);
	if (flow->fatal)
		return w->m->fault.code;
	if (flow->call.n == 0)
		return 0;
	give_up(flow, first_step);
	return flow->call.kind == CALL_PREFLIGHT ? 0 : work_save(w);
}

int flow_run(struct work *w, const struct trust_key *vendor, const struct call *call,
	     struct deadline deadline)
{
	struct flow *flow = calloc(1, sizeof(*flow));
	if (!flow)
		return fault_code(&w->m->fault, E_NO_MEMORY);
	flow->w = w;
	flow->vendor = vendor;
	flow->call = *call;
	flow->deadline = deadline;
	if (!w->device->chosen)
		parts_read(w->m->root, &flow->parts);
	int error = run(flow);
	sodium_memzero(flow, sizeof(*flow));
	free(flow);
	return error;
}
