/* SPDX-License-Identifier: Apache-2.0 */
/* license revoke, host revoke, revocations: what the vendor no longer stands for. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certified.h"
#include "commands.h"
#include "document.h"
#include "option.h"
#include "print.h"
#include "rfc3339.h"

#define TELL "hosts learn of it from the next list: muster-issuer revocations -o FILE\n"

/* --- revoking --- */

/* Say it, now and when it was done before. id: what was revoked. */
static void tell_revoked(const struct invocation *inv, const char *what, const char *id, const char *name,
			 int64_t at, bool before)
{
	char text[RFC3339_TEXT];
	rfc3339_write(at, text);
	if (invocation_has(inv, "json")) {
		print_json(json_pack("{s:i, s:s, s:s, s:s, s:b}", "schema", 1, what, id, "name", name,
				     "revoked", text, "before", before));
		return;
	}
	printf("%s ", what);
	print_safe(stdout, name);
	printf(before ? " was revoked already, at %s\n" : " revoked at %s\n", text);
	fputs(TELL, stderr);
}

static int license_revoke(const struct invocation *inv, struct vendor *vendor, struct failure *f)
{
	const char *id = inv->args[0];
	char reason[LIMIT_NAME + 1] = "";
	struct ledger_license row;
	if (option_text(inv, "reason", reason, sizeof(reason), f) || vendor_open(inv, vendor, f))
		return f->code;
	int error = ledger_license_get(vendor->ledger, id, &row, NULL);
	if (error == E_NOT_FOUND) {
		failure_set(f, error, "license '%s'", id);
		return failure_remedy(f, "Look at 'muster-issuer license list'.");
	}
	if (!error && !row.revoked)
		error = ledger_license_revoke(vendor->ledger, id, issuer_now(inv), reason);
	if (error)
		return ledger_explain(vendor->ledger, error, f);
	tell_revoked(inv, "license", row.id, row.id, row.revoked ? row.revoked : issuer_now(inv),
		     row.revoked != 0);
	return 0;
}

int license_revoke_run(struct invocation *inv)
{
	return vendor_command(inv, license_revoke);
}

static int host_revoke(const struct invocation *inv, struct vendor *vendor, struct failure *f)
{
	char reason[LIMIT_NAME + 1] = "";
	char pid[PASERK_ID_TEXT];
	struct ledger_host host;
	if (option_text(inv, "reason", reason, sizeof(reason), f) || vendor_open(inv, vendor, f) ||
	    certified_find(vendor, inv->args[0], invocation_value(inv, "license"), &host, f))
		return f->code;
	int error = host.revoked ? 0 : ledger_host_revoke(vendor->ledger, host.sign, issuer_now(inv), reason);
	if (error)
		return ledger_explain(vendor->ledger, error, f);
	paserk_pid_write(host.sign, pid);
	tell_revoked(inv, "host", pid, host.name, host.revoked ? host.revoked : issuer_now(inv),
		     host.revoked != 0);
	return 0;
}

int host_revoke_run(struct invocation *inv)
{
	return vendor_command(inv, host_revoke);
}

/* --- the list --- */

/* A list under way: what the ledger says, and the last one that was signed. */
struct listed {
	struct vendor vendor;
	struct revocations now;
	struct revocations last;
	char *token; /* of the last, then of the new one */
};

static void listed_fini(struct listed *l)
{
	revocations_fini(&l->now);
	revocations_fini(&l->last);
	free(l->token);
	l->token = NULL;
}

static int gather(struct listed *l, struct failure *f)
{
	struct claims fault = {0};
	int64_t number;
	listed_fini(l);
	int error = ledger_revoked(l->vendor.ledger, &l->now);
	if (error == E_TOO_LARGE) {
		failure_set(f, error, "a revocation list holds at most %d entries of a kind",
			    LIMIT_REVOCATIONS);
		return failure_remedy(
			f, "Revoke a license rather than its single keys: they then leave the list.");
	}
	if (!error)
		error = ledger_list_last(l->vendor.ledger, &number, &l->token);
	if (error)
		return ledger_explain(l->vendor.ledger, error, f);
	if (l->token)
		error = revocations_open(l->token, strlen(l->token), &l->vendor.roots, &l->last, &fault);
	return error ? document_refused(f, error, "the ledger's last list", l->token, &l->vendor.roots,
					fault.where)
		     : 0;
}

static bool same_rows(const void *a, size_t a_n, const void *b, size_t b_n, size_t size)
{
	return a_n == b_n && (a_n == 0 || memcmp(a, b, a_n * size) == 0);
}

static bool unchanged(const struct listed *l)
{
	const struct revocations *a = &l->now;
	const struct revocations *b = &l->last;
	return b->number && same_rows(a->hosts, a->n_hosts, b->hosts, b->n_hosts, sizeof(*a->hosts)) &&
	       same_rows(a->signers, a->n_signers, b->signers, b->n_signers, sizeof(*a->signers)) &&
	       same_rows(a->licenses, a->n_licenses, b->licenses, b->n_licenses, sizeof(*a->licenses)) &&
	       same_rows(a->keys, a->n_keys, b->keys, b->n_keys, sizeof(*a->keys));
}

static int sign_list(const struct invocation *inv, struct listed *l, struct failure *f)
{
	struct claims fault = {0};
	vendor_head(&l->vendor, &l->now.head, issuer_now(inv));
	l->now.number = l->last.number + 1;
	free(l->token);
	l->token = NULL;
	struct chain self = {0};
	memcpy(self.signer, l->vendor.footer, sizeof(self.signer) - 1);
	if (revocations_signer(&l->now, &self)) {
		failure_set(f, E_SIGNER_REVOKED, "the list would revoke %s, which signs it", self.signer);
		return failure_remedy(f, "Sign with the next root: 'muster-issuer root switch'.");
	}
	int error = revocations_sign(&l->now, l->vendor.secret, &l->token);
	if (error)
		return failure_set(f, error, "the revocation list");
	/* Nothing leaves this program that a host would refuse. */
	revocations_fini(&l->last);
	error = revocations_open(l->token, strlen(l->token), &l->vendor.roots, &l->last, &fault);
	return error ? document_refused(f, error, "the revocation list", "", &l->vendor.roots, fault.where)
		     : 0;
}

/* The list that is given: as it was signed, now or before. */
static json_t *list_json(const struct listed *l, bool is_new)
{
	const struct revocations *list = &l->last;
	return json_pack("{s:i, s:I, s:o, s:b, s:I, s:I, s:I, s:I, s:s}", "schema", 1, "number",
			 (json_int_t)list->number, "issued", print_json_time(list->head.iat), "new", is_new,
			 "hosts", (json_int_t)list->n_hosts, "signers", (json_int_t)list->n_signers,
			 "licenses", (json_int_t)list->n_licenses, "keys", (json_int_t)list->n_keys, "issuer",
			 l->vendor.pid);
}

static void note_list(const struct invocation *inv, const struct listed *l, bool is_new)
{
	FILE *notes = document_notes(inv);
	if (notes)
		fprintf(notes,
			"revocation list %" PRId64
			"%s: hosts %zu, signing keys %zu, licenses %zu, keys %zu\n",
			l->last.number, is_new ? "" : ", as signed before", l->last.n_hosts,
			l->last.n_signers, l->last.n_licenses, l->last.n_keys);
}

/* Under the ledger's lock, so that no two lists have one number. */
static int sign_and_keep(const struct invocation *inv, struct listed *l, json_t **ret_summary,
			 struct failure *f)
{
	struct ledger *ledger = l->vendor.ledger;
	int error = ledger_begin(ledger);
	if (error)
		return ledger_explain(ledger, error, f);
	if (gather(l, f) || sign_list(inv, l, f))
		return f->code;
	error = ledger_list_add(ledger, &l->now, l->token);
	if (error)
		return ledger_explain(ledger, error, f);
	*ret_summary = list_json(l, true);
	return document_commit(inv, &token_revocations, l->token, *ret_summary, ledger, f);
}

static int give_list(const struct invocation *inv, struct listed *l, struct failure *f)
{
	json_t *summary = NULL;
	if (vendor_open(inv, &l->vendor, f) || gather(l, f))
		return f->code;
	bool is_new = !unchanged(l);
	int error;
	if (is_new) {
		error = vendor_unlock(inv, &l->vendor, f);
		if (!error)
			error = sign_and_keep(inv, l, &summary, f);
	} else {
		summary = list_json(l, false);
		error = document_give(inv, &token_revocations, l->token, summary, f);
	}
	if (error) {
		json_decref(summary);
		return error;
	}
	note_list(inv, l, is_new);
	document_end(inv, summary);
	return 0;
}

int revocations_run(struct invocation *inv)
{
	struct listed listed = {.token = NULL};
	struct failure f = {0};
	int error = give_list(inv, &listed, &f);
	listed_fini(&listed);
	vendor_close(&listed.vendor);
	return error ? failure_print(inv, &f) : 0;
}
