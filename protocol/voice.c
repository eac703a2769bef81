/* SPDX-License-Identifier: Apache-2.0 */
#include "voice.h"

#include <sodium.h>
#include <string.h>

#include "error.h"

/* Labels stand in the hashes with their NUL. */
#define IID_LABEL "muster/1 iid"
#define KEY_LABEL "muster/1 phone"
#define CID_LABEL "muster/1 cid"
#define PRODUCT_LABEL "muster/1 voice product"
#define LICENSE_LABEL "muster/1 voice license"
#define VERSION 1u
#define KIND_DEVICE 0u
#define HASH 32
#define MAC 12 /* bytes of 92 bits */

#define TAG_BITS 100
#define MAC_BITS 92

/* --- bits of a big-endian number --- */

/* n <= 32 bits, of which the last has `behind` bits behind it. */
static void set_bits(uint8_t *number, size_t size, unsigned behind, unsigned n, uint32_t value)
{
	for (unsigned i = 0; i < n; i++) {
		unsigned bit = behind + i;
		if (value >> i & 1)
			number[size - 1 - bit / 8] |= (uint8_t)(1u << bit % 8);
	}
}

static uint32_t get_bits(const uint8_t *number, size_t size, unsigned behind, unsigned n)
{
	uint32_t value = 0;
	for (unsigned i = 0; i < n; i++) {
		unsigned bit = behind + i;
		value |= (uint32_t)(number[size - 1 - bit / 8] >> bit % 8 & 1) << i;
	}
	return value;
}

/* The first bits of a hash, flush right in n bytes whose upper half byte is free. */
static void first_bits(const uint8_t hash[HASH], uint8_t *out, size_t n)
{
	for (size_t i = n; i > 0; i--)
		out[i - 1] = (uint8_t)((i > 1 ? hash[i - 2] << 4 : 0) | hash[i - 1] >> 4);
}

static void put_u32(crypto_generichash_state *state, uint32_t value)
{
	const uint8_t bytes[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
				  (uint8_t)value};
	crypto_generichash_update(state, bytes, sizeof(bytes));
}

static void put_text(crypto_generichash_state *state, const char *text)
{
	crypto_generichash_update(state, (const uint8_t *)text, strlen(text) + 1);
}

static void hash_names(const char *label, const char *vendor, const char *name, uint8_t ret[HASH])
{
	crypto_generichash_state state;
	crypto_generichash_init(&state, NULL, 0, HASH);
	put_text(&state, label);
	put_text(&state, vendor);
	put_text(&state, name);
	crypto_generichash_final(&state, ret, HASH);
}

/* --- installation id: version 3, kind 2, product 20, nonce 24, tag 100 --- */

uint32_t voice_product(const char *vendor, const char *product)
{
	uint8_t hash[HASH];
	hash_names(PRODUCT_LABEL, vendor, product, hash);
	return (uint32_t)hash[0] << 12 | (uint32_t)hash[1] << 4 | (uint32_t)hash[2] >> 4;
}

static void make_tag(const uint8_t fixed[NOISE_KEY], const uint8_t sign[PASETO_PUBLIC], uint32_t product,
		     uint32_t nonce, uint8_t ret[13])
{
	crypto_generichash_state state;
	uint8_t hash[HASH];
	crypto_generichash_init(&state, NULL, 0, HASH);
	put_text(&state, IID_LABEL);
	crypto_generichash_update(&state, fixed, NOISE_KEY);
	crypto_generichash_update(&state, sign, PASETO_PUBLIC);
	put_u32(&state, product);
	put_u32(&state, nonce);
	crypto_generichash_final(&state, hash, HASH);
	first_bits(hash, ret, 13);
}

void voice_installation_make(const uint8_t fixed[NOISE_KEY], const uint8_t sign[PASETO_PUBLIC],
			     uint32_t product, uint32_t nonce, uint8_t ret[VOICE_IID])
{
	uint8_t tag[13];
	make_tag(fixed, sign, product, nonce, tag);
	memset(ret, 0, VOICE_IID);
	memcpy(ret + VOICE_IID - sizeof(tag), tag, sizeof(tag));
	set_bits(ret, VOICE_IID, TAG_BITS, 24, nonce);
	set_bits(ret, VOICE_IID, TAG_BITS + 24, 20, product);
	set_bits(ret, VOICE_IID, TAG_BITS + 44, 2, KIND_DEVICE);
	set_bits(ret, VOICE_IID, TAG_BITS + 46, 3, VERSION);
}

int voice_installation_read(const uint8_t iid[VOICE_IID], struct voice_installation *ret)
{
	/* The three bits above the number are none of it. */
	if (get_bits(iid, VOICE_IID, TAG_BITS + 46, 6) != VERSION ||
	    get_bits(iid, VOICE_IID, TAG_BITS + 44, 2) != KIND_DEVICE)
		return E_VERSION_UNSUPPORTED;
	ret->product = get_bits(iid, VOICE_IID, TAG_BITS + 24, 20);
	ret->nonce = get_bits(iid, VOICE_IID, TAG_BITS, 24);
	memcpy(ret->tag, iid + VOICE_IID - sizeof(ret->tag), sizeof(ret->tag));
	ret->tag[0] &= 0x0f;
	return 0;
}

bool voice_installation_is_of(const uint8_t iid[VOICE_IID], const uint8_t fixed[NOISE_KEY],
			      const uint8_t sign[PASETO_PUBLIC])
{
	struct voice_installation parts;
	uint8_t made[VOICE_IID];
	if (voice_installation_read(iid, &parts))
		return false;
	voice_installation_make(fixed, sign, parts.product, parts.nonce, made);
	return memcmp(made, iid, VOICE_IID) == 0;
}

/* --- confirmation id: version 3, index 5, day 16, flags 4, sequence 12, mac 92 --- */

void voice_license(const char *vendor, const char *license, uint8_t ret[VOICE_LICENSE])
{
	uint8_t hash[HASH];
	hash_names(LICENSE_LABEL, vendor, license, hash);
	memcpy(ret, hash, VOICE_LICENSE);
}

void voice_key(const uint8_t site[VOICE_KEY], const uint8_t license[VOICE_LICENSE], unsigned index,
	       uint8_t ret[VOICE_KEY])
{
	crypto_generichash_state state;
	uint8_t byte = (uint8_t)index;
	crypto_generichash_init(&state, site, VOICE_KEY, VOICE_KEY);
	put_text(&state, KEY_LABEL);
	crypto_generichash_update(&state, license, VOICE_LICENSE);
	crypto_generichash_update(&state, &byte, 1);
	crypto_generichash_final(&state, ret, VOICE_KEY);
	sodium_memzero(&state, sizeof(state));
}

static void make_mac(const uint8_t key[VOICE_KEY], const uint8_t iid[VOICE_IID],
		     const uint8_t head[VOICE_HEAD], uint8_t ret[MAC])
{
	crypto_generichash_state state;
	uint8_t hash[HASH];
	crypto_generichash_init(&state, key, VOICE_KEY, HASH);
	put_text(&state, CID_LABEL);
	crypto_generichash_update(&state, iid, VOICE_IID);
	crypto_generichash_update(&state, head, VOICE_HEAD);
	crypto_generichash_final(&state, hash, HASH);
	first_bits(hash, ret, MAC);
	sodium_memzero(&state, sizeof(state));
}

void voice_head_write(const struct voice_grant *g, uint8_t ret[VOICE_HEAD])
{
	memset(ret, 0, VOICE_HEAD);
	set_bits(ret, VOICE_HEAD, 37, 3, VERSION);
	set_bits(ret, VOICE_HEAD, 32, 5, g->index);
	set_bits(ret, VOICE_HEAD, 16, 16, g->day);
	set_bits(ret, VOICE_HEAD, 12, 4, g->flags);
	set_bits(ret, VOICE_HEAD, 0, 12, g->sequence);
}

int voice_head_read(const uint8_t head[VOICE_HEAD], struct voice_grant *ret)
{
	*ret = (struct voice_grant){
		.index = get_bits(head, VOICE_HEAD, 32, 5),
		.day = get_bits(head, VOICE_HEAD, 16, 16),
		.flags = get_bits(head, VOICE_HEAD, 12, 4),
		.sequence = get_bits(head, VOICE_HEAD, 0, 12),
	};
	if (get_bits(head, VOICE_HEAD, 37, 3) != VERSION || (ret->flags & ~VOICE_FLAGS))
		return E_VERSION_UNSUPPORTED;
	return 0;
}

void voice_head_of(const uint8_t cid[VOICE_CID], uint8_t ret[VOICE_HEAD])
{
	for (unsigned i = 0; i < VOICE_HEAD; i++)
		ret[i] = (uint8_t)get_bits(cid, VOICE_CID, MAC_BITS + 8 * (VOICE_HEAD - 1 - i), 8);
}

/* The head stands four bits above a byte's border: 132 bits in 17 bytes. */
void voice_confirm(const uint8_t key[VOICE_KEY], const uint8_t iid[VOICE_IID], const struct voice_grant *g,
		   uint8_t ret[VOICE_CID])
{
	uint8_t head[VOICE_HEAD];
	voice_head_write(g, head);
	memset(ret, 0, VOICE_CID);
	make_mac(key, iid, head, ret + VOICE_CID - MAC);
	for (unsigned i = 0; i < VOICE_HEAD; i++)
		set_bits(ret, VOICE_CID, MAC_BITS + 8 * (VOICE_HEAD - 1 - i), 8, head[i]);
}

int voice_check(const uint8_t key[VOICE_KEY], const uint8_t iid[VOICE_IID], const uint8_t cid[VOICE_CID],
		struct voice_grant *ret)
{
	uint8_t head[VOICE_HEAD];
	uint8_t want[VOICE_CID] = {0};
	voice_head_of(cid, head);
	make_mac(key, iid, head, want + VOICE_CID - MAC);
	for (unsigned i = 0; i < VOICE_HEAD; i++)
		set_bits(want, VOICE_CID, MAC_BITS + 8 * (VOICE_HEAD - 1 - i), 8, head[i]);
	*ret = (struct voice_grant){0};
	if (sodium_memcmp(want, cid, VOICE_CID) != 0)
		return E_VOICE_REFUSED;
	return voice_head_read(head, ret);
}

int64_t voice_end(uint32_t day)
{
	return VOICE_EPOCH + VOICE_DAY * (int64_t)day;
}

uint32_t voice_day(int64_t time)
{
	int64_t day = time < VOICE_EPOCH ? 0 : (time - VOICE_EPOCH) / VOICE_DAY;
	return day > UINT16_MAX ? UINT16_MAX : (uint32_t)day;
}
