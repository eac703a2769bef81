/* SPDX-License-Identifier: Apache-2.0 */
#include "issued.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "document.h"

static int open_token(const struct vendor *vendor, const char *which, struct issued *ret, struct failure *f)
{
	struct claims fault = {0};
	int error = license_open(ret->token, strlen(ret->token), vendor->public, &ret->license, &fault);
	return error ? document_refused(f, error, which, ret->token, vendor->public, fault.where) : 0;
}

int issued_by_id(const struct vendor *vendor, const char *id, struct issued *ret, struct failure *f)
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
		return issued_by_id(vendor, which, ret, f);
	int error = document_load(&token_license, which, &ret->token, f);
	return error ? error : open_token(vendor, which, ret, f);
}

void issued_fini(struct issued *issued)
{
	license_fini(&issued->license);
	free(issued->token);
	issued->token = NULL;
}
