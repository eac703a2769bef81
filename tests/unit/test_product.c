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
#include "mutate.h"
#include "product.h"
#include "vendor_key.h"

static struct product_file example(void)
{
	struct product_file file = {
		.head = {.iat = 1700000000, .jti = "jti"},
		.product = {.id = "acme-cad",
			    .name = "Acme CAD",
			    .version_from = "6.0",
			    .version_to = "7",
			    .plans = {{.id = "modeler", .name = "Modeler"},
				      {.id = "render", .name = "Render", .requires = 1},
				      {.id = "viewer", .conflicts = 3}},
			    .n_plans = 3},
		.grace_days = 30,
		.prompt_days = 25,
		.on_expiry = ON_EXPIRY_REDUCED,
	};
	strcpy(file.head.iss, pid);
	return file;
}

static char *example_token(void)
{
	struct product_file file = example();
	char *token = NULL;
	assert_int_equal(product_file_sign(&file, secret, &token), 0);
	return token;
}

static void test_every_field_survives(void **state)
{
	struct product_file file = example();
	struct product_file back;
	struct claims fault;
	char *token = example_token();
	(void)state;
	assert_int_equal(product_file_open(token, strlen(token), ROOTS_OF(public), &back, &fault), 0);
	assert_string_equal(back.head.iss, file.head.iss);
	assert_int_equal(back.head.iat, file.head.iat);
	assert_string_equal(back.head.jti, file.head.jti);
	assert_string_equal(back.product.id, "acme-cad");
	assert_string_equal(back.product.name, "Acme CAD");
	assert_string_equal(back.product.version_from, "6.0");
	assert_string_equal(back.product.version_to, "7");
	assert_int_equal(back.product.n_plans, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_string_equal(back.product.plans[i].id, file.product.plans[i].id);
		assert_string_equal(back.product.plans[i].name, file.product.plans[i].name);
		assert_int_equal(back.product.plans[i].conflicts, file.product.plans[i].conflicts);
		assert_int_equal(back.product.plans[i].requires, file.product.plans[i].requires);
	}
	assert_int_equal(back.grace_days, 30);
	assert_int_equal(back.prompt_days, 25);
	assert_int_equal(back.on_expiry, ON_EXPIRY_REDUCED);
	free(token);
}

#define BAD(path, json, where)                                                                               \
	{                                                                                                    \
		path, json, E_CLAIM_INVALID, where                                                           \
	}
#define TEXT16 "aaaaaaaaaaaaaaaa"
#define TEXT128 TEXT16 TEXT16 TEXT16 TEXT16 TEXT16 TEXT16 TEXT16 TEXT16

static const struct mutation mutations[] = {
	{"unknown", "{\"a\":1}", 0, NULL},
	{"grace_days", NULL, 0, NULL},
	{"grace_days", "0", 0, NULL},
	{"grace_days", "90", 0, NULL},
	BAD("grace_days", "91", "grace_days"),
	BAD("grace_days", "-1", "grace_days"),
	BAD("grace_days", "30.0", "grace_days"),
	{"prompt_days", NULL, 0, NULL},
	BAD("prompt_days", "91", "prompt_days"),
	BAD("prompt_days", "\"25\"", "prompt_days"),
	{"on_expiry", NULL, 0, NULL},
	BAD("on_expiry", "\"explode\"", "on_expiry"),
	BAD("on_expiry", "1", "on_expiry"),
	BAD("iss", "\"k4.pid.somebody-else\"", "iss"),
	BAD("iss", NULL, "iss"),
	BAD("iat", "1700000000", "iat"),
	BAD("jti", "\"\"", "jti"),
	BAD("product", NULL, "product"),
	BAD("product", "[]", "product"),
	BAD("product", "\"acme-cad\"", "product"),
	BAD("product/id", NULL, "id"),
	BAD("product/id", "\"Acme CAD\"", "id"),
	BAD("product/id", "\"../../etc/passwd\"", "id"),
	BAD("product/name", NULL, "name"),
	BAD("product/name", "\"\"", "name"),
	BAD("product/name", "\"a\\u001b[31m\"", "name"),
	BAD("product/name", "\"" TEXT128 "\"", "name"),
	{"product/versions", NULL, 0, NULL},
	{"product/versions", "{}", 0, NULL},
	BAD("product/versions", "[]", "versions"),
	BAD("product/versions/from", "7", "from"),
	BAD("product/versions/to", "\"" TEXT16 TEXT16 "\"", "to"),
	{"product/plans", NULL, 0, NULL},
	{"product/plans", "[]", 0, NULL},
	BAD("product/plans", "{}", "plans"),
	BAD("product/plans", "[\"modeler\"]", "id"),
	BAD("product/plans", "[{\"id\":\"a\"},{\"id\":\"a\"}]", "plans"),
	BAD("product/plans/0/id", "\"render\"", "plans"),
	BAD("product/plans/0/id", "\"other\"", "requires"),
	BAD("product/plans/1/requires", "[\"nothing\"]", "requires"),
	BAD("product/plans/1/requires", "\"modeler\"", "requires"),
	BAD("product/plans/2/conflicts", "[\"modeler\",\"modeler\"]", "conflicts"),
	{"product/plans/2/conflicts", "[\"modeler\"]", 0, NULL},
};

static void test_strict_reading(void **state)
{
	char *token = example_token();
	(void)state;
	for (size_t i = 0; i < sizeof(mutations) / sizeof(mutations[0]); i++) {
		struct product_file back;
		struct claims fault;
		char *changed = mutate_token(token, &mutations[i], "muster.product", secret);
		int error = product_file_open(changed, strlen(changed), ROOTS_OF(public), &back, &fault);
		mutate_check(&mutations[i], error, fault.where);
		assert_int_equal(product_file_open(changed, strlen(changed), ROOTS_OF(public), &back, NULL),
				 error);
		free(changed);
	}
	free(token);
}

static void test_half_a_range_survives(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		struct product_file file = example();
		struct product_file back;
		char *token = NULL;
		strcpy(file.product.version_from, i == 1 ? "6" : "");
		strcpy(file.product.version_to, i == 2 ? "7" : "");
		assert_int_equal(product_file_sign(&file, secret, &token), 0);
		assert_int_equal(product_file_open(token, strlen(token), ROOTS_OF(public), &back, NULL), 0);
		assert_string_equal(back.product.version_from, file.product.version_from);
		assert_string_equal(back.product.version_to, file.product.version_to);
		free(token);
	}
}

static void test_sixteen_plans_and_no_more(void **state)
{
	(void)state;
	for (size_t n = LIMIT_PLANS; n <= LIMIT_PLANS + 1; n++) {
		char *token = example_token();
		char json[1024] = "[";
		for (size_t i = 0; i < n; i++)
			snprintf(json + strlen(json), sizeof(json) - strlen(json),
				 "%s{\"id\":\"p%zu\",\"requires\":[\"p%zu\"]}", i ? "," : "", i, n - 1 - i);
		strcat(json, "]");
		struct mutation m = {"product/plans", json, n > LIMIT_PLANS ? E_CLAIM_INVALID : 0, "plans"};
		struct product_file back;
		struct claims fault;
		char *changed = mutate_token(token, &m, "muster.product", secret);
		mutate_check(&m, product_file_open(changed, strlen(changed), ROOTS_OF(public), &back, &fault),
			     fault.where);
		if (n == LIMIT_PLANS) {
			assert_int_equal(back.product.n_plans, LIMIT_PLANS);
			assert_int_equal(back.product.plans[0].requires, 1u << 15);
		}
		free(changed);
		free(token);
	}
}

static void test_another_vendor(void **state)
{
	char *token = example_token();
	uint8_t other[PASETO_PUBLIC];
	struct product_file back;
	(void)state;
	memcpy(other, public, sizeof(other));
	other[0] ^= 1;
	assert_int_equal(product_file_open(token, strlen(token), ROOTS_OF(other), &back, NULL),
			 E_SIGNATURE_INVALID);
	assert_int_equal(product_file_open("nonsense", 8, ROOTS_OF(public), &back, NULL), E_MALFORMED);
	free(token);
}

static void test_plans_by_id(void **state)
{
	struct product_file file = example();
	(void)state;
	assert_int_equal(product_plan(&file.product, "modeler"), 0);
	assert_int_equal(product_plan(&file.product, "viewer"), 2);
	assert_int_equal(product_plan(&file.product, "view"), -1);
	assert_int_equal(product_plan(&file.product, ""), -1);
}

static void test_versions_covered(void **state)
{
	static const struct {
		const char *from, *to, *version;
		bool covered;
	} rows[] = {
		{"", "", "", true},
		{"", "", "1.2", true},
		{"6.0", "7", "", true},
		{"6.0", "7", "6", true},
		{"6.0", "7", "6.0", true},
		{"6.0", "7", "6.0.0", true},
		{"6.0", "7", "5.9", false},
		{"6.0", "7", "5", false},
		{"6.0", "7", "7", true},
		{"6.0", "7", "7.9", true},
		{"6.0", "7", "7.10.3", true},
		{"6.0", "7", "8", false},
		{"6.0", "7", "8.0", false},
		{"6.0", "7", "70", false},
		{"6.0", "7", "10", false},
		{"", "7.2", "7.2.9", true},
		{"", "7.2", "7.3", false},
		{"", "7.2", "7", true},
		{"7.1", "", "7", false},
		{"7.0", "", "7", true},
		{"", "7.0", "7", true},
		{"7.10", "", "7.9", false},
		{"7.9", "", "7.10", true},
		{"7.9", "", "7.9.1", true},
		{"2024", "2025", "2024.2", true},
		{"2024", "2025", "2026", false},
		{"1", "1", "1.0.0.0", true},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct product p = {.id = "x"};
		strcpy(p.version_from, rows[i].from);
		strcpy(p.version_to, rows[i].to);
		if (product_covers(&p, rows[i].version) != rows[i].covered)
			print_error("%s - %s: %s\n", rows[i].from, rows[i].to, rows[i].version);
		assert_int_equal(product_covers(&p, rows[i].version), rows[i].covered);
	}
}

/* Versions come from devices: any text must do no harm, and end. */
static void test_odd_versions_end(void **state)
{
	static const char *const odd[] = {
		".",  "..", "...........", "a.b.c", "7beta",    "-1",  "+1",  " 7", "99999999999999999999999",
		"7.", ".7", "7..1",        "v7",    "\xff\xfe", "1e9", "0x10"};
	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		for (size_t j = 0; j < sizeof(odd) / sizeof(odd[0]); j++) {
			struct product p = {.id = "x"};
			strcpy(p.version_from, odd[j]);
			strcpy(p.version_to, odd[i]);
			bool once = product_covers(&p, odd[j]);
			assert_int_equal(product_covers(&p, odd[j]), once);
			assert_true(product_covers(&p, ""));
		}
	}
	struct product p = {.id = "x", .version_to = "7"};
	assert_false(product_covers(&p, "99999999999999999999999"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_field_survives),
		cmocka_unit_test(test_strict_reading),
		cmocka_unit_test(test_half_a_range_survives),
		cmocka_unit_test(test_sixteen_plans_and_no_more),
		cmocka_unit_test(test_another_vendor),
		cmocka_unit_test(test_plans_by_id),
		cmocka_unit_test(test_versions_covered),
		cmocka_unit_test(test_odd_versions_end),
	};
	return cmocka_run_group_tests_name("product", tests, setup, NULL);
}
