/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The statement (typ muster.key) with which a vendor's root lets another key sign in its name, so that the
 * root stays offline: what for, and for how long, at most ISSUING_DAYS_MAX. It is the footer of what that key
 * signs. Any thread.
 */
#ifndef PROTOCOL_ISSUING_KEY_H
#define PROTOCOL_ISSUING_KEY_H

#include "claims.h"
#include "noise.h"
#include "roots.h"
#include "token.h"

#define ISSUING_DAYS_MAX 731 /* reliability.md 3.9: two years */
#define ISSUING_TOKEN 1280   /* longest statement with its NUL: it must fit into a certificate */

/* What it may be used for. A list of revocations is the root's own: who steals an issuing key must not be
 * able to take back its revocation. */
enum issuing_use {
	ISSUING_LICENSE = 1,
	ISSUING_CERTIFICATE = 2,
	ISSUING_CLEARING = 4, /* answer for the vendor online, with the static key */
};

struct issuing_key {
	struct claims_head head;
	uint8_t key[PASETO_PUBLIC];
	uint8_t fixed[NOISE_KEY]; /* X25519, proves the clearing house online; zero without ISSUING_CLEARING
				   */
	unsigned uses;            /* of enum issuing_use */
	int64_t nbf;
	int64_t exp;
};

/* "license", "certificate", "clearing" with commas between them. Not 0: an unknown word, or none. */
int issuing_uses_read(const char *text, unsigned *ret);

/* Sign with a root key. E_CLAIM_INVALID: no use, or a term beyond ISSUING_DAYS_MAX. Errors as token_sign. */
int issuing_key_sign(const struct issuing_key *, const uint8_t root_secret[PASETO_SECRET], char **ret_token);

/* Verify with the vendor's roots and read; times are not judged. *ret_root: which root signed (may be NULL).
 * Errors as token_open. */
int issuing_key_open(const char *token, size_t n, const struct roots *, struct issuing_key *ret,
		     size_t *ret_root, struct claims *fault);

/* Was it in force at a time? 0 or E_SIGNER_UNFIT. */
int issuing_key_at(const struct issuing_key *, int64_t when);

#endif
