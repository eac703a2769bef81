/* SPDX-License-Identifier: Apache-2.0 */
/* A vendor's revocation list from whoever has a newer one, part by part. Not shared between threads. */
#ifndef CLIENT_REVOKED_FETCH_H
#define CLIENT_REVOKED_FETCH_H

#include "dialog.h"
#include "roots.h"

/*
 * The list's token, not yet verified; the two messages are room for the calls. *ret: freed by the caller,
 * NULL when it fails. E_NOT_FOUND: it has none; E_TOO_LARGE: longer than LIMIT_TOKEN; E_MALFORMED: its
 * parts do not fit; E_NO_MEMORY; those of dialog_call.
 */
int revoked_fetch(const struct roots *vendor, struct dialog *, wire_request *, wire_response *, char **ret);

#endif
