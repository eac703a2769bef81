/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vendor's revocation list (typ muster.revocations): what it no longer stands for. The list is whole, and
 * its number rises; a host keeps the one with the highest number. At most LIMIT_REVOCATIONS of each kind. Any
 * thread.
 */
#ifndef PROTOCOL_REVOCATIONS_H
#define PROTOCOL_REVOCATIONS_H

#include "chain.h"
#include "claims.h"
#include "keycode.h"
#include "token.h"

struct revocations {
	struct claims_head head;
	struct chain chain;            /* of a list that was opened */
	int64_t number;                /* rises with every list of this vendor */
	char (*hosts)[PASERK_ID_TEXT]; /* k4.pid of host keys; owned */
	size_t n_hosts;
	char (*signers)[PASERK_ID_TEXT]; /* k4.pid of issuing keys and of former roots; owned */
	size_t n_signers;
	char (*licenses)[LIMIT_ID + 1]; /* owned */
	size_t n_licenses;
	uint8_t (*keys)[KEYCODE_HASH]; /* hashes of product and pool keys, under their grants' salts; owned */
	size_t n_keys;
};

/* Free what a list holds; it may be all zero. */
void revocations_fini(struct revocations *);

/* Sign. Errors as token_sign. */
int revocations_sign(const struct revocations *, const uint8_t vendor_secret[PASETO_SECRET],
		     char **ret_token);

/* Verify and read. *ret: freed with revocations_fini, also after an error. fault: which claim (may be NULL).
 * Errors as token_open. */
int revocations_open(const char *token, size_t n, const struct roots *vendor, struct revocations *ret,
		     struct claims *fault);

/* Is it on the list? */
bool revocations_host(const struct revocations *, const char *pid);
bool revocations_signer(const struct revocations *, const struct chain *); /* who signed, or its root */
/* What a certificate is worth nothing by: its host's key (k4.pid), or who signed it. */
bool revocations_certificate(const struct revocations *, const char *host, const struct chain *signer);
bool revocations_license(const struct revocations *, const char *id);
bool revocations_key(const struct revocations *, const uint8_t hash[KEYCODE_HASH]);

#endif
