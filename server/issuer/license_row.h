/* SPDX-License-Identifier: Apache-2.0 */
/* A license as one row: what lists, and what is told about a file. Main thread. */
#ifndef ISSUER_LICENSE_ROW_H
#define ISSUER_LICENSE_ROW_H

#include <jansson.h>

#include "ledger.h"

/* The row of a license that is not, or not yet, in the ledger. */
struct ledger_license license_row(const struct license *);

/* Is it pending, active or expired at a time; or revoked? */
const char *license_row_state(const struct ledger_license *, int64_t now);

/* The caller's reference, NULL without memory. */
json_t *license_row_json(const struct ledger_license *, int64_t now);

#endif
