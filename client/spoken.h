/* SPDX-License-Identifier: Apache-2.0 */
/* This machine's side of a telephone call: its installation ids, and what was confirmed to it. Not shared
 * between threads. */
#ifndef CLIENT_SPOKEN_H
#define CLIENT_SPOKEN_H

#include "calls.h"
#include "sitekey.h"
#include "trust.h"

/* The installation id of a vendor's (k4.pid) product: always the same for the same keys. */
void spoken_installation(const struct device *, const char *vendor, const char *product,
			 uint8_t ret[VOICE_IID]);

/* What a confirmation may be proved by. */
struct spoken_trust {
	const struct device *device;
	const struct trust *trust;
	struct sitekeys *keys; /* NULL: none */
	int doubt;             /* why words that a host has signed do not count; 0: none such were seen */
};

/* Begin: the site's keys from a file, NULL: none are set. Always followed by spoken_trust_fini. Errors as
 * sitekeys_load. */
int spoken_trust_init(struct spoken_trust *, const struct device *, const struct trust *,
		      const char *site_key, struct fault *);
void spoken_trust_fini(struct spoken_trust *);

/*
 * Do a key of the site, or a certified host's signature, prove it for the product? bare: digits. The vendor's
 * list of revocations is read before (revoked_read). now: when it is typed, by which the certificate must be
 * in force, and its lease_days_max not exceeded; 0: it was typed before. doubt: E_CERTIFICATE_REVOKED,
 * E_CERTIFICATE_EXPIRED, E_NOT_YET_VALID; E_CLAIM_INVALID: it would go on for longer than the host may grant.
 */
bool spoken_digits_hold(const struct spoken_trust *, const struct trust_product *, const char *bare,
			struct voice_grant *ret);
bool spoken_words_hold(struct spoken_trust *, const struct trust_product *, const struct spoken_words *,
		       int64_t now, struct voice_grant *ret);

/* Words as they are kept. */
void spoken_words_write(const struct spoken_words *, char out[SPOKEN_PROOF]);

/*
 * The lease that follows from what was confirmed and is still proved, filled in as far as it goes. The
 * vendor's list of revocations is read before. False: there is none.
 */
bool spoken_lease(const char *folder, const char *site_key, const struct device *, const struct trust *,
		  const struct trust_product *, struct lease *ret);

/* What is shown of it to a host that was reached again. False: nothing was confirmed since. */
bool spoken_shown(const char *folder, const struct device *, const char *vendor, const char *product,
		  uint8_t ret[VOICE_SHOWN]);

/* A lease by network or file has come in its place. */
void spoken_settle(const char *folder, const struct device *, const char *product);

#endif
