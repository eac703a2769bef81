/* SPDX-License-Identifier: Apache-2.0 */
/* A host that this vendor has certified, named by people or by what it signed. Main thread. */
#ifndef ISSUER_CERTIFIED_H
#define ISSUER_CERTIFIED_H

#include "vendor.h"

/*
 * By its name or its id (k4.pid); license: only those certified for it, NULL for any. E_NOT_CERTIFIED;
 * E_USAGE: the name is that of several hosts.
 */
int certified_find(const struct vendor *, const char *which, const char *license, struct ledger_host *ret,
		   struct failure *);

#endif
