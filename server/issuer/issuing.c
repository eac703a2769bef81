/* SPDX-License-Identifier: Apache-2.0 */
#include "issuing.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "document.h"
#include "grant_option.h"
#include "license_row.h"
#include "print.h"
#include "rfc3339.h"

int issuing_room(struct license *license, struct failure *f)
{
	license->n_grants = license->n_products = 0;
	license->grants = calloc(LIMIT_GRANTS, sizeof(*license->grants));
	license->products = calloc(LIMIT_PRODUCTS, sizeof(*license->products));
	if (!license->grants || !license->products)
		return failure_set(f, E_NO_MEMORY, "license '%s'", license->id);
	return 0;
}

int issuing_product(struct license *license, struct ledger *ledger, const char *id, struct failure *f)
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

int issuing_sign(const struct vendor *vendor, struct license *license, char **ret_token, struct failure *f)
{
	struct license back;
	struct claims fault = {0};
	vendor_head(vendor, &license->head, license->head.iat);
	int error = license_sign(license, vendor->secret, ret_token);
	if (error == E_TOO_LARGE) {
		failure_set(f, error, "license '%s' with its grants and keys", license->id);
		return failure_remedy(f, "Block keys that nobody needs any more, or issue a second license.");
	}
	if (error)
		return failure_set(f, error, "license '%s'", license->id);
	/* Nothing leaves this program that a host would refuse. */
	error = license_open(*ret_token, strlen(*ret_token), &vendor->roots, &back, &fault);
	license_fini(&back);
	if (!error)
		return 0;
	free(*ret_token);
	*ret_token = NULL;
	return document_refused(f, error, license->id, "", &vendor->roots, fault.where);
}

json_t *issuing_summary(const struct vendor *vendor, const struct license *license, int64_t now)
{
	struct ledger_license row = license_row(license);
	json_t *summary = license_row_json(&row, now);
	json_object_set_new(summary, "schema", json_integer(1));
	json_object_set_new(summary, "issuer", json_string(vendor->pid));
	return summary;
}

/* Nobody gets into a pool that has no keys yet. */
static void note_pools(const struct license *license)
{
	for (size_t i = 0; i < license->n_grants; i++) {
		const struct grant *grant = &license->grants[i];
		if (grant->model == MODEL_POOL && grant->policy.enrol == ENROL_KEY && !grant->n_pool_keys)
			fprintf(stderr,
				"note: grant %s lets machines in by key, and has none: muster-issuer key "
				"generate "
				"--license %s --grant %s --pool\n",
				grant->id, license->id, grant->id);
	}
}

void issuing_note(const struct invocation *inv, const struct license *license)
{
	char from[RFC3339_TEXT];
	char until[RFC3339_TEXT];
	FILE *notes = document_notes(inv);
	if (issuer_now(inv) >= license->exp)
		fputs("warning: the term of this license is over already\n", stderr);
	if (!notes)
		return;
	note_pools(license);
	fprintf(notes, "license %s, serial %" PRId64 ", for ", license->id, license->serial);
	print_safe(notes, license->org_name);
	fprintf(notes, ": %s to %s, %zu grant%s, %u host%s\n", rfc3339_write(license->nbf, from),
		rfc3339_write(license->exp, until), license->n_grants, license->n_grants == 1 ? "" : "s",
		license->hosts_max, license->hosts_max == 1 ? "" : "s");
}

bool issuing_grant_help(const struct invocation *inv)
{
	const char *grant = invocation_value(inv, "grant");
	if (!grant || strcmp(grant, "help") != 0)
		return false;
	grant_option_help(stdout);
	return true;
}
