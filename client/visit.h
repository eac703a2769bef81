/* SPDX-License-Identifier: Apache-2.0 */
/* Going to one candidate: its addresses, the connection, the handshake, and the check that it is the right
 * host. */
#ifndef CLIENT_VISIT_H
#define CLIENT_VISIT_H

#include "client.h"
#include "dialog.h"
#include "hostcheck.h"

/* Who may answer: one vendor's hosts. */
struct visit_terms {
	const struct trust_key *vendor;
	const char *org; /* "" for any */
	const char (*products)[LIMIT_ID + 1];
	size_t n_products;
};

struct visit {
	const struct trust_key *vendor; /* of the products; borrowed */
	struct dialog dialog;
	struct certificate certificate; /* of the host, checked */
	struct good_host host;          /* where it was found */
	bool open;
};

/*
 * Connect and check. Always followed by visit_close. step (may be NULL) gets address, result, reason and
 * time. Errors are in fault too: those of resolver_addresses, dial, dialog_open and hostcheck_run.
 */
int visit_open(struct visit *, struct work *, const struct candidate *, const struct visit_terms *,
	       struct deadline, struct step *, struct fault *);
void visit_close(struct visit *);

/* The part of the time left that one candidate may use up. */
struct deadline visit_share(struct deadline, const struct discover *);

/* Begin the discovery for a vendor's products: with the machine's domains and its last good host. */
void visit_discover(struct discover *, struct work *, const struct pin *, struct deadline);

/* Fill in a step, also when a visit failed later than visit_open. */
void visit_step(struct step *, int error, const struct fault *, int64_t began);

#endif
