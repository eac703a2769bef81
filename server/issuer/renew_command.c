/* SPDX-License-Identifier: Apache-2.0 */
/* license renew: the next serial of a license, with other terms and the keys made since. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "document.h"
#include "grant_option.h"
#include "issued.h"
#include "issuing.h"
#include "more_request.h"
#include "option.h"
#include "print.h"
#include "renewing.h"
#include "vendor.h"

/* A license under renewal: what it was, and what it is to be. */
struct renewing {
	struct vendor vendor;
	struct issued was;
	struct ledger_license row;
	struct license next;
	struct license_request request; /* all zero: none */
	char *token;
	json_t *changes;
};

/* --- terms --- */

static int set_terms(const struct invocation *inv, struct renewing *r, struct failure *f)
{
	struct license *next = &r->next;
	int64_t hosts = next->hosts_max;
	if (option_date(inv, "until", &next->exp, f) ||
	    option_integer(inv, "hosts", 1, ISSUING_HOSTS_MAX, &hosts, f))
		return f->code;
	if (next->exp <= next->nbf)
		return failure_set(f, E_USAGE, "--until is before the beginning of the license");
	next->hosts_max = (uint32_t)hosts;
	next->serial = r->row.serial + 1;
	next->head.iat = issuer_now(inv);
	return 0;
}

/* Leases name plans by their place: what was there stays there. */
static int check_plans(const struct product *was, const struct product *now, struct failure *f)
{
	bool same = now->n_plans >= was->n_plans;
	for (size_t i = 0; i < was->n_plans && same; i++)
		same = strcmp(was->plans[i].id, now->plans[i].id) == 0;
	return same ? 0 : failure_set(f, E_PLANS_REORDERED, "product '%s'", was->id);
}

/* Everything as it was, but for the keys: those come from the ledger. */
static int begin(struct renewing *r, struct failure *f)
{
	const struct license *was = &r->was.license;
	struct license *next = &r->next;
	*next = *was;
	if (issuing_room(next, f))
		return f->code;
	for (size_t i = 0; i < was->n_products; i++)
		if (issuing_product(next, r->vendor.ledger, was->products[i].id, f) ||
		    check_plans(&was->products[i], &next->products[i], f))
			return f->code;
	for (size_t i = 0; i < was->n_grants; i++) {
		struct grant *grant = &next->grants[next->n_grants++];
		*grant = was->grants[i];
		grant->pool_keys = NULL;
		grant->redemptions = NULL;
		grant->n_pool_keys = grant->n_redemptions = 0;
	}
	return 0;
}

/* --- grants --- */

static int add_grant(struct renewing *r, const char *text, const char *id, struct failure *f)
{
	char product[LIMIT_ID + 1];
	struct license *next = &r->next;
	struct grant grant;
	if (grant_option_find(text, "product", product, sizeof(product), f)) {
		if (id[0])
			failure_set(f, E_USAGE,
				    "--grant: the license has no grant '%s', and a new one needs a product",
				    id);
		return f->code;
	}
	if (issuing_product(next, r->vendor.ledger, product, f) ||
	    grant_option_read(text, next, NULL, &grant, f))
		return f->code;
	if (license_grant(next, grant.id))
		return failure_set(f, E_USAGE, "--grant: give id=%s to change that grant", grant.id);
	if (next->n_grants == LIMIT_GRANTS)
		return failure_set(f, E_USAGE, "--grant: a license has at most %d grants", LIMIT_GRANTS);
	next->grants[next->n_grants++] = grant;
	return 0;
}

static int set_grant(struct renewing *r, const char *text, struct failure *f)
{
	char id[LIMIT_ID + 1] = "";
	struct license *next = &r->next;
	grant_option_find(text, "id", id, sizeof(id), f);
	const struct grant *was = license_grant(next, id);
	if (!was)
		return add_grant(r, text, id, f);
	return grant_option_read(text, next, was, &next->grants[was - next->grants], f);
}

static int set_grants(const struct invocation *inv, struct renewing *r, struct failure *f)
{
	const char *values[COMMAND_OPTIONS_MAX];
	size_t n = invocation_values(inv, "grant", values, COMMAND_OPTIONS_MAX);
	for (size_t i = 0; i < n; i++)
		if (set_grant(r, values[i], f))
			return f->code;
	return 0;
}

/* A request may ask for more than keys may reach. */
static int check_offers(const struct license *license, struct failure *f)
{
	for (size_t i = 0; i < license->n_grants; i++) {
		const struct grant *grant = &license->grants[i];
		if (!grant->quantity_max || grant->quantity <= grant->quantity_max)
			continue;
		failure_set(f, E_USAGE, "grant '%s': quantity %" PRId64 " is more than quantity_max=%" PRId64,
			    grant->id, grant->quantity, grant->quantity_max);
		return failure_remedy(f, "Raise it, too: --grant id=...,quantity_max=N.");
	}
	return 0;
}

/* --- keys --- */

static int no_room(struct grant *grant)
{
	if (!grant->pool_keys)
		grant->pool_keys = calloc(LIMIT_KEYS, sizeof(*grant->pool_keys));
	if (!grant->redemptions)
		grant->redemptions = calloc(LIMIT_KEYS, sizeof(*grant->redemptions));
	return grant->pool_keys && grant->redemptions ? 0 : E_NO_MEMORY;
}

static int take_key(const struct ledger_key *key, void *context)
{
	struct renewing *r = context;
	const struct grant *found = license_grant(&r->next, key->grant);
	if (key->blocked || !found)
		return 0;
	struct grant *grant = &r->next.grants[found - r->next.grants];
	int error = no_room(grant);
	if (!error && grant->n_pool_keys + grant->n_redemptions == 0)
		error = ledger_key_salt(r->vendor.ledger, key->license, key->grant, grant->key_salt);
	size_t *n = key->pool ? &grant->n_pool_keys : &grant->n_redemptions;
	if (error || *n == LIMIT_KEYS)
		return error ? error : E_STORE_CORRUPT; /* no more are ever made */
	if (key->pool)
		memcpy(grant->pool_keys[*n], key->gives.hash, KEYCODE_HASH);
	else
		grant->redemptions[*n] = key->gives;
	(*n)++;
	return 0;
}

static int set_keys(struct renewing *r, struct failure *f)
{
	int error = ledger_key_each(r->vendor.ledger, r->next.id, take_key, r);
	return error ? ledger_explain(r->vendor.ledger, error, f) : 0;
}

/* --- what changes --- */

/* The grants of a signed license as JSON; the caller's reference. */
static json_t *grants_of(const char *token)
{
	json_t *claims;
	if (token_peek(token, strlen(token), &claims))
		return json_array();
	json_t *grants = json_incref(json_object_get(claims, "grants"));
	json_decref(claims);
	return grants ? grants : json_array();
}

static json_t *pair_json(int64_t from, int64_t to)
{
	return json_pack("{s:I, s:I}", "from", (json_int_t)from, "to", (json_int_t)to);
}

static json_t *change_json(const struct grant *was, const struct grant *now)
{
	size_t had = was ? was->n_pool_keys + was->n_redemptions : 0;
	size_t has = now->n_pool_keys + now->n_redemptions;
	json_t *change = json_pack("{s:s, s:b}", "grant", now->id, "added", was == NULL);
	if (was ? was->quantity != now->quantity : now->quantity != 0)
		json_object_set_new(change, "quantity", pair_json(was ? was->quantity : 0, now->quantity));
	if (had != has)
		json_object_set_new(change, "keys", pair_json((int64_t)had, (int64_t)has));
	return change;
}

/* Grants keep their places, so the same index is the same grant. */
static json_t *changes_json(const struct renewing *r)
{
	json_t *changes = json_array();
	json_t *old = grants_of(r->was.token);
	json_t *new = grants_of(r->token);
	for (size_t i = 0; i < r->next.n_grants; i++) {
		const struct license *was = &r->was.license;
		if (i < was->n_grants && json_equal(json_array_get(old, i), json_array_get(new, i)))
			continue;
		json_array_append_new(
			changes, change_json(i < was->n_grants ? &was->grants[i] : NULL, &r->next.grants[i]));
	}
	json_decref(old);
	json_decref(new);
	return changes;
}

static void note_pair(FILE *notes, json_t *change, const char *key)
{
	json_t *pair = json_object_get(change, key);
	if (pair)
		fprintf(notes, ", %s %" PRId64 " to %" PRId64, key,
			(int64_t)json_integer_value(json_object_get(pair, "from")),
			(int64_t)json_integer_value(json_object_get(pair, "to")));
}

static void note_changes(FILE *notes, json_t *changes)
{
	for (size_t i = 0; i < json_array_size(changes); i++) {
		json_t *change = json_array_get(changes, i);
		fprintf(notes, "grant %s: %s", json_string_value(json_object_get(change, "grant")),
			json_is_true(json_object_get(change, "added")) ? "new" : "changed");
		note_pair(notes, change, "quantity");
		note_pair(notes, change, "keys");
		fputc('\n', notes);
	}
}

/* --- hosts --- */

/* Hosts whose certificate ends too early, or lacks something that the license now has. */
struct outdated {
	const struct renewing *r;
	int64_t now;
	int64_t n;
};

static int count_outdated(const struct ledger_host *host, void *context)
{
	struct outdated *o = context;
	const struct license *next = &o->r->next;
	int64_t end = next->exp + (int64_t)next->grace_days * SECONDS_PER_DAY;
	if (strcmp(host->license, next->id) == 0 && !host->revoked && host->exp > o->now)
		o->n += host->exp < end || next->n_products > o->r->was.license.n_products;
	return 0;
}

static void note_hosts(const struct invocation *inv, const struct renewing *r)
{
	struct outdated o = {.r = r, .now = issuer_now(inv)};
	if (ledger_host_each(r->vendor.ledger, count_outdated, &o) == 0 && o.n)
		fprintf(stderr,
			"note: certificates of %" PRId64
			" host%s do not cover the new terms: certify %s again\n",
			o.n, o.n == 1 ? "" : "s", o.n == 1 ? "it" : "them");
}

/* --- renew --- */

static int build(const struct invocation *inv, struct renewing *r, struct failure *f)
{
	const char *request = invocation_value(inv, "request");
	if (begin(r, f) || set_terms(inv, r, f))
		return f->code;
	if (request && (more_request_read(&r->vendor, request, &r->was.license, &r->request, f) ||
			more_request_apply(&r->request, &r->was.license, &r->next, f)))
		return f->code;
	if (set_grants(inv, r, f) || check_offers(&r->next, f) || set_keys(r, f))
		return f->code;
	return issuing_sign(&r->vendor, &r->next, &r->token, f);
}

/* --- at the clearing house --- */

/* The places that a license may be given without anybody being asked are those of quantity_max. */
static int check_ceiling(const struct renewing *r, struct failure *f)
{
	for (size_t i = 0; i < r->request.n_wants; i++) {
		const struct license_want *want = &r->request.wants[i];
		const struct grant *grant = license_grant(&r->was.license, want->grant);
		if (grant && (!grant->quantity_max || want->quantity > grant->quantity_max))
			return failure_set(
				f, E_VENDOR_DECIDES,
				"grant '%s' may be raised to %" PRId64 " online, not to %" PRId64, grant->id,
				grant->quantity_max ? grant->quantity_max : grant->quantity, want->quantity);
	}
	return 0;
}

/* Was it answered before? Then the license has what was asked for. */
static bool has_all(const struct renewing *r)
{
	for (size_t i = 0; i < r->request.n_wants; i++) {
		const struct grant *grant = license_grant(&r->was.license, r->request.wants[i].grant);
		if (!grant || grant->quantity < r->request.wants[i].quantity)
			return false;
	}
	return true;
}

static int extend_locked(struct renewing *r, const char *id, const char *token, int64_t now,
			 struct failure *f)
{
	struct ledger *ledger = r->vendor.ledger;
	if (issued_in_ledger(&r->vendor, id, &r->was, &r->row, f) || issued_refuse_revoked(&r->row, f) ||
	    more_request_take(&r->vendor, "the request", token, &r->was.license, &r->request, f))
		return f->code;
	if (has_all(r)) {
		r->token = strdup(r->was.token);
		return r->token ? 0 : failure_set(f, E_NO_MEMORY, "the license");
	}
	if (check_ceiling(r, f) || begin(r, f))
		return f->code;
	r->next.serial = r->row.serial + 1;
	r->next.head.iat = now;
	if (more_request_apply(&r->request, &r->was.license, &r->next, f) || set_keys(r, f) ||
	    issuing_sign(&r->vendor, &r->next, &r->token, f))
		return f->code;
	int error = ledger_license_renew(ledger, &r->next, r->token);
	return error ? ledger_explain(ledger, error, f) : 0;
}

int renewing_extend(const struct vendor *vendor, const char *id, const char *token, int64_t now,
		    char **ret_token, struct failure *f)
{
	struct renewing *r = calloc(1, sizeof(*r));
	if (!r)
		return failure_set(f, E_NO_MEMORY, "the license");
	r->vendor = *vendor;
	int error = ledger_begin(vendor->ledger);
	if (error)
		ledger_explain(vendor->ledger, error, f);
	else if (!extend_locked(r, id, token, now, f) && (error = ledger_commit(vendor->ledger)) != 0)
		ledger_explain(vendor->ledger, error, f);
	if (!f->code)
		*ret_token = r->token;
	else
		free(r->token);
	license_fini(&r->next);
	issued_fini(&r->was);
	free(r);
	return f->code;
}

/* --- by file --- */

static int keep(const struct invocation *inv, struct renewing *r, json_t *summary, struct failure *f)
{
	struct ledger *ledger = r->vendor.ledger;
	int error = ledger_license_renew(ledger, &r->next, r->token);
	if (error)
		return ledger_explain(ledger, error, f);
	return document_commit(inv, &token_license, r->token, summary, ledger, f);
}

/* From here on the ledger is locked: no two runs make the same serial, and no key is made meanwhile. */
static int renew_locked(const struct invocation *inv, struct renewing *r, struct failure *f)
{
	int error = ledger_begin(r->vendor.ledger);
	if (error)
		return ledger_explain(r->vendor.ledger, error, f);
	if (issued_newest(&r->vendor, inv->args[0], &r->was, &r->row, f) ||
	    issued_refuse_revoked(&r->row, f) || build(inv, r, f))
		return f->code;
	r->changes = changes_json(r);
	json_t *summary = issuing_summary(&r->vendor, &r->next, issuer_now(inv));
	json_object_set(summary, "changes", r->changes);
	if (keep(inv, r, summary, f)) {
		json_decref(summary);
		return f->code;
	}
	issuing_note(inv, &r->next);
	note_hosts(inv, r);
	if (document_notes(inv))
		note_changes(document_notes(inv), r->changes);
	document_end(inv, summary);
	return 0;
}

static int renew(const struct invocation *inv, struct renewing *r, struct failure *f)
{
	static const char *const readers[] = {"request", "passphrase"};
	int stdins = strcmp(inv->args[0], "-") == 0;
	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++)
		stdins += strcmp(invocation_value_or(inv, readers[i], ""), "-") == 0;
	if (stdins > 1)
		return failure_set(f, E_USAGE, "standard input cannot be two things at once");
	if (vendor_open(inv, &r->vendor, f) || vendor_unlock_for(inv, &r->vendor, ISSUING_LICENSE, f))
		return f->code;
	return renew_locked(inv, r, f);
}

int license_renew_run(struct invocation *inv)
{
	struct renewing r = {.token = NULL};
	struct failure f = {0};
	if (issuing_grant_help(inv))
		return 0;
	int error = renew(inv, &r, &f);
	free(r.token);
	json_decref(r.changes);
	license_fini(&r.next);
	issued_fini(&r.was);
	vendor_close(&r.vendor);
	return error ? failure_print(inv, &f) : 0;
}
