/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sodium.h>

#include "error.h"
#include "license.h"
#include "mutate.h"
#include "vendor_key.h"

#define DAY 86400

/* Two products and three grants, every field set. */
struct example {
	struct license license;
	struct grant grants[3];
	struct product products[2];
	uint8_t pool_keys[2][KEYCODE_HASH];
	struct redemption redemptions[2];
};

static void example_init(struct example *e)
{
	memset(e, 0, sizeof(*e));
	e->license = (struct license){
		.head = {.iat = 1700000000, .jti = "jti"},
		.id = "fjord-1",
		.serial = 7,
		.org = "fjord",
		.org_name = "Fjord AS",
		.nbf = 1700000000,
		.exp = 1700000000 + 365 * DAY,
		.hosts_max = 2,
		.grace_days = 14,
		.grants = e->grants,
		.n_grants = 3,
		.products = e->products,
		.n_products = 2,
	};
	strcpy(e->license.head.iss, pid);
	e->products[0] = (struct product){.id = "acme-cad",
					  .name = "Acme CAD",
					  .plans = {{.id = "modeler"}, {.id = "render"}},
					  .n_plans = 2};
	e->products[1] = (struct product){.id = "acme-sim", .name = "Acme Sim"};
	e->grants[0] = (struct grant){.id = "cad-volume",
				      .product = "acme-cad",
				      .model = MODEL_VOLUME,
				      .quantity = 500,
				      .nbf = 1700000000 + DAY,
				      .exp = 1700000000 + 100 * DAY,
				      .cancel_until = 1700000000 + 8 * DAY,
				      .plans = {"render"},
				      .n_plans = 1,
				      .recurring = true,
				      .self_service_owner = "kari@fjord.example",
				      .quantity_max = 900,
				      .redeem_from_device = true,
				      .key_salt = {9, 8, 7},
				      .pool_keys = e->pool_keys,
				      .n_pool_keys = 2,
				      .redemptions = e->redemptions,
				      .n_redemptions = 2,
				      .policy = {25, 31, 181, 10081, 121, 29, 6, 61, OVERAGE_REPORT,
						 ON_EXPIRY_REDUCED, ENROL_APPROVE, OVERFLOW_RELEASE}};
	memset(e->pool_keys[0], 1, KEYCODE_HASH);
	memset(e->pool_keys[1], 2, KEYCODE_HASH);
	e->redemptions[0] = (struct redemption){{3}, 10, 365, 1700000000 + 30 * DAY};
	e->redemptions[1] = (struct redemption){.hash = {4}, .days = 30};
	e->grants[1] = (struct grant){
		.id = "cad-pool", .product = "acme-cad", .model = MODEL_POOL, .nbf = 1700000000};
	e->grants[1].policy = model_policy(MODEL_POOL);
	e->grants[2] = (struct grant){
		.id = "sim-user", .product = "acme-sim", .model = MODEL_USER, .nbf = 1700000000};
	e->grants[2].policy = model_policy(MODEL_USER);
}

static char *example_token(void)
{
	struct example e;
	char *token = NULL;
	example_init(&e);
	assert_int_equal(license_sign(&e.license, secret, &token), 0);
	return token;
}

static void same_policy(const struct grant_policy *a, const struct grant_policy *b)
{
	assert_int_equal(a->threshold, b->threshold);
	assert_int_equal(a->window_days, b->window_days);
	assert_int_equal(a->lease_days, b->lease_days);
	assert_int_equal(a->renew_minutes, b->renew_minutes);
	assert_int_equal(a->retry_minutes, b->retry_minutes);
	assert_int_equal(a->grace_days, b->grace_days);
	assert_int_equal(a->devices_per_user, b->devices_per_user);
	assert_int_equal(a->hardware_percent, b->hardware_percent);
	assert_int_equal(a->overage, b->overage);
	assert_int_equal(a->on_expiry, b->on_expiry);
	assert_int_equal(a->enrol, b->enrol);
	assert_int_equal(a->overflow, b->overflow);
}

static void same_keys(const struct grant *a, const struct grant *b)
{
	assert_int_equal(a->n_pool_keys, b->n_pool_keys);
	assert_int_equal(a->n_redemptions, b->n_redemptions);
	for (size_t i = 0; i < a->n_pool_keys; i++)
		assert_memory_equal(a->pool_keys[i], b->pool_keys[i], KEYCODE_HASH);
	for (size_t i = 0; i < a->n_redemptions; i++) {
		assert_memory_equal(a->redemptions[i].hash, b->redemptions[i].hash, KEYCODE_HASH);
		assert_int_equal(a->redemptions[i].quantity, b->redemptions[i].quantity);
		assert_int_equal(a->redemptions[i].days, b->redemptions[i].days);
		assert_int_equal(a->redemptions[i].exp, b->redemptions[i].exp);
	}
	assert_memory_equal(a->key_salt, b->key_salt, KEYCODE_SALT);
}

static void test_every_field_survives(void **state)
{
	struct example e;
	struct license back;
	struct claims fault;
	char *token = example_token();
	(void)state;
	example_init(&e);
	assert_int_equal(license_open(token, strlen(token), ROOTS_OF(public), &back, &fault), 0);
	assert_string_equal(back.head.iss, pid);
	assert_int_equal(back.head.iat, 1700000000);
	assert_string_equal(back.id, "fjord-1");
	assert_int_equal(back.serial, 7);
	assert_string_equal(back.org, "fjord");
	assert_string_equal(back.org_name, "Fjord AS");
	assert_int_equal(back.nbf, e.license.nbf);
	assert_int_equal(back.exp, e.license.exp);
	assert_int_equal(back.hosts_max, 2);
	assert_int_equal(back.grace_days, 14);
	assert_int_equal(back.n_products, 2);
	assert_int_equal(back.products[0].n_plans, 2);
	assert_int_equal(back.n_grants, 3);
	for (size_t i = 0; i < 3; i++) {
		const struct grant *a = &e.grants[i];
		const struct grant *b = license_grant(&back, a->id);
		assert_ptr_equal(b, &back.grants[i]);
		assert_string_equal(b->product, a->product);
		assert_int_equal(b->model, a->model);
		assert_int_equal(b->quantity, a->quantity);
		assert_int_equal(b->nbf, a->nbf);
		assert_int_equal(b->exp, a->exp);
		assert_int_equal(b->cancel_until, a->cancel_until);
		assert_int_equal(b->n_plans, a->n_plans);
		assert_int_equal(b->recurring, a->recurring);
		assert_string_equal(b->self_service_owner, a->self_service_owner);
		assert_int_equal(b->quantity_max, a->quantity_max);
		assert_int_equal(b->redeem_from_device, a->redeem_from_device);
		same_keys(b, a);
		same_policy(&b->policy, &a->policy);
	}
	assert_string_equal(back.grants[0].plans[0], "render");
	license_fini(&back);
	license_fini(&back); /* twice does no harm */
	free(token);
}

static void test_a_short_license_takes_the_usual_terms(void **state)
{
	static const struct mutation m = {
		"grants", "[{\"id\":\"g\",\"product\":\"acme-cad\",\"model\":\"device\"}]", 0, NULL};
	struct license back;
	char *token = example_token();
	char *changed = mutate_token(token, &m, "muster.license", secret);
	struct grant_policy usual = model_policy(MODEL_DEVICE);
	(void)state;
	assert_int_equal(license_open(changed, strlen(changed), ROOTS_OF(public), &back, NULL), 0);
	assert_int_equal(back.grants[0].quantity, 0);
	assert_int_equal(back.grants[0].nbf, back.nbf);
	assert_int_equal(back.grants[0].exp, 0);
	assert_false(back.grants[0].recurring || back.grants[0].redeem_from_device);
	assert_string_equal(back.grants[0].self_service_owner, "");
	assert_int_equal(back.grants[0].quantity_max, 0);
	assert_null(back.grants[0].pool_keys);
	assert_null(back.grants[0].redemptions);
	same_policy(&back.grants[0].policy, &usual);
	license_fini(&back);
	free(changed);
	free(token);
}

#define BAD(path, json, where)                                                                               \
	{                                                                                                    \
		path, json, E_CLAIM_INVALID, where                                                           \
	}
/* The shortest key claims: 16 and 32 bytes of zeros. */
#define SALT "\"AAAAAAAAAAAAAAAAAAAAAA\""
#define HASH "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\""
#define LONG_HASH "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\""
#define GRANT(id, product, rest) "{\"id\":\"" id "\",\"product\":\"" product "\",\"model\":\"pool\"" rest "}"

static const struct mutation mutations[] = {
	{"unknown", "[1,2,3]", 0, NULL},
	BAD("id", NULL, "id"),
	BAD("id", "\"Fjord 1\"", "id"),
	BAD("serial", NULL, "serial"),
	BAD("serial", "0", "serial"),
	BAD("serial", "-1", "serial"),
	BAD("serial", "1.5", "serial"),
	{"serial", "9223372036854775807", 0, NULL},
	BAD("org", NULL, "org"),
	BAD("org", "\"fjord\"", "org"),
	BAD("org/id", "\"\"", "id"),
	BAD("org/name", NULL, "name"),
	BAD("org/name", "\"a\\nb\"", "name"),
	BAD("nbf", NULL, "nbf"),
	BAD("nbf", "\"soon\"", "nbf"),
	BAD("exp", NULL, "exp"),
	BAD("exp", "\"2023-11-14T22:13:20Z\"", "exp"), /* the same second as nbf */
	BAD("exp", "\"2020-01-01T00:00:00Z\"", "exp"),
	{"exp", "\"2023-11-14T22:13:21Z\"", 0, NULL},
	BAD("nbf", "\"2099-01-01T00:00:00Z\"", "exp"),
	{"hosts_max", NULL, 0, NULL},
	{"hosts_max", "1000", 0, NULL},
	BAD("hosts_max", "1001", "hosts_max"),
	BAD("hosts_max", "-1", "hosts_max"),
	{"grace_days", NULL, 0, NULL},
	BAD("grace_days", "401", "grace_days"),
	BAD("iss", "\"k4.pid.other\"", "iss"),
	BAD("iat", NULL, "iat"),
	BAD("jti", NULL, "jti"),
	{"grants", NULL, 0, NULL},
	{"grants", "[]", 0, NULL},
	BAD("grants", "{}", "grants"),
	BAD("grants", "[null]", "id"),
	BAD("grants", "[5]", "id"),
	BAD("grants", "[" GRANT("a", "acme-cad", "") "," GRANT("a", "acme-sim", "") "]", "grants: id"),
	BAD("grants", "[" GRANT("a", "acme-tv", "") "]", "grants: product"),
	{"grants", "[" GRANT("a", "acme-cad", "") "," GRANT("b", "acme-cad", "") "]", 0, NULL},
	BAD("grants", "[" GRANT("a", "acme-cad", ",\"plans\":[\"viewer\"]") "]", "grants: plans"),
	BAD("grants", "[" GRANT("a", "acme-sim", ",\"plans\":[\"render\"]") "]", "grants: plans"),
	BAD("grants", "[" GRANT("a", "acme-cad", ",\"plans\":[\"render\",\"render\"]") "]", "plans"),
	BAD("grants", "[" GRANT("a", "acme-cad", ",\"plans\":\"render\"") "]", "plans"),
	BAD("grants/0/model", "\"lifetime\"", "model"),
	BAD("grants/0/model", NULL, "model"),
	BAD("grants/0/model", "\"volumevolumevolumevolume\"", "model"),
	BAD("grants/0/quantity", "0", "quantity"),
	BAD("grants/0/quantity", "-5", "quantity"),
	{"grants/0/quantity", "2147483647", 0, NULL},
	BAD("grants/0/quantity", "2147483648", "quantity"),
	{"grants/0/quantity", NULL, 0, NULL},
	BAD("grants/0/exp", "\"never\"", "exp"),
	BAD("grants/0/nbf", "0", "nbf"),
	BAD("grants/0/cancel_until", "true", "cancel_until"),
	{"grants/0/policy", NULL, 0, NULL},
	{"grants/0/policy", "{}", 0, NULL},
	BAD("grants/0/policy", "[]", "policy"),
	BAD("grants/0/policy/threshold", "0", "policy"),
	{"grants/0/policy/threshold", "1000000", 0, NULL},
	BAD("grants/0/policy/threshold", "1000001", "threshold"),
	BAD("grants/0/policy/threshold", "4294967297", "threshold"),
	BAD("grants/0/policy/window_days", "0", "policy"),
	{"grants/0/policy/window_days", "400", 0, NULL},
	BAD("grants/0/policy/window_days", "401", "window_days"),
	{"grants/0/policy/lease_days", "0", 0, NULL},
	BAD("grants/0/policy/lease_days", "401", "lease_days"),
	{"grants/0/policy/renew_minutes", "43200", 0, NULL},
	BAD("grants/0/policy/renew_minutes", "43201", "renew_minutes"),
	BAD("grants/0/policy/retry_minutes", "43201", "retry_minutes"),
	BAD("grants/0/policy/grace_days", "401", "grace_days"),
	BAD("grants/0/policy/devices_per_user", "1001", "devices_per_user"),
	BAD("grants/0/policy/hardware_tolerance", "101", "hardware_tolerance"),
	BAD("grants/0/policy/overage", "\"allow\"", "overage"),
	BAD("grants/0/policy/overage", "\"\"", "overage"),
	BAD("grants/0/policy/on_expiry", "\"shred\"", "on_expiry"),
	BAD("grants/0/policy/enrol", "\"never\"", "enrol"),
	BAD("grants/0/policy/overflow", "\"evict\"", "overflow"),
	BAD("grants/0/policy/overflow", "1", "overflow"),
	{"grants/0/policy/overflow", NULL, 0, NULL},
	{"grants/0/recurring", "false", 0, NULL},
	BAD("grants/0/recurring", "1", "recurring"),
	BAD("grants/0/recurring", "\"yes\"", "recurring"),
	BAD("grants/0/redeem_from_device", "0", "redeem_from_device"),
	BAD("grants/0/self_service_owner", "\"\"", "self_service_owner"),
	BAD("grants/0/self_service_owner", "\"a\\u001bb\"", "self_service_owner"),
	BAD("grants/0/self_service_owner", "[]", "self_service_owner"),
	BAD("grants/0/quantity_max", "0", "quantity_max"),
	{"grants/0/quantity_max", "2147483647", 0, NULL},
	BAD("grants/0/quantity_max", "2147483648", "quantity_max"),
	BAD("grants/0/key_salt", NULL, "key_salt"),
	BAD("grants/0/key_salt", HASH, "key_salt"),
	BAD("grants/0/key_salt", "\"\"", "key_salt"),
	{"grants/0/pool_keys", NULL, 0, NULL},
	{"grants/0/pool_keys", "[]", 0, NULL},
	BAD("grants/0/pool_keys", HASH, "pool_keys"),
	BAD("grants/0/pool_keys/1", "5", "pool_keys"),
	BAD("grants/0/pool_keys/1", SALT, "pool_keys"),
	BAD("grants/0/pool_keys/0", LONG_HASH, "pool_keys"),
	{"grants/0/redemption", NULL, 0, NULL},
	{"grants/0/redemption", "[{\"hash\":" HASH "}]", 0, NULL},
	BAD("grants/0/redemption", "{}", "redemption"),
	BAD("grants/0/redemption", "[{}]", "hash"),
	BAD("grants/0/redemption/1", "null", "hash"),
	BAD("grants/0/redemption/1/hash", SALT, "hash"),
	{"grants/0/redemption/0/quantity", "2147483647", 0, NULL},
	BAD("grants/0/redemption/0/quantity", "2147483648", "quantity"),
	BAD("grants/0/redemption/0/quantity", "-1", "quantity"),
	{"grants/0/redemption/1/days", "3660", 0, NULL},
	BAD("grants/0/redemption/1/days", "3661", "days"),
	BAD("grants/0/redemption/1/days", "-1", "days"),
	BAD("grants/0/redemption/0/exp", "1700000000", "exp"),
	BAD("grants/1", "{\"id\":\"x\",\"product\":\"acme-cad\"}", "model"), /* behind a grant with keys */
	BAD("grants/1", GRANT("x", "acme-cad", ",\"pool_keys\":[" HASH "]"), "key_salt"),
	BAD("products", NULL, "grants: product"),
	BAD("products", "[]", "grants: product"),
	BAD("products", "\"acme-cad\"", "products"),
	BAD("products/1/id", "\"acme-cad\"", "products: id"),
	BAD("products/0/plans/1/id", "\"rendering\"", "grants: plans"),
	{"ver", "2", E_CRITICAL_UNKNOWN, NULL},
	{"crit", "[\"quantum\"]", E_CRITICAL_UNKNOWN, NULL},
	{"typ", "\"muster.lease\"", E_WRONG_TYPE, NULL},
};

static void test_strict_reading(void **state)
{
	char *token = example_token();
	(void)state;
	for (size_t i = 0; i < sizeof(mutations) / sizeof(mutations[0]); i++) {
		struct license back;
		struct claims fault;
		char *changed = mutate_token(token, &mutations[i], "muster.license", secret);
		int error = license_open(changed, strlen(changed), ROOTS_OF(public), &back, &fault);
		mutate_check(&mutations[i], error, fault.where);
		license_fini(&back); /* also after an error */
		assert_int_equal(license_open(changed, strlen(changed), ROOTS_OF(public), &back, NULL),
				 error);
		license_fini(&back);
		free(changed);
	}
	free(token);
}

/* One member of an array, in its shortest form. */
static size_t one_of(char *out, const char *kind, size_t i)
{
	if (strcmp(kind, "grants") == 0)
		return (size_t)sprintf(out, "{\"id\":\"g%zu\",\"product\":\"acme-cad\",\"model\":\"pool\"}",
				       i);
	if (strcmp(kind, "products") == 0)
		return (size_t)sprintf(out, "{\"id\":\"p%zu\",\"name\":\"P\"}", i);
	if (strcmp(kind, "grants/0/pool_keys") == 0)
		return (size_t)sprintf(out, HASH);
	return (size_t)sprintf(out, "{\"hash\":" HASH "}");
}

static char *many(size_t n, const char *kind)
{
	char *json = malloc(n * 80 + 3);
	size_t at = (size_t)sprintf(json, "[");
	for (size_t i = 0; i < n; i++) {
		at += (size_t)sprintf(json + at, i ? "," : "");
		at += one_of(json + at, kind, i);
	}
	sprintf(json + at, "]");
	return json;
}

static size_t count_of(const struct license *license, const char *kind)
{
	if (strcmp(kind, "grants") == 0)
		return license->n_grants;
	const struct grant *grant = &license->grants[0];
	return strcmp(kind, "grants/0/pool_keys") == 0 ? grant->n_pool_keys : grant->n_redemptions;
}

static void test_counts_of_arrays(void **state)
{
	static const struct {
		const char *kind;
		size_t n;
		int error;
	} rows[] = {
		{"grants", LIMIT_GRANTS, 0},
		{"grants", LIMIT_GRANTS + 1, E_CLAIM_INVALID},
		{"products", LIMIT_PRODUCTS, E_CLAIM_INVALID}, /* read, but the grants' products are gone */
		{"products", LIMIT_PRODUCTS + 1, E_CLAIM_INVALID},
		{"grants/0/pool_keys", LIMIT_KEYS, 0},
		{"grants/0/pool_keys", LIMIT_KEYS + 1, E_CLAIM_INVALID},
		{"grants/0/redemption", LIMIT_KEYS, 0},
		{"grants/0/redemption", LIMIT_KEYS + 1, E_CLAIM_INVALID},
	};
	char *token = example_token();
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *json = many(rows[i].n, rows[i].kind);
		const char *last = strrchr(rows[i].kind, '/');
		const char *where = i == 2 ? "grants: product" : last ? last + 1 : rows[i].kind;
		struct mutation m = {rows[i].kind, json, rows[i].error, where};
		struct license back;
		struct claims fault;
		char *changed = mutate_token(token, &m, "muster.license", secret);
		mutate_check(&m, license_open(changed, strlen(changed), ROOTS_OF(public), &back, &fault),
			     fault.where);
		if (!m.error)
			assert_int_equal(count_of(&back, rows[i].kind), rows[i].n);
		license_fini(&back);
		free(changed);
		free(json);
	}
	free(token);
}

static void test_altered_tokens(void **state)
{
	char *token = example_token();
	struct license back;
	(void)state;
	for (size_t i = 10; i < strlen(token); i += 7) {
		char was = token[i];
		token[i] = was == 'A' ? 'B' : 'A';
		int error = license_open(token, strlen(token), ROOTS_OF(public), &back, NULL);
		assert_true(error == E_SIGNATURE_INVALID || error == E_MALFORMED);
		assert_null(back.grants);
		license_fini(&back);
		token[i] = was;
	}
	uint8_t other[PASETO_PUBLIC] = {1};
	assert_int_equal(license_open(token, strlen(token), ROOTS_OF(other), &back, NULL),
			 E_SIGNATURE_INVALID);
	license_fini(&back);
	free(token);
}

static void test_lookups_and_ends(void **state)
{
	struct example e;
	(void)state;
	example_init(&e);
	assert_ptr_equal(license_product(&e.license, "acme-sim"), &e.products[1]);
	assert_null(license_product(&e.license, "acme"));
	assert_null(license_grant(&e.license, "cad"));
	assert_int_equal(grant_end(&e.license, &e.grants[0]), 1700000000 + 100 * DAY);
	assert_int_equal(grant_end(&e.license, &e.grants[1]), e.license.exp);
	e.grants[0].exp = e.license.exp + 1;
	assert_int_equal(grant_end(&e.license, &e.grants[0]), e.license.exp);
}

static void test_plans_as_a_mask(void **state)
{
	struct example e;
	(void)state;
	example_init(&e);
	assert_int_equal(grant_plans(&e.license, &e.grants[0]), 2);
	assert_int_equal(grant_plans(&e.license, &e.grants[1]), 3);
	assert_int_equal(grant_plans(&e.license, &e.grants[2]), 0);
	e.products[0].n_plans = LIMIT_PLANS;
	assert_int_equal(grant_plans(&e.license, &e.grants[1]), 0xffff);
	strcpy(e.grants[0].product, "gone");
	assert_int_equal(grant_plans(&e.license, &e.grants[0]), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_field_survives),
		cmocka_unit_test(test_a_short_license_takes_the_usual_terms),
		cmocka_unit_test(test_strict_reading),
		cmocka_unit_test(test_counts_of_arrays),
		cmocka_unit_test(test_altered_tokens),
		cmocka_unit_test(test_lookups_and_ends),
		cmocka_unit_test(test_plans_as_a_mask),
	};
	return cmocka_run_group_tests_name("license", tests, setup, NULL);
}
