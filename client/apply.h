/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an answer changes on this machine. A lease is verified in full before it is written; nothing of a
 * lease that does not hold is kept.
 */
#ifndef CLIENT_APPLY_H
#define CLIENT_APPLY_H

#include "visit.h"

/* Which call an answer answers. */
struct applied {
	enum call_kind kind;
	bool repeat; /* the call was sent before, so its lease may be stored already */
};

enum apply_end {
	APPLY_DONE,    /* granted, and on disk */
	APPLY_REFUSED, /* the host says no */
	APPLY_BAD,     /* the host's answer does not hold */
	APPLY_FATAL,   /* this machine could not keep it */
};

/*
 * Take the result of one product: a granted lease is written to its file (one that is given back is removed),
 * its record brought up to date, organisation and host pinned. fault: why it did not end with APPLY_DONE;
 * after APPLY_DONE only its detail is set, to what the host says about it. For APPLY_BAD that is E_MALFORMED,
 * an error of lease_verify, E_LEDGER_MISMATCH (the lease is older than the stored one, or of another ledger),
 * E_WRONG_HOST or E_WRONG_ORG.
 */
enum apply_end apply_result(struct work *, const struct visit *, const struct applied *, const struct want *,
			    const wire_response *, struct fault *);

/*
 * A ledger's serials rise: an old lease, sent again, would take away what a newer one gave. repeat: it may be
 * the very lease that is stored. E_LEDGER_MISMATCH; E_NO_MEMORY.
 */
int apply_check_serial(struct work *, const struct trust_product *, const struct stored_lease *fresh,
		       bool repeat, struct fault *);

/* The notices beside the result of a product, as codes that this version knows; 0 ends. */
void apply_notices(const wire_response *, const char *product, int ret[LIMIT_NOTICES]);

/* Write down in the record that a try failed. answered: by a host that we trust. */
void apply_failure(struct work *, struct record *, const struct fault *, bool answered);

/* The numbers of a status on the wire, as a fault with its code. */
int apply_status(const wire_status *, const char *correlation, struct fault *);

#endif
