/* SPDX-License-Identifier: Apache-2.0 */
/* license issue, list, show: what an organisation has bought. */
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "document.h"
#include "grant_option.h"
#include "issued.h"
#include "issuing.h"
#include "license_row.h"
#include "listing.h"
#include "option.h"
#include "print.h"
#include "rfc3339.h"
#include "vendor.h"

#define RANDOM_PART 8

/* --- reading the options --- */

/* ORG-xxxxxxxx, where no character looks like another. */
static int make_id(struct license *license, struct failure *f)
{
	static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";
	size_t n = strlen(license->org);
	if (n + 1 + RANDOM_PART > LIMIT_ID)
		return failure_set(f, E_USAGE, "--id is missing, and --org is too long to make one from it");
	memcpy(license->id, license->org, n);
	license->id[n++] = '-';
	for (size_t i = 0; i < RANDOM_PART; i++)
		license->id[n++] = alphabet[randombytes_uniform(sizeof(alphabet) - 1)];
	return 0;
}

/* Without --from a license begins today, and yesterday during the first hour: clocks of hosts may be a little
 * behind. */
static int read_term(const struct invocation *inv, struct license *license, struct failure *f)
{
	int64_t now = issuer_now(inv);
	license->nbf = (now - 3600) / SECONDS_PER_DAY * SECONDS_PER_DAY;
	license->grace_days = 30;
	if (option_date(inv, "from", &license->nbf, f) || option_date(inv, "until", &license->exp, f) ||
	    option_days(inv, "grace", 0, LIMIT_LEASE_DAYS, &license->grace_days, f))
		return f->code;
	if (license->exp <= license->nbf)
		return failure_set(f, E_USAGE, "--until is not after %s",
				   invocation_has(inv, "from") ? "--from" : "today (--from)");
	return 0;
}

static int read_license(const struct invocation *inv, struct license *license, struct failure *f)
{
	static const char *const needed[] = {"org", "org-name", "until", "grant", NULL};
	int64_t hosts = 1;
	if (option_need(inv, needed, f) || option_slug(inv, "org", license->org, f) ||
	    option_text(inv, "org-name", license->org_name, sizeof(license->org_name), f) ||
	    option_slug(inv, "id", license->id, f) ||
	    option_integer(inv, "hosts", 1, ISSUING_HOSTS_MAX, &hosts, f) || read_term(inv, license, f))
		return f->code;
	license->hosts_max = (uint32_t)hosts;
	license->serial = 1;
	license->head.iat = issuer_now(inv);
	return license->id[0] ? 0 : make_id(license, f);
}

/* --- grants and the products they name --- */

static int add_grant(struct license *license, struct ledger *ledger, const char *text, struct failure *f)
{
	char id[LIMIT_ID + 1];
	struct grant grant;
	if (grant_option_find(text, "product", id, sizeof(id), f) ||
	    issuing_product(license, ledger, id, f) || grant_option_read(text, license, NULL, &grant, f))
		return f->code;
	if (license_grant(license, grant.id))
		return failure_set(f, E_USAGE, "--grant: id '%s' is given to two grants", grant.id);
	license->grants[license->n_grants++] = grant;
	return 0;
}

static int add_grants(const struct invocation *inv, struct license *license, struct ledger *ledger,
		      struct failure *f)
{
	const char *values[COMMAND_OPTIONS_MAX];
	size_t n = invocation_values(inv, "grant", values, COMMAND_OPTIONS_MAX);
	if (issuing_room(license, f))
		return f->code;
	for (size_t i = 0; i < n; i++)
		if (add_grant(license, ledger, values[i], f))
			return f->code;
	return 0;
}

/* --- issue --- */

static int keep_and_give(const struct invocation *inv, const struct vendor *vendor,
			 const struct license *license, const char *token, json_t *summary, struct failure *f)
{
	uint8_t salt[LEDGER_SALT];
	struct ledger_license old;
	randombytes_buf(salt, sizeof(salt));
	int error = ledger_begin(vendor->ledger);
	if (!error && ledger_license_get(vendor->ledger, license->id, &old, NULL) == 0 && old.revoked)
		return issued_refuse_revoked(&old, f);
	if (!error)
		error = ledger_license_add(vendor->ledger, license, salt, token);
	if (error == E_DUPLICATE)
		return failure_set(f, error, "license '%s'", license->id);
	if (error)
		return ledger_explain(vendor->ledger, error, f);
	return document_commit(inv, &token_license, token, summary, vendor->ledger, f);
}

static int issue(const struct invocation *inv, struct vendor *vendor, struct license *license,
		 struct failure *f)
{
	char *token;
	if (read_license(inv, license, f) || vendor_open(inv, vendor, f) ||
	    add_grants(inv, license, vendor->ledger, f) ||
	    vendor_unlock_for(inv, vendor, ISSUING_LICENSE, f) || issuing_sign(vendor, license, &token, f))
		return f->code;
	json_t *summary = issuing_summary(vendor, license, issuer_now(inv));
	int error = keep_and_give(inv, vendor, license, token, summary, f);
	free(token);
	if (error) {
		json_decref(summary);
		return error;
	}
	issuing_note(inv, license);
	document_end(inv, summary);
	return 0;
}

int license_issue_run(struct invocation *inv)
{
	struct license license = {0};
	struct vendor vendor = {0};
	struct failure f = {0};
	if (issuing_grant_help(inv))
		return 0;
	int error = issue(inv, &vendor, &license, &f);
	license_fini(&license);
	vendor_close(&vendor);
	return error ? failure_print(inv, &f) : 0;
}

/* --- list --- */

static int list_license(const struct ledger_license *row, void *context)
{
	struct listing *listing = context;
	return json_array_append_new(listing->items, license_row_json(row, listing->now)) ? E_NO_MEMORY : 0;
}

static int gather_licenses(struct ledger *ledger, struct listing *listing)
{
	return ledger_license_each(ledger, list_license, listing);
}

int license_list_run(struct invocation *inv)
{
	static const struct print_column columns[] = {
		{"LICENSE", "id"},      {"SERIAL", "serial"}, {"ORGANISATION", "org_name"},
		{"STATE", "state"},     {"HOSTS", "hosts"},   {"OF", "hosts_max"},
		{"FROM", "not_before"}, {"UNTIL", "expires"}, {NULL, NULL}};
	return listing_run(inv, columns, gather_licenses);
}

/* --- show --- */

/* The row of a license that is shown. A file does not know whether it was revoked, the ledger does. */
static int shown_row(const struct vendor *vendor, const struct license *license, struct ledger_license *ret,
		     struct failure *f)
{
	struct ledger_license kept;
	*ret = license_row(license);
	int error = ledger_license_get(vendor->ledger, license->id, &kept, NULL);
	if (error)
		return error == E_NOT_FOUND ? 0 : ledger_explain(vendor->ledger, error, f);
	ret->revoked = kept.revoked;
	memcpy(ret->reason, kept.reason, sizeof(ret->reason));
	return 0;
}

static int show_claims(const struct invocation *inv, const struct vendor *vendor, const struct issued *issued,
		       struct failure *f)
{
	const struct license *license = &issued->license;
	struct ledger_license row;
	json_t *claims;
	if (shown_row(vendor, license, &row, f))
		return f->code;
	int error = token_peek(issued->token, strlen(issued->token), &claims); /* it was verified just now */
	if (error)
		return failure_set(f, error, "%s", license->id);
	if (invocation_has(inv, "json")) {
		json_t *object = license_row_json(&row, issuer_now(inv));
		json_object_del(object, "hosts"); /* a file does not know them */
		json_object_set_new(object, "schema", json_integer(1));
		json_object_set_new(object, "claims", claims);
		print_json(object);
		return 0;
	}
	printf("license %s, serial %" PRId64 ", for ", license->id, license->serial);
	print_safe(stdout, license->org_name);
	printf(": %s\n", license_row_state(&row, issuer_now(inv)));
	print_claims(stdout, claims, 2);
	json_decref(claims);
	return 0;
}

/* With --output the file itself is given again, as it was signed. */
static int give_again(const struct invocation *inv, const struct vendor *vendor, const struct issued *issued,
		      struct failure *f)
{
	struct ledger_license row;
	FILE *notes = document_notes(inv);
	if (shown_row(vendor, &issued->license, &row, f))
		return f->code;
	json_t *summary = license_row_json(&row, issuer_now(inv));
	json_object_del(summary, "hosts");
	json_object_set_new(summary, "schema", json_integer(1));
	int error = document_give(inv, &token_license, issued->token, summary, f);
	if (!error && notes)
		fprintf(notes, "license %s, serial %" PRId64 "\n", row.id, row.serial);
	if (error)
		json_decref(summary);
	else
		document_end(inv, summary);
	return error;
}

int license_show_run(struct invocation *inv)
{
	struct vendor vendor;
	struct issued issued = {0};
	struct failure f = {0};
	int error = vendor_open(inv, &vendor, &f);
	if (!error)
		error = issued_find(&vendor, inv->args[0], &issued, &f);
	if (!error)
		error = invocation_has(inv, "output") ? give_again(inv, &vendor, &issued, &f)
						      : show_claims(inv, &vendor, &issued, &f);
	issued_fini(&issued);
	vendor_close(&vendor);
	return error ? failure_print(inv, &f) : 0;
}
