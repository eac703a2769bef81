/* SPDX-License-Identifier: Apache-2.0 */
#include "clearing_key.h"

#include <sodium.h>
#include <string.h>

#define LABEL "muster/1 clearing house"

/* BLAKE2b-256 of the label under the Ed25519 seed. */
void clearing_key(const uint8_t issuing_secret[PASETO_SECRET], struct noise_pair *ret)
{
	uint8_t secret[NOISE_KEY];
	crypto_generichash(secret, sizeof(secret), (const uint8_t *)LABEL, strlen(LABEL), issuing_secret,
			   crypto_sign_SEEDBYTES);
	noise_pair_from(secret, ret);
	sodium_memzero(secret, sizeof(secret));
}

void clearing_key_hash(const struct roots *roots, const char *bare, uint8_t ret[KEYCODE_HASH])
{
	keycode_hash(bare, roots->keys[0], KEYCODE_SALT, ret);
}
