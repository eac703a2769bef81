/* SPDX-License-Identifier: Apache-2.0 */
/* A new Ed25519 pair for a vendor's folder, its secret half wrapped with a passphrase or not, as the options
 * say. Main thread. */
#ifndef ISSUER_KEYPAIR_H
#define ISSUER_KEYPAIR_H

#include "failure.h"
#include "paserk.h"

/* In locked memory where it is secret. */
struct keypair {
	uint8_t public[PASETO_PUBLIC];
	uint8_t *secret;
	char *text; /* the line of its file */
};

/* Do --passphrase, --no-passphrase, --memory and --passes go together? E_USAGE. */
int keypair_check(const struct invocation *, struct failure *);

/* Make one; freed with keypair_fini, also after an error. E_NO_MEMORY; errors of passphrase_get. */
int keypair_make(const struct invocation *, struct keypair *, struct failure *);
void keypair_fini(struct keypair *);

/* Write its line to a new file, mode 0600, durably. E_DUPLICATE: the file is there. */
int keypair_save(const struct keypair *, const char *path, struct failure *);

#endif
