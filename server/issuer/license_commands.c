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
#include "listing.h"
#include "option.h"
#include "print.h"
#include "rfc3339.h"
#include "vendor.h"

#define RANDOM_PART 8
#define HOSTS_MAX 1000

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
	    option_slug(inv, "id", license->id, f) || option_integer(inv, "hosts", 1, HOSTS_MAX, &hosts, f) ||
	    read_term(inv, license, f))
		return f->code;
	license->hosts_max = (uint32_t)hosts;
	license->serial = 1;
	license->head.iat = issuer_now(inv);
	claims_jti(license->head.jti);
	return license->id[0] ? 0 : make_id(license, f);
}

/* --- grants and the products they name --- */

static int add_product(struct license *license, struct ledger *ledger, const char *id, struct failure *f)
{
	struct ledger_product product;
	if (license_product(license, id))
		return 0;
	if (license->n_products == LIMIT_PRODUCTS)
		return failure_set(f, E_USAGE, "--grant: a license has at most %d products", LIMIT_PRODUCTS);
	int error = ledger_product_get(ledger, id, &product);
	if (error == E_NOT_FOUND) {
		failure_set(f, E_USAGE, "--grant: product '%s' is unknown", id);
		return failure_remedy(f, "Add it with 'muster-issuer product add', or correct the id.");
	}
	if (error)
		return ledger_explain(ledger, error, f);
	license->products[license->n_products++] = product.file.product;
	return 0;
}

static int add_grant(struct license *license, struct ledger *ledger, const char *text, struct failure *f)
{
	char id[LIMIT_ID + 1];
	struct grant grant;
	if (grant_option_find(text, "product", id, sizeof(id), f) || add_product(license, ledger, id, f) ||
	    grant_option_read(text, license, &grant, f))
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
	license->grants = calloc(n, sizeof(*license->grants));
	license->products = calloc(n, sizeof(*license->products));
	if (!license->grants || !license->products)
		return failure_set(f, E_NO_MEMORY, "%zu grants", n);
	for (size_t i = 0; i < n; i++)
		if (add_grant(license, ledger, values[i], f))
			return f->code;
	return 0;
}

/* --- issue --- */

static const char *state_at(int64_t now, int64_t nbf, int64_t exp)
{
	return now < nbf ? "pending" : now < exp ? "active" : "expired";
}

static json_t *row_json(const struct ledger_license *row, int64_t now)
{
	return json_pack("{s:s, s:I, s:s, s:s, s:s, s:o, s:o, s:I, s:I, s:o}", "id", row->id, "serial",
			 (json_int_t)row->serial, "org", row->org, "org_name", row->org_name, "state",
			 state_at(now, row->nbf, row->exp), "not_before", print_json_time(row->nbf),
			 "expires", print_json_time(row->exp), "hosts_max", (json_int_t)row->hosts_max,
			 "hosts", (json_int_t)row->hosts, "issued", print_json_time(row->issued));
}

static struct ledger_license row_of(const struct license *license)
{
	struct ledger_license row = {
		.serial = license->serial,
		.nbf = license->nbf,
		.exp = license->exp,
		.hosts_max = license->hosts_max,
		.issued = license->head.iat,
	};
	memcpy(row.id, license->id, sizeof(row.id));
	memcpy(row.org, license->org, sizeof(row.org));
	memcpy(row.org_name, license->org_name, sizeof(row.org_name));
	return row;
}

static int sign_license(const struct vendor *vendor, struct license *license, char **ret_token,
			struct failure *f)
{
	struct license back;
	struct claims fault = {0};
	memcpy(license->head.iss, vendor->pid, sizeof(license->head.iss));
	int error = license_sign(license, vendor->secret, ret_token);
	if (error)
		return failure_set(f, error, "license '%s'", license->id);
	/* Nothing leaves this program that a host would refuse. */
	error = license_open(*ret_token, strlen(*ret_token), vendor->public, &back, &fault);
	license_fini(&back);
	if (!error)
		return 0;
	free(*ret_token);
	return document_refused(f, error, license->id, "", vendor->public, fault.where);
}

/* Ledger and file: both or neither. */
static int keep_and_give(const struct invocation *inv, const struct vendor *vendor,
			 const struct license *license, const char *token, json_t *summary, struct failure *f)
{
	uint8_t salt[LEDGER_SALT];
	randombytes_buf(salt, sizeof(salt));
	int error = ledger_begin(vendor->ledger);
	if (!error)
		error = ledger_license_add(vendor->ledger, license, salt, token);
	if (error == E_DUPLICATE)
		return failure_set(f, error, "license '%s'", license->id);
	if (error)
		return ledger_explain(vendor->ledger, error, f);
	if (document_give(inv, &token_license, token, summary, f))
		return f->code;
	error = ledger_commit(vendor->ledger);
	if (!error)
		return 0;
	ledger_explain(vendor->ledger, error, f);
	document_withdraw(inv);
	return error;
}

static void note_license(const struct invocation *inv, const struct license *license)
{
	char from[RFC3339_TEXT];
	char until[RFC3339_TEXT];
	FILE *notes = document_notes(inv);
	if (issuer_now(inv) >= license->exp)
		fputs("warning: the term of this license is over already\n", stderr);
	if (!notes)
		return;
	fprintf(notes, "license %s, serial %" PRId64 ", for %s: %s to %s, %zu grant%s, %u host%s\n",
		license->id, license->serial, license->org_name, rfc3339_write(license->nbf, from),
		rfc3339_write(license->exp, until), license->n_grants, license->n_grants == 1 ? "" : "s",
		license->hosts_max, license->hosts_max == 1 ? "" : "s");
}

static int issue(const struct invocation *inv, struct vendor *vendor, struct license *license,
		 struct failure *f)
{
	char *token;
	if (read_license(inv, license, f) || vendor_open(inv, vendor, f) ||
	    add_grants(inv, license, vendor->ledger, f) || vendor_unlock(inv, vendor, f) ||
	    sign_license(vendor, license, &token, f))
		return f->code;
	struct ledger_license row = row_of(license);
	json_t *summary = row_json(&row, issuer_now(inv));
	json_object_set_new(summary, "schema", json_integer(1));
	json_object_set_new(summary, "issuer", json_string(vendor->pid));
	int error = keep_and_give(inv, vendor, license, token, summary, f);
	free(token);
	if (error) {
		json_decref(summary);
		return error;
	}
	note_license(inv, license);
	document_end(inv, summary);
	return 0;
}

static bool wants_grant_help(const struct invocation *inv)
{
	const char *grant = invocation_value(inv, "grant");
	return grant && strcmp(grant, "help") == 0;
}

int license_issue_run(struct invocation *inv)
{
	struct license license = {0};
	struct vendor vendor = {0};
	struct failure f = {0};
	if (wants_grant_help(inv)) {
		grant_option_help(stdout);
		return 0;
	}
	int error = issue(inv, &vendor, &license, &f);
	license_fini(&license);
	vendor_close(&vendor);
	return error ? failure_print(inv, &f) : 0;
}

/* --- list --- */

static int list_license(const struct ledger_license *row, void *context)
{
	struct listing *listing = context;
	return json_array_append_new(listing->items, row_json(row, listing->now)) ? E_NO_MEMORY : 0;
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

static int show_claims(const struct invocation *inv, const struct vendor *vendor, const struct issued *issued,
		       struct failure *f)
{
	const struct license *license = &issued->license;
	struct ledger_license row = row_of(license);
	json_t *claims;
	int error = token_open(&token_license, issued->token, strlen(issued->token), vendor->public, &claims);
	if (error)
		return failure_set(f, error, "%s", license->id);
	if (invocation_has(inv, "json")) {
		json_t *object = row_json(&row, issuer_now(inv));
		json_object_del(object, "hosts"); /* a file does not know them */
		json_object_set_new(object, "schema", json_integer(1));
		json_object_set_new(object, "claims", claims);
		print_json(object);
		return 0;
	}
	printf("license %s, serial %" PRId64 ", for ", license->id, license->serial);
	print_safe(stdout, license->org_name);
	printf(": %s\n", state_at(issuer_now(inv), license->nbf, license->exp));
	print_claims(stdout, claims, 2);
	json_decref(claims);
	return 0;
}

/* With --output the file itself is given again, as it was signed. */
static int give_again(const struct invocation *inv, const struct issued *issued, struct failure *f)
{
	struct ledger_license row = row_of(&issued->license);
	FILE *notes = document_notes(inv);
	json_t *summary = row_json(&row, issuer_now(inv));
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
		error = invocation_has(inv, "output") ? give_again(inv, &issued, &f)
						      : show_claims(inv, &vendor, &issued, &f);
	issued_fini(&issued);
	vendor_close(&vendor);
	return error ? failure_print(inv, &f) : 0;
}
