/* SPDX-License-Identifier: Apache-2.0 */
/* The vendor's folder (--dir): the public key to give away, the secret key to keep, and the ledger. Main
 * thread. */
#ifndef ISSUER_VENDOR_H
#define ISSUER_VENDOR_H

#include <limits.h>
#include <stdint.h>

#include "failure.h"
#include "issuing_key.h"
#include "ledger.h"
#include "limit.h"
#include "paserk.h"

#define VENDOR_PUB "vendor.pub" /* k4.public of its roots, a line each; the first one names the vendor */
#define VENDOR_KEY "vendor.key" /* one k4.secret-pw or k4.secret line, mode 0600: of the root that signs */
#define VENDOR_NEXT "next.key"  /* the same of the next root; it may be kept elsewhere */
#define VENDOR_ISSUING "issuing.key"
#define VENDOR_STATEMENT "issuing.statement" /* muster.key of it */
#define VENDOR_LEDGER "ledger.db"

struct vendor {
	char name[LIMIT_NAME + 1];
	struct roots roots;
	char pid[PASERK_ID_TEXT]; /* the vendor's name */
	struct ledger *ledger;
	uint8_t *secret;            /* locked memory; NULL until it is unlocked */
	char footer[ISSUING_TOKEN]; /* of what is signed with it */
	struct issuing_key issuing; /* whose key it is; zero for a root's */
};

/* The path of a file in a vendor's folder; out: PATH_MAX bytes. E_TOO_LARGE. */
int vendor_path(const char *dir, const char *file, char *out);

/* The same of the folder of --dir. */
int vendor_file(const struct invocation *, const char *file, char out[PATH_MAX], struct failure *);

/* The roots in a vendor's folder. E_NOT_FOUND: no vendor there; E_IO, E_KEY_INVALID. */
int vendor_read_roots(const char *dir, struct roots *ret, struct failure *);

/* Open the folder of --dir: all but the secret key. *ret may be closed also after an error. Errors as
 * ledger_open. */
int vendor_open(const struct invocation *, struct vendor *ret, struct failure *);

/*
 * Take the root's secret key, with the passphrase if it is wrapped. E_NOT_FOUND: it is kept elsewhere;
 * E_INSECURE: others can read it; E_PASSPHRASE_WRONG; E_KEY_INVALID: not this vendor's key, or damaged;
 * errors of passphrase_get.
 */
int vendor_unlock(const struct invocation *, struct vendor *, struct failure *);

/* Take the issuing key, if the folder has one that may do this now; the root's otherwise. */
int vendor_unlock_for(const struct invocation *, struct vendor *, enum issuing_use, struct failure *);

/* The issuing key's statement, if there is one: *ret_token is freed by the caller, NULL without. Whether it
 * is in force is not judged. */
int vendor_statement(const struct invocation *, const struct vendor *, struct issuing_key *ret,
		     char **ret_token, struct failure *);

/* Who signs with the key that was taken, for a head. */
void vendor_head(const struct vendor *, struct claims_head *, int64_t now);

/* A whole command: run it on a vendor that it opens, close that, tell a failure. Returns the exit code. */
int vendor_command(struct invocation *,
		   int (*run)(const struct invocation *, struct vendor *, struct failure *));

/* Wipe the key, close the ledger. */
void vendor_close(struct vendor *);

#endif
