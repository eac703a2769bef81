/* SPDX-License-Identifier: Apache-2.0 */
#include "lease.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base64url.h"
#include "error.h"

void device_id(const uint8_t fixed[NOISE_KEY], const uint8_t sign[PASETO_PUBLIC], uint8_t ret[DEVICE_ID])
{
	static const char label[] = "muster/1 device";
	crypto_generichash_state state;
	crypto_generichash_init(&state, NULL, 0, DEVICE_ID);
	crypto_generichash_update(&state, (const uint8_t *)label, sizeof(label) - 1);
	crypto_generichash_update(&state, fixed, NOISE_KEY);
	crypto_generichash_update(&state, sign, PASETO_PUBLIC);
	crypto_generichash_final(&state, ret, DEVICE_ID);
}

void device_id_write(const uint8_t id[DEVICE_ID], char out[DEVICE_ID_TEXT])
{
	base64url_write(id, DEVICE_ID, out, DEVICE_ID_TEXT);
}

static int write_lease(const struct lease *lease, char *text, size_t room, size_t *ret_n)
{
	struct jsonout o;
	jsonout_begin(&o, text, room);
	token_head(&o, &token_lease, &lease->head);
	jsonout_text(&o, "vendor", lease->vendor);
	jsonout_text(&o, "product", lease->product);
	jsonout_text(&o, "model", model_name(lease->model));
	jsonout_bytes(&o, "device", lease->device, DEVICE_ID);
	if (lease->user[0])
		jsonout_text(&o, "user", lease->user);
	jsonout_slugs(&o, "plans", lease->plans, lease->n_plans);
	if (lease->exp)
		jsonout_time(&o, "exp", lease->exp);
	if (lease->renew_after)
		jsonout_time(&o, "renew_after", lease->renew_after);
	jsonout_text(&o, "grant", lease->grant);
	jsonout_text(&o, "license", lease->license);
	jsonout_text(&o, "org", lease->org);
	if (lease->need) {
		jsonout_open(&o, "count");
		jsonout_integer(&o, "have", lease->have);
		jsonout_integer(&o, "need", lease->need);
		jsonout_close(&o);
	}
	jsonout_integer(&o, "serial", lease->serial);
	jsonout_text(&o, "on_expiry", on_expiry_name(lease->on_expiry));
	return jsonout_end(&o, ret_n);
}

int lease_sign(const struct lease *lease, const uint8_t host_secret[PASETO_SECRET], char **ret_token)
{
	char text[LIMIT_LEASE];
	char *token = NULL;
	size_t n;
	int error = write_lease(lease, text, sizeof(text), &n);
	if (!error)
		error = paseto_sign(host_secret, text, n, lease->head.iss, token_lease.typ, &token);
	if (!error && strlen(token) > LIMIT_LEASE) {
		free(token);
		return E_TOO_LARGE;
	}
	if (!error)
		*ret_token = token;
	return error;
}

static void read_lease(struct claims *c, json_t *claims, struct lease *ret)
{
	char model[16] = "";
	char on_expiry[16] = "";
	claims_head(c, claims, &ret->head);
	claims_text(c, claims, "vendor", ret->vendor, sizeof(ret->vendor));
	claims_slug(c, claims, "product", ret->product);
	claims_text(c, claims, "model", model, sizeof(model));
	if (!c->error && !model_read(model, &ret->model))
		claims_fault(c, "model");
	claims_bytes(c, claims, "device", ret->device, DEVICE_ID);
	claims_text_opt(c, claims, "user", ret->user, sizeof(ret->user));
	claims_slugs_opt(c, claims, "plans", ret->plans, LIMIT_PLANS, &ret->n_plans);
	claims_time_opt(c, claims, "exp", &ret->exp);
	claims_time_opt(c, claims, "renew_after", &ret->renew_after);
	claims_slug(c, claims, "grant", ret->grant);
	claims_slug(c, claims, "license", ret->license);
	claims_slug(c, claims, "org", ret->org);
	if (claims_has(claims, "count")) {
		json_t *count = claims_object(c, claims, "count");
		if (count) {
			claims_integer(c, count, "have", 0, INT64_MAX, &ret->have);
			claims_integer(c, count, "need", 0, INT64_MAX, &ret->need);
		}
	}
	claims_integer(c, claims, "serial", 1, INT64_MAX, &ret->serial);
	claims_text(c, claims, "on_expiry", on_expiry, sizeof(on_expiry));
	if (!c->error && !on_expiry_read(on_expiry, &ret->on_expiry))
		claims_fault(c, "on_expiry");
}

int lease_open(const char *token, size_t n, const uint8_t host[PASETO_PUBLIC], struct lease *ret,
	       struct claims *fault)
{
	struct claims own;
	struct claims *c = fault ? fault : &own;
	json_t *claims;
	*c = (struct claims){0};
	*ret = (struct lease){0};
	int error = token_open(&token_lease, token, n, host, &claims);
	if (error)
		return error;
	read_lease(c, claims, ret);
	json_decref(claims);
	return c->error;
}

/* The vendor bounds what its hosts may sign; a bound also rules out leases without an end. */
static bool longer_than_certified(const struct lease *lease, const struct certificate *cert)
{
	int64_t most = (int64_t)cert->lease_days_max * 86400;
	return most && (!lease->exp || lease->exp - lease->head.iat > most);
}

int lease_verify(const char *lease_token, const char *certificate_token, const struct roots *vendor,
		 const char *product, const uint8_t device[DEVICE_ID], struct lease *ret,
		 struct certificate *ret_cert)
{
	char pid[PASERK_ID_TEXT];
	char host[PASERK_ID_TEXT];
	int error = certificate_open(certificate_token, strlen(certificate_token), vendor, ret_cert, NULL);
	if (error)
		return error == E_SIGNATURE_INVALID ? E_HOST_UNTRUSTED : error;
	error = lease_open(lease_token, strlen(lease_token), ret_cert->sign, ret, NULL);
	if (error)
		return error;
	error = certificate_at(ret_cert, ret->head.iat);
	if (error)
		return error;
	if (longer_than_certified(ret, ret_cert) || strcmp(ret->license, ret_cert->license) != 0)
		return E_CLAIM_INVALID;
	paserk_pid_write(vendor->keys[0], pid);
	paserk_pid_write(ret_cert->sign, host);
	if (strcmp(ret->vendor, pid) != 0)
		return E_WRONG_VENDOR;
	if (strcmp(ret->head.iss, host) != 0)
		return E_WRONG_HOST;
	if (strcmp(ret->org, ret_cert->org) != 0)
		return E_WRONG_ORG;
	if (strcmp(ret->product, product) != 0 || !certificate_covers(ret_cert, product))
		return E_WRONG_PRODUCT;
	if (device && memcmp(ret->device, device, DEVICE_ID) != 0)
		return E_WRONG_DEVICE;
	return 0;
}
