/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint.h"

#include <string.h>

#include "error.h"

int checkpoint_sign(const struct checkpoint *point, const uint8_t host_secret[PASETO_SECRET],
		    char **ret_token)
{
	json_t *claims = token_claims(&token_checkpoint, point->head.iss, point->head.iat, point->head.jti);
	if (!claims)
		return E_NO_MEMORY;
	claims_set_public(claims, "sign", point->sign);
	claims_set_bytes(claims, "ledger", point->ledger, LEDGER_ID);
	claims_set_integer(claims, "seq", point->seq);
	claims_set_bytes(claims, "hash", point->hash, AUDIT_HASH);
	claims_set_integer(claims, "previous", point->previous);
	int error = token_sign(claims, host_secret, point->head.iss, ret_token);
	json_decref(claims);
	return error;
}

static void read_checkpoint(struct claims *c, json_t *claims, struct checkpoint *ret)
{
	claims_head(c, claims, &ret->head);
	claims_public(c, claims, "sign", ret->sign);
	claims_bytes(c, claims, "ledger", ret->ledger, LEDGER_ID);
	claims_integer(c, claims, "seq", 1, INT64_MAX, &ret->seq);
	claims_bytes(c, claims, "hash", ret->hash, AUDIT_HASH);
	claims_integer(c, claims, "previous", 0, ret->seq - 1, &ret->previous);
}

/* The key is inside: it is looked at first, and believed in nothing but what its own signature covers. */
static int peek_key(struct claims *c, const char *token, size_t n, uint8_t ret[PASETO_PUBLIC])
{
	json_t *claims;
	int error = token_peek(token, n, &claims);
	if (error)
		return error;
	claims_public(c, claims, "sign", ret);
	json_decref(claims);
	return c->error;
}

int checkpoint_open(const char *token, size_t n, struct checkpoint *ret, struct claims *fault)
{
	struct claims own;
	struct claims *c = fault ? fault : &own;
	uint8_t sign[PASETO_PUBLIC];
	char id[PASERK_ID_TEXT];
	json_t *claims;
	*c = (struct claims){0};
	*ret = (struct checkpoint){0};
	int error = peek_key(c, token, n, sign);
	if (!error)
		error = token_open(&token_checkpoint, token, n, sign, &claims);
	if (error)
		return error;
	read_checkpoint(c, claims, ret);
	json_decref(claims);
	if (c->error)
		return c->error;
	paserk_pid_write(ret->sign, id);
	return strcmp(id, ret->head.iss) == 0 ? 0 : E_WRONG_HOST;
}
