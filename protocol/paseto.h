/* SPDX-License-Identifier: Apache-2.0 */
/* PASETO v4.public (Ed25519): sign, verify. The payload is opaque here; token.h gives it meaning. Any thread.
 */
#ifndef PROTOCOL_PASETO_H
#define PROTOCOL_PASETO_H

#include <stddef.h>
#include <stdint.h>

#define PASETO_SECRET 64 /* Ed25519 secret key as libsodium has it: seed and public key */
#define PASETO_PUBLIC 32

/* Sign. footer and implicit may be "". *ret_token: a NUL-ended text that the caller frees. E_NO_MEMORY,
 * E_TOO_LARGE. */
int paseto_sign(const uint8_t secret[PASETO_SECRET], const void *payload, size_t n, const char *footer,
		const char *implicit, char **ret_token);

/*
 * Verify a token of length n, and only then give its payload: *ret_payload, *ret_n bytes and a NUL after
 * them, which the caller frees. E_MALFORMED: not a v4.public token; E_SIGNATURE_INVALID: not signed by this
 * key, or altered.
 */
int paseto_open(const char *token, size_t n, const uint8_t public[PASETO_PUBLIC], const char *implicit,
		uint8_t **ret_payload, size_t *ret_n);

/*
 * The payload WITHOUT verifying it, for a token that names its own key or to show what a stranger signed.
 * *ret_payload as paseto_open. E_MALFORMED.
 */
int paseto_peek(const char *token, size_t n, uint8_t **ret_payload, size_t *ret_n);

/*
 * The token's footer as NUL-ended text, UNVERIFIED: good only for choosing the key to verify with.
 * E_MALFORMED: no token, or a footer that is no text; E_TOO_LARGE: longer than room.
 */
int paseto_footer(const char *token, size_t n, char *out, size_t room);

#endif
