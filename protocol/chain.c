/* SPDX-License-Identifier: Apache-2.0 */
#include "chain.h"

#include <string.h>

#include "error.h"

#define STATEMENT_BEGINS "v4.public."

static int by_root(const struct token_kind *kind, const char *token, size_t n, const struct roots *vendor,
		   struct chain *ret, json_t **ret_claims)
{
	int error = E_SIGNATURE_INVALID;
	for (size_t i = 0; i < vendor->n && error == E_SIGNATURE_INVALID; i++) {
		error = token_open(kind, token, n, vendor->keys[i], ret_claims);
		paserk_pid_write(vendor->keys[i], ret->root);
	}
	memcpy(ret->signer, ret->root, sizeof(ret->signer));
	return error;
}

static unsigned use_for(const struct token_kind *kind)
{
	return kind == &token_license       ? ISSUING_LICENSE
	       : kind == &token_certificate ? ISSUING_CERTIFICATE
					    : 0;
}

static int by_issuing_key(const struct token_kind *kind, const char *token, size_t n, const char *statement,
			  const struct roots *vendor, struct issuing_key *key, struct chain *ret,
			  json_t **ret_claims)
{
	size_t root;
	int error = issuing_key_open(statement, strlen(statement), vendor, key, &root, NULL);
	if (error)
		return error == E_NO_MEMORY ? error : E_SIGNATURE_INVALID;
	paserk_pid_write(key->key, ret->signer);
	paserk_pid_write(vendor->keys[root], ret->root);
	error = token_open(kind, token, n, key->key, ret_claims);
	if (!error && !(key->uses & use_for(kind))) {
		json_decref(*ret_claims);
		error = E_SIGNER_UNFIT;
	}
	return error;
}

int chain_open(const struct token_kind *kind, const char *token, size_t n, const struct roots *vendor,
	       struct claims *c, struct claims_head *ret_head, struct chain *ret, json_t **ret_claims)
{
	char footer[ISSUING_TOKEN];
	char name[PASERK_ID_TEXT];
	struct issuing_key key;
	bool issued = paseto_footer(token, n, footer, sizeof(footer)) == 0 &&
		      strncmp(footer, STATEMENT_BEGINS, strlen(STATEMENT_BEGINS)) == 0;
	*ret = (struct chain){0};
	*ret_head = (struct claims_head){0};
	int error = issued ? by_issuing_key(kind, token, n, footer, vendor, &key, ret, ret_claims)
			   : by_root(kind, token, n, vendor, ret, ret_claims);
	if (error)
		return error;
	claims_head(c, *ret_claims, ret_head);
	paserk_pid_write(vendor->keys[0], name);
	if (!c->error && strcmp(ret_head->iss, name) != 0)
		claims_fault(c, "iss");
	if (issued && !c->error)
		error = issuing_key_at(&key, ret_head->iat);
	if (error)
		json_decref(*ret_claims);
	return error;
}
