/* SPDX-License-Identifier: Apache-2.0 */
/* Is this the right host? Decided from what it showed in the handshake, before anything is told to it. Pure;
 * any thread. */
#ifndef CLIENT_HOSTCHECK_H
#define CLIENT_HOSTCHECK_H

#include "certificate.h"
#include "fault.h"
#include "message.h"
#include "revocations.h"

/* What the host must be. */
struct hostcheck {
	const struct roots *vendor;        /* the pinned keys of the products' vendor */
	const struct revocations *revoked; /* the vendor's list; NULL: none is known */
	const uint8_t *remote;             /* NOISE_KEY bytes: the static key that it proved */
	const char *org;                   /* the pinned organisation; "" for any */
	const char (*products)[LIMIT_ID + 1];
	size_t n_products;
	int64_t now; /* the time to judge by */
};

/*
 * Find a certificate that proves it: each one shown is judged by itself, in this order of checks, and the
 * first that passes is taken. When none does, the first fault of one that covers a product counts, then that
 * of one which does not. E_UNKNOWN_VENDOR: it showed none; E_HOST_UNTRUSTED: none of those shown is signed by
 * the vendor; E_NOT_YET_VALID, E_CERTIFICATE_EXPIRED; E_CERTIFICATE_REVOKED; E_PRODUCT_UNKNOWN: it covers
 * none of the products; E_WRONG_ORG; E_WRONG_HOST: the certificate is for another static key. When the host
 * has more than it showed, one that is right but for the products passes too: what covers them comes with the
 * lease.
 */
int hostcheck_run(const struct hostcheck *, const wire_server_hello *, struct certificate *ret,
		  struct fault *);

/* Has the vendor revoked the host's key, its license, or who signed the certificate? list: NULL for none. */
bool hostcheck_revoked(const struct revocations *list, const struct certificate *);

#endif
