/* SPDX-License-Identifier: Apache-2.0 */
/* host certify, list: the activation hosts that may serve a license. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64url.h"
#include "certified.h"
#include "commands.h"
#include "document.h"
#include "issued.h"
#include "listing.h"
#include "option.h"
#include "print.h"
#include "rfc3339.h"
#include "vendor.h"

#define DAYS_MAX 36500
#define LEDGER_TEXT 32

/* Everything that a certificate is made of. */
struct certifying {
	struct vendor vendor;
	struct host_request request;
	struct issued issued;
	struct ledger_license row;
	struct certificate certificate;
	struct ledger_others others;
	struct ledger_host former; /* whose ledger the host took over, when the request says so */
	char *token;
};

/* --- what is certified --- */

static int load_request(struct certifying *c, const char *path, struct failure *f)
{
	struct claims fault = {0};
	char *token;
	int error = document_load(&token_host_request, path, &token, f);
	if (error)
		return error;
	error = host_request_open(token, strlen(token), &c->request, &fault);
	free(token);
	if (error == E_CLAIM_INVALID)
		return failure_set(f, error, "%s: %s", path, fault.where[0] ? fault.where : "no JSON object");
	return error ? failure_set(f, error, "%s", path) : 0;
}

static int refuse_revoked(struct certifying *c, struct failure *f)
{
	char text[RFC3339_TEXT];
	int64_t at;
	int error = ledger_host_revoked(c->vendor.ledger, c->request.sign, &at);
	if (error)
		return ledger_explain(c->vendor.ledger, error, f);
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

static int set_term(const struct invocation *inv, struct certificate *certificate,
		    const struct license *license, struct failure *f)
{
	int64_t now = issuer_now(inv);
	int64_t end = license->exp + (int64_t)license->grace_days * SECONDS_PER_DAY;
	int64_t days = 0;
	if (option_integer(inv, "days", 1, DAYS_MAX, &days, f))
		return f->code;
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

static int make_certificate(const struct invocation *inv, struct certifying *c, struct failure *f)
{
	const struct license *license = &c->issued.license;
	struct certificate *certificate = &c->certificate;
	vendor_head(&c->vendor, &certificate->head, issuer_now(inv));
	certificate->roots = c->vendor.roots;
	memcpy(certificate->vendor, c->vendor.roots.keys[0], PASETO_PUBLIC);
	memcpy(certificate->sign, c->request.sign, PASETO_PUBLIC);
	memcpy(certificate->fixed, c->request.fixed, NOISE_KEY);
	memcpy(certificate->name, c->request.name, sizeof(certificate->name));
	memcpy(certificate->ledger, c->request.ledger, LEDGER_ID);
	memcpy(certificate->org, license->org, sizeof(certificate->org));
	memcpy(certificate->license, license->id, sizeof(certificate->license));
	memcpy(certificate->fp_salt, c->row.fp_salt, sizeof(certificate->fp_salt));
	add_grants(certificate, license);
	return set_term(inv, certificate, license, f);
}

static int sign_certificate(struct certifying *c, struct failure *f)
{
	struct certificate back;
	struct claims fault = {0};
	int error = certificate_sign(&c->certificate, c->vendor.secret, &c->token);
	if (error == E_TOO_LARGE) {
		failure_set(f, error, "a certificate holds at most %d bytes, too few for %zu products",
			    LIMIT_CERTIFICATE, c->certificate.n_products);
		return failure_remedy(f, "Issue more licenses with fewer products each.");
	}
	if (error)
		return failure_set(f, error, "host '%s'", c->request.name);
	/* Nothing leaves this program that a host would refuse. */
	error = certificate_open(c->token, strlen(c->token), &c->vendor.roots, &back, &fault);
	return error ? document_refused(f, error, c->request.name, "", &c->vendor.roots, fault.where) : 0;
}

/* --- a host in another's place --- */

/* Its place goes over to this one. Only with the same ledger: what the old host counted, the new one goes on
 * with. */
static int take_over(const struct invocation *inv, struct certifying *c, struct failure *f)
{
	const char *license = c->issued.license.id;
	int64_t at;
	int error = ledger_host_replaced(c->vendor.ledger, license, c->request.sign, &at);
	if (error)
		return ledger_explain(c->vendor.ledger, error, f);
	if (at && !c->request.replaces[0]) {
		failure_set(f, E_HOST_LIMIT, "host '%s' was replaced by another for license '%s'",
			    c->request.name, license);
		return failure_remedy(f, "Ask for a request of the host that serves now, or one made with "
					 "'musterctl host replace' after restoring its backup.");
	}
	if (!c->request.replaces[0])
		return 0;
	if (certified_find(&c->vendor, c->request.replaces, license, &c->former, f))
		return f->code;
	if (memcmp(c->former.ledger, c->request.ledger, LEDGER_ID) != 0 ||
	    memcmp(c->former.sign, c->request.sign, PASETO_PUBLIC) == 0) {
		failure_set(f, E_LEDGER_MISMATCH, "host '%s' does not keep the ledger of host '%s'",
			    c->request.name, c->former.name);
		return failure_remedy(f, "Restore a backup of the old host on the new one first.");
	}
	error = ledger_host_replace(c->vendor.ledger, license, c->former.sign, c->request.sign,
				    issuer_now(inv));
	return error ? ledger_explain(c->vendor.ledger, error, f) : 0;
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

static int check_limit(const struct invocation *inv, struct certifying *c, struct failure *f)
{
	const struct license *license = &c->issued.license;
	int error = ledger_host_others(c->vendor.ledger, license->id, c->request.sign, issuer_now(inv),
				       &c->others);
	if (error)
		return ledger_explain(c->vendor.ledger, error, f);
	if (check_models(c, f))
		return f->code;
	if (c->others.in_force < license->hosts_max)
		return 0;
	failure_set(f, E_HOST_LIMIT, "license '%s' is for %u host%s, and %" PRId64 " %s certified",
		    license->id, license->hosts_max, license->hosts_max == 1 ? "" : "s", c->others.in_force,
		    c->others.in_force == 1 ? "is" : "are");
	return refuse_host(c, c->others.in_force, error_row(E_HOST_LIMIT)->remedy, f);
}

/* --- certify --- */

static json_t *certificate_json(const struct certificate *certificate, int64_t serial)
{
	char host[PASERK_ID_TEXT];
	json_t *products = json_array();
	paserk_pid_write(certificate->sign, host);
	for (size_t i = 0; i < certificate->n_products; i++)
		json_array_append_new(products, json_string(certificate->products[i]));
	return json_pack("{s:i, s:s, s:s, s:s, s:s, s:I, s:s, s:o, s:I, s:o, s:o, s:s}", "schema", 1, "host",
			 host, "name", certificate->name, "org", certificate->org, "license",
			 certificate->license, "serial", (json_int_t)serial, "issuer", certificate->head.iss,
			 "products", products, "lease_days_max", (json_int_t)certificate->lease_days_max,
			 "not_before", print_json_time(certificate->nbf), "expires",
			 print_json_time(certificate->exp), "certificate", certificate->head.jti);
}

/* Closing the ledger undoes what was not committed. */
static int keep_and_give(const struct invocation *inv, struct certifying *c, json_t *summary,
			 struct failure *f)
{
	struct ledger *ledger = c->vendor.ledger;
	int error = ledger_host_add(ledger, &c->certificate, c->row.serial, c->token);
	if (error)
		return ledger_explain(ledger, error, f);
	return document_commit(inv, &token_certificate, c->token, summary, ledger, f);
}

static void note_certificate(const struct invocation *inv, const struct certificate *certificate)
{
	char host[PASERK_ID_TEXT];
	char until[RFC3339_TEXT];
	FILE *notes = document_notes(inv);
	if (!notes)
		return;
	paserk_pid_write(certificate->sign, host);
	fputs("host ", notes);
	print_safe(notes, certificate->name);
	fprintf(notes, " (%s) certified for license %s until %s\n", host, certificate->license,
		rfc3339_write(certificate->exp, until));
}

static void note_former(const struct invocation *inv, const struct ledger_host *former)
{
	char until[RFC3339_TEXT];
	FILE *notes = former->name[0] ? document_notes(inv) : NULL;
	if (!notes)
		return;
	fputs("in place of host ", notes);
	print_safe(notes, former->name);
	fprintf(notes,
		", whose certificate holds until %s; if somebody may have its keys, revoke it:\n"
		"  muster-issuer host revoke, then muster-issuer revocations\n",
		rfc3339_write(former->exp, until));
}

/* From here on the ledger is locked, so that two runs at once cannot both take the last place. */
static int certify_locked(const struct invocation *inv, struct certifying *c, struct failure *f)
{
	int error = ledger_begin(c->vendor.ledger);
	if (error)
		return ledger_explain(c->vendor.ledger, error, f);
	if (take_over(inv, c, f) || check_limit(inv, c, f) || make_certificate(inv, c, f) ||
	    sign_certificate(c, f))
		return f->code;
	json_t *summary = certificate_json(&c->certificate, c->row.serial);
	if (keep_and_give(inv, c, summary, f)) {
		json_decref(summary);
		return f->code;
	}
	note_certificate(inv, &c->certificate);
	note_former(inv, &c->former);
	document_end(inv, summary);
	return 0;
}

static int certify(const struct invocation *inv, struct certifying *c, struct failure *f)
{
	static const char *const needed[] = {"license", NULL};
	const char *which = invocation_value(inv, "license");
	if (option_need(inv, needed, f))
		return f->code;
	if (invocation_has(inv, "share")) {
		failure_set(f, E_USAGE, "--share: this version cannot split a grant between hosts yet");
		return failure_remedy(f, "Issue a license of its own for each host.");
	}
	if (strcmp(inv->args[0], "-") == 0 && strcmp(which, "-") == 0)
		return failure_set(f, E_USAGE, "standard input cannot be both the request and the license");
	if (load_request(c, inv->args[0], f) || vendor_open(inv, &c->vendor, f) ||
	    issued_newest(&c->vendor, which, &c->issued, &c->row, f) || issued_refuse_revoked(&c->row, f) ||
	    refuse_revoked(c, f) || vendor_unlock_for(inv, &c->vendor, ISSUING_CERTIFICATE, f))
		return f->code;
	return certify_locked(inv, c, f);
}

int host_certify_run(struct invocation *inv)
{
	struct certifying c = {0};
	struct failure f = {0};
	int error = certify(inv, &c, &f);
	free(c.token);
	issued_fini(&c.issued);
	vendor_close(&c.vendor);
	return error ? failure_print(inv, &f) : 0;
}

/* --- list --- */

static const char *state_of(const struct ledger_host *host, int64_t now)
{
	if (host->revoked)
		return "revoked";
	return now < host->exp ? "ok" : "ended";
}

static int list_host(const struct ledger_host *host, void *context)
{
	struct listing *listing = context;
	char id[PASERK_ID_TEXT];
	char ledger[LEDGER_TEXT];
	paserk_pid_write(host->sign, id);
	base64url_write(host->ledger, LEDGER_ID, ledger, sizeof(ledger));
	json_t *item = json_pack("{s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:o, s:o, s:I, s:s, s:o, s:s}", "host",
				 id, "name", host->name, "license", host->license, "org", host->org, "serial",
				 (json_int_t)host->serial, "ledger", ledger, "state",
				 state_of(host, listing->now), "certified", print_json_time(host->certified),
				 "expires", print_json_time(host->exp), "certificates",
				 (json_int_t)host->certificates, "certificate", host->jti, "revoked",
				 print_json_time(host->revoked), "reason", host->reason);
	return json_array_append_new(listing->items, item) ? E_NO_MEMORY : 0;
}

static int gather_hosts(struct ledger *ledger, struct listing *listing)
{
	return ledger_host_each(ledger, list_host, listing);
}

int host_list_run(struct invocation *inv)
{
	static const struct print_column columns[] = {{"NAME", "name"},
						      {"LICENSE", "license"},
						      {"STATE", "state"},
						      {"CERTIFIED", "certified"},
						      {"EXPIRES", "expires"},
						      {"HOST", "host"},
						      {NULL, NULL}};
	return listing_run(inv, columns, gather_hosts);
}
