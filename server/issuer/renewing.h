/* SPDX-License-Identifier: Apache-2.0 */
/* The next serial of a license, when a host asks the clearing house for more. Main thread. */
#ifndef ISSUER_RENEWING_H
#define ISSUER_RENEWING_H

#include "vendor.h"

/*
 * Answer a license request (its token) of a host for the license with this id, in a transaction of its own.
 * What was asked before is answered with the newest serial. *ret_token: freed by the caller.
 * E_VENDOR_DECIDES: more than the grants' quantity_max; errors of more_request_take.
 */
int renewing_extend(const struct vendor *, const char *id, const char *token, int64_t now, char **ret_token,
		    struct failure *);

#endif
