/* SPDX-License-Identifier: Apache-2.0 */
#include "issued.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "document.h"
#include "rfc3339.h"

static int open_token(const struct vendor *vendor, const char *which, struct issued *ret, struct failure *f)
{
	struct claims fault = {0};
	int error = license_open(ret->token, strlen(ret->token), &vendor->roots, &ret->license, &fault);
	return error ? document_refused(f, error, which, ret->token, &vendor->roots, fault.where) : 0;
}

/* By its id: the newest serial in the ledger. */
static int find_by_id(const struct vendor *vendor, const char *id, struct issued *ret, struct failure *f)
{
	struct ledger_license row;
	*ret = (struct issued){0};
	int error = ledger_license_get(vendor->ledger, id, &row, &ret->token);
	if (error == E_NOT_FOUND) {
		failure_set(f, error, "'%s' is neither a file nor a license in the ledger", id);
		return failure_remedy(f, "Look at 'muster-issuer license list'.");
	}
	return error ? ledger_explain(vendor->ledger, error, f) : open_token(vendor, id, ret, f);
}

int issued_find(const struct vendor *vendor, const char *which, struct issued *ret, struct failure *f)
{
	*ret = (struct issued){0};
	if (!strchr(which, '/') && strcmp(which, "-") != 0 && access(which, F_OK) != 0)
		return find_by_id(vendor, which, ret, f);
	int error = document_load(&token_license, which, &ret->token, f);
	return error ? error : open_token(vendor, which, ret, f);
}

/* The ledger's row of a license that this vendor signed. */
static int find_row(const struct vendor *vendor, const struct license *license, struct ledger_license *ret,
		    struct failure *f)
{
	int error = ledger_license_get(vendor->ledger, license->id, ret, NULL);
	if (error && error != E_NOT_FOUND)
		return ledger_explain(vendor->ledger, error, f);
	if (error) {
		failure_set(f, error, "license '%s' is signed by this vendor, but is not in the ledger",
			    license->id);
		return failure_remedy(f, "Use the vendor's folder that issued it.");
	}
	if (license->serial > ret->serial) {
		failure_set(f, E_NOT_FOUND,
			    "serial %" PRId64 " of license '%s': the ledger ends with %" PRId64,
			    license->serial, license->id, ret->serial);
		return failure_remedy(f, "Use the newest copy of the vendor's folder.");
	}
	return 0;
}

int issued_newest(const struct vendor *vendor, const char *which, struct issued *ret,
		  struct ledger_license *ret_row, struct failure *f)
{
	if (issued_find(vendor, which, ret, f) || find_row(vendor, &ret->license, ret_row, f))
		return f->code;
	if (ret->license.serial == ret_row->serial)
		return 0;
	issued_fini(ret);
	fprintf(stderr,
		"note: serial %" PRId64 " of license '%s' is newer than the file; its terms are used\n",
		ret_row->serial, ret_row->id);
	return find_by_id(vendor, ret_row->id, ret, f);
}

int issued_in_ledger(const struct vendor *vendor, const char *id, struct issued *ret,
		     struct ledger_license *ret_row, struct failure *f)
{
	return find_by_id(vendor, id, ret, f) ? f->code : find_row(vendor, &ret->license, ret_row, f);
}

int issued_refuse_revoked(const struct ledger_license *row, struct failure *f)
{
	char at[RFC3339_TEXT];
	if (!row->revoked)
		return 0;
	failure_set(f, E_LICENSE_REVOKED, "license '%s' was revoked at %s%s%s", row->id,
		    rfc3339_write(row->revoked, at), row->reason[0] ? ": " : "", row->reason);
	return failure_remedy(f, "Issue another license with another id.");
}

void issued_fini(struct issued *issued)
{
	license_fini(&issued->license);
	free(issued->token);
	issued->token = NULL;
}
