/* SPDX-License-Identifier: Apache-2.0 */
/* The secrets of a clearing house: the X25519 pair with which it proves itself, made from its issuing key;
 * and the keys that it knows hosts by. Any thread. */
#ifndef ISSUER_CLEARING_KEY_H
#define ISSUER_CLEARING_KEY_H

#include "keycode.h"
#include "noise.h"
#include "roots.h"

/* The hash of a host key, under a salt of the vendor's own. bare: as keycode_read gives it. */
void clearing_key_hash(const struct roots *, const char *bare, uint8_t ret[KEYCODE_HASH]);

void clearing_key(const uint8_t issuing_secret[PASETO_SECRET], struct noise_pair *ret);

#endif
