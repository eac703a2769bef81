/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's signed word on its audit log: this row, with this hash over all before it, was durable at this
 * time (DESIGN 10.10). Whoever keeps one can prove later that the log was cut or written anew. Any thread.
 */
#ifndef PROTOCOL_CHECKPOINT_H
#define PROTOCOL_CHECKPOINT_H

#include "audit.h"
#include "certificate.h"
#include "claims.h"
#include "token.h"

struct checkpoint {
	struct claims_head head;
	uint8_t sign[PASETO_PUBLIC]; /* the host's signing key; head.iss is its k4.pid */
	uint8_t ledger[LEDGER_ID];
	int64_t seq; /* the last row covered */
	uint8_t hash[AUDIT_HASH];
	int64_t previous; /* seq of the checkpoint before; 0: the first */
};

/* Sign. *ret_token: freed by the caller. Errors as token_sign. */
int checkpoint_sign(const struct checkpoint *, const uint8_t host_secret[PASETO_SECRET], char **ret_token);

/* Verify with the key that it names itself, and read; whether that key is a host of the ledger is the
 * caller's question. Errors as token_open; E_WRONG_HOST: iss is not the key's id. */
int checkpoint_open(const char *token, size_t n, struct checkpoint *ret, struct claims *fault);

#endif
