/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An organisation's request for more of a license (typ muster.license-request): made and signed by its host,
 * answered by the issuer with a license of a higher serial (domain.md 8.7, rule 34). Any thread.
 */
#ifndef PROTOCOL_LICENSE_REQUEST_H
#define PROTOCOL_LICENSE_REQUEST_H

#include "claims.h"
#include "token.h"

/* What is asked of one grant. */
struct license_want {
	char grant[LIMIT_ID + 1];
	int64_t quantity; /* wanted in all; more than it has */
	int64_t has;      /* by the license */
	int64_t used;     /* now */
};

struct license_request {
	struct claims_head head; /* iss: the host's k4.pid */
	char license[LIMIT_ID + 1];
	int64_t serial; /* that is installed */
	char org[LIMIT_ID + 1];
	char vendor[PASERK_ID_TEXT];
	char reason[LIMIT_NAME + 1]; /* "": none given */
	struct license_want wants[LIMIT_GRANTS];
	size_t n_wants;
};

/* Sign. Errors as token_sign. */
int license_request_sign(const struct license_request *, const uint8_t host_secret[PASETO_SECRET],
			 char **ret_token);

/* Verify with the host's key and read. fault: which claim (may be NULL). Errors as token_open. */
int license_request_open(const char *token, size_t n, const uint8_t host[PASETO_PUBLIC],
			 struct license_request *ret, struct claims *fault);

#endif
