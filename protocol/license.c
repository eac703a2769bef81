/* SPDX-License-Identifier: Apache-2.0 */
#include "license.h"

#include <stdlib.h>
#include <string.h>

#include "base64url.h"
#include "error.h"

void license_fini(struct license *license)
{
	for (size_t i = 0; i < license->n_grants; i++) {
		free(license->grants[i].pool_keys);
		free(license->grants[i].redemptions);
	}
	free(license->grants);
	free(license->products);
	license->grants = NULL;
	license->products = NULL;
	license->n_grants = license->n_products = 0;
}

const struct product *license_product(const struct license *license, const char *id)
{
	for (size_t i = 0; i < license->n_products; i++)
		if (strcmp(license->products[i].id, id) == 0)
			return &license->products[i];
	return NULL;
}

const struct grant *license_grant(const struct license *license, const char *id)
{
	for (size_t i = 0; i < license->n_grants; i++)
		if (strcmp(license->grants[i].id, id) == 0)
			return &license->grants[i];
	return NULL;
}

int64_t grant_end(const struct license *license, const struct grant *grant)
{
	return grant->exp && grant->exp < license->exp ? grant->exp : license->exp;
}

uint32_t grant_plans(const struct license *license, const struct grant *grant)
{
	const struct product *product = license_product(license, grant->product);
	uint32_t mask = 0;
	if (!product)
		return 0;
	if (grant->n_plans == 0)
		return (1u << product->n_plans) - 1;
	for (size_t i = 0; i < grant->n_plans; i++)
		mask |= 1u << product_plan(product, grant->plans[i]);
	return mask;
}

/* --- writing --- */

static json_t *write_policy(const struct grant_policy *p)
{
	json_t *object = json_object();
	claims_set_integer(object, "threshold", p->threshold);
	claims_set_integer(object, "window_days", p->window_days);
	claims_set_integer(object, "lease_days", p->lease_days);
	claims_set_integer(object, "renew_minutes", p->renew_minutes);
	claims_set_integer(object, "retry_minutes", p->retry_minutes);
	claims_set_integer(object, "grace_days", p->grace_days);
	claims_set_integer(object, "devices_per_user", p->devices_per_user);
	claims_set_integer(object, "hardware_tolerance", p->hardware_percent);
	claims_set_text(object, "overage", overage_name(p->overage));
	claims_set_text(object, "on_expiry", on_expiry_name(p->on_expiry));
	claims_set_text(object, "enrol", enrol_name(p->enrol));
	claims_set_text(object, "overflow", overflow_name(p->overflow));
	return object;
}

static json_t *write_redemption(const struct redemption *r)
{
	json_t *object = json_object();
	claims_set_bytes(object, "hash", r->hash, KEYCODE_HASH);
	if (r->quantity)
		claims_set_integer(object, "quantity", r->quantity);
	if (r->days)
		claims_set_integer(object, "days", r->days);
	if (r->exp)
		claims_set_time(object, "exp", r->exp);
	return object;
}

/* Only the keys' hashes: the keys themselves are nowhere but with the vendor and whoever was given one. */
static void write_keys(json_t *object, const struct grant *grant)
{
	json_t *pool = json_array();
	json_t *redemption = json_array();
	for (size_t i = 0; i < grant->n_pool_keys; i++) {
		char hash[KEYCODE_HASH_TEXT];
		base64url_write(grant->pool_keys[i], KEYCODE_HASH, hash, sizeof(hash));
		claims_append(pool, json_string(hash));
	}
	for (size_t i = 0; i < grant->n_redemptions; i++)
		claims_append(redemption, write_redemption(&grant->redemptions[i]));
	if (grant->n_pool_keys || grant->n_redemptions)
		claims_set_bytes(object, "key_salt", grant->key_salt, KEYCODE_SALT);
	if (grant->n_pool_keys)
		claims_set(object, "pool_keys", json_incref(pool));
	if (grant->n_redemptions)
		claims_set(object, "redemption", json_incref(redemption));
	json_decref(pool);
	json_decref(redemption);
}

static json_t *write_grant(const struct grant *grant)
{
	json_t *object = json_object();
	claims_set_text(object, "id", grant->id);
	claims_set_text(object, "product", grant->product);
	claims_set_text(object, "model", model_name(grant->model));
	if (grant->quantity)
		claims_set_integer(object, "quantity", grant->quantity);
	claims_set_time(object, "nbf", grant->nbf);
	if (grant->exp)
		claims_set_time(object, "exp", grant->exp);
	if (grant->cancel_until)
		claims_set_time(object, "cancel_until", grant->cancel_until);
	if (grant->recurring)
		claims_set(object, "recurring", json_true());
	if (grant->self_service_owner[0])
		claims_set_text(object, "self_service_owner", grant->self_service_owner);
	if (grant->quantity_max)
		claims_set_integer(object, "quantity_max", grant->quantity_max);
	if (grant->redeem_from_device)
		claims_set(object, "redeem_from_device", json_true());
	write_keys(object, grant);
	if (grant->n_plans)
		claims_set_slugs(object, "plans", grant->plans, grant->n_plans);
	claims_set(object, "policy", write_policy(&grant->policy));
	return object;
}

int license_sign(const struct license *license, const uint8_t secret[PASETO_SECRET], char **ret_token)
{
	json_t *claims =
		token_claims(&token_license, license->head.iss, license->head.iat, license->head.jti);
	if (!claims)
		return E_NO_MEMORY;
	json_t *org = json_object();
	json_t *grants = json_array();
	json_t *products = json_array();
	claims_set_text(org, "id", license->org);
	claims_set_text(org, "name", license->org_name);
	claims_set_text(claims, "id", license->id);
	claims_set_integer(claims, "serial", license->serial);
	claims_set(claims, "org", org);
	claims_set_time(claims, "nbf", license->nbf);
	claims_set_time(claims, "exp", license->exp);
	claims_set_integer(claims, "hosts_max", license->hosts_max);
	claims_set_integer(claims, "grace_days", license->grace_days);
	for (size_t i = 0; i < license->n_grants; i++)
		claims_append(grants, write_grant(&license->grants[i]));
	for (size_t i = 0; i < license->n_products; i++)
		claims_append(products, product_write(&license->products[i]));
	claims_set(claims, "grants", grants);
	claims_set(claims, "products", products);
	int error = token_sign(claims, secret, claims_footer(&license->head), ret_token);
	json_decref(claims);
	return error;
}

/* --- reading --- */

static void read_policy(struct claims *c, json_t *object, struct grant_policy *p)
{
	char overage[16] = "";
	char on_expiry[16] = "";
	char enrol[16] = "";
	char overflow[16] = "";
	claims_u32_opt(c, object, "threshold", LIMIT_THRESHOLD, &p->threshold);
	claims_u32_opt(c, object, "window_days", LIMIT_WINDOW_DAYS, &p->window_days);
	claims_u32_opt(c, object, "lease_days", LIMIT_LEASE_DAYS, &p->lease_days);
	claims_u32_opt(c, object, "renew_minutes", LIMIT_INTERVAL_MAX, &p->renew_minutes);
	claims_u32_opt(c, object, "retry_minutes", LIMIT_INTERVAL_MAX, &p->retry_minutes);
	claims_u32_opt(c, object, "grace_days", LIMIT_LEASE_DAYS, &p->grace_days);
	claims_u32_opt(c, object, "devices_per_user", 1000, &p->devices_per_user);
	claims_u32_opt(c, object, "hardware_tolerance", 100, &p->hardware_percent);
	claims_text_opt(c, object, "overage", overage, sizeof(overage));
	claims_text_opt(c, object, "on_expiry", on_expiry, sizeof(on_expiry));
	claims_text_opt(c, object, "enrol", enrol, sizeof(enrol));
	claims_text_opt(c, object, "overflow", overflow, sizeof(overflow));
	if (overage[0] && !overage_read(overage, &p->overage))
		claims_fault(c, "overage");
	if (on_expiry[0] && !on_expiry_read(on_expiry, &p->on_expiry))
		claims_fault(c, "on_expiry");
	if (enrol[0] && !enrol_read(enrol, &p->enrol))
		claims_fault(c, "enrol");
	if (overflow[0] && !overflow_read(overflow, &p->overflow))
		claims_fault(c, "overflow");
	if (p->threshold == 0 || p->window_days == 0)
		claims_fault(c, "policy");
}

static void read_pool_keys(struct claims *c, json_t *object, struct grant *ret)
{
	size_t n;
	json_t *keys = claims_array_opt(c, object, "pool_keys", LIMIT_KEYS, &n);
	if (!n || !(ret->pool_keys = claims_room(c, n, sizeof(*ret->pool_keys))))
		return;
	for (size_t i = 0; i < n && !c->error; i++) {
		const char *text = json_string_value(json_array_get(keys, i));
		if (!text ||
		    base64url_read_exact(text, strlen(text), ret->pool_keys[ret->n_pool_keys], KEYCODE_HASH))
			claims_fault(c, "pool_keys");
		ret->n_pool_keys++;
	}
}

static void read_redemptions(struct claims *c, json_t *object, struct grant *ret)
{
	size_t n;
	json_t *keys = claims_array_opt(c, object, "redemption", LIMIT_KEYS, &n);
	if (!n || !(ret->redemptions = claims_room(c, n, sizeof(*ret->redemptions))))
		return;
	for (size_t i = 0; i < n && !c->error; i++) {
		struct redemption *r = &ret->redemptions[ret->n_redemptions++];
		json_t *row = json_array_get(keys, i);
		claims_bytes(c, row, "hash", r->hash, KEYCODE_HASH);
		claims_integer_opt(c, row, "quantity", 0, INT32_MAX, &r->quantity);
		claims_integer_opt(c, row, "days", 0, LIMIT_KEY_DAYS, &r->days);
		claims_time_opt(c, row, "exp", &r->exp);
	}
}

static void read_keys(struct claims *c, json_t *object, struct grant *ret)
{
	claims_bool_opt(c, object, "recurring", &ret->recurring);
	claims_text_opt(c, object, "self_service_owner", ret->self_service_owner,
			sizeof(ret->self_service_owner));
	claims_integer_opt(c, object, "quantity_max", 1, INT32_MAX, &ret->quantity_max);
	claims_bool_opt(c, object, "redeem_from_device", &ret->redeem_from_device);
	if (claims_has(object, "pool_keys") || claims_has(object, "redemption"))
		claims_bytes(c, object, "key_salt", ret->key_salt, KEYCODE_SALT);
	if (!c->error)
		read_pool_keys(c, object, ret);
	if (!c->error)
		read_redemptions(c, object, ret);
}

static void read_grant(struct claims *c, json_t *object, const struct license *license, struct grant *ret)
{
	char model[16] = "";
	claims_slug(c, object, "id", ret->id);
	claims_slug(c, object, "product", ret->product);
	claims_text(c, object, "model", model, sizeof(model));
	if (!c->error && !model_read(model, &ret->model))
		claims_fault(c, "model");
	claims_integer_opt(c, object, "quantity", 1, INT32_MAX, &ret->quantity);
	ret->nbf = license->nbf;
	claims_time_opt(c, object, "nbf", &ret->nbf);
	claims_time_opt(c, object, "exp", &ret->exp);
	claims_time_opt(c, object, "cancel_until", &ret->cancel_until);
	claims_slugs_opt(c, object, "plans", ret->plans, LIMIT_PLANS, &ret->n_plans);
	read_keys(c, object, ret);
	if (c->error)
		return;
	ret->policy = model_policy(ret->model);
	if (claims_has(object, "policy")) {
		json_t *policy = claims_object(c, object, "policy");
		if (policy)
			read_policy(c, policy, &ret->policy);
	}
	const struct product *product = license_product(license, ret->product);
	if (!product)
		claims_fault(c, "grants: product");
	for (size_t i = 0; i < ret->n_plans && !c->error; i++)
		if (product_plan(product, ret->plans[i]) < 0)
			claims_fault(c, "grants: plans");
}

static void read_products(struct claims *c, json_t *claims, struct license *ret)
{
	size_t n;
	json_t *products = claims_array_opt(c, claims, "products", LIMIT_PRODUCTS, &n);
	ret->products = n ? claims_room(c, n, sizeof(*ret->products)) : NULL;
	for (size_t i = 0; i < n && !c->error; i++) {
		struct product product;
		product_read(c, json_array_get(products, i), &product);
		if (!c->error && license_product(ret, product.id))
			claims_fault(c, "products: id");
		ret->products[ret->n_products++] = product;
	}
}

static void read_grants(struct claims *c, json_t *claims, struct license *ret)
{
	size_t n;
	json_t *grants = claims_array_opt(c, claims, "grants", LIMIT_GRANTS, &n);
	ret->grants = n ? claims_room(c, n, sizeof(*ret->grants)) : NULL;
	for (size_t i = 0; i < n && !c->error; i++) {
		struct grant grant = {0};
		read_grant(c, json_array_get(grants, i), ret, &grant);
		if (!c->error && license_grant(ret, grant.id))
			claims_fault(c, "grants: id");
		ret->grants[ret->n_grants++] = grant;
	}
}

static void read_license(struct claims *c, json_t *claims, struct license *ret)
{
	claims_slug(c, claims, "id", ret->id);
	claims_integer(c, claims, "serial", 1, INT64_MAX, &ret->serial);
	json_t *org = claims_object(c, claims, "org");
	if (org) {
		claims_slug(c, org, "id", ret->org);
		claims_text(c, org, "name", ret->org_name, sizeof(ret->org_name));
	}
	claims_time(c, claims, "nbf", &ret->nbf);
	claims_time(c, claims, "exp", &ret->exp);
	ret->hosts_max = 1;
	ret->grace_days = 30;
	claims_u32_opt(c, claims, "hosts_max", 1000, &ret->hosts_max);
	claims_u32_opt(c, claims, "grace_days", LIMIT_LEASE_DAYS, &ret->grace_days);
	if (!c->error && ret->exp <= ret->nbf)
		claims_fault(c, "exp");
	read_products(c, claims, ret);
	read_grants(c, claims, ret);
}

int license_open(const char *token, size_t n, const struct roots *vendor, struct license *ret,
		 struct claims *fault)
{
	struct claims own;
	struct claims *c = fault ? fault : &own;
	json_t *claims;
	*c = (struct claims){0};
	*ret = (struct license){0};
	int error = chain_open(&token_license, token, n, vendor, c, &ret->head, &ret->chain, &claims);
	if (error)
		return error;
	read_license(c, claims, ret);
	json_decref(claims);
	return c->error;
}
