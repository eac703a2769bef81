/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host's answer to a device's request by file (typ muster.answer): the lease and the certificate behind it,
 * under one signature, so that nobody can carry half of it (DESIGN 5.5). Any thread.
 */
#ifndef PROTOCOL_OFFLINE_ANSWER_H
#define PROTOCOL_OFFLINE_ANSWER_H

#include "lease.h"

struct offline_answer {
	struct claims_head head;  /* iss: the host's k4.pid; iat: the lease's */
	char request[CLAIMS_JTI]; /* jti of the request */
	uint8_t device[DEVICE_ID];
	char vendor[PASERK_ID_TEXT];
	char product[LIMIT_ID + 1];
	char lease[LIMIT_LEASE + 1]; /* tokens */
	char certificate[LIMIT_CERTIFICATE + 1];
};

/* Sign; the same answer and key give the same bytes. *ret_token: freed by the caller. E_NO_MEMORY;
 * E_TOO_LARGE: over LIMIT_OFFLINE_ANSWER. */
int offline_answer_sign(const struct offline_answer *, const uint8_t host_secret[PASETO_SECRET],
			char **ret_token);

/* Verify with the host's key and read; what it holds is not judged. Errors as token_open, E_TOO_LARGE. */
int offline_answer_open(const char *token, size_t n, const uint8_t host[PASETO_PUBLIC],
			struct offline_answer *ret, struct claims *fault);

/* For whom an answer says that it is, UNVERIFIED: good only for choosing the vendor to verify it with. Errors
 * as token_peek. */
struct offline_label {
	uint8_t device[DEVICE_ID];
	char vendor[PASERK_ID_TEXT];
	char product[LIMIT_ID + 1];
};
int offline_answer_label(const char *token, size_t n, struct offline_label *ret_unverified);

/*
 * All that a holder of the vendor's key must check, in one call: the certificate in the answer by the vendor,
 * the answer by the certified host, the lease as lease_verify does, and that they speak of the same device
 * and product. device: NULL to take the answer's own. Errors as offline_answer_open and lease_verify.
 */
int offline_answer_verify(const char *token, size_t n, const struct roots *vendor, const char *product,
			  const uint8_t device[DEVICE_ID], struct offline_answer *ret,
			  struct lease *ret_lease, struct certificate *ret_cert);

#endif
