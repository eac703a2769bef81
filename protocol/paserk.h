/* SPDX-License-Identifier: Apache-2.0 */
/* PASERK texts for Ed25519 keys: k4.public, k4.secret, k4.secret-pw (and k4.local-pw), and the ids k4.pid and
 * k4.sid. Any thread. */
#ifndef PROTOCOL_PASERK_H
#define PROTOCOL_PASERK_H

#include <stddef.h>
#include <stdint.h>

#include "paseto.h"

#define PASERK_ID 33 /* bytes of a key id */

/* Sizes of the texts with their NUL. */
#define PASERK_PUBLIC_TEXT 54
#define PASERK_SECRET_TEXT 97
#define PASERK_ID_TEXT 52
#define PASERK_SECRET_PW_TEXT 256

/* Argon2id cost of a wrapped key. memory: bytes. The defaults take about half a second. */
struct paserk_cost {
	uint64_t memory;
	uint32_t passes;
};
#define PASERK_COST_DEFAULT ((struct paserk_cost){.memory = 256u << 20, .passes = 3})
#define PASERK_MEMORY_MAX (1ull << 30) /* a wrapped key that asks for more is refused, not tried */
#define PASERK_PASSES_MAX 64u

void paserk_public_write(const uint8_t public[PASETO_PUBLIC], char out[PASERK_PUBLIC_TEXT]);
void paserk_secret_write(const uint8_t secret[PASETO_SECRET], char out[PASERK_SECRET_TEXT]);

/* Read text of length n. E_KEY_INVALID: another kind of key, wrong length, or halves that do not belong
 * together. */
int paserk_public_read(const char *text, size_t n, uint8_t ret[PASETO_PUBLIC]);
int paserk_secret_read(const char *text, size_t n, uint8_t ret[PASETO_SECRET]);

/* The id of a key: its 33 bytes, and its text "k4.pid...." or "k4.sid....". */
void paserk_pid(const uint8_t public[PASETO_PUBLIC], uint8_t ret[PASERK_ID]);
void paserk_pid_write(const uint8_t public[PASETO_PUBLIC], char out[PASERK_ID_TEXT]);
void paserk_sid_write(const uint8_t secret[PASETO_SECRET], char out[PASERK_ID_TEXT]);

/* The text of an id's bytes, and back. E_KEY_INVALID: not "k4.pid." and 33 bytes. */
void paserk_pid_text(const uint8_t id[PASERK_ID], char out[PASERK_ID_TEXT]);
int paserk_pid_read(const char *text, size_t n, uint8_t ret[PASERK_ID]);

/* Wrap 32 bytes of another secret with a passphrase: k4.local-pw, and back. Errors as paserk_wrap and
 * paserk_unwrap. */
#define PASERK_LOCAL 32
int paserk_wrap_local(const uint8_t secret[PASERK_LOCAL], const char *passphrase, size_t n,
		      struct paserk_cost, char out[PASERK_SECRET_PW_TEXT]);
int paserk_unwrap_local(const char *text, size_t text_n, const char *passphrase, size_t n,
			uint8_t ret[PASERK_LOCAL]);

/* Wrap a secret key with a passphrase (n bytes): k4.secret-pw. E_NO_MEMORY: the cost's memory cannot be had.
 */
int paserk_wrap(const uint8_t secret[PASETO_SECRET], const char *passphrase, size_t n, struct paserk_cost,
		char out[PASERK_SECRET_PW_TEXT]);

/* Unwrap. E_KEY_INVALID: not such a text, or a cost beyond the maxima; E_PASSPHRASE_WRONG; E_NO_MEMORY. */
int paserk_unwrap(const char *text, size_t text_n, const char *passphrase, size_t n,
		  uint8_t ret[PASETO_SECRET]);

#endif
