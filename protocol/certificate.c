/* SPDX-License-Identifier: Apache-2.0 */
#include "certificate.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"

static json_t *write_host(const uint8_t sign[PASETO_PUBLIC], const uint8_t fixed[NOISE_KEY], const char *name)
{
	json_t *host = json_object();
	claims_set_public(host, "sign", sign);
	claims_set_bytes(host, "static", fixed, NOISE_KEY);
	claims_set_text(host, "name", name);
	return host;
}

static void read_host(struct claims *c, json_t *claims, uint8_t sign[PASETO_PUBLIC], uint8_t fixed[NOISE_KEY],
		      char name[LIMIT_HOSTNAME + 1])
{
	json_t *host = claims_object(c, claims, "host");
	if (!host)
		return;
	claims_public(c, host, "sign", sign);
	claims_bytes(c, host, "static", fixed, NOISE_KEY);
	claims_text(c, host, "name", name, LIMIT_HOSTNAME + 1);
}

static json_t *write_roots(const struct roots *roots)
{
	json_t *array = json_array();
	for (size_t i = 1; i < roots->n; i++) {
		char key[PASERK_PUBLIC_TEXT];
		paserk_public_write(roots->keys[i], key);
		claims_append(array, json_string(key));
	}
	return array;
}

int certificate_sign(const struct certificate *cert, const uint8_t secret[PASETO_SECRET], char **ret_token)
{
	json_t *claims = token_claims(&token_certificate, cert->head.iss, cert->head.iat, cert->head.jti);
	if (!claims)
		return E_NO_MEMORY;
	claims_set_public(claims, "vendor", cert->vendor);
	if (cert->roots.n > 1)
		claims_set(claims, "roots", write_roots(&cert->roots));
	claims_set(claims, "host", write_host(cert->sign, cert->fixed, cert->name));
	claims_set_bytes(claims, "ledger", cert->ledger, LEDGER_ID);
	claims_set_text(claims, "org", cert->org);
	claims_set_text(claims, "license", cert->license);
	claims_set_slugs(claims, "products", cert->products, cert->n_products);
	claims_set_integer(claims, "lease_days_max", cert->lease_days_max);
	claims_set(claims, "usages", json_pack("[s, s]", "rpc", "lease"));
	claims_set_bytes(claims, "fp_salt", cert->fp_salt, sizeof(cert->fp_salt));
	claims_set_time(claims, "nbf", cert->nbf);
	claims_set_time(claims, "exp", cert->exp);
	char *token = NULL;
	int error = token_sign(claims, secret, claims_footer(&cert->head), &token);
	json_decref(claims);
	if (!error && strlen(token) > LIMIT_CERTIFICATE) {
		free(token);
		return E_TOO_LARGE;
	}
	if (!error)
		*ret_token = token;
	return error;
}

static void check_usages(struct claims *c, json_t *claims)
{
	size_t n;
	bool rpc = false;
	bool lease = false;
	json_t *usages = claims_array_opt(c, claims, "usages", 16, &n);
	for (size_t i = 0; i < n; i++) {
		const char *usage = json_string_value(json_array_get(usages, i));
		rpc |= usage && strcmp(usage, "rpc") == 0;
		lease |= usage && strcmp(usage, "lease") == 0;
	}
	if (!rpc || !lease)
		claims_fault(c, "usages");
}

/* The vendor's name and the other roots that it names. */
static void read_roots(struct claims *c, json_t *claims, struct certificate *ret)
{
	size_t n;
	json_t *more = claims_array_opt(c, claims, "roots", ROOTS_MAX - 1, &n);
	ret->roots = roots_of(ret->vendor);
	for (size_t i = 0; i < n && !c->error; i++) {
		const char *text = json_string_value(json_array_get(more, i));
		uint8_t *key = ret->roots.keys[ret->roots.n];
		if (!text || paserk_public_read(text, strlen(text), key) || roots_have(&ret->roots, key))
			claims_fault(c, "roots");
		else
			ret->roots.n++;
	}
}

int certificate_open(const char *token, size_t n, const struct roots *vendor, struct certificate *ret,
		     struct claims *fault)
{
	struct claims own;
	struct claims *c = fault ? fault : &own;
	json_t *claims;
	*c = (struct claims){0};
	*ret = (struct certificate){0};
	int error = chain_open(&token_certificate, token, n, vendor, c, &ret->head, &ret->chain, &claims);
	if (error)
		return error;
	claims_public(c, claims, "vendor", ret->vendor);
	read_roots(c, claims, ret);
	read_host(c, claims, ret->sign, ret->fixed, ret->name);
	claims_bytes(c, claims, "ledger", ret->ledger, LEDGER_ID);
	claims_slug(c, claims, "org", ret->org);
	claims_slug(c, claims, "license", ret->license);
	claims_slugs_opt(c, claims, "products", ret->products, LIMIT_PRODUCTS, &ret->n_products);
	claims_u32_opt(c, claims, "lease_days_max", UINT32_MAX, &ret->lease_days_max);
	check_usages(c, claims);
	claims_bytes(c, claims, "fp_salt", ret->fp_salt, sizeof(ret->fp_salt));
	claims_time(c, claims, "nbf", &ret->nbf);
	claims_time(c, claims, "exp", &ret->exp);
	json_decref(claims);
	if (!c->error && memcmp(ret->vendor, vendor->keys[0], PASETO_PUBLIC) != 0)
		claims_fault(c, "vendor");
	return c->error;
}

int certificate_vendor(const char *token, size_t n, uint8_t ret[PASETO_PUBLIC])
{
	struct claims c = {0};
	json_t *claims;
	int error = token_peek(token, n, &claims);
	if (error)
		return error;
	claims_public(&c, claims, "vendor", ret);
	json_decref(claims);
	return c.error;
}

int certificate_at(const struct certificate *cert, int64_t when)
{
	if (when < cert->nbf)
		return E_NOT_YET_VALID;
	return when >= cert->exp ? E_CERTIFICATE_EXPIRED : 0;
}

bool certificate_covers(const struct certificate *cert, const char *product)
{
	for (size_t i = 0; i < cert->n_products; i++)
		if (strcmp(cert->products[i], product) == 0)
			return true;
	return cert->n_products == 0;
}

int host_request_sign(const struct host_request *request, const uint8_t host_secret[PASETO_SECRET],
		      char **ret_token)
{
	json_t *claims =
		token_claims(&token_host_request, request->head.iss, request->head.iat, request->head.jti);
	if (!claims)
		return E_NO_MEMORY;
	claims_set(claims, "host", write_host(request->sign, request->fixed, request->name));
	claims_set_bytes(claims, "ledger", request->ledger, LEDGER_ID);
	if (request->replaces[0])
		claims_set_text(claims, "replaces", request->replaces);
	int error = token_sign(claims, host_secret, request->head.iss, ret_token);
	json_decref(claims);
	return error;
}

static void read_request(struct claims *c, json_t *claims, struct host_request *ret)
{
	read_host(c, claims, ret->sign, ret->fixed, ret->name);
	claims_head(c, claims, &ret->head);
	claims_bytes(c, claims, "ledger", ret->ledger, LEDGER_ID);
	claims_text_opt(c, claims, "replaces", ret->replaces, sizeof(ret->replaces));
}

int host_request_open(const char *token, size_t n, struct host_request *ret, struct claims *fault)
{
	struct claims own;
	struct claims *c = fault ? fault : &own;
	char pid[PASERK_ID_TEXT];
	json_t *claims;
	*c = (struct claims){0};
	*ret = (struct host_request){0};
	int error = token_peek(token, n, &claims);
	if (error)
		return error;
	read_host(c, claims, ret->sign, ret->fixed, ret->name);
	json_decref(claims);
	if (c->error)
		return c->error;
	error = token_open(&token_host_request, token, n, ret->sign, &claims);
	if (error)
		return error;
	read_request(c, claims, ret);
	paserk_pid_write(ret->sign, pid);
	if (!c->error && strcmp(ret->head.iss, pid) != 0)
		claims_fault(c, "iss");
	json_decref(claims);
	return c->error;
}
