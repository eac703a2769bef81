/* SPDX-License-Identifier: Apache-2.0 */
/* How this host stands with its vendors: what a call to a clearing house says besides the host's request, so
 * that what is shown and what is sent are one. Main thread. */
#ifndef CTL_STANDING_H
#define CTL_STANDING_H

#include <jansson.h>

#include "command.h"

/* A member of such an object, or of a vendor; "" when there is none. Borrowed. */
const char *standing_text(json_t *object, const char *key);

/*
 * An object for each certificate of this host: license, vendor, vendor_key, expires, serial (of the license
 * that is installed; 0: none). *ret: the caller's array. Returns 0, or the exit code after telling the
 * failure.
 */
int standing_read(const struct invocation *, json_t **ret);

/* Of these only what is said: license, serial. The caller's reference. */
json_t *standing_told(json_t *standing);

/* The vendors whose word this host takes, as GET /v1/vendors has them. As standing_read. */
int standing_vendors(const struct invocation *, json_t **ret);

#endif
