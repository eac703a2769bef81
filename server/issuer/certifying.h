/* SPDX-License-Identifier: Apache-2.0 */
/* A host's certificate on its way from the host's request: by file, or at the clearing house. Main thread. */
#ifndef ISSUER_CERTIFYING_H
#define ISSUER_CERTIFYING_H

#include "issued.h"
#include "vendor.h"

/* Everything that a certificate is made of. Set vendor, now, days and request. */
struct certifying {
	struct vendor *vendor;
	int64_t now;
	int64_t days; /* its term, if that is to be shorter than the license's; 0: it is not */
	struct host_request request;
	struct issued issued;
	struct ledger_license row;
	struct certificate certificate;
	struct ledger_others others;
	struct ledger_host former; /* whose ledger the host took over, when the request says so */
	char *token;
};

/* The license is there, as issued_newest or issued_in_ledger gave it: neither it nor the host may be revoked.
 */
int certifying_check(struct certifying *, struct failure *);

/* Sign, and put it into the ledger, which is locked from here on, so that two at once cannot both take the
 * last place. The caller commits. E_HOST_LIMIT, E_LICENSE_ENDED, E_LEDGER_MISMATCH, ... */
int certifying_make(struct certifying *, struct failure *);

void certifying_fini(struct certifying *);

#endif
