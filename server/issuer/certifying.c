/* SPDX-License-Identifier: Apache-2.0 */
#include "certifying.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "certified.h"
#include "document.h"
#include "option.h"
#include "rfc3339.h"

static int refuse_revoked(struct certifying *c, struct failure *f)
{
	char text[RFC3339_TEXT];
	int64_t at;
	int error = ledger_host_revoked(c->vendor->ledger, c->request.sign, &at);
	if (error)
		return ledger_explain(c->vendor->ledger, error, f);
	if (!at)
		return 0;
	failure_set(f, E_CERTIFICATE_REVOKED, "the key of host '%s' was revoked at %s", c->request.name,
		    rfc3339_write(at, text));
	return failure_remedy(f, "Certify a host with new keys: one that starts with an empty state_dir.");
}

/* --- the certificate --- */

static void add_product(struct certificate *certificate, const char *product)
{
	for (size_t i = 0; i < certificate->n_products; i++)
		if (strcmp(certificate->products[i], product) == 0)
			return;
	memcpy(certificate->products[certificate->n_products++], product, strlen(product) + 1);
}

static void add_grants(struct certificate *certificate, const struct license *license)
{
	bool perpetual = false;
	for (size_t i = 0; i < license->n_grants; i++) {
		uint32_t lease_days = license->grants[i].policy.lease_days;
		add_product(certificate, license->grants[i].product);
		perpetual |= lease_days == 0;
		if (lease_days > certificate->lease_days_max)
			certificate->lease_days_max = lease_days;
	}
	if (perpetual)
		certificate->lease_days_max = 0;
}

static int set_term(const struct certifying *c, struct certificate *certificate,
		    const struct license *license, struct failure *f)
{
	int64_t now = c->now;
	int64_t days = c->days;
	int64_t end = license->exp + (int64_t)license->grace_days * SECONDS_PER_DAY;
	if (end > RFC3339_MAX)
		end = RFC3339_MAX;
	if (end <= now)
		return failure_set(f, E_LICENSE_ENDED, "license '%s', with its grace of %u days", license->id,
				   license->grace_days);
	/* A host whose clock is a day behind can use it at once. */
	certificate->nbf = now - SECONDS_PER_DAY;
	certificate->exp = days && now + days * SECONDS_PER_DAY < end ? now + days * SECONDS_PER_DAY : end;
	return 0;
}

static int make_certificate(struct certifying *c, struct failure *f)
{
	const struct license *license = &c->issued.license;
	struct certificate *certificate = &c->certificate;
	vendor_head(c->vendor, &certificate->head, c->now);
	certificate->roots = c->vendor->roots;
	memcpy(certificate->vendor, c->vendor->roots.keys[0], PASETO_PUBLIC);
	memcpy(certificate->sign, c->request.sign, PASETO_PUBLIC);
	memcpy(certificate->fixed, c->request.fixed, NOISE_KEY);
	memcpy(certificate->name, c->request.name, sizeof(certificate->name));
	memcpy(certificate->ledger, c->request.ledger, LEDGER_ID);
	memcpy(certificate->org, license->org, sizeof(certificate->org));
	memcpy(certificate->license, license->id, sizeof(certificate->license));
	memcpy(certificate->fp_salt, c->row.fp_salt, sizeof(certificate->fp_salt));
	add_grants(certificate, license);
	return set_term(c, certificate, license, f);
}

static int sign_certificate(struct certifying *c, struct failure *f)
{
	struct certificate back;
	struct claims fault = {0};
	int error = certificate_sign(&c->certificate, c->vendor->secret, &c->token);
	if (error == E_TOO_LARGE) {
		failure_set(f, error, "a certificate holds at most %d bytes, too few for %zu products",
			    LIMIT_CERTIFICATE, c->certificate.n_products);
		return failure_remedy(f, "Issue more licenses with fewer products each.");
	}
	if (error)
		return failure_set(f, error, "host '%s'", c->request.name);
	/* Nothing leaves this program that a host would refuse. */
	error = certificate_open(c->token, strlen(c->token), &c->vendor->roots, &back, &fault);
	return error ? document_refused(f, error, c->request.name, "", &c->vendor->roots, fault.where) : 0;
}

/* --- a host in another's place --- */

/* Its place goes over to this one. Only with the same ledger: what the old host counted, the new one goes on
 * with. */
static int take_over(struct certifying *c, struct failure *f)
{
	const char *license = c->issued.license.id;
	int64_t at;
	int error = ledger_host_replaced(c->vendor->ledger, license, c->request.sign, &at);
	if (error)
		return ledger_explain(c->vendor->ledger, error, f);
	if (at && !c->request.replaces[0]) {
		failure_set(f, E_HOST_LIMIT, "host '%s' was replaced by another for license '%s'",
			    c->request.name, license);
		return failure_remedy(f, "Ask for a request of the host that serves now, or one made with "
					 "'musterctl host replace' after restoring its backup.");
	}
	if (!c->request.replaces[0])
		return 0;
	if (certified_find(c->vendor, c->request.replaces, license, &c->former, f))
		return f->code;
	if (memcmp(c->former.ledger, c->request.ledger, LEDGER_ID) != 0 ||
	    memcmp(c->former.sign, c->request.sign, PASETO_PUBLIC) == 0) {
		failure_set(f, E_LEDGER_MISMATCH, "host '%s' does not keep the ledger of host '%s'",
			    c->request.name, c->former.name);
		return failure_remedy(f, "Restore a backup of the old host on the new one first.");
	}
	error = ledger_host_replace(c->vendor->ledger, license, c->former.sign, c->request.sign, c->now);
	return error ? ledger_explain(c->vendor->ledger, error, f) : 0;
}

/* --- how many hosts --- */

static int refuse_host(struct certifying *c, int64_t used, const char *remedy, struct failure *f)
{
	failure_remedy(f, remedy);
	failure_number(f, "used", used);
	failure_number(f, "quantity", c->issued.license.hosts_max);
	return f->code;
}

/* A host of its own ledger counts its own machines: only where nothing is numbered may there be two
 * (DESIGN 5.4). */
static int check_models(struct certifying *c, struct failure *f)
{
	const struct license *license = &c->issued.license;
	for (size_t i = 0; i < license->n_grants && c->others.ever; i++) {
		const struct grant *grant = &license->grants[i];
		if (grant->model == MODEL_VOLUME)
			continue;
		failure_set(f, E_HOST_LIMIT,
			    "another host serves license '%s', and a second one would give out the %" PRId64
			    " of grant '%s' (%s) again",
			    license->id, grant->quantity, grant->id, model_name(grant->model));
		return refuse_host(
			c, c->others.ever,
			"Certify the first host again, or issue a license of its own for this one.", f);
	}
	return 0;
}

static int check_limit(struct certifying *c, struct failure *f)
{
	const struct license *license = &c->issued.license;
	int error = ledger_host_others(c->vendor->ledger, license->id, c->request.sign, c->now, &c->others);
	if (error)
		return ledger_explain(c->vendor->ledger, error, f);
	if (check_models(c, f))
		return f->code;
	if (c->others.in_force < license->hosts_max)
		return 0;
	failure_set(f, E_HOST_LIMIT, "license '%s' is for %u host%s, and %" PRId64 " %s certified",
		    license->id, license->hosts_max, license->hosts_max == 1 ? "" : "s", c->others.in_force,
		    c->others.in_force == 1 ? "is" : "are");
	return refuse_host(c, c->others.in_force, error_row(E_HOST_LIMIT)->remedy, f);
}

/* --- the whole --- */

int certifying_check(struct certifying *c, struct failure *f)
{
	return issued_refuse_revoked(&c->row, f) ? f->code : refuse_revoked(c, f);
}

int certifying_make(struct certifying *c, struct failure *f)
{
	struct ledger *ledger = c->vendor->ledger;
	int error = ledger_begin(ledger);
	if (error)
		return ledger_explain(ledger, error, f);
	if (take_over(c, f) || check_limit(c, f) || make_certificate(c, f) || sign_certificate(c, f))
		return f->code;
	error = ledger_host_add(ledger, &c->certificate, c->row.serial, c->token);
	return error ? ledger_explain(ledger, error, f) : 0;
}

void certifying_fini(struct certifying *c)
{
	free(c->token);
	issued_fini(&c->issued);
}
