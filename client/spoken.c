/* SPDX-License-Identifier: Apache-2.0 */
#include "spoken.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64url.h"
#include "error.h"
#include "hostcheck.h"

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

/* --- proofs --- */

int spoken_trust_init(struct spoken_trust *t, const struct device *device, const struct trust *trust,
		      const char *site_key, struct fault *f)
{
	*t = (struct spoken_trust){.device = device, .trust = trust};
	return site_key ? sitekeys_load(site_key, &t->keys, f) : 0;
}

void spoken_trust_fini(struct spoken_trust *t)
{
	sitekeys_free(t->keys);
}

bool spoken_digits_hold(const struct spoken_trust *t, const struct trust_product *p, const char *bare,
			struct voice_grant *ret)
{
	uint8_t cid[VOICE_CID];
	uint8_t iid[VOICE_IID];
	if (!digits_number(bare, VOICE_CID_GROUPS, cid, VOICE_CID))
		return false;
	spoken_installation(t->device, p->vendor->pid, p->file.product.id, iid);
	for (size_t i = 0; t->keys && i < t->keys->n; i++) {
		const struct sitekey *k = &t->keys->rows[i];
		if (strcmp(k->vendor, p->vendor->pid) == 0 && voice_check(k->key, iid, cid, ret) == 0 &&
		    ret->index == k->index)
			return true;
	}
	return false;
}

/* Why a host's signature counts for nothing. What was typed before has stood these tests, but may have been
 * revoked since. */
static int doubt_of(const struct trust_host *h, const struct voice_grant *g, int64_t now)
{
	const struct certificate *cert = &h->certificate;
	int64_t most = (int64_t)cert->lease_days_max * VOICE_DAY;
	if (hostcheck_revoked(h->vendor->revoked, cert))
		return E_CERTIFICATE_REVOKED;
	if (!now)
		return 0;
	/* A day more, for the host's clock may be ahead of ours. */
	int error = certificate_at(cert, now);
	if (error == E_NOT_YET_VALID && now >= cert->nbf - VOICE_DAY)
		error = 0;
	return !error && most && voice_end(g->day) > now + most + VOICE_DAY ? E_CLAIM_INVALID : error;
}

bool spoken_words_hold(struct spoken_trust *t, const struct trust_product *p,
		       const struct spoken_words *words, int64_t now, struct voice_grant *ret)
{
	uint8_t iid[VOICE_IID];
	spoken_installation(t->device, p->vendor->pid, p->file.product.id, iid);
	for (size_t i = 0; i < t->trust->n_hosts; i++) {
		const struct trust_host *h = &t->trust->hosts[i];
		if (h->vendor != p->vendor || !certificate_covers(&h->certificate, p->file.product.id) ||
		    words_check(h->certificate.sign, iid, words, ret))
			continue;
		int doubt = doubt_of(h, ret, now);
		if (!doubt)
			return true;
		t->doubt = doubt;
	}
	return false;
}

void spoken_words_write(const struct spoken_words *words, char out[SPOKEN_PROOF])
{
	out[0] = SPOKEN_WORDS;
	base64url_write(words, sizeof(*words), out + 1, SPOKEN_PROOF - 1);
}

static bool read_words(const char *proof, struct spoken_words *ret)
{
	return proof[0] == SPOKEN_WORDS &&
	       base64url_read_exact(proof + 1, strlen(proof + 1), (uint8_t *)ret, sizeof(*ret)) == 0;
}

static bool holds(struct spoken_trust *t, const struct trust_product *p, const char *proof,
		  struct voice_grant *ret)
{
	struct spoken_words words;
	if (read_words(proof, &words))
		return spoken_words_hold(t, p, &words, 0, ret);
	return spoken_digits_hold(t, p, proof, ret);
}

/* --- what follows from it --- */

static void fill_lease(const struct device *device, const struct trust_product *p,
		       const struct voice_grant *g, struct lease *ret)
{
	const struct product *product = &p->file.product;
	*ret = (struct lease){.model = MODEL_DEVICE, .exp = voice_end(g->day)};
	ret->head.iat = ret->exp - VOICE_DAYS_MAX * VOICE_DAY;
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
	return *ret && (*ret)->proof[0];
}

bool spoken_lease(const char *folder, const char *site_key, const struct device *device,
		  const struct trust *trust, const struct trust_product *p, struct lease *ret)
{
	struct fault ignored;
	struct spoken *s;
	struct spoken_trust t = {.keys = NULL};
	struct voice_grant grant;
	struct calls *c = malloc(sizeof(*c));
	bool ok = c && find_call(folder, device, p->file.product.id, c, &s) &&
		  spoken_trust_init(&t, device, trust, site_key, &ignored) == 0 &&
		  holds(&t, p, s->proof, &grant);
	spoken_trust_fini(&t);
	free(c);
	if (ok)
		fill_lease(device, p, &grant, ret);
	return ok;
}

bool spoken_shown(const char *folder, const struct device *device, const char *vendor, const char *product,
		  uint8_t ret[VOICE_SHOWN])
{
	uint8_t cid[VOICE_CID];
	struct spoken_words words;
	struct spoken *s;
	struct calls *c = malloc(sizeof(*c));
	bool ok = c && find_call(folder, device, product, c, &s);
	if (ok && read_words(s->proof, &words))
		memcpy(ret + VOICE_IID, words.head, VOICE_HEAD);
	else if (ok && (ok = digits_number(s->proof, VOICE_CID_GROUPS, cid, VOICE_CID)))
		voice_head_of(cid, ret + VOICE_IID);
	free(c);
	if (ok)
		spoken_installation(device, vendor, product, ret);
	return ok;
}

void spoken_settle(const char *folder, const struct device *device, const char *product)
{
	struct fault ignored;
	struct spoken *s;
	struct calls *c = malloc(sizeof(*c));
	if (c && find_call(folder, device, product, c, &s)) {
		s->proof[0] = 0;
		s->in_row = 0;
		calls_save(folder, device, c, &ignored);
	}
	free(c);
}
