/* SPDX-License-Identifier: Apache-2.0 */
#include "offline_request.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base64url.h"
#include "error.h"

static void set_text(json_t *object, const char *key, const char *text)
{
	if (text[0])
		claims_set_text(object, key, text);
}

static void set_components(json_t *claims, const struct offline_request *r)
{
	json_t *all = json_array();
	for (size_t i = 0; i < r->n_components; i++) {
		json_t *one = json_object();
		claims_set_integer(one, "kind", r->components[i].kind);
		claims_set_integer(one, "tag", r->components[i].tag);
		claims_append(all, one);
	}
	claims_set(claims, "components", all);
}

static void set_wishes(json_t *claims, const struct offline_request *r)
{
	claims_set_text(claims, "product", r->product);
	set_text(claims, "version", r->version);
	if (r->n_plans)
		claims_set_slugs(claims, "plans", r->plans, r->n_plans);
	set_text(claims, "user", r->user);
	if (r->serial)
		claims_set_integer(claims, "serial", r->serial);
	if (r->spoken)
		claims_set_bytes(claims, "voice", r->voice, VOICE_SHOWN);
	if (r->reinstalled)
		claims_set(claims, "reinstalled", json_true());
}

int offline_request_sign(const struct offline_request *r, const uint8_t device_secret[PASETO_SECRET],
			 char **ret_token)
{
	uint8_t id[DEVICE_ID];
	char device[DEVICE_ID_TEXT];
	char jti[CLAIMS_JTI];
	char footer[PASERK_ID_TEXT];
	char *token = NULL;
	device_id(r->fixed, r->sign, id);
	device_id_write(id, device);
	base64url_write(r->token, OFFLINE_TOKEN, jti, sizeof(jti));
	paserk_pid_write(r->sign, footer);
	json_t *claims = token_claims(&token_request, device, r->head.iat, jti);
	if (!claims)
		return E_NO_MEMORY;
	claims_set_public(claims, "sign", r->sign);
	claims_set_bytes(claims, "static", r->fixed, NOISE_KEY);
	claims_set_text(claims, "vendor", r->vendor);
	set_text(claims, "org", r->org);
	set_wishes(claims, r);
	set_text(claims, "hostname", r->hostname);
	set_text(claims, "os", r->os);
	set_text(claims, "agent", r->agent);
	if (r->n_components)
		set_components(claims, r);
	int error = token_sign(claims, device_secret, footer, &token);
	json_decref(claims);
	if (!error && strlen(token) > LIMIT_OFFLINE_REQUEST) {
		free(token);
		return E_TOO_LARGE;
	}
	if (!error)
		*ret_token = token;
	return error;
}

/* --- reading --- */

static void read_components(struct claims *c, json_t *claims, struct offline_request *ret)
{
	size_t n;
	json_t *all = claims_array_opt(c, claims, "components", LIMIT_COMPONENTS, &n);
	for (size_t i = 0; i < n && !c->error; i++) {
		json_t *one = json_array_get(all, i);
		int64_t kind = 0;
		int64_t tag = 0;
		claims_integer(c, one, "kind", 1, UINT32_MAX, &kind);
		claims_integer(c, one, "tag", 0, UINT16_MAX, &tag);
		ret->components[ret->n_components].kind = (uint32_t)kind;
		ret->components[ret->n_components++].tag = (uint32_t)tag;
	}
}

static void read_wishes(struct claims *c, json_t *claims, struct offline_request *ret)
{
	uint8_t vendor[PASERK_ID];
	claims_text(c, claims, "vendor", ret->vendor, sizeof(ret->vendor));
	if (!c->error && paserk_pid_read(ret->vendor, strlen(ret->vendor), vendor))
		claims_fault(c, "vendor");
	if (claims_has(claims, "org"))
		claims_slug(c, claims, "org", ret->org);
	claims_slug(c, claims, "product", ret->product);
	claims_text_opt(c, claims, "version", ret->version, sizeof(ret->version));
	claims_slugs_opt(c, claims, "plans", ret->plans, LIMIT_PLANS, &ret->n_plans);
	claims_text_opt(c, claims, "user", ret->user, sizeof(ret->user));
	if (!c->error && ret->user[0] && !user_ok(ret->user))
		claims_fault(c, "user");
	claims_integer_opt(c, claims, "serial", 1, INT64_MAX, &ret->serial);
	claims_bool_opt(c, claims, "reinstalled", &ret->reinstalled);
	ret->spoken = claims_has(claims, "voice");
	if (ret->spoken)
		claims_bytes(c, claims, "voice", ret->voice, VOICE_SHOWN);
}

/* Who it is, and that all of it agrees. */
static void read_device(struct claims *c, json_t *claims, struct offline_request *ret)
{
	char device[DEVICE_ID_TEXT];
	claims_head(c, claims, &ret->head);
	claims_public(c, claims, "sign", ret->sign);
	claims_bytes(c, claims, "static", ret->fixed, NOISE_KEY);
	if (c->error)
		return;
	device_id(ret->fixed, ret->sign, ret->device);
	device_id_write(ret->device, device);
	if (strcmp(ret->head.iss, device) != 0)
		claims_fault(c, "iss");
	if (base64url_read_exact(ret->head.jti, strlen(ret->head.jti), ret->token, OFFLINE_TOKEN) ||
	    sodium_is_zero(ret->token, OFFLINE_TOKEN))
		claims_fault(c, "jti");
}

static void read_request(struct claims *c, json_t *claims, struct offline_request *ret)
{
	read_device(c, claims, ret);
	read_wishes(c, claims, ret);
	claims_text_opt(c, claims, "hostname", ret->hostname, sizeof(ret->hostname));
	claims_text_opt(c, claims, "os", ret->os, sizeof(ret->os));
	claims_text_opt(c, claims, "agent", ret->agent, sizeof(ret->agent));
	read_components(c, claims, ret);
}

int offline_request_open(const char *token, size_t n, struct offline_request *ret, struct claims *fault)
{
	struct claims own;
	struct claims *c = fault ? fault : &own;
	uint8_t sign[PASETO_PUBLIC];
	json_t *claims;
	*c = (struct claims){0};
	*ret = (struct offline_request){0};
	if (n > LIMIT_OFFLINE_REQUEST)
		return E_TOO_LARGE;
	int error = token_peek(token, n, &claims);
	if (error)
		return error;
	claims_public(c, claims, "sign", sign);
	json_decref(claims);
	if (c->error)
		return c->error;
	error = token_open(&token_request, token, n, sign, &claims);
	if (error)
		return error;
	read_request(c, claims, ret);
	json_decref(claims);
	return c->error;
}
