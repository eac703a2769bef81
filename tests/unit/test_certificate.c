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

#include "certificate.h"
#include "error.h"
#include "mutate.h"

static uint8_t vendor[PASETO_PUBLIC];
static uint8_t vendor_secret[PASETO_SECRET];
static uint8_t host[PASETO_PUBLIC];
static uint8_t host_secret[PASETO_SECRET];

static int setup(void **state)
{
	static const uint8_t seeds[2][crypto_sign_SEEDBYTES] = {{1}, {2}};
	(void)state;
	if (sodium_init() < 0)
		return -1;
	return crypto_sign_seed_keypair(vendor, vendor_secret, seeds[0]) |
	       crypto_sign_seed_keypair(host, host_secret, seeds[1]);
}

static struct certificate example(void)
{
	struct certificate cert = {
		.head = {.iat = 1700000000, .jti = "jti"},
		.fixed = {7, 8, 9},
		.name = "lic1.fjord.example",
		.ledger = {1, 2, 3, 4},
		.org = "fjord",
		.license = "fjord-1",
		.products = {"acme-cad", "acme-sim"},
		.n_products = 2,
		.lease_days_max = 180,
		.fp_salt = {5, 6},
		.nbf = 1700000000,
		.exp = 1700000000 + 86400,
	};
	paserk_pid_write(vendor, cert.head.iss);
	memcpy(cert.vendor, vendor, sizeof(vendor));
	memcpy(cert.sign, host, sizeof(host));
	return cert;
}

static char *example_token(void)
{
	struct certificate cert = example();
	char *token = NULL;
	assert_int_equal(certificate_sign(&cert, vendor_secret, &token), 0);
	return token;
}

static void test_every_field_survives(void **state)
{
	struct certificate cert = example();
	struct certificate back;
	struct claims fault;
	char *token = example_token();
	(void)state;
	assert_true(strlen(token) <= LIMIT_CERTIFICATE);
	assert_int_equal(certificate_open(token, strlen(token), ROOTS_OF(vendor), &back, &fault), 0);
	assert_string_equal(back.head.iss, cert.head.iss);
	assert_int_equal(back.head.iat, cert.head.iat);
	assert_string_equal(back.head.jti, cert.head.jti);
	assert_memory_equal(back.vendor, vendor, sizeof(vendor));
	assert_memory_equal(back.sign, host, sizeof(host));
	assert_memory_equal(back.fixed, cert.fixed, sizeof(cert.fixed));
	assert_string_equal(back.name, cert.name);
	assert_memory_equal(back.ledger, cert.ledger, LEDGER_ID);
	assert_string_equal(back.org, "fjord");
	assert_string_equal(back.license, "fjord-1");
	assert_int_equal(back.n_products, 2);
	assert_string_equal(back.products[1], "acme-sim");
	assert_int_equal(back.lease_days_max, 180);
	assert_memory_equal(back.fp_salt, cert.fp_salt, sizeof(cert.fp_salt));
	assert_int_equal(back.nbf, cert.nbf);
	assert_int_equal(back.exp, cert.exp);
	free(token);
}

#define BAD(path, json, where)                                                                               \
	{                                                                                                    \
		path, json, E_CLAIM_INVALID, where                                                           \
	}
#define TEXT32 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define TEXT256 TEXT32 TEXT32 TEXT32 TEXT32 TEXT32 TEXT32 TEXT32 TEXT32
#define BYTES32 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static const struct mutation mutations[] = {
	{"unknown", "0", 0, NULL},
	BAD("vendor", NULL, "vendor"),
	BAD("vendor", "\"k4.public." BYTES32 "\"", "vendor"),
	BAD("vendor", "\"k4.secret." BYTES32 "\"", "vendor"),
	BAD("iss", "\"k4.pid.other\"", "iss"),
	BAD("host", NULL, "host"),
	BAD("host", "[]", "host"),
	BAD("host/sign", NULL, "sign"),
	BAD("host/sign", "\"" BYTES32 "\"", "sign"),
	BAD("host/static", NULL, "static"),
	BAD("host/static", "\"" BYTES32 "A\"", "static"),
	BAD("host/static", "\"" BYTES32 "=\"", "static"),
	{"host/static", "\"" BYTES32 "\"", 0, NULL},
	BAD("host/name", NULL, "name"),
	BAD("host/name", "\"" TEXT256 "\"", "name"),
	BAD("ledger", NULL, "ledger"),
	BAD("ledger", "\"AAAA\"", "ledger"),
	BAD("org", "\"Fjord AS\"", "org"),
	BAD("license", NULL, "license"),
	{"products", NULL, 0, NULL},
	{"products", "[]", 0, NULL},
	BAD("products", "[\"a\",\"a\"]", "products"),
	BAD("products", "[\"A\"]", "products"),
	BAD("products", "\"acme-cad\"", "products"),
	{"lease_days_max", NULL, 0, NULL},
	{"lease_days_max", "4294967295", 0, NULL},
	BAD("lease_days_max", "4294967296", "lease_days_max"),
	BAD("lease_days_max", "-1", "lease_days_max"),
	BAD("usages", NULL, "usages"),
	BAD("usages", "[]", "usages"),
	BAD("usages", "[\"rpc\"]", "usages"),
	BAD("usages", "[\"lease\"]", "usages"),
	BAD("usages", "[\"rpc\",\"rpc\"]", "usages"),
	BAD("usages", "\"rpc lease\"", "usages"),
	{"usages", "[\"lease\",\"audit\",\"rpc\"]", 0, NULL},
	BAD("usages", "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,\"rpc\",\"lease\"]", "usages"),
	BAD("fp_salt", NULL, "fp_salt"),
	BAD("nbf", NULL, "nbf"),
	BAD("exp", NULL, "exp"),
	BAD("exp", "0", "exp"),
	{"crit", "[\"x\"]", E_CRITICAL_UNKNOWN, NULL},
	{"typ", "\"muster.license\"", E_WRONG_TYPE, NULL},
};

static void test_the_longest_name(void **state)
{
	(void)state;
	for (size_t n = LIMIT_HOSTNAME; n <= LIMIT_HOSTNAME + 1; n++) {
		char json[LIMIT_HOSTNAME + 4];
		char *token = example_token();
		struct certificate back;
		memset(json, 'h', sizeof(json));
		json[0] = json[n + 1] = '"';
		json[n + 2] = 0;
		struct mutation m = {"host/name", json, n > LIMIT_HOSTNAME ? E_CLAIM_INVALID : 0, NULL};
		char *changed = mutate_token(token, &m, "muster.certificate", vendor_secret);
		mutate_check(&m, certificate_open(changed, strlen(changed), ROOTS_OF(vendor), &back, NULL),
			     "");
		free(changed);
		free(token);
	}
}

static void test_strict_reading(void **state)
{
	char *token = example_token();
	(void)state;
	for (size_t i = 0; i < sizeof(mutations) / sizeof(mutations[0]); i++) {
		struct certificate back;
		struct claims fault;
		char *changed = mutate_token(token, &mutations[i], "muster.certificate", vendor_secret);
		int error = certificate_open(changed, strlen(changed), ROOTS_OF(vendor), &back, &fault);
		mutate_check(&mutations[i], error, fault.where);
		assert_int_equal(certificate_open(changed, strlen(changed), ROOTS_OF(vendor), &back, NULL),
				 error);
		free(changed);
	}
	free(token);
}

static void test_a_certificate_by_somebody_else(void **state)
{
	struct certificate cert = example();
	struct certificate back;
	uint8_t named[PASETO_PUBLIC];
	char *token = NULL;
	(void)state;
	assert_int_equal(certificate_sign(&cert, host_secret, &token), 0);
	assert_int_equal(certificate_open(token, strlen(token), ROOTS_OF(vendor), &back, NULL),
			 E_SIGNATURE_INVALID);
	/* It verifies with the key of who signed it, but that is not the vendor that it names. */
	assert_int_equal(certificate_open(token, strlen(token), ROOTS_OF(host), &back, NULL),
			 E_CLAIM_INVALID);
	assert_int_equal(certificate_vendor(token, strlen(token), named), 0);
	assert_memory_equal(named, vendor, sizeof(vendor));
	free(token);
	assert_int_equal(certificate_vendor("v4.public.AA", 12, named), E_MALFORMED);
	assert_int_equal(paseto_sign(host_secret, "{\"vendor\":5}", 12, "", "", &token), 0);
	assert_int_equal(certificate_vendor(token, strlen(token), named), E_CLAIM_INVALID);
	free(token);
}

static void test_it_must_fit_into_the_hello(void **state)
{
	struct certificate cert = example();
	bool refused = false;
	(void)state;
	for (cert.n_products = 0; cert.n_products <= LIMIT_PRODUCTS; cert.n_products++) {
		char *token = NULL;
		struct certificate back;
		int error = certificate_sign(&cert, vendor_secret, &token);
		assert_true(error == 0 || error == E_TOO_LARGE);
		assert_true((token != NULL) == (error == 0));
		if (!error) {
			assert_false(refused);
			assert_true(strlen(token) <= LIMIT_CERTIFICATE);
			assert_int_equal(
				certificate_open(token, strlen(token), ROOTS_OF(vendor), &back, NULL), 0);
			assert_int_equal(back.n_products, cert.n_products);
		}
		refused |= error != 0;
		free(token);
		if (cert.n_products < LIMIT_PRODUCTS)
			snprintf(cert.products[cert.n_products], LIMIT_ID + 1,
				 "product-with-a-rather-long-name-%zu", cert.n_products);
	}
	assert_true(refused);
}

static void test_its_term(void **state)
{
	struct certificate cert = example();
	(void)state;
	assert_int_equal(certificate_at(&cert, cert.nbf - 1), E_NOT_YET_VALID);
	assert_int_equal(certificate_at(&cert, cert.nbf), 0);
	assert_int_equal(certificate_at(&cert, cert.exp - 1), 0);
	assert_int_equal(certificate_at(&cert, cert.exp), E_CERTIFICATE_EXPIRED);
	assert_int_equal(certificate_at(&cert, INT64_MAX), E_CERTIFICATE_EXPIRED);
	assert_int_equal(certificate_at(&cert, INT64_MIN), E_NOT_YET_VALID);
}

static void test_products_covered(void **state)
{
	struct certificate cert = example();
	(void)state;
	assert_true(certificate_covers(&cert, "acme-cad"));
	assert_true(certificate_covers(&cert, "acme-sim"));
	assert_false(certificate_covers(&cert, "acme"));
	assert_false(certificate_covers(&cert, ""));
	cert.n_products = 0;
	assert_true(certificate_covers(&cert, "anything"));
}

/* --- the host's request --- */

static char *request_token(const uint8_t secret[PASETO_SECRET])
{
	struct host_request request = {
		.head = {.iat = 1700000000, .jti = "j"}, .fixed = {7}, .name = "h", .ledger = {1}};
	char *token = NULL;
	paserk_pid_write(host, request.head.iss);
	strcpy(request.replaces, "k4.pid.another");
	memcpy(request.sign, host, sizeof(host));
	assert_int_equal(host_request_sign(&request, secret, &token), 0);
	return token;
}

static void test_a_request_survives(void **state)
{
	struct host_request back;
	char *token = request_token(host_secret);
	(void)state;
	assert_int_equal(host_request_open(token, strlen(token), &back, NULL), 0);
	assert_memory_equal(back.sign, host, sizeof(host));
	assert_int_equal(back.fixed[0], 7);
	assert_int_equal(back.ledger[0], 1);
	assert_string_equal(back.name, "h");
	assert_string_equal(back.replaces, "k4.pid.another");
	assert_int_equal(back.head.iat, 1700000000);
	free(token);
}

static void test_a_request_must_be_signed_by_the_key_it_names(void **state)
{
	struct host_request back;
	char *token = request_token(vendor_secret);
	(void)state;
	assert_int_equal(host_request_open(token, strlen(token), &back, NULL), E_SIGNATURE_INVALID);
	free(token);
	token = request_token(host_secret);
	for (size_t i = 10; i < strlen(token); i += 3) {
		char was = token[i];
		token[i] = was == 'A' ? 'B' : 'A';
		assert_int_not_equal(host_request_open(token, strlen(token), &back, NULL), 0);
		token[i] = was;
	}
	free(token);
}

static const struct mutation request_mutations[] = {
	{"unknown", "0", 0, NULL},
	BAD("host", NULL, "host"),
	BAD("host/sign", NULL, "sign"),
	{"host/sign", "\"k4.public." BYTES32 "\"", E_SIGNATURE_INVALID, NULL},
	BAD("host/static", "\"AA\"", "static"),
	BAD("host/name", "\"\\u0007\"", "name"),
	BAD("ledger", NULL, "ledger"),
	BAD("iss", "\"k4.pid.another\"", "iss"),
	BAD("iss", NULL, "iss"),
	BAD("iat", NULL, "iat"),
	{"typ", "\"muster.certificate\"", E_WRONG_TYPE, NULL},
	{"crit", "[\"x\"]", E_CRITICAL_UNKNOWN, NULL},
};

static void test_strict_reading_of_a_request(void **state)
{
	char *token = request_token(host_secret);
	(void)state;
	for (size_t i = 0; i < sizeof(request_mutations) / sizeof(request_mutations[0]); i++) {
		struct host_request back;
		struct claims fault;
		char *changed =
			mutate_token(token, &request_mutations[i], "muster.host-request", host_secret);
		mutate_check(&request_mutations[i],
			     host_request_open(changed, strlen(changed), &back, &fault), fault.where);
		free(changed);
	}
	free(token);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_field_survives),
		cmocka_unit_test(test_the_longest_name),
		cmocka_unit_test(test_strict_reading),
		cmocka_unit_test(test_a_certificate_by_somebody_else),
		cmocka_unit_test(test_it_must_fit_into_the_hello),
		cmocka_unit_test(test_its_term),
		cmocka_unit_test(test_products_covered),
		cmocka_unit_test(test_a_request_survives),
		cmocka_unit_test(test_a_request_must_be_signed_by_the_key_it_names),
		cmocka_unit_test(test_strict_reading_of_a_request),
	};
	return cmocka_run_group_tests_name("certificate", tests, setup, NULL);
}
