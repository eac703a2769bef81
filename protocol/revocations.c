/* SPDX-License-Identifier: Apache-2.0 */
#include "revocations.h"

#include <stdlib.h>
#include <string.h>

#include "base64url.h"
#include "error.h"

void revocations_fini(struct revocations *list)
{
	free(list->hosts);
	free(list->signers);
	free(list->licenses);
	free(list->keys);
	*list = (struct revocations){0};
}

static bool has_id(const char (*ids)[PASERK_ID_TEXT], size_t n, const char *pid)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(ids[i], pid) == 0)
			return true;
	return false;
}

bool revocations_host(const struct revocations *list, const char *pid)
{
	return has_id((const char(*)[PASERK_ID_TEXT])list->hosts, list->n_hosts, pid);
}

bool revocations_signer(const struct revocations *list, const struct chain *chain)
{
	const char(*signers)[PASERK_ID_TEXT] = (const char(*)[PASERK_ID_TEXT])list->signers;
	return has_id(signers, list->n_signers, chain->signer) ||
	       has_id(signers, list->n_signers, chain->root);
}

bool revocations_certificate(const struct revocations *list, const char *host, const struct chain *signer)
{
	return revocations_host(list, host) || revocations_signer(list, signer);
}

bool revocations_license(const struct revocations *list, const char *id)
{
	for (size_t i = 0; i < list->n_licenses; i++)
		if (strcmp(list->licenses[i], id) == 0)
			return true;
	return false;
}

bool revocations_key(const struct revocations *list, const uint8_t hash[KEYCODE_HASH])
{
	for (size_t i = 0; i < list->n_keys; i++)
		if (memcmp(list->keys[i], hash, KEYCODE_HASH) == 0)
			return true;
	return false;
}

/* --- writing --- */

static json_t *write_ids(const char (*ids)[PASERK_ID_TEXT], size_t n)
{
	json_t *array = json_array();
	for (size_t i = 0; i < n; i++)
		claims_append(array, json_string(ids[i]));
	return array;
}

static json_t *write_keys(const struct revocations *list)
{
	json_t *array = json_array();
	for (size_t i = 0; i < list->n_keys; i++) {
		char hash[KEYCODE_HASH_TEXT];
		base64url_write(list->keys[i], KEYCODE_HASH, hash, sizeof(hash));
		claims_append(array, json_string(hash));
	}
	return array;
}

int revocations_sign(const struct revocations *list, const uint8_t vendor_secret[PASETO_SECRET],
		     char **ret_token)
{
	json_t *claims = token_claims(&token_revocations, list->head.iss, list->head.iat, list->head.jti);
	if (!claims)
		return E_NO_MEMORY;
	claims_set_integer(claims, "number", list->number);
	claims_set(claims, "hosts", write_ids((const char(*)[PASERK_ID_TEXT])list->hosts, list->n_hosts));
	if (list->n_signers)
		claims_set(claims, "signers",
			   write_ids((const char(*)[PASERK_ID_TEXT])list->signers, list->n_signers));
	claims_set_slugs(claims, "licenses", (const char(*)[LIMIT_ID + 1]) list->licenses, list->n_licenses);
	claims_set(claims, "keys", write_keys(list));
	int error = token_sign(claims, vendor_secret, claims_footer(&list->head), ret_token);
	json_decref(claims);
	return error;
}

/* --- reading --- */

static void read_ids(struct claims *c, json_t *claims, const char *key, char (**ret)[PASERK_ID_TEXT],
		     size_t *ret_n)
{
	size_t n;
	uint8_t id[PASERK_ID];
	json_t *ids = claims_array_opt(c, claims, key, LIMIT_REVOCATIONS, &n);
	*ret = n ? claims_room(c, n, sizeof(**ret)) : NULL;
	for (size_t i = 0; i < n && !c->error; i++) {
		const char *text = json_string_value(json_array_get(ids, i));
		if (!text || paserk_pid_read(text, strlen(text), id))
			claims_fault(c, key);
		else
			paserk_pid_text(id, (*ret)[(*ret_n)++]);
	}
}

static void read_licenses(struct claims *c, json_t *claims, struct revocations *ret)
{
	size_t n;
	json_t *licenses = claims_array_opt(c, claims, "licenses", LIMIT_REVOCATIONS, &n);
	ret->licenses = n ? claims_room(c, n, sizeof(*ret->licenses)) : NULL;
	for (size_t i = 0; i < n && !c->error; i++) {
		const char *text = json_string_value(json_array_get(licenses, i));
		if (!text || !slug_ok(text))
			claims_fault(c, "licenses");
		else
			memcpy(ret->licenses[ret->n_licenses++], text, strlen(text) + 1);
	}
}

static void read_keys(struct claims *c, json_t *claims, struct revocations *ret)
{
	size_t n;
	json_t *keys = claims_array_opt(c, claims, "keys", LIMIT_REVOCATIONS, &n);
	ret->keys = n ? claims_room(c, n, sizeof(*ret->keys)) : NULL;
	for (size_t i = 0; i < n && !c->error; i++) {
		const char *text = json_string_value(json_array_get(keys, i));
		if (!text || base64url_read_exact(text, strlen(text), ret->keys[ret->n_keys], KEYCODE_HASH))
			claims_fault(c, "keys");
		else
			ret->n_keys++;
	}
}

int revocations_open(const char *token, size_t n, const struct roots *vendor, struct revocations *ret,
		     struct claims *fault)
{
	struct claims own;
	struct claims *c = fault ? fault : &own;
	json_t *claims;
	*c = (struct claims){0};
	*ret = (struct revocations){0};
	int error = chain_open(&token_revocations, token, n, vendor, c, &ret->head, &ret->chain, &claims);
	if (error)
		return error;
	claims_integer(c, claims, "number", 1, INT64_MAX, &ret->number);
	read_ids(c, claims, "hosts", &ret->hosts, &ret->n_hosts);
	read_ids(c, claims, "signers", &ret->signers, &ret->n_signers);
	read_licenses(c, claims, ret);
	read_keys(c, claims, ret);
	json_decref(claims);
	return c->error;
}
