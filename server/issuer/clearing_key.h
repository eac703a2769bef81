/* SPDX-License-Identifier: Apache-2.0 */
/* The X25519 pair with which a clearing house proves itself: made from its issuing key. Any thread. */
#ifndef ISSUER_CLEARING_KEY_H
#define ISSUER_CLEARING_KEY_H

#include "noise.h"
#include "paseto.h"

void clearing_key(const uint8_t issuing_secret[PASETO_SECRET], struct noise_pair *ret);

#endif
