/* SPDX-License-Identifier: Apache-2.0 */
#include "apply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "holder.h"
#include "hostcheck.h"
#include "spoken.h"

static int64_t count_of(int64_t value)
{
	return value > 0 ? value : 0;
}

int apply_status(const wire_status *status, const char *correlation, struct fault *f)
{
	int code = status->code && status->code <= UINT16_MAX ? -(int)status->code : 0;
	fault_clear(f);
	if (!status->code)
		return 0;
	/* A newer host may know codes that we do not. */
	f->code = -error_row(code)->number;
	f->numbers = (struct numbers){
		.have = count_of(status->have),
		.need = count_of(status->need),
		.used = count_of(status->used),
		.quantity = count_of(status->quantity),
		.until = count_of(status->until),
	};
	f->retry_after =
		status->retry_after > LIMIT_INTERVAL_MAX * 60 ? LIMIT_INTERVAL_MAX * 60 : status->retry_after;
	snprintf(f->correlation, sizeof(f->correlation), "%s", correlation);
	if (f->code != code)
		snprintf(f->detail, sizeof(f->detail), "the host's code is %u", (unsigned)status->code);
	return f->code;
}

void apply_failure(struct work *w, struct record *r, const struct fault *f, bool answered)
{
	r->tried = w->clock.wall;
	r->failures += r->failures < UINT16_MAX;
	r->refusal = (struct refusal){
		.code = f->code, .numbers = f->numbers, .retry_after = f->retry_after, .answered = answered};
	fault_excerpt(f->detail, r->refusal.detail, sizeof(r->refusal.detail));
	fault_excerpt(f->correlation, r->refusal.correlation, sizeof(r->refusal.correlation));
	if (f->numbers.need)
		r->count = (struct numbers){.have = f->numbers.have, .need = f->numbers.need};
}

static void apply_success(struct work *w, struct record *r, const struct visit *v)
{
	endpoint_write(&v->host.host, r->host);
	r->tried = w->clock.wall;
	r->failures = 0;
	r->refusal = (struct refusal){0};
}

static const wire_result *find_result(const wire_response *response, const char *product)
{
	if (response->which_result != muster_v1_Response_answer_tag)
		return NULL;
	for (size_t i = 0; i < response->result.answer.results_count; i++)
		if (strcmp(response->result.answer.results[i].product, product) == 0)
			return &response->result.answer.results[i];
	return NULL;
}

void apply_notices(const wire_response *response, const char *product, int ret[LIMIT_NOTICES])
{
	const wire_result *result = find_result(response, product);
	size_t n = 0;
	memset(ret, 0, LIMIT_NOTICES * sizeof(*ret));
	for (size_t i = 0; result && i < result->notices_count; i++) {
		const struct error_row *row = error_row((int)result->notices[i]);
		if (row->number == (int)result->notices[i]) /* a newer host may know codes that we do not */
			ret[n++] = -row->number;
	}
}

/* Is that as good as success? Who gives back what the host does not know has given it back. */
static bool is_well(enum call_kind kind, int code)
{
	bool gives_back = kind == CALL_RELEASE || kind == CALL_SIGN_OUT;
	if (code == E_SIGNIN_NEEDED)
		return kind == CALL_SIGN_OUT;
	return !code || (code == E_NOT_ACTIVATED && gives_back);
}

/* What the host says about it, for people. */
static void take_detail(const wire_result *result, struct fault *f)
{
	if (result->detail[0])
		snprintf(f->detail, sizeof(f->detail), "%s", result->detail);
}

/* --- a granted lease --- */

/* Does the certificate that came with the lease belong to the host that we speak to, and to our organisation?
 * It may be of another license than the one that the host was judged by. */
static int check_certificate(struct work *w, const struct visit *v, const struct trust_product *p,
			     const struct certificate *cert, struct fault *f)
{
	const struct pin *pin = state_pin(w->state, p->vendor->pid);
	const char *set = options_text(&w->m->options, OPTION_ORG);
	const char *org = set ? set : pin->org;
	if (memcmp(cert->fixed, v->certificate.fixed, NOISE_KEY) != 0)
		return fault_set(f, E_WRONG_HOST, "the lease came with another host's certificate");
	if (memcmp(cert->ledger, v->certificate.ledger, LEDGER_ID) != 0)
		return fault_set(f, E_LEDGER_MISMATCH, "the lease is of another ledger");
	if (hostcheck_revoked(p->vendor->revoked, cert))
		return fault_set(f, E_CERTIFICATE_REVOKED,
				 "the vendor has revoked the certificate that came with the lease");
	if (org[0] && strcmp(cert->org, org) != 0)
		return fault_set(f, E_WRONG_ORG, "the lease belongs to %s, this machine to %s", cert->org,
				 org);
	return 0;
}

int apply_check_serial(struct work *w, const struct trust_product *p, const struct stored_lease *fresh,
		       bool repeat, struct fault *f)
{
	struct stored_lease *old = malloc(sizeof(*old));
	struct fault ignored;
	int error = 0;
	if (!old)
		return fault_code(f, E_NO_MEMORY);
	int missing = leasefile_read(w->folder, fresh->lease.product, &p->vendor->roots, w->device->id, old,
				     &ignored);
	if (!missing && memcmp(old->certificate.ledger, fresh->certificate.ledger, LEDGER_ID) == 0 &&
	    strcmp(old->token, fresh->token) != 0) {
		int64_t least = old->lease.serial + !repeat;
		if (fresh->lease.serial < least)
			error = fault_set(f, E_LEDGER_MISMATCH,
					  "the lease's serial is %lld, the stored one's %lld",
					  (long long)fresh->lease.serial, (long long)old->lease.serial);
	}
	free(old);
	return error;
}

static int check_lease(struct work *w, const struct visit *v, const struct trust_product *p,
		       const wire_result *result, bool repeat, struct stored_lease *ret, struct fault *f)
{
	int error = lease_verify(result->lease, result->certificate, &p->vendor->roots, result->product,
				 w->device->id, &ret->lease, &ret->certificate);
	if (error)
		return fault_set(f, error, "the lease: %s", error_text(error));
	snprintf(ret->token, sizeof(ret->token), "%s", result->lease);
	const struct lease *l = &ret->lease;
	if ((l->exp && l->exp <= l->head.iat) || (l->renew_after && l->renew_after <= l->head.iat))
		return fault_set(f, E_CLAIM_INVALID, "the lease ends before it begins");
	error = check_certificate(w, v, p, &ret->certificate, f);
	return error ? error : apply_check_serial(w, p, ret, repeat, f);
}

/* Who is signed in: as the lease has it, or as it was asked for when another source gave the lease. */
static void take_user(struct record *r, const struct lease *lease, const struct applied *a,
		      const struct want *want)
{
	if (lease->user[0])
		memcpy(r->user, lease->user, sizeof(r->user));
	else if (a->kind == CALL_SIGN_IN)
		memcpy(r->user, want->user, sizeof(r->user));
}

static void take_lease(struct work *w, const struct visit *v, struct record *r,
		       const struct stored_lease *lease, const wire_result *result)
{
	struct pin *pin = state_pin(w->state, lease->lease.vendor);
	memcpy(pin->org, lease->lease.org, sizeof(pin->org));
	pin->host = v->host;
	memcpy(r->vendor, lease->lease.vendor, sizeof(r->vendor));
	work_raise(w, lease->lease.head.iat);
	work_clock(w);
	r->wanted = true; /* also when a release was settled just before */
	r->serial = lease->lease.serial;
	r->stored = w->clock.now;
	r->count = (struct numbers){.have = count_of(result->have), .need = count_of(result->need)};
	if (result->retry_minutes >= LIMIT_INTERVAL_MIN && result->retry_minutes <= LIMIT_INTERVAL_MAX)
		r->retry_minutes = result->retry_minutes;
	apply_success(w, r, v);
}

static enum apply_end store_lease(struct work *w, const struct visit *v, const struct applied *a,
				  const struct want *want, const wire_result *result, struct fault *f)
{
	const struct trust_product *p = trust_find(&w->trust, result->product);
	struct record *r = state_record(w->state, result->product);
	enum apply_end end = APPLY_DONE;
	struct stored_lease *lease = malloc(sizeof(*lease));
	if (!p || !r || !lease) {
		free(lease);
		fault_set(f, lease ? E_NO_PRODUCT_FILE : E_NO_MEMORY, "%s", result->product);
		return APPLY_FATAL;
	}
	if (check_lease(w, v, p, result, a->repeat, lease, f))
		end = APPLY_BAD;
	else if (leasefile_write(w->folder, result->product, result->lease, result->certificate, f))
		end = APPLY_FATAL;
	else
		take_lease(w, v, r, lease, result);
	if (end == APPLY_DONE)
		take_user(r, &lease->lease, a, want);
	if (end == APPLY_DONE)
		spoken_settle(w->folder, w->device, r->product);
	free(lease);
	return end;
}

/* --- the rest --- */

static enum apply_end released(struct work *w, const struct visit *v, struct record *r, struct fault *f)
{
	if (leasefile_remove(w->folder, r->product, f))
		return APPLY_FATAL;
	r->wanted = false;
	r->user[0] = 0;
	r->serial = 0;
	r->stored = w->clock.now;
	r->count = (struct numbers){0};
	apply_success(w, r, v);
	return APPLY_DONE;
}

/* Nobody is signed in for the record any more; a lease that is the device's own stays. */
static enum apply_end signed_out(struct work *w, const struct visit *v, struct record *r, struct fault *f)
{
	char user[LIMIT_USER + 1];
	if (holder_user(w, r, &v->vendor->roots, user)) {
		fault_code(f, E_NO_MEMORY);
		return APPLY_FATAL;
	}
	if (user[0])
		return released(w, v, r, f);
	r->user[0] = 0;
	apply_success(w, r, v);
	return APPLY_DONE;
}

/* A user's sign-out from every product: of the leases, those that this host's ledger gave. */
static enum apply_end signed_out_of_all(struct work *w, const struct visit *v, const struct want *want,
					const wire_response *response, struct fault *f)
{
	enum apply_end end = APPLY_DONE;
	const muster_v1_Answer *answer = &response->result.answer;
	for (size_t i = 0; i < answer->results_count; i++) {
		if (is_well(CALL_SIGN_OUT,
			    apply_status(&answer->results[i].status, response->correlation, f)))
			continue;
		take_detail(&answer->results[i], f);
		return APPLY_REFUSED;
	}
	fault_clear(f);
	for (size_t i = 0; i < w->state->n_records && end == APPLY_DONE; i++) {
		struct record *r = &w->state->records[i];
		if (holder_signed_in(r, v->vendor->pid, want->user) &&
		    holder_place(w, r, &v->vendor->roots, v->certificate.ledger) != PLACE_ELSEWHERE)
			end = signed_out(w, v, r, f);
	}
	return end;
}

/*
 * The refusal of a product. A user whom the host let in, but who has to wait for a seat, is signed in: the
 * lease comes by itself with a later try.
 */
static enum apply_end refused(struct record *r, const struct applied *a, const struct want *want,
			      const wire_result *result, struct fault *f)
{
	/* The numbers may stand in the status or beside it. */
	if (!f->numbers.need && result->need > 0) {
		f->numbers.have = count_of(result->have);
		f->numbers.need = result->need;
	}
	take_detail(result, f);
	if (a->kind == CALL_REDEEM || a->kind == CALL_PREFLIGHT)
		return APPLY_REFUSED;
	if (result->retry_minutes >= LIMIT_INTERVAL_MIN && result->retry_minutes <= LIMIT_INTERVAL_MAX)
		r->retry_minutes = result->retry_minutes;
	if (a->kind == CALL_SIGN_IN && !r->serial && error_row(f->code)->retry == RETRY_LATER) {
		memcpy(r->user, want->user, sizeof(r->user));
		r->wanted = true;
	}
	return APPLY_REFUSED;
}

static enum apply_end granted(struct work *w, const struct visit *v, const struct applied *a,
			      const struct want *want, const wire_result *result, struct fault *f)
{
	struct record *r = state_record(w->state, want->product);
	switch (a->kind) {
	case CALL_RELEASE:
		return released(w, v, r, f);
	case CALL_SIGN_OUT:
		return signed_out(w, v, r, f);
	case CALL_REDEEM:
	case CALL_PREFLIGHT:
		return APPLY_DONE;
	default:
		return store_lease(w, v, a, want, result, f);
	}
}

enum apply_end apply_result(struct work *w, const struct visit *v, const struct applied *a,
			    const struct want *want, const wire_response *response, struct fault *f)
{
	const wire_result *result = find_result(response, want->product);
	struct record *r = state_record(w->state, want->product);
	if (a->kind == CALL_SIGN_OUT && !want->product[0])
		return signed_out_of_all(w, v, want, response, f);
	if (!result || !r) {
		fault_set(f, E_MALFORMED, "the answer has no result for %s", want->product);
		return APPLY_BAD;
	}
	if (!is_well(a->kind, apply_status(&result->status, response->correlation, f)))
		return refused(r, a, want, result, f);
	fault_clear(f);
	enum apply_end end = granted(w, v, a, want, result, f);
	if (end == APPLY_DONE)
		take_detail(result, f);
	return end;
}
