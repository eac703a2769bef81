/* SPDX-License-Identifier: Apache-2.0 */
#include "hardware.h"

#include <sodium.h>
#include <string.h>

#define SALT_LABEL "muster/1 hardware"

/* What one cannot choose and does not copy with a disk image weighs more. */
static const struct {
	const char *name;
	uint32_t weight;
	bool strong;
} rows[HARDWARE_KINDS + 1] = {
	[0] = {"", 0, false},
	[HARDWARE_MACHINE_ID] = {"machine-id", 2, false},
	[HARDWARE_UUID] = {"product-uuid", 4, true},
	[HARDWARE_BOARD] = {"board-serial", 2, true},
	[HARDWARE_DISK] = {"disk-serial", 2, true},
	[HARDWARE_MAC] = {"mac", 1, false},
	[HARDWARE_CPU] = {"cpu-model", 1, false},
	[HARDWARE_MEMORY] = {"memory-gib", 1, false},
	[HARDWARE_TPM] = {"tpm-ek", 4, true},
	[HARDWARE_SCOPE] = {"scope", 0, false},
};

static unsigned known(unsigned kind)
{
	return kind <= HARDWARE_KINDS ? kind : 0;
}

const char *hardware_name(unsigned kind)
{
	return rows[known(kind)].name;
}

uint32_t hardware_weight(unsigned kind)
{
	return rows[known(kind)].weight;
}

bool hardware_strong(unsigned kind)
{
	return rows[known(kind)].strong;
}

/* With the NUL that ends it, so that no two lists of texts run together. */
static void add_text(crypto_generichash_state *state, const char *text)
{
	crypto_generichash_update(state, (const uint8_t *)text, strlen(text) + 1);
}

void hardware_salt(const uint8_t fp_salt[HARDWARE_SALT], const char *org, const char *product,
		   uint8_t ret[HARDWARE_SALT])
{
	crypto_generichash_state state;
	crypto_generichash_init(&state, fp_salt, HARDWARE_SALT, HARDWARE_SALT);
	add_text(&state, SALT_LABEL);
	add_text(&state, org);
	crypto_generichash_update(&state, (const uint8_t *)product, strlen(product));
	crypto_generichash_final(&state, ret, HARDWARE_SALT);
	sodium_memzero(&state, sizeof(state));
}

uint16_t hardware_tag(const uint8_t salt[HARDWARE_SALT], unsigned kind, const char *value)
{
	crypto_generichash_state state;
	uint8_t hash[32];
	crypto_generichash_init(&state, salt, HARDWARE_SALT, sizeof(hash));
	add_text(&state, hardware_name(kind));
	crypto_generichash_update(&state, (const uint8_t *)value, strlen(value));
	crypto_generichash_final(&state, hash, sizeof(hash));
	uint16_t tag = (uint16_t)(hash[0] << 8 | hash[1]);
	sodium_memzero(&state, sizeof(state));
	sodium_memzero(hash, sizeof(hash));
	return tag;
}
