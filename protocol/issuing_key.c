/* SPDX-License-Identifier: Apache-2.0 */
#include "issuing_key.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"

#define DAY 86400

static const struct {
	const char *word;
	unsigned use;
} uses[] = {
	{"license", ISSUING_LICENSE}, {"certificate", ISSUING_CERTIFICATE}, {"clearing", ISSUING_CLEARING}};

#define USES (sizeof(uses) / sizeof(uses[0]))

static unsigned use_of(const char *word, size_t n)
{
	for (size_t i = 0; i < USES; i++)
		if (strlen(uses[i].word) == n && memcmp(uses[i].word, word, n) == 0)
			return uses[i].use;
	return 0;
}

int issuing_uses_read(const char *text, unsigned *ret)
{
	*ret = 0;
	for (const char *at = text;; at++) {
		size_t n = strcspn(at, ",");
		unsigned use = use_of(at, n);
		if (!use)
			return E_USAGE;
		*ret |= use;
		at += n;
		if (!*at)
			return 0;
	}
}

static bool term_ok(const struct issuing_key *k)
{
	return k->exp > k->nbf && k->exp - k->nbf <= (int64_t)ISSUING_DAYS_MAX * DAY;
}

int issuing_key_sign(const struct issuing_key *k, const uint8_t root_secret[PASETO_SECRET], char **ret_token)
{
	char *token = NULL;
	if (!k->uses || !term_ok(k))
		return E_CLAIM_INVALID;
	json_t *claims = token_claims(&token_key, k->head.iss, k->head.iat, k->head.jti);
	if (!claims)
		return E_NO_MEMORY;
	json_t *words = json_array();
	for (size_t i = 0; i < USES; i++)
		if (k->uses & uses[i].use)
			claims_append(words, json_string(uses[i].word));
	claims_set_public(claims, "key", k->key);
	claims_set(claims, "uses", words);
	if (k->uses & ISSUING_CLEARING)
		claims_set_bytes(claims, "static", k->fixed, NOISE_KEY);
	claims_set_time(claims, "nbf", k->nbf);
	claims_set_time(claims, "exp", k->exp);
	/* No footer: the statement is a footer itself, and the room there is small. */
	int error = token_sign(claims, root_secret, "", &token);
	json_decref(claims);
	if (!error && strlen(token) >= ISSUING_TOKEN) {
		free(token);
		return E_TOO_LARGE;
	}
	if (!error)
		*ret_token = token;
	return error;
}

/* A use that this version does not know is none that it can grant. */
static void read_uses(struct claims *c, json_t *claims, struct issuing_key *ret)
{
	size_t n;
	json_t *words = claims_array_opt(c, claims, "uses", 16, &n);
	for (size_t i = 0; i < n && !c->error; i++) {
		const char *word = json_string_value(json_array_get(words, i));
		if (!word)
			claims_fault(c, "uses");
		else
			ret->uses |= use_of(word, strlen(word));
	}
}

static void read_key(struct claims *c, json_t *claims, struct issuing_key *ret)
{
	claims_head(c, claims, &ret->head);
	claims_public(c, claims, "key", ret->key);
	read_uses(c, claims, ret);
	if (ret->uses & ISSUING_CLEARING)
		claims_bytes(c, claims, "static", ret->fixed, NOISE_KEY);
	claims_time(c, claims, "nbf", &ret->nbf);
	claims_time(c, claims, "exp", &ret->exp);
	if (!c->error && !term_ok(ret))
		claims_fault(c, "exp");
}

int issuing_key_open(const char *token, size_t n, const struct roots *roots, struct issuing_key *ret,
		     size_t *ret_root, struct claims *fault)
{
	struct claims own;
	struct claims *c = fault ? fault : &own;
	char name[PASERK_ID_TEXT];
	json_t *claims = NULL;
	int error = E_SIGNATURE_INVALID;
	size_t root = 0;
	*c = (struct claims){0};
	*ret = (struct issuing_key){0};
	for (size_t i = 0; i < roots->n && error == E_SIGNATURE_INVALID; i++) {
		error = token_open(&token_key, token, n, roots->keys[i], &claims);
		root = i;
	}
	if (error)
		return error;
	read_key(c, claims, ret);
	json_decref(claims);
	paserk_pid_write(roots->keys[0], name);
	if (!c->error && strcmp(ret->head.iss, name) != 0)
		claims_fault(c, "iss");
	if (ret_root)
		*ret_root = root;
	return c->error;
}

int issuing_key_at(const struct issuing_key *k, int64_t when)
{
	return when >= k->nbf && when < k->exp ? 0 : E_SIGNER_UNFIT;
}
