/* SPDX-License-Identifier: Apache-2.0 */
#include "revocations.h"

#include <stdlib.h>
#include <string.h>

#include "base64url.h"
#include "error.h"

void revocations_fini(struct revocations *list)
{
	free(list->hosts);
	free(list->licenses);
	free(list->keys);
	*list = (struct revocations){0};
}

bool revocations_host(const struct revocations *list, const char *pid)
{
	for (size_t i = 0; i < list->n_hosts; i++)
		if (strcmp(list->hosts[i], pid) == 0)
			return true;
	return false;
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

static json_t *write_hosts(const struct revocations *list)
{
	json_t *array = json_array();
	for (size_t i = 0; i < list->n_hosts; i++)
		claims_append(array, json_string(list->hosts[i]));
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
	claims_set(claims, "hosts", write_hosts(list));
	claims_set_slugs(claims, "licenses", (const char(*)[LIMIT_ID + 1]) list->licenses, list->n_licenses);
	claims_set(claims, "keys", write_keys(list));
	int error = token_sign(claims, vendor_secret, list->head.iss, ret_token);
	json_decref(claims);
	return error;
}

/* --- reading --- */

static void read_hosts(struct claims *c, json_t *claims, struct revocations *ret)
{
	size_t n;
	uint8_t id[PASERK_ID];
	json_t *hosts = claims_array_opt(c, claims, "hosts", LIMIT_REVOCATIONS, &n);
	ret->hosts = n ? claims_room(c, n, sizeof(*ret->hosts)) : NULL;
	for (size_t i = 0; i < n && !c->error; i++) {
		const char *text = json_string_value(json_array_get(hosts, i));
		if (!text || paserk_pid_read(text, strlen(text), id))
			claims_fault(c, "hosts");
		else
			paserk_pid_text(id, ret->hosts[ret->n_hosts++]);
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

int revocations_open(const char *token, size_t n, const uint8_t vendor[PASETO_PUBLIC],
		     struct revocations *ret, struct claims *fault)
{
	struct claims own;
	struct claims *c = fault ? fault : &own;
	char pid[PASERK_ID_TEXT];
	json_t *claims;
	*c = (struct claims){0};
	*ret = (struct revocations){0};
	int error = token_open(&token_revocations, token, n, vendor, &claims);
	if (error)
		return error;
	claims_head(c, claims, &ret->head);
	claims_integer(c, claims, "number", 1, INT64_MAX, &ret->number);
	read_hosts(c, claims, ret);
	read_licenses(c, claims, ret);
	read_keys(c, claims, ret);
	json_decref(claims);
	paserk_pid_write(vendor, pid);
	if (!c->error && strcmp(ret->head.iss, pid) != 0)
		claims_fault(c, "iss");
	return c->error;
}
