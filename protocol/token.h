/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A signed file: JSON claims in a PASETO v4.public token whose implicit assertion is its typ (DESIGN 4). The
 * signature is verified before a byte of the claims is parsed; then typ, ver and crit are checked. Any
 * thread.
 */
#ifndef PROTOCOL_TOKEN_H
#define PROTOCOL_TOKEN_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "claims.h"
#include "jsonout.h"
#include "paseto.h"

#define TOKEN_VERSION 1

/* The kinds of signed file: typ, and the label of the armour. */
struct token_kind {
	const char *typ;
	const char *label;
};
extern const struct token_kind token_license, token_product, token_certificate, token_lease,
	token_host_request, token_license_request, token_revocations, token_checkpoint, token_request,
	token_answer, token_key;

/* The kind of an armour label or of a typ, or NULL. */
const struct token_kind *token_kind_by_label(const char *label);
const struct token_kind *token_kind_by_typ(const char *typ);

/* A new claims object with typ, ver, iss, iat and jti in it; NULL without memory. */
json_t *token_claims(const struct token_kind *, const char *iss, int64_t iat, const char *jti);

/* The same members first, of a text. */
void token_head(struct jsonout *, const struct token_kind *, const struct claims_head *);

/* Sign the claims. footer: usually the signer's k4.pid. *ret_token: freed by the caller. E_NO_MEMORY,
 * E_TOO_LARGE. */
int token_sign(json_t *claims, const uint8_t secret[PASETO_SECRET], const char *footer, char **ret_token);

/*
 * Verify and parse. *ret_claims: the caller's reference (json_decref). E_MALFORMED, E_SIGNATURE_INVALID as
 * paseto_open; E_WRONG_TYPE: another typ; E_CRITICAL_UNKNOWN: crit or ver demand more than we know;
 * E_CLAIM_INVALID: no JSON object.
 */
int token_open(const struct token_kind *, const char *token, size_t n, const uint8_t public[PASETO_PUBLIC],
	       json_t **ret_claims);

/* The claims WITHOUT verifying them: to find the key that the claims themselves name, or to show a stranger's
 * file. */
int token_peek(const char *token, size_t n, json_t **ret_claims_unverified);

/* The k4.pid that the claims name as iss, WITHOUT verifying them: to find the keys to verify with.
 * E_CLAIM_INVALID: they name none. */
int token_peek_issuer(const char *token, size_t n, char ret[PASERK_ID_TEXT]);

/* Read a file of this kind: armour or bare, at most LIMIT_TOKEN. *ret_token freed by the caller. E_IO,
 * E_ARMOUR_INVALID. */
int token_load(const struct token_kind *, const char *path, char **ret_token);

/* Write a token as an armoured file, atomically (a new file, synced, renamed). mode: file mode. E_IO,
 * E_CANNOT_CREATE. */
int token_save(const struct token_kind *, const char *path, const char *token, unsigned mode);

#endif
