/* SPDX-License-Identifier: Apache-2.0 */
/* Whose the stored lease of a product is, and whose books it stands in. Not shared between threads. */
#ifndef CLIENT_HOLDER_H
#define CLIENT_HOLDER_H

#include "client.h"

enum holder_place {
	PLACE_NONE,     /* there is no lease */
	PLACE_HERE,     /* the host's ledger gave it */
	PLACE_ELSEWHERE /* another one did */
};

/* Is this user signed in for the record, with a host of this vendor (k4.pid)? */
bool holder_signed_in(const struct record *, const char *vendor, const char *user);

/* The record's lease, when there is one that holds. *ret: freed by the caller, or NULL. E_NO_MEMORY. */
int holder_lease(const struct work *, const struct record *, const struct roots *vendor,
		 struct stored_lease **ret);

/* Which ledger gave the record's lease? One of enum holder_place, or E_NO_MEMORY. */
int holder_place(const struct work *, const struct record *, const struct roots *vendor,
		 const uint8_t ledger[LEDGER_ID]);

/*
 * The user in the record's lease, "" when it is the device's own. Without a lease that can be read: who is
 * signed in. E_NO_MEMORY.
 */
int holder_user(const struct work *, const struct record *, const struct roots *vendor,
		char out[LIMIT_USER + 1]);

#endif
