/* SPDX-License-Identifier: Apache-2.0 */
/* The vendor's folder (--dir): the public key to give away, the secret key to keep, and the ledger. Main
 * thread. */
#ifndef ISSUER_VENDOR_H
#define ISSUER_VENDOR_H

#include <stdint.h>

#include "failure.h"
#include "ledger.h"
#include "limit.h"
#include "paserk.h"

#define VENDOR_PUB "vendor.pub" /* one k4.public line */
#define VENDOR_KEY "vendor.key" /* one k4.secret-pw or k4.secret line, mode 0600 */
#define VENDOR_LEDGER "ledger.db"

struct vendor {
	char name[LIMIT_NAME + 1];
	uint8_t public[PASETO_PUBLIC];
	char pid[PASERK_ID_TEXT];
	struct ledger *ledger;
	uint8_t *secret; /* locked memory; NULL until vendor_unlock */
};

/* The path of a file in a vendor's folder; out: PATH_MAX bytes. E_TOO_LARGE. */
int vendor_path(const char *dir, const char *file, char *out);

/* The public key in a vendor's folder. E_NOT_FOUND: no vendor there; E_IO, E_KEY_INVALID. */
int vendor_read_public(const char *dir, uint8_t ret[PASETO_PUBLIC], struct failure *);

/* Open the folder of --dir: all but the secret key. *ret may be closed also after an error. Errors as
 * ledger_open. */
int vendor_open(const struct invocation *, struct vendor *ret, struct failure *);

/*
 * Take the secret key, with the passphrase if it is wrapped. E_INSECURE: others can read it;
 * E_PASSPHRASE_WRONG; E_KEY_INVALID: not this vendor's key, or damaged; errors of passphrase_get.
 */
int vendor_unlock(const struct invocation *, struct vendor *, struct failure *);

/* A whole command: run it on a vendor that it opens, close that, tell a failure. Returns the exit code. */
int vendor_command(struct invocation *,
		   int (*run)(const struct invocation *, struct vendor *, struct failure *));

/* Wipe the key, close the ledger. */
void vendor_close(struct vendor *);

#endif
