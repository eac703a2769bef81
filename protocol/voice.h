/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Activation by telephone (DESIGN 5.5): the installation id that a machine shows, 54 digits, and the
 * confirmation id that answers it, 48 digits. The confirmation proves itself with a key that the site's
 * machines have, too: so whoever owns a machine can make confirmations for the machines of that key, and
 * nobody else can. Pure; any thread.
 */
#ifndef PROTOCOL_VOICE_H
#define PROTOCOL_VOICE_H

#include "digits.h"
#include "lease.h"

#define VOICE_KEY 32
#define VOICE_LICENSE 16
#define VOICE_IID 19 /* bytes of an installation id */
#define VOICE_IID_GROUPS 9
#define VOICE_CID 17 /* bytes of a confirmation id */
#define VOICE_CID_GROUPS 8
#define VOICE_HEAD 5 /* bytes of what a confirmation grants */
#define VOICE_INDEX_MAX 31
#define VOICE_SEQUENCE_MAX 4095
#define VOICE_DAYS_MAX 90        /* of a confirmation */
#define VOICE_ROW_MAX 2          /* in a row, without a contact by network or file */
#define VOICE_EPOCH 1577836800LL /* 2020-01-01, from which its days count */
#define VOICE_DAY 86400LL

/* The first line of the file with a site's keys; then lines "key VENDOR LICENSE INDEX BASE64URL". */
#define VOICE_KEY_TITLE "muster-site-key 1\n"

/* --- the installation id: which machine, which product --- */

struct voice_installation {
	uint32_t product; /* 20 bits: voice_product */
	uint32_t nonce;   /* 24 bits of the machine's own choice */
	uint8_t tag[13];  /* 100 bits that only its keys give */
};

/* The number by which a vendor's product is known. vendor: its k4.pid. */
uint32_t voice_product(const char *vendor, const char *product);

/* Make it of the machine's two public keys. */
void voice_installation_make(const uint8_t fixed[NOISE_KEY], const uint8_t sign[PASETO_PUBLIC],
			     uint32_t product, uint32_t nonce, uint8_t ret[VOICE_IID]);

/* Is it made of these keys? */
bool voice_installation_is_of(const uint8_t iid[VOICE_IID], const uint8_t fixed[NOISE_KEY],
			      const uint8_t sign[PASETO_PUBLIC]);

/* Read its parts. E_VERSION_UNSUPPORTED: of another version or kind. */
int voice_installation_read(const uint8_t iid[VOICE_IID], struct voice_installation *ret);

/* --- the confirmation --- */

#define VOICE_REDUCED 1u /* flag: after its end the product does less */
#define VOICE_FLAGS 1u   /* all that are known */

struct voice_grant {
	unsigned index; /* of the key */
	uint32_t day;   /* it ends when this day of VOICE_EPOCH begins */
	unsigned flags;
	unsigned sequence; /* rises with each confirmation of a machine and product */
};

/* The key of a license at a site, which machines are given: made of the site's own, which they are not. */
void voice_license(const char *vendor, const char *license, uint8_t ret[VOICE_LICENSE]);
void voice_key(const uint8_t site[VOICE_KEY], const uint8_t license[VOICE_LICENSE], unsigned index,
	       uint8_t ret[VOICE_KEY]);

/* What a confirmation grants as the bytes that are proved, and back. E_VERSION_UNSUPPORTED: of another
 * version, or with a flag that is not known. */
void voice_head_write(const struct voice_grant *, uint8_t ret[VOICE_HEAD]);
int voice_head_read(const uint8_t head[VOICE_HEAD], struct voice_grant *ret);

/* The head that stands in a confirmation id, unproved. */
void voice_head_of(const uint8_t cid[VOICE_CID], uint8_t ret[VOICE_HEAD]);

void voice_confirm(const uint8_t key[VOICE_KEY], const uint8_t iid[VOICE_IID], const struct voice_grant *,
		   uint8_t ret[VOICE_CID]);

/* What it grants to this installation id under this key. E_VOICE_REFUSED; E_VERSION_UNSUPPORTED. */
int voice_check(const uint8_t key[VOICE_KEY], const uint8_t iid[VOICE_IID], const uint8_t cid[VOICE_CID],
		struct voice_grant *ret);

/* What a device shows of a call when it reaches a host again: the installation id, and the head of the
 * confirmation. */
#define VOICE_SHOWN (VOICE_IID + VOICE_HEAD)

/* The instant at which it ends, and the last day that begins no later. */
int64_t voice_end(uint32_t day);
uint32_t voice_day(int64_t time);

#endif
