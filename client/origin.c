/* SPDX-License-Identifier: Apache-2.0 */
#include "origin.h"

#include <sodium.h>
#include <string.h>

#define LABEL "muster/1 origin"

static const enum hardware_kind kinds[ORIGIN_PARTS] = {
	[ORIGIN_UUID] = HARDWARE_UUID,
	[ORIGIN_MACHINE_ID] = HARDWARE_MACHINE_ID,
};

static void make_tag(const struct part *part, const uint8_t *key, uint8_t ret[ORIGIN_TAG])
{
	crypto_generichash_state state;
	uint8_t kind = (uint8_t)part->kind;
	crypto_generichash_init(&state, key, ORIGIN_KEY, ORIGIN_TAG);
	crypto_generichash_update(&state, (const uint8_t *)LABEL, sizeof(LABEL) - 1);
	crypto_generichash_update(&state, &kind, 1);
	crypto_generichash_update(&state, (const uint8_t *)part->value, strlen(part->value));
	crypto_generichash_final(&state, ret, ORIGIN_TAG);
	sodium_memzero(&state, sizeof(state));
}

struct origin origin_of(const struct parts *parts, const uint8_t *key)
{
	struct origin o = {0};
	for (size_t i = 0; i < parts->n; i++) {
		for (size_t j = 0; j < ORIGIN_PARTS; j++) {
			if (parts->rows[i].kind != kinds[j])
				continue;
			o.known[j] = true;
			make_tag(&parts->rows[i], key, o.tag[j]);
		}
	}
	return o;
}

bool origin_differs(const struct origin *made, const struct origin *now)
{
	for (size_t i = 0; i < ORIGIN_PARTS; i++)
		if (made->known[i] && now->known[i])
			return memcmp(made->tag[i], now->tag[i], ORIGIN_TAG) != 0;
	return false;
}
