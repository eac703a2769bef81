/* SPDX-License-Identifier: Apache-2.0 */
/* A license of this vendor, named on the command line by its id in the ledger or by its file. Main thread. */
#ifndef ISSUER_ISSUED_H
#define ISSUER_ISSUED_H

#include "vendor.h"

struct issued {
	struct license license;
	char *token;
};

/*
 * Find and verify it. A name with '/' in it, "-", or that of an existing file is a file; anything else is an
 * id. *ret: freed with issued_fini, also after an error. E_NOT_FOUND, errors of document_load, license_open
 * and document_refused.
 */
int issued_find(const struct vendor *, const char *which, struct issued *ret, struct failure *);

/*
 * A license by its id or file, with the newest terms that the ledger has: a note tells when the file is
 * older. E_NOT_FOUND also when the ledger lacks it, or ends before the file's serial: an old copy.
 */
int issued_newest(const struct vendor *, const char *which, struct issued *ret,
		  struct ledger_license *ret_row, struct failure *);

/* The newest serial of the ledger, by the id alone: no file of this name is looked at. E_NOT_FOUND. */
int issued_in_ledger(const struct vendor *, const char *id, struct issued *ret,
		     struct ledger_license *ret_row, struct failure *);

/* E_LICENSE_REVOKED, with when and why; 0 when it is not revoked. */
int issued_refuse_revoked(const struct ledger_license *, struct failure *);

void issued_fini(struct issued *);

#endif
