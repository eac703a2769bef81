/* SPDX-License-Identifier: Apache-2.0 */
#include "product.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"

/* --- claims of one product --- */

static uint32_t read_mask(struct claims *c, json_t *plan, const char *key, const struct product *product)
{
	char ids[LIMIT_PLANS][LIMIT_ID + 1];
	size_t n;
	uint32_t mask = 0;
	claims_slugs_opt(c, plan, key, ids, LIMIT_PLANS, &n);
	for (size_t i = 0; i < n && !c->error; i++) {
		int index = product_plan(product, ids[i]);
		if (index < 0)
			claims_fault(c, key);
		else
			mask |= 1u << index;
	}
	return mask;
}

static void read_plans(struct claims *c, json_t *object, struct product *ret)
{
	size_t n;
	json_t *plans = claims_array_opt(c, object, "plans", LIMIT_PLANS, &n);
	for (size_t i = 0; i < n && !c->error; i++) {
		json_t *plan = json_array_get(plans, i);
		struct plan *p = &ret->plans[i];
		claims_slug(c, plan, "id", p->id);
		claims_text_opt(c, plan, "name", p->name, sizeof(p->name));
		if (!c->error && product_plan(ret, p->id) >= 0)
			claims_fault(c, "plans");
		ret->n_plans = i + 1;
	}
	for (size_t i = 0; i < n && !c->error; i++) {
		json_t *plan = json_array_get(plans, i);
		ret->plans[i].conflicts = read_mask(c, plan, "conflicts", ret);
		ret->plans[i].requires = read_mask(c, plan, "requires", ret);
	}
}

void product_read(struct claims *c, json_t *object, struct product *ret)
{
	memset(ret, 0, sizeof(*ret));
	claims_slug(c, object, "id", ret->id);
	claims_text(c, object, "name", ret->name, sizeof(ret->name));
	if (!c->error && claims_has(object, "versions")) {
		json_t *versions = claims_object(c, object, "versions");
		claims_text_opt(c, versions, "from", ret->version_from, sizeof(ret->version_from));
		claims_text_opt(c, versions, "to", ret->version_to, sizeof(ret->version_to));
	}
	read_plans(c, object, ret);
}

static void write_mask(json_t *plan, const char *key, uint32_t mask, const struct product *product)
{
	if (!mask)
		return;
	json_t *ids = json_array();
	for (size_t i = 0; i < product->n_plans; i++)
		if (mask & 1u << i)
			claims_append(ids, json_string(product->plans[i].id));
	claims_set(plan, key, ids);
}

json_t *product_write(const struct product *product)
{
	json_t *object = json_object();
	claims_set_text(object, "id", product->id);
	claims_set_text(object, "name", product->name);
	if (product->version_from[0] || product->version_to[0]) {
		json_t *versions = json_object();
		if (product->version_from[0])
			claims_set_text(versions, "from", product->version_from);
		if (product->version_to[0])
			claims_set_text(versions, "to", product->version_to);
		claims_set(object, "versions", versions);
	}
	json_t *plans = json_array();
	for (size_t i = 0; i < product->n_plans; i++) {
		const struct plan *p = &product->plans[i];
		json_t *plan = json_object();
		claims_set_text(plan, "id", p->id);
		if (p->name[0])
			claims_set_text(plan, "name", p->name);
		write_mask(plan, "conflicts", p->conflicts, product);
		write_mask(plan, "requires", p->requires, product);
		claims_append(plans, plan);
	}
	claims_set(object, "plans", plans);
	return object;
}

int product_plan(const struct product *product, const char *plan_id)
{
	for (size_t i = 0; i < product->n_plans; i++)
		if (strcmp(product->plans[i].id, plan_id) == 0)
			return (int)i;
	return -1;
}

/* --- versions --- */

/*
 * Compare dotted numbers. With `as_prefix`, b ends the comparison when it runs out, so that 7.9 equals 7;
 * otherwise a missing part counts as 0.
 */
static int compare_versions(const char *a, const char *b, bool as_prefix)
{
	while (*a || *b) {
		if (!*b && as_prefix)
			return 0;
		char *a_end = (char *)a;
		char *b_end = (char *)b;
		unsigned long x = strtoul(a, &a_end, 10);
		unsigned long y = strtoul(b, &b_end, 10);
		if (x != y)
			return x < y ? -1 : 1;
		a = *a_end ? a_end + 1 : a_end;
		b = *b_end ? b_end + 1 : b_end;
	}
	return 0;
}

bool product_covers(const struct product *product, const char *version)
{
	if (!version[0])
		return true;
	if (product->version_from[0] && compare_versions(version, product->version_from, false) < 0)
		return false;
	return !product->version_to[0] || compare_versions(version, product->version_to, true) <= 0;
}

/* --- the product file --- */

int product_file_sign(const struct product_file *file, const uint8_t vendor_secret[PASETO_SECRET],
		      char **ret_token)
{
	json_t *claims = token_claims(&token_product, file->head.iss, file->head.iat, file->head.jti);
	if (!claims)
		return E_NO_MEMORY;
	claims_set(claims, "product", product_write(&file->product));
	claims_set_integer(claims, "grace_days", file->grace_days);
	claims_set_integer(claims, "prompt_days", file->prompt_days);
	claims_set_text(claims, "on_expiry", on_expiry_name(file->on_expiry));
	int error = token_sign(claims, vendor_secret, claims_footer(&file->head), ret_token);
	json_decref(claims);
	return error;
}

int product_file_open(const char *token, size_t n, const struct roots *vendor, struct product_file *ret,
		      struct claims *fault)
{
	struct claims own = {0};
	struct claims *c = fault ? fault : &own;
	char on_expiry[16] = "notice";
	struct claims_head head;
	struct chain chain;
	json_t *claims;
	*c = (struct claims){0};
	int error = chain_open(&token_product, token, n, vendor, c, &head, &chain, &claims);
	if (error)
		return error;
	*ret = (struct product_file){.head = head, .grace_days = 30, .prompt_days = 25};
	json_t *product = claims_object(c, claims, "product");
	if (product)
		product_read(c, product, &ret->product);
	claims_u32_opt(c, claims, "grace_days", 90, &ret->grace_days);
	claims_u32_opt(c, claims, "prompt_days", 90, &ret->prompt_days);
	claims_text_opt(c, claims, "on_expiry", on_expiry, sizeof(on_expiry));
	if (!c->error && !on_expiry_read(on_expiry, &ret->on_expiry))
		claims_fault(c, "on_expiry");
	json_decref(claims);
	return c->error;
}
