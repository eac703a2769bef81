/* SPDX-License-Identifier: Apache-2.0 */
/* A license on its way from options to a signed file: what its first serial and all later ones have in
 * common. Main thread. */
#ifndef ISSUER_ISSUING_H
#define ISSUER_ISSUING_H

#include "vendor.h"

#define ISSUING_HOSTS_MAX 1000

/* Make room for as many grants and products as a license may have. */
int issuing_room(struct license *, struct failure *);

/* Add a product as the ledger describes it, unless the license has it. E_USAGE: unknown, or one too many. */
int issuing_product(struct license *, struct ledger *, const char *id, struct failure *);

/* Sign, and read back what was signed. *ret_token: freed by the caller. */
int issuing_sign(const struct vendor *, struct license *, char **ret_token, struct failure *);

/* What is told about a new file; the caller's reference. */
json_t *issuing_summary(const struct vendor *, const struct license *, int64_t now);

/* Tell people about it. */
void issuing_note(const struct invocation *, const struct license *);

/* Did the command line ask for '--grant help'? Then it is answered. */
bool issuing_grant_help(const struct invocation *);

#endif
