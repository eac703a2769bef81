/* SPDX-License-Identifier: Apache-2.0 */
/* signer create, list, revoke; root next, switch: the keys that sign in the vendor's name. */
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clearing_key.h"
#include "commands.h"
#include "file.h"
#include "keypair.h"
#include "listing.h"
#include "option.h"
#include "print.h"
#include "rfc3339.h"
#include "vendor.h"

#define DAYS_DEFAULT 365
#define VENDOR_FORMER "former.key"

/* Rename a file of the folder, if it is there. */
static int move_aside(const struct invocation *inv, const char *from, const char *to, struct failure *f)
{
	char old[PATH_MAX];
	char new[PATH_MAX];
	if (vendor_file(inv, from, old, f) || vendor_file(inv, to, new, f))
		return f->code;
	if (access(old, F_OK) == 0 && rename(old, new))
		return failure_system(f, E_CANNOT_CREATE, new);
	return 0;
}

/* --- signer create --- */

static int read_wishes(const struct invocation *inv, struct issuing_key *key, struct failure *f)
{
	const char *uses = invocation_value_or(inv, "for", "license,certificate,clearing");
	int64_t days = DAYS_DEFAULT;
	if (issuing_uses_read(uses, &key->uses)) {
		failure_set(f, E_USAGE, "--for '%s'", uses);
		return failure_remedy(f,
				      "Give any of license, certificate and clearing, with commas between.");
	}
	if (option_integer(inv, "days", 1, ISSUING_DAYS_MAX - 1, &days, f))
		return f->code;
	key->nbf = issuer_now(inv) - SECONDS_PER_DAY; /* also for who is a day behind */
	key->exp = issuer_now(inv) + days * SECONDS_PER_DAY;
	return 0;
}

static int sign_statement(const struct invocation *inv, const struct vendor *vendor,
			  const struct keypair *keys, struct issuing_key *key, char **ret_token,
			  struct failure *f)
{
	struct noise_pair fixed;
	memcpy(key->key, keys->public, PASETO_PUBLIC);
	clearing_key(keys->secret, &fixed);
	memcpy(key->fixed, fixed.public, NOISE_KEY);
	sodium_memzero(&fixed, sizeof(fixed));
	vendor_head(vendor, &key->head, issuer_now(inv));
	int error = issuing_key_sign(key, vendor->secret, ret_token);
	return error ? failure_set(f, error, "the issuing key's statement") : 0;
}

/* The ledger first: it must know every key that ever could sign. What was there before stays beside it. */
static int keep_signer(const struct invocation *inv, const struct vendor *vendor, const struct keypair *keys,
		       const char *pid, const char *token, struct failure *f)
{
	char key_path[PATH_MAX];
	char statement_path[PATH_MAX];
	int error = ledger_signer_add(vendor->ledger, pid, token, issuer_now(inv));
	if (error)
		return ledger_explain(vendor->ledger, error, f);
	if (move_aside(inv, VENDOR_STATEMENT, VENDOR_STATEMENT ".old", f) ||
	    move_aside(inv, VENDOR_ISSUING, VENDOR_ISSUING ".old", f) ||
	    vendor_file(inv, VENDOR_ISSUING, key_path, f) ||
	    vendor_file(inv, VENDOR_STATEMENT, statement_path, f) || keypair_save(keys, key_path, f))
		return f->code;
	error = token_save(&token_key, statement_path, token, 0644);
	return error ? failure_system(f, error, statement_path) : 0;
}

static void tell_signer(const struct invocation *inv, const char *pid, const struct issuing_key *key)
{
	char until[RFC3339_TEXT];
	if (invocation_has(inv, "json")) {
		print_json(json_pack("{s:i, s:s, s:o}", "schema", 1, "signer", pid, "expires",
				     print_json_time(key->exp)));
		return;
	}
	printf("issuing key  %s, until %s\n", pid, rfc3339_write(key->exp, until));
	printf("keep secret  %s\n", VENDOR_ISSUING);
	printf("take away    %s: it is needed for product files, revocations and the next issuing key\n",
	       VENDOR_KEY);
}

static int signer_create(const struct invocation *inv, struct vendor *vendor, struct failure *f)
{
	struct issuing_key key = {0};
	struct keypair keys = {0};
	char pid[PASERK_ID_TEXT];
	char *token = NULL;
	if (read_wishes(inv, &key, f) || vendor_open(inv, vendor, f) || vendor_unlock(inv, vendor, f))
		return f->code;
	if (!keypair_make(inv, &keys, f) && !sign_statement(inv, vendor, &keys, &key, &token, f)) {
		paserk_pid_write(keys.public, pid);
		if (!keep_signer(inv, vendor, &keys, pid, token, f))
			tell_signer(inv, pid, &key);
	}
	keypair_fini(&keys);
	free(token);
	return f->code;
}

int signer_create_run(struct invocation *inv)
{
	return vendor_command(inv, signer_create);
}

/* --- signer list --- */

struct signer_listing {
	struct listing *listing;
	struct roots roots;
};

static const char *state_of(const struct ledger_signer *row, const struct issuing_key *key, int64_t now)
{
	if (row->revoked)
		return "revoked";
	return row->statement[0] && issuing_key_at(key, now) ? "ended" : "ok";
}

static int list_signer(const struct ledger_signer *row, void *context)
{
	struct signer_listing *l = context;
	struct issuing_key key = {0};
	if (row->statement[0] &&
	    issuing_key_open(row->statement, strlen(row->statement), &l->roots, &key, NULL, NULL))
		return E_STORE_CORRUPT;
	json_t *item = json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:s}", "signer", row->pid, "kind",
				 row->statement[0] ? "issuing" : "root", "state",
				 state_of(row, &key, l->listing->now), "made", print_json_time(row->made),
				 "expires", print_json_time(key.exp), "revoked",
				 print_json_time(row->revoked), "reason", row->reason);
	return json_array_append_new(l->listing->items, item) ? E_NO_MEMORY : 0;
}

static int gather_signers(struct ledger *ledger, struct listing *listing)
{
	struct signer_listing l = {.listing = listing};
	struct failure ignored = {0};
	int error = vendor_read_roots(invocation_value_or(listing->inv, "dir", "."), &l.roots, &ignored);
	return error ? error : ledger_signer_each(ledger, list_signer, &l);
}

int signer_list_run(struct invocation *inv)
{
	static const struct print_column columns[] = {{"SIGNER", "signer"},   {"KIND", "kind"},
						      {"STATE", "state"},     {"MADE", "made"},
						      {"EXPIRES", "expires"}, {NULL, NULL}};
	return listing_run(inv, columns, gather_signers);
}

/* --- signer revoke --- */

/* The first root of a vendor was made with its ledger, which has no row of it. */
static int need_row(const struct invocation *inv, struct vendor *vendor, const char *pid,
		    struct ledger_signer *ret, struct failure *f)
{
	int error = ledger_signer_get(vendor->ledger, pid, ret);
	if (error == E_NOT_FOUND && strcmp(pid, vendor->pid) == 0) {
		error = ledger_signer_add(vendor->ledger, pid, "", issuer_now(inv));
		if (!error)
			error = ledger_signer_get(vendor->ledger, pid, ret);
	}
	if (error == E_NOT_FOUND) {
		failure_set(f, error, "signer '%s'", pid);
		return failure_remedy(f, "Look at 'muster-issuer signer list'.");
	}
	return error ? ledger_explain(vendor->ledger, error, f) : 0;
}

static int signer_revoke(const struct invocation *inv, struct vendor *vendor, struct failure *f)
{
	char reason[LIMIT_NAME + 1] = "";
	char at[RFC3339_TEXT];
	struct ledger_signer row;
	if (option_text(inv, "reason", reason, sizeof(reason), f) || vendor_open(inv, vendor, f) ||
	    need_row(inv, vendor, inv->args[0], &row, f))
		return f->code;
	int error = row.revoked ? 0 : ledger_signer_revoke(vendor->ledger, row.pid, issuer_now(inv), reason);
	if (error)
		return ledger_explain(vendor->ledger, error, f);
	rfc3339_write(row.revoked ? row.revoked : issuer_now(inv), at);
	if (invocation_has(inv, "json")) {
		print_json(json_pack("{s:i, s:s, s:s, s:b}", "schema", 1, "signer", row.pid, "revoked", at,
				     "before", row.revoked != 0));
		return 0;
	}
	printf("signer %s %s %s\n", row.pid, row.revoked ? "was revoked already, at" : "revoked at", at);
	fputs("all that it signed is worthless from the next list on: muster-issuer revocations -o FILE\n",
	      stderr);
	return 0;
}

int signer_revoke_run(struct invocation *inv)
{
	return vendor_command(inv, signer_revoke);
}

/* --- roots --- */

static int save_roots(const struct invocation *inv, const struct roots *roots, struct failure *f)
{
	char path[PATH_MAX];
	char text[ROOTS_TEXT + 1];
	roots_write(roots, text);
	for (char *at = text; *at; at++)
		if (*at == ' ')
			*at = '\n';
	strcat(text, "\n");
	if (vendor_file(inv, VENDOR_PUB, path, f))
		return f->code;
	int error = file_replace(path, text, strlen(text), 0644);
	return error ? failure_system(f, error, path) : 0;
}

static int keep_root(const struct invocation *inv, struct vendor *vendor, const struct keypair *keys,
		     struct failure *f)
{
	struct roots next = roots_of(keys->public);
	char path[PATH_MAX];
	char pid[PASERK_ID_TEXT];
	if (!roots_join(&vendor->roots, &next))
		return failure_set(f, E_TOO_LARGE, "a vendor has at most %d roots", ROOTS_MAX);
	if (vendor_file(inv, VENDOR_NEXT, path, f) || keypair_save(keys, path, f))
		return f->code;
	paserk_pid_write(keys->public, pid);
	int error = ledger_signer_add(vendor->ledger, pid, "", issuer_now(inv));
	if (error)
		return ledger_explain(vendor->ledger, error, f);
	if (save_roots(inv, &vendor->roots, f))
		return f->code;
	if (invocation_has(inv, "json"))
		print_json(json_pack("{s:i, s:s}", "schema", 1, "next", pid));
	else
		printf("next root    %s\npublish      %s again, with new products and certificates\n"
		       "keep secret  %s, apart from %s\n",
		       pid, VENDOR_PUB, VENDOR_NEXT, VENDOR_KEY);
	return 0;
}

static int root_next(const struct invocation *inv, struct vendor *vendor, struct failure *f)
{
	struct keypair keys = {0};
	if (keypair_check(inv, f) || vendor_open(inv, vendor, f))
		return f->code;
	if (!keypair_make(inv, &keys, f))
		keep_root(inv, vendor, &keys, f);
	keypair_fini(&keys);
	return f->code;
}

int root_next_run(struct invocation *inv)
{
	return vendor_command(inv, root_next);
}

static int root_switch(const struct invocation *inv, struct vendor *vendor, struct failure *f)
{
	char path[PATH_MAX];
	if (vendor_open(inv, vendor, f) || vendor_file(inv, VENDOR_NEXT, path, f))
		return f->code;
	if (access(path, F_OK)) {
		failure_system(f, E_NOT_FOUND, path);
		return failure_remedy(f,
				      "Put the next root's key there, or make one with 'muster-issuer root "
				      "next'.");
	}
	if (move_aside(inv, VENDOR_KEY, VENDOR_FORMER, f) || move_aside(inv, VENDOR_NEXT, VENDOR_KEY, f))
		return f->code;
	printf("%s is the next root's now; %s is no longer used\n", VENDOR_KEY, VENDOR_FORMER);
	return 0;
}

int root_switch_run(struct invocation *inv)
{
	return vendor_command(inv, root_switch);
}
