/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the vendors no longer stand for, as far as this machine knows: the list with the highest number of
 * each vendor, from the administrator's folder or from a host that had a newer one. A list only ever makes
 * hosts and answers worthless that come after it: leases that are held go on until they end; words of a
 * telephone call are proved anew each time. Not shared between threads.
 */
#ifndef CLIENT_REVOKED_H
#define CLIENT_REVOKED_H

#include "revocations.h"
#include "trust.h"

/* A list of the folder (its token): kept with the key that signed it, when it is newer than what is there.
 * One that no key signed says nothing. E_NO_MEMORY. */
int revoked_offer(struct trust *, const char *token);

/*
 * Take the list that a host has given, from the state directory, unless that was done: before a vendor's
 * hosts are judged, and only then, as most calls ask no host. One that cannot be read is as good as none.
 * key: of this trust. E_NO_MEMORY.
 */
int revoked_read(struct trust *, const struct trust_key *key, const char *state_folder);

/* Free a list; NULL is allowed. */
void revoked_free(struct revocations *);

/* The number of a vendor's list; 0: there is none. */
int64_t revoked_number(const struct trust_key *);

/*
 * Keep a list that a host gave, in memory and in the state directory. Only a newer one of this vendor:
 * E_REVOCATIONS_OLD; errors of revocations_open; E_IO.
 */
int revoked_keep(struct trust_key *, const char *state_folder, const char *token, struct fault *);

#endif
