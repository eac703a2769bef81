/* SPDX-License-Identifier: Apache-2.0 */
/* The host's signed proof that a device is activated for a product (DESIGN 4), and the device's identity. Any
 * thread. */
#ifndef PROTOCOL_LEASE_H
#define PROTOCOL_LEASE_H

#include "certificate.h"
#include "claims.h"
#include "model.h"
#include "token.h"

#define DEVICE_ID 32
#define DEVICE_ID_TEXT 44 /* base64url and NUL */

struct lease {
	struct claims_head head;
	char vendor[PASERK_ID_TEXT]; /* k4.pid of the vendor */
	char product[LIMIT_ID + 1];
	enum model model;
	uint8_t device[DEVICE_ID];
	char user[LIMIT_USER + 1]; /* "": the device's own */
	char plans[LIMIT_PLANS][LIMIT_ID + 1];
	size_t n_plans;
	int64_t exp;         /* 0: perpetual */
	int64_t renew_after; /* 0: never */
	char grant[LIMIT_ID + 1];
	char license[LIMIT_ID + 1];
	char org[LIMIT_ID + 1];
	int64_t have; /* count at this instant; need 0: the model does not count */
	int64_t need;
	int64_t serial; /* per device and product, rising */
	enum on_expiry on_expiry;
};

/* Device id = BLAKE2b-256("muster/1 device" || X25519 key || Ed25519 key), without a NUL (DESIGN 5.4). */
void device_id(const uint8_t fixed[NOISE_KEY], const uint8_t sign[PASETO_PUBLIC], uint8_t ret[DEVICE_ID]);
void device_id_write(const uint8_t id[DEVICE_ID], char out[DEVICE_ID_TEXT]);

/* Sign; the same lease and key give the same bytes. *ret_token: freed by the caller, at most LIMIT_LEASE
 * long (E_TOO_LARGE). Errors as token_sign. */
int lease_sign(const struct lease *, const uint8_t host_secret[PASETO_SECRET], char **ret_token);

/* Verify with the host's key and read; times and persons are not judged. */
int lease_open(const char *token, size_t n, const uint8_t host[PASETO_PUBLIC], struct lease *ret,
	       struct claims *fault);

/*
 * All that a holder of the vendor's key must check, in one call: certificate by vendor, lease by certificate,
 * the certificate in force when the lease was made, and product, device, vendor, organisation and license in
 * agreement. device: NULL to skip. E_HOST_UNTRUSTED: certificate not by this vendor; E_SIGNATURE_INVALID:
 * lease not by this host; E_CERTIFICATE_EXPIRED, E_NOT_YET_VALID; E_WRONG_PRODUCT, E_WRONG_DEVICE,
 * E_WRONG_VENDOR, E_WRONG_ORG; E_CLAIM_INVALID: another license, or a longer term than the certificate
 * allows.
 */
int lease_verify(const char *lease_token, const char *certificate_token, const struct roots *vendor,
		 const char *product, const uint8_t device[DEVICE_ID], struct lease *ret,
		 struct certificate *ret_cert);

#endif
