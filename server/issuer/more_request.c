/* SPDX-License-Identifier: Apache-2.0 */
#include "more_request.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certified.h"
#include "document.h"
#include "print.h"
#include "rfc3339.h"

/* Who says that it signed, and for what: not verified yet, so good for finding the key only. */
struct named {
	char host[PASERK_ID_TEXT];
	char vendor[PASERK_ID_TEXT];
	char license[LIMIT_ID + 1];
};

static int read_named(const char *path, const char *token, struct named *ret, struct failure *f)
{
	struct claims c = {0};
	json_t *claims;
	int error = token_peek(token, strlen(token), &claims);
	if (error)
		return failure_set(f, error, "%s", path);
	claims_text(&c, claims, "iss", ret->host, sizeof(ret->host));
	claims_text(&c, claims, "vendor", ret->vendor, sizeof(ret->vendor));
	claims_slug(&c, claims, "license", ret->license);
	json_decref(claims);
	return c.error ? failure_set(f, c.error, "%s: %s", path, c.where) : 0;
}

int more_request_key(const struct vendor *vendor, const char *path, const char *token,
		     uint8_t ret[PASETO_PUBLIC], struct failure *f)
{
	char at[RFC3339_TEXT];
	struct named named;
	struct ledger_host host;
	if (read_named(path, token, &named, f))
		return f->code;
	if (strcmp(named.vendor, vendor->pid) != 0)
		return failure_set(f, E_WRONG_VENDOR, "%s is for the vendor %s", path, named.vendor);
	if (certified_find(vendor, named.host, named.license, &host, f))
		return f->code;
	memcpy(ret, host.sign, PASETO_PUBLIC);
	if (!host.revoked)
		return 0;
	failure_set(f, E_CERTIFICATE_REVOKED, "the key of host '%s' was revoked at %s", host.name,
		    rfc3339_write(host.revoked, at));
	return failure_remedy(f, "Take requests only from hosts that you certified and did not revoke.");
}

static int open_request(const struct vendor *vendor, const char *path, const char *token,
			struct license_request *ret, struct failure *f)
{
	uint8_t key[PASETO_PUBLIC];
	struct claims fault = {0};
	if (more_request_key(vendor, path, token, key, f))
		return f->code;
	int error = license_request_open(token, strlen(token), key, ret, &fault);
	return error ? document_refused(f, error, path, "", ROOTS_OF(key), fault.where) : 0;
}

int more_request_read(const struct vendor *vendor, const char *path, const struct license *license,
		      struct license_request *ret, struct failure *f)
{
	char *token;
	if (document_load(&token_license_request, path, &token, f))
		return f->code;
	int error = more_request_take(vendor, path, token, license, ret, f);
	free(token);
	return error;
}

int more_request_take(const struct vendor *vendor, const char *path, const char *token,
		      const struct license *license, struct license_request *ret, struct failure *f)
{
	if (open_request(vendor, path, token, ret, f))
		return f->code;
	if (strcmp(ret->license, license->id) != 0) {
		failure_set(f, E_USAGE, "%s asks for more of license '%s', not of '%s'", path, ret->license,
			    license->id);
		return failure_remedy(f, "Renew the license that the request names.");
	}
	if (strcmp(ret->org, license->org) != 0)
		return failure_set(f, E_WRONG_ORG, "%s is from '%s', and the license is for '%s'", path,
				   ret->org, license->org);
	if (ret->serial > license->serial) {
		failure_set(f, E_NOT_FOUND,
			    "the request was made with serial %" PRId64 ", and the ledger ends with %" PRId64,
			    ret->serial, license->serial);
		return failure_remedy(f, "Use the newest copy of the vendor's folder.");
	}
	if (ret->serial < license->serial)
		fprintf(stderr,
			"warning: the request was made with serial %" PRId64 ", and %" PRId64
			" has been issued since\n",
			ret->serial, license->serial);
	return 0;
}

static int check_want(const struct license_want *want, const struct grant *grant, struct failure *f)
{
	if (!grant) {
		failure_set(f, E_NOT_FOUND, "the request names grant '%s', which the license lacks",
			    want->grant);
		return failure_remedy(f, "Add a grant of its own with --grant instead.");
	}
	if (grant->quantity && want->quantity >= grant->quantity)
		return 0;
	if (grant->quantity)
		failure_set(f, E_CLAIM_INVALID,
			    "the request wants %" PRId64 " of grant '%s', which has %" PRId64 " already",
			    want->quantity, want->grant, grant->quantity);
	else
		failure_set(f, E_CLAIM_INVALID,
			    "the request wants %" PRId64 " of grant '%s', which has no limit", want->quantity,
			    want->grant);
	return failure_remedy(f, "Ask for a request made with the newest license.");
}

int more_request_apply(const struct license_request *request, const struct license *now, struct license *next,
		       struct failure *f)
{
	for (size_t i = 0; i < request->n_wants; i++) {
		const struct license_want *want = &request->wants[i];
		const struct grant *grant = license_grant(now, want->grant);
		if (check_want(want, grant, f))
			return f->code;
		next->grants[grant - now->grants].quantity = want->quantity;
	}
	return 0;
}
