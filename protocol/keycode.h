/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Codes that people type: product keys (redemption and pool keys), enrolment keys and sign-in codes.
 * Characters of one alphabet in which none looks like another, shown in groups; the last one is the check
 * character of ISO/IEC 7064 MOD 27,26 over the others. Any thread.
 */
#ifndef PROTOCOL_KEYCODE_H
#define PROTOCOL_KEYCODE_H

#include <stddef.h>
#include <stdint.h>

#define KEYCODE_KEY 25  /* characters of a product key, its check character among them */
#define KEYCODE_CODE 16 /* of a sign-in code, the same */
#define KEYCODE_TEXT 32 /* room for either with its dashes and NUL */
#define KEYCODE_HASH 32
#define KEYCODE_HASH_TEXT 44 /* base64url and NUL */
#define KEYCODE_SALT 16

/* A random code of n characters (KEYCODE_KEY in groups of five, KEYCODE_CODE in groups of four). */
void keycode_make(size_t n, char out[KEYCODE_TEXT]);

/*
 * Read what a person typed: case does not matter, white space and any kind of dash (U+2010 to U+2015, U+2212
 * and the like) are passed over. *ret: the bare characters and NUL. E_KEY_MALFORMED: another length, a
 * character outside the alphabet, or a wrong check character.
 */
int keycode_read(const char *text, size_t n, char ret[KEYCODE_KEY + 1]);

/* Hash of the bare characters under a salt or secret key of 16 to 64 bytes: BLAKE2b-256(key; "muster/1 key"
 * || code). */
void keycode_hash(const char *bare, const uint8_t *salt, size_t salt_n, uint8_t ret[KEYCODE_HASH]);

#endif
