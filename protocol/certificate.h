/* SPDX-License-Identifier: Apache-2.0 */
/* The vendor's certificate of a host, and the host's request for one (DESIGN 4). Any thread. */
#ifndef PROTOCOL_CERTIFICATE_H
#define PROTOCOL_CERTIFICATE_H

#include "chain.h"
#include "claims.h"
#include "noise.h"
#include "token.h"

#define LEDGER_ID 16

struct certificate {
	struct claims_head head;
	struct chain chain; /* of a certificate that was opened */
	uint8_t vendor[PASETO_PUBLIC];
	struct roots roots;          /* vendor, and the other roots that a host is to pin with it */
	uint8_t sign[PASETO_PUBLIC]; /* the host's Ed25519 key: signs leases */
	uint8_t fixed[NOISE_KEY];    /* the host's X25519 static key: proves it online */
	char name[LIMIT_HOSTNAME + 1];
	uint8_t ledger[LEDGER_ID];
	char org[LIMIT_ID + 1];
	char license[LIMIT_ID + 1];
	char products[LIMIT_PRODUCTS][LIMIT_ID + 1]; /* none: all of the vendor's */
	size_t n_products;
	uint32_t lease_days_max; /* 0: no limit, and perpetual leases are allowed */
	uint8_t fp_salt[32];
	int64_t nbf;
	int64_t exp;
};

struct host_request {
	struct claims_head head;
	uint8_t sign[PASETO_PUBLIC];
	uint8_t fixed[NOISE_KEY];
	char name[LIMIT_HOSTNAME + 1];
	uint8_t ledger[LEDGER_ID];
	char replaces[PASERK_ID_TEXT]; /* k4.pid of the host whose ledger it took over; "": none */
};

/* Sign. Errors as token_sign; E_TOO_LARGE: more than LIMIT_CERTIFICATE, because of too many products. */
int certificate_sign(const struct certificate *, const uint8_t secret[PASETO_SECRET], char **ret_token);

/* Verify with the vendor's key and read; times are not judged. fault: as license_open. */
int certificate_open(const char *token, size_t n, const struct roots *vendor, struct certificate *ret,
		     struct claims *fault);

/* The vendor key that a certificate NAMES (unverified): good for showing its fingerprint before it is pinned.
 */
int certificate_vendor(const char *token, size_t n, uint8_t ret[PASETO_PUBLIC]);

/* Is it in force at a time? 0, E_NOT_YET_VALID or E_CERTIFICATE_EXPIRED. */
int certificate_at(const struct certificate *, int64_t when);

/* May this host serve the product? */
bool certificate_covers(const struct certificate *, const char *product);

/* A host's request, signed with the key it asks to have certified. */
int host_request_sign(const struct host_request *, const uint8_t host_secret[PASETO_SECRET],
		      char **ret_token);
int host_request_open(const char *token, size_t n, struct host_request *ret, struct claims *fault);

#endif
