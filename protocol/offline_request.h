/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device's request for an activation, by file (typ muster.request): for machines that reach no host
 * (DESIGN 5.5). The signature proves that the device has the Ed25519 key of which its id is made. Any thread.
 */
#ifndef PROTOCOL_OFFLINE_REQUEST_H
#define PROTOCOL_OFFLINE_REQUEST_H

#include "hardware.h"
#include "lease.h"
#include "voice.h"

#define OFFLINE_TOKEN 16 /* bytes of the jti: the request's own number */

struct offline_request {
	struct claims_head head; /* iss: the device id, written by offline_request_sign */
	uint8_t token[OFFLINE_TOKEN];
	uint8_t sign[PASETO_PUBLIC]; /* the device's keys */
	uint8_t fixed[NOISE_KEY];
	uint8_t device[DEVICE_ID]; /* made of them */
	char vendor[PASERK_ID_TEXT];
	char org[LIMIT_ID + 1]; /* that the machine belongs to; "": none yet */
	char product[LIMIT_ID + 1];
	char version[LIMIT_VERSION + 1]; /* "": any */
	char plans[LIMIT_PLANS][LIMIT_ID + 1];
	size_t n_plans;            /* 0: all of the grant's */
	char user[LIMIT_USER + 1]; /* "": nobody */
	int64_t serial;            /* of the lease held now; 0: none */
	bool spoken;               /* the device was activated by telephone */
	uint8_t voice[VOICE_SHOWN];
	bool reinstalled;                  /* the machine may take over its old id's place */
	char hostname[LIMIT_HOSTNAME + 1]; /* "": not told */
	char os[64];
	char agent[64];
	struct {
		uint32_t kind;
		uint32_t tag;
	} components[LIMIT_COMPONENTS]; /* under the product's salt */
	size_t n_components;
};

/* Sign, with the device id and jti that follow from keys and token. *ret_token: freed by the caller.
 * E_NO_MEMORY; E_TOO_LARGE: over LIMIT_OFFLINE_REQUEST. */
int offline_request_sign(const struct offline_request *, const uint8_t device_secret[PASETO_SECRET],
			 char **ret_token);

/*
 * Verify with the key that the request names, and read; the device id must be that of its keys. fault: which
 * claim (may be NULL). Errors as token_open, E_TOO_LARGE.
 */
int offline_request_open(const char *token, size_t n, struct offline_request *ret, struct claims *fault);

#endif
