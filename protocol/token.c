/* SPDX-License-Identifier: Apache-2.0 */
#include "token.h"

#include <stdlib.h>
#include <string.h>

#include "armour.h"
#include "error.h"
#include "file.h"
#include "jsontext.h"

const struct token_kind token_license = {"muster.license", "LICENSE"};
const struct token_kind token_product = {"muster.product", "PRODUCT"};
const struct token_kind token_certificate = {"muster.certificate", "CERTIFICATE"};
const struct token_kind token_lease = {"muster.lease", "LEASE"};
const struct token_kind token_host_request = {"muster.host-request", "HOST REQUEST"};
const struct token_kind token_license_request = {"muster.license-request", "LICENSE REQUEST"};
const struct token_kind token_revocations = {"muster.revocations", "REVOCATIONS"};
const struct token_kind token_checkpoint = {"muster.checkpoint", "CHECKPOINT"};
const struct token_kind token_request = {"muster.request", "REQUEST"};
const struct token_kind token_answer = {"muster.answer", "ANSWER"};
const struct token_kind token_key = {"muster.key", "KEY"};

static const struct token_kind *const kinds[] = {
	&token_license,      &token_product,         &token_certificate, &token_lease,
	&token_host_request, &token_license_request, &token_revocations, &token_checkpoint,
	&token_request,      &token_answer,          &token_key};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

const struct token_kind *token_kind_by_label(const char *label)
{
	for (size_t i = 0; i < KINDS; i++)
		if (strcmp(kinds[i]->label, label) == 0)
			return kinds[i];
	return NULL;
}

const struct token_kind *token_kind_by_typ(const char *typ)
{
	for (size_t i = 0; i < KINDS; i++)
		if (strcmp(kinds[i]->typ, typ) == 0)
			return kinds[i];
	return NULL;
}

json_t *token_claims(const struct token_kind *kind, const char *iss, int64_t iat, const char *jti)
{
	json_t *claims = json_object();
	if (!claims)
		return NULL;
	claims_begin();
	claims_set_text(claims, "typ", kind->typ);
	claims_set_integer(claims, "ver", TOKEN_VERSION);
	claims_set_text(claims, "iss", iss);
	claims_set_time(claims, "iat", iat);
	claims_set_text(claims, "jti", jti);
	return claims;
}

void token_head(struct jsonout *o, const struct token_kind *kind, const struct claims_head *head)
{
	jsonout_text(o, "typ", kind->typ);
	jsonout_integer(o, "ver", TOKEN_VERSION);
	jsonout_text(o, "iss", head->iss);
	jsonout_time(o, "iat", head->iat);
	jsonout_text(o, "jti", head->jti);
}

int token_sign(json_t *claims, const uint8_t secret[PASETO_SECRET], const char *footer, char **ret_token)
{
	const char *typ = json_string_value(json_object_get(claims, "typ"));
	char *payload = claims_made() ? NULL : jsontext_write(claims, JSON_COMPACT);
	if (!payload || !typ) {
		free(payload);
		return E_NO_MEMORY;
	}
	int error = paseto_sign(secret, payload, strlen(payload), footer, typ, ret_token);
	free(payload);
	return error;
}

static int check(const struct token_kind *kind, json_t *claims)
{
	const char *typ = json_string_value(json_object_get(claims, "typ"));
	json_t *ver = json_object_get(claims, "ver");
	json_t *crit = json_object_get(claims, "crit");
	if (!typ)
		return E_CLAIM_INVALID;
	if (strcmp(typ, kind->typ) != 0)
		return E_WRONG_TYPE;
	if (!json_is_integer(ver))
		return E_CLAIM_INVALID;
	if (json_integer_value(ver) != TOKEN_VERSION || (crit && json_array_size(crit) > 0))
		return E_CRITICAL_UNKNOWN;
	if (crit && !json_is_array(crit))
		return E_CLAIM_INVALID;
	return 0;
}

int token_open(const struct token_kind *kind, const char *token, size_t n,
	       const uint8_t public[PASETO_PUBLIC], json_t **ret_claims)
{
	uint8_t *payload;
	size_t payload_n;
	json_t *claims = NULL;
	int error = paseto_open(token, n, public, kind->typ, &payload, &payload_n);
	if (error)
		return error;
	error = claims_load(payload, payload_n, &claims);
	free(payload);
	if (!error)
		error = check(kind, claims);
	if (error)
		json_decref(claims);
	else
		*ret_claims = claims;
	return error;
}

int token_peek(const char *token, size_t n, json_t **ret_claims_unverified)
{
	uint8_t *payload;
	size_t payload_n;
	int error = paseto_peek(token, n, &payload, &payload_n);
	if (error)
		return error;
	error = claims_load(payload, payload_n, ret_claims_unverified);
	free(payload);
	return error;
}

int token_peek_issuer(const char *token, size_t n, char ret[PASERK_ID_TEXT])
{
	uint8_t id[PASERK_ID];
	json_t *claims;
	int error = token_peek(token, n, &claims);
	if (error)
		return error;
	const char *iss = json_string_value(json_object_get(claims, "iss"));
	error = iss && paserk_pid_read(iss, strlen(iss), id) == 0 ? 0 : E_CLAIM_INVALID;
	if (!error)
		paserk_pid_text(id, ret);
	json_decref(claims);
	return error;
}

int token_load(const struct token_kind *kind, const char *path, char **ret_token)
{
	char *text;
	size_t n;
	int error = file_read(path, LIMIT_TOKEN, &text, &n);
	if (error)
		return error;
	error = armour_read(kind->label, text, n, ret_token);
	free(text);
	return error;
}

int token_save(const struct token_kind *kind, const char *path, const char *token, unsigned mode)
{
	char *text;
	int error = armour_write(kind->label, token, &text);
	if (error)
		return error;
	error = file_replace(path, text, strlen(text), mode);
	free(text);
	return error;
}
