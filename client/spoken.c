/* SPDX-License-Identifier: Apache-2.0 */
#include "spoken.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"

#define NONCE_LABEL "muster/1 voice nonce"
#define HASH 32
#define RENEW_SECONDS (30 * VOICE_DAY) /* before its end */

/* Of the machine's own, so that it needs not be kept. */
static uint32_t make_nonce(const struct device *device, const char *vendor, const char *product)
{
	crypto_generichash_state state;
	uint8_t hash[HASH];
	crypto_generichash_init(&state, device->mac_key, DEVICE_MAC_KEY, HASH);
	crypto_generichash_update(&state, (const uint8_t *)NONCE_LABEL, sizeof(NONCE_LABEL));
	crypto_generichash_update(&state, (const uint8_t *)vendor, strlen(vendor) + 1);
	crypto_generichash_update(&state, (const uint8_t *)product, strlen(product) + 1);
	crypto_generichash_final(&state, hash, HASH);
	return (uint32_t)hash[0] << 16 | (uint32_t)hash[1] << 8 | hash[2];
}

void spoken_installation(const struct device *device, const char *vendor, const char *product,
			 uint8_t ret[VOICE_IID])
{
	voice_installation_make(device->fixed.public, device->sign_public, voice_product(vendor, product),
				make_nonce(device, vendor, product), ret);
}

bool spoken_check(const struct sitekeys *keys, const char *vendor, const uint8_t iid[VOICE_IID],
		  const char *bare, struct voice_grant *ret)
{
	uint8_t cid[VOICE_CID];
	if (!digits_number(bare, VOICE_CID_GROUPS, cid, VOICE_CID))
		return false;
	for (size_t i = 0; i < keys->n; i++)
		if (strcmp(keys->rows[i].vendor, vendor) == 0 &&
		    voice_check(keys->rows[i].key, iid, cid, ret) == 0 && ret->index == keys->rows[i].index)
			return true;
	return false;
}

/* --- what follows from it --- */

static void fill_lease(const struct device *device, const struct trust_product *p,
		       const struct voice_grant *g, struct lease *ret)
{
	const struct product *product = &p->file.product;
	*ret = (struct lease){.model = MODEL_DEVICE, .exp = voice_end(g->day)};
	ret->head.iat = ret->exp - VOICE_DAYS_MAX * VOICE_DAY; /* at the soonest */
	ret->renew_after = ret->exp - RENEW_SECONDS;
	ret->on_expiry = g->flags & VOICE_REDUCED ? ON_EXPIRY_REDUCED : ON_EXPIRY_NOTICE;
	memcpy(ret->vendor, p->vendor->pid, sizeof(ret->vendor));
	memcpy(ret->product, product->id, sizeof(ret->product));
	memcpy(ret->device, device->id, DEVICE_ID);
	for (size_t i = 0; i < product->n_plans; i++)
		memcpy(ret->plans[ret->n_plans++], product->plans[i].id, LIMIT_ID + 1);
}

static bool find_call(const char *folder, const struct device *device, const char *product, struct calls *c,
		      struct spoken **ret)
{
	struct fault ignored;
	if (calls_load(folder, device, c, &ignored))
		return false;
	*ret = calls_find(c, product);
	return *ret && (*ret)->cid[0];
}

bool spoken_lease(const char *folder, const char *site_key, const struct device *device,
		  const struct trust_product *p, struct lease *ret)
{
	struct fault ignored;
	struct spoken *s;
	struct sitekeys *keys;
	struct voice_grant grant;
	uint8_t iid[VOICE_IID];
	const char *product = p->file.product.id;
	struct calls *c = site_key ? malloc(sizeof(*c)) : NULL;
	bool ok = c && find_call(folder, device, product, c, &s);
	if (ok)
		ok = sitekeys_load(site_key, &keys, &ignored) == 0;
	if (ok) {
		spoken_installation(device, p->vendor->pid, product, iid);
		ok = spoken_check(keys, p->vendor->pid, iid, s->cid, &grant);
		sitekeys_free(keys);
	}
	free(c);
	if (ok)
		fill_lease(device, p, &grant, ret);
	return ok;
}

bool spoken_shown(const char *folder, const struct device *device, const char *vendor, const char *product,
		  uint8_t ret[VOICE_SHOWN])
{
	uint8_t cid[VOICE_CID];
	struct spoken *s;
	struct calls *c = malloc(sizeof(*c));
	bool ok = c && find_call(folder, device, product, c, &s) &&
		  digits_number(s->cid, VOICE_CID_GROUPS, cid, VOICE_CID);
	free(c);
	if (!ok)
		return false;
	spoken_installation(device, vendor, product, ret);
	voice_head_of(cid, ret + VOICE_IID);
	return true;
}

void spoken_settle(const char *folder, const struct device *device, const char *product)
{
	struct fault ignored;
	struct spoken *s;
	struct calls *c = malloc(sizeof(*c));
	if (c && find_call(folder, device, product, c, &s)) {
		s->cid[0] = 0;
		s->in_row = 0;
		calls_save(folder, device, c, &ignored);
	}
	free(c);
}
