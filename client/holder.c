/* SPDX-License-Identifier: Apache-2.0 */
#include "holder.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"

bool holder_signed_in(const struct record *r, const char *vendor, const char *user)
{
	return r->user[0] && strcmp(r->user, user) == 0 && strcmp(r->vendor, vendor) == 0;
}

int holder_lease(const struct work *w, const struct record *r, const struct roots *vendor,
		 struct stored_lease **ret)
{
	struct fault ignored;
	struct stored_lease *lease = malloc(sizeof(*lease));
	*ret = NULL;
	if (!lease)
		return E_NO_MEMORY;
	if (leasefile_read(w->folder, r->product, vendor, w->device->id, lease, &ignored))
		free(lease);
	else
		*ret = lease;
	return 0;
}

int holder_place(const struct work *w, const struct record *r, const struct roots *vendor,
		 const uint8_t ledger[LEDGER_ID])
{
	struct stored_lease *lease;
	int error = holder_lease(w, r, vendor, &lease);
	if (error || !lease)
		return error ? error : PLACE_NONE;
	bool here = memcmp(lease->certificate.ledger, ledger, LEDGER_ID) == 0;
	free(lease);
	return here ? PLACE_HERE : PLACE_ELSEWHERE;
}

int holder_user(const struct work *w, const struct record *r, const struct roots *vendor,
		char out[LIMIT_USER + 1])
{
	struct stored_lease *lease;
	int error = holder_lease(w, r, vendor, &lease);
	memcpy(out, lease ? lease->lease.user : r->user, LIMIT_USER + 1);
	free(lease);
	return error;
}
