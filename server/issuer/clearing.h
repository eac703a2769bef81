/* SPDX-License-Identifier: Apache-2.0 */
/* What the vendor's clearing house answers: a call in, a response out, the ledger between. Main thread. */
#ifndef ISSUER_CLEARING_H
#define ISSUER_CLEARING_H

#include "message.h"
#include "vendor.h"

#define CLEARING_DAYS 400 /* term of its certificates: reliability.md 3.9 */

struct clearing {
	const struct invocation *inv;
	struct vendor vendor; /* unlocked; its ledger is opened for each call */
	int64_t days;
};

/* Answer a call. ret: set as a whole. f: what is to be logged; its code 0 when it was done. */
void clearing_answer(struct clearing *, const wire_request *, int64_t now, wire_response *ret,
		     struct failure *f);

#endif
