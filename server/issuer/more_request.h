/* SPDX-License-Identifier: Apache-2.0 */
/* An organisation's request for more of its license, held against what the ledger knows. Main thread. */
#ifndef ISSUER_MORE_REQUEST_H
#define ISSUER_MORE_REQUEST_H

#include "license_request.h"
#include "vendor.h"

/*
 * The key that a request must be signed with: of the host that it names, which this vendor certified (for
 * that license, when the request's is one of its own). E_WRONG_VENDOR, E_NOT_CERTIFIED,
 * E_CERTIFICATE_REVOKED.
 */
int more_request_key(const struct vendor *, const char *path, const char *token, uint8_t ret[PASETO_PUBLIC],
		     struct failure *);

/*
 * Read the file of a request and hold it against a license: it must name this license and organisation. One
 * made for an older serial is only warned of. Errors as more_request_key, license_request_open; E_USAGE:
 * another license; E_WRONG_ORG.
 */
int more_request_read(const struct vendor *, const char *path, const struct license *,
		      struct license_request *ret, struct failure *);

/* The same of its token; name: what to call it in an error. */
int more_request_take(const struct vendor *, const char *name, const char *token, const struct license *,
		      struct license_request *ret, struct failure *);

/* Raise the quantities. now: the license before; next: the one that changes. E_NOT_FOUND: no such grant;
 * E_CLAIM_INVALID: it has more already, or no quantity. */
int more_request_apply(const struct license_request *, const struct license *now, struct license *next,
		       struct failure *);

#endif
