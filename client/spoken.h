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

/* Does a key of the site prove these digits for it? */
bool spoken_check(const struct sitekeys *, const char *vendor, const uint8_t iid[VOICE_IID], const char *bare,
		  struct voice_grant *ret);

/*
 * The lease that follows from what was confirmed and is proved by the keys in the file `site_key` (NULL:
 * there are none), filled in as far as it goes. False: there is none.
 */
bool spoken_lease(const char *folder, const char *site_key, const struct device *,
		  const struct trust_product *, struct lease *ret);

/* What is shown of it to a host that was reached again. False: nothing was confirmed since. */
bool spoken_shown(const char *folder, const struct device *, const char *vendor, const char *product,
		  uint8_t ret[VOICE_SHOWN]);

/* A lease by network or file has come in its place. */
void spoken_settle(const char *folder, const struct device *, const char *product);

#endif
