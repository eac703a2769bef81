/* SPDX-License-Identifier: Apache-2.0 */
/* host certify, list: the activation hosts that may serve a license. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64url.h"
#include "certifying.h"
#include "clearing_key.h"
#include "commands.h"
#include "document.h"
#include "listing.h"
#include "option.h"
#include "print.h"
#include "rfc3339.h"
#include "vendor.h"

#define DAYS_MAX 36500
#define LEDGER_TEXT 32

/* --- certify --- */

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
	return document_commit(inv, &token_certificate, c->token, summary, c->vendor->ledger, f);
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
	if (certifying_make(c, f))
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
	if (option_integer(inv, "days", 1, DAYS_MAX, &c->days, f) || load_request(c, inv->args[0], f) ||
	    vendor_open(inv, c->vendor, f) || issued_newest(c->vendor, which, &c->issued, &c->row, f) ||
	    certifying_check(c, f) || vendor_unlock_for(inv, c->vendor, ISSUING_CERTIFICATE, f))
		return f->code;
	return certify_locked(inv, c, f);
}

int host_certify_run(struct invocation *inv)
{
	struct vendor vendor = {0};
	struct certifying c = {.vendor = &vendor, .now = issuer_now(inv)};
	struct failure f = {0};
	int error = certify(inv, &c, &f);
	certifying_fini(&c);
	vendor_close(&vendor);
	return error ? failure_print(inv, &f) : 0;
}

/* --- key --- */

static int host_key(const struct invocation *inv, struct vendor *vendor, struct failure *f)
{
	static const char *const needed[] = {"license", NULL};
	struct issued issued = {0};
	struct ledger_license row;
	char code[KEYCODE_TEXT];
	char bare[KEYCODE_KEY + 1];
	uint8_t hash[KEYCODE_HASH];
	if (option_need(inv, needed, f) || vendor_open(inv, vendor, f))
		return f->code;
	if (!issued_newest(vendor, invocation_value(inv, "license"), &issued, &row, f) &&
	    !issued_refuse_revoked(&row, f)) {
		keycode_make(KEYCODE_KEY, code);
		keycode_read(code, KEYCODE_KEY, bare);
		clearing_key_hash(&vendor->roots, bare, hash);
		int error = ledger_host_key_add(vendor->ledger, hash, row.id, issuer_now(inv));
		if (error)
			ledger_explain(vendor->ledger, error, f);
		else if (invocation_has(inv, "json"))
			print_json(json_pack("{s:i, s:s, s:s}", "schema", 1, "key", code, "license", row.id));
		else
			puts(code);
	}
	issued_fini(&issued);
	return f->code;
}

int host_key_run(struct invocation *inv)
{
	return vendor_command(inv, host_key);
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
