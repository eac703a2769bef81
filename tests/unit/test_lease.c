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
#include "lease.h"
#include "mutate.h"

#define NOW 1700000000
#define DAY 86400

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

/* A certificate and a lease that agree; tests change one thing. */
struct example {
	struct certificate cert;
	struct lease lease;
	const uint8_t *cert_secret;
	const uint8_t *lease_secret;
	const char *product;
	const uint8_t *device;
};

static struct example example(void)
{
	static const uint8_t device[DEVICE_ID] = {1, 2, 3};
	struct example e = {
		.cert = {.head = {.iat = NOW, .jti = "c"},
			 .name = "h",
			 .org = "fjord",
			 .license = "fjord-1",
			 .products = {"acme-cad"},
			 .n_products = 1,
			 .lease_days_max = 180,
			 .nbf = NOW - DAY,
			 .exp = NOW + DAY},
		.lease = {.head = {.iat = NOW, .jti = "l"},
			  .product = "acme-cad",
			  .model = MODEL_VOLUME,
			  .device = {1, 2, 3},
			  .plans = {"modeler", "render"},
			  .n_plans = 2,
			  .exp = NOW + 180 * DAY,
			  .renew_after = NOW + 7 * DAY,
			  .grant = "cad-volume",
			  .license = "fjord-1",
			  .org = "fjord",
			  .have = 30,
			  .need = 25,
			  .serial = 3,
			  .on_expiry = ON_EXPIRY_REDUCED},
		.cert_secret = vendor_secret,
		.lease_secret = host_secret,
		.product = "acme-cad",
		.device = device,
	};
	paserk_pid_write(vendor, e.cert.head.iss);
	memcpy(e.cert.vendor, vendor, sizeof(vendor));
	memcpy(e.cert.sign, host, sizeof(host));
	paserk_pid_write(host, e.lease.head.iss);
	paserk_pid_write(vendor, e.lease.vendor);
	return e;
}

static int verify(const struct example *e)
{
	char *cert = NULL;
	char *lease = NULL;
	struct lease got;
	struct certificate got_cert;
	assert_int_equal(certificate_sign(&e->cert, e->cert_secret, &cert), 0);
	assert_int_equal(lease_sign(&e->lease, e->lease_secret, &lease), 0);
	int error = lease_verify(lease, cert, ROOTS_OF(vendor), e->product, e->device, &got, &got_cert);
	if (!error) {
		assert_int_equal(got.serial, e->lease.serial);
		assert_string_equal(got_cert.org, e->cert.org);
	}
	free(cert);
	free(lease);
	return error;
}

static char *example_token(void)
{
	struct example e = example();
	char *token = NULL;
	assert_int_equal(lease_sign(&e.lease, host_secret, &token), 0);
	return token;
}

static void test_every_field_survives(void **state)
{
	struct example e = example();
	struct lease back;
	char *token = example_token();
	(void)state;
	assert_int_equal(lease_open(token, strlen(token), host, &back, NULL), 0);
	assert_string_equal(back.head.iss, e.lease.head.iss);
	assert_int_equal(back.head.iat, NOW);
	assert_string_equal(back.head.jti, "l");
	assert_string_equal(back.vendor, e.lease.vendor);
	assert_string_equal(back.product, "acme-cad");
	assert_int_equal(back.model, MODEL_VOLUME);
	assert_memory_equal(back.device, e.lease.device, DEVICE_ID);
	assert_int_equal(back.n_plans, 2);
	assert_string_equal(back.plans[1], "render");
	assert_int_equal(back.exp, e.lease.exp);
	assert_int_equal(back.renew_after, e.lease.renew_after);
	assert_string_equal(back.grant, "cad-volume");
	assert_string_equal(back.license, "fjord-1");
	assert_string_equal(back.org, "fjord");
	assert_int_equal(back.have, 30);
	assert_int_equal(back.need, 25);
	assert_int_equal(back.serial, 3);
	assert_int_equal(back.on_expiry, ON_EXPIRY_REDUCED);
	free(token);
}

static void test_a_perpetual_lease(void **state)
{
	struct example e = example();
	struct lease back;
	char *token = NULL;
	(void)state;
	e.lease.exp = e.lease.renew_after = e.lease.need = 0;
	e.lease.n_plans = 0;
	assert_int_equal(lease_sign(&e.lease, host_secret, &token), 0);
	assert_int_equal(lease_open(token, strlen(token), host, &back, NULL), 0);
	assert_int_equal(back.exp, 0);
	assert_int_equal(back.renew_after, 0);
	assert_int_equal(back.need, 0);
	assert_int_equal(back.n_plans, 0);
	free(token);
}

static void test_the_same_lease_gives_the_same_bytes(void **state)
{
	char *a = example_token();
	char *b = example_token();
	(void)state;
	assert_string_equal(a, b);
	free(a);
	free(b);
}

/* Every claim at its largest: what a license allows can always be sent. */
static void test_the_largest_lease_fits(void **state)
{
	struct example e = example();
	char *token = NULL;
	char longest[LIMIT_ID + 1];
	(void)state;
	memset(longest, 'a', LIMIT_ID);
	longest[LIMIT_ID] = 0;
	strcpy(e.lease.product, longest);
	strcpy(e.lease.grant, longest);
	strcpy(e.lease.license, longest);
	strcpy(e.lease.org, longest);
	for (e.lease.n_plans = 0; e.lease.n_plans < LIMIT_PLANS; e.lease.n_plans++) {
		longest[0] = (char)('a' + e.lease.n_plans);
		strcpy(e.lease.plans[e.lease.n_plans], longest);
	}
	memset(e.lease.head.jti, 'j', CLAIMS_JTI - 1);
	e.lease.exp = e.lease.renew_after = INT64_MAX;
	e.lease.serial = e.lease.have = e.lease.need = INT64_MAX;
	assert_int_equal(lease_sign(&e.lease, host_secret, &token), 0);
	assert_true(strlen(token) <= LIMIT_LEASE);
	free(token);
}

#define BAD(path, json, where)                                                                               \
	{                                                                                                    \
		path, json, E_CLAIM_INVALID, where                                                           \
	}

static const struct mutation mutations[] = {
	{"unknown", "0", 0, NULL},
	{"user", "\"somebody\"", 0, NULL},
	BAD("vendor", NULL, "vendor"),
	BAD("vendor", "\"k4.pid.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"", "vendor"),
	BAD("product", "\"Acme\"", "product"),
	BAD("model", "\"free\"", "model"),
	BAD("model", NULL, "model"),
	BAD("device", NULL, "device"),
	BAD("device", "\"AAAA\"", "device"),
	{"plans", NULL, 0, NULL},
	BAD("plans", "[\"a\",\"a\"]", "plans"),
	{"exp", NULL, 0, NULL},
	{"exp", "null", 0, NULL},
	BAD("exp", "1700000000", "exp"),
	BAD("exp", "\"\"", "exp"),
	{"renew_after", NULL, 0, NULL},
	BAD("renew_after", "{}", "renew_after"),
	BAD("grant", NULL, "grant"),
	BAD("license", NULL, "license"),
	BAD("org", NULL, "org"),
	{"count", NULL, 0, NULL},
	BAD("count", "30", "count"),
	BAD("count/have", NULL, "have"),
	BAD("count/have", "-1", "have"),
	BAD("count/need", "\"25\"", "need"),
	BAD("serial", NULL, "serial"),
	BAD("serial", "0", "serial"),
	BAD("on_expiry", NULL, "on_expiry"),
	BAD("on_expiry", "\"later\"", "on_expiry"),
	BAD("iss", NULL, "iss"),
	BAD("iat", "\"yesterday\"", "iat"),
	BAD("jti", NULL, "jti"),
	{"typ", "\"muster.license\"", E_WRONG_TYPE, NULL},
	{"ver", "9", E_CRITICAL_UNKNOWN, NULL},
	{"crit", "[\"user\"]", E_CRITICAL_UNKNOWN, NULL},
};

static void test_strict_reading(void **state)
{
	char *token = example_token();
	(void)state;
	for (size_t i = 0; i < sizeof(mutations) / sizeof(mutations[0]); i++) {
		struct lease back;
		struct claims fault;
		char *changed = mutate_token(token, &mutations[i], "muster.lease", host_secret);
		int error = lease_open(changed, strlen(changed), host, &back, &fault);
		mutate_check(&mutations[i], error, fault.where);
		assert_int_equal(lease_open(changed, strlen(changed), host, &back, NULL), error);
		free(changed);
	}
	free(token);
}

/* --- lease_verify: every code --- */

static void test_verify_a_good_one(void **state)
{
	struct example e = example();
	(void)state;
	assert_int_equal(verify(&e), 0);
	e.device = NULL;
	assert_int_equal(verify(&e), 0);
	e.cert.n_products = 0;
	assert_int_equal(verify(&e), 0);
}

static void test_verify_host_untrusted(void **state)
{
	struct example e = example();
	(void)state;
	e.cert_secret = host_secret; /* the host certifies itself */
	assert_int_equal(verify(&e), E_HOST_UNTRUSTED);
}

static void test_verify_signature(void **state)
{
	struct example e = example();
	(void)state;
	e.lease_secret = vendor_secret; /* not even the vendor signs leases */
	assert_int_equal(verify(&e), E_SIGNATURE_INVALID);
	e = example();
	e.cert.sign[0] ^= 1;
	assert_int_equal(verify(&e), E_SIGNATURE_INVALID);
}

static void test_verify_term_of_the_certificate(void **state)
{
	struct example e = example();
	(void)state;
	e.cert.lease_days_max = 0;
	e.lease.head.iat = e.cert.exp;
	assert_int_equal(verify(&e), E_CERTIFICATE_EXPIRED);
	e.lease.head.iat = e.cert.exp - 1;
	assert_int_equal(verify(&e), 0);
	e.lease.head.iat = e.cert.nbf;
	assert_int_equal(verify(&e), 0);
	e.lease.head.iat = e.cert.nbf - 1;
	assert_int_equal(verify(&e), E_NOT_YET_VALID);
}

static void test_verify_longest_lease(void **state)
{
	struct example e = example();
	(void)state;
	e.cert.lease_days_max = 180;
	e.lease.exp = e.lease.head.iat + 180 * (int64_t)86400;
	assert_int_equal(verify(&e), 0);
	e.lease.exp++;
	assert_int_equal(verify(&e), E_CLAIM_INVALID);
	e.lease.exp = 0; /* perpetual */
	assert_int_equal(verify(&e), E_CLAIM_INVALID);
	e.cert.lease_days_max = 0;
	assert_int_equal(verify(&e), 0);
}

static void test_verify_product(void **state)
{
	struct example e = example();
	(void)state;
	e.product = "acme-sim";
	assert_int_equal(verify(&e), E_WRONG_PRODUCT);
	e.product = "";
	assert_int_equal(verify(&e), E_WRONG_PRODUCT);
	/* The lease says so, too, but the certificate does not let this host serve it. */
	e.product = "acme-sim";
	strcpy(e.lease.product, "acme-sim");
	assert_int_equal(verify(&e), E_WRONG_PRODUCT);
}

static void test_verify_device(void **state)
{
	static const uint8_t other[DEVICE_ID] = {1, 2, 4};
	struct example e = example();
	(void)state;
	e.device = other;
	assert_int_equal(verify(&e), E_WRONG_DEVICE);
}

static void test_verify_vendor(void **state)
{
	struct example e = example();
	(void)state;
	paserk_pid_write(host, e.lease.vendor);
	assert_int_equal(verify(&e), E_WRONG_VENDOR);
}

static void test_verify_host(void **state)
{
	struct example e = example();
	(void)state;
	paserk_pid_write(vendor, e.lease.head.iss);
	assert_int_equal(verify(&e), E_WRONG_HOST);
}

static void test_verify_org(void **state)
{
	struct example e = example();
	(void)state;
	strcpy(e.lease.org, "lagoon");
	assert_int_equal(verify(&e), E_WRONG_ORG);
	e = example();
	strcpy(e.lease.license, "lagoon-1");
	assert_int_equal(verify(&e), E_CLAIM_INVALID);
}

static void test_verify_other_files(void **state)
{
	struct example e = example();
	struct lease got;
	struct certificate got_cert;
	char *cert = NULL;
	char *lease = example_token();
	(void)state;
	assert_int_equal(certificate_sign(&e.cert, vendor_secret, &cert), 0);
	assert_int_equal(lease_verify(lease, lease, ROOTS_OF(vendor), "acme-cad", NULL, &got, &got_cert),
			 E_HOST_UNTRUSTED);
	assert_int_equal(lease_verify(cert, cert, ROOTS_OF(vendor), "acme-cad", NULL, &got, &got_cert),
			 E_SIGNATURE_INVALID);
	assert_int_equal(lease_verify("", cert, ROOTS_OF(vendor), "acme-cad", NULL, &got, &got_cert),
			 E_MALFORMED);
	assert_int_equal(lease_verify(lease, "", ROOTS_OF(vendor), "acme-cad", NULL, &got, &got_cert),
			 E_MALFORMED);
	free(cert);
	free(lease);
}

/* --- device id --- */

static void test_the_device_id_hashes_both_keys(void **state)
{
	uint8_t fixed[NOISE_KEY] = {1};
	uint8_t sign[PASETO_PUBLIC] = {2};
	uint8_t input[15 + 64];
	uint8_t want[DEVICE_ID];
	uint8_t got[DEVICE_ID];
	uint8_t other[DEVICE_ID];
	char text[DEVICE_ID_TEXT];
	(void)state;
	memcpy(input, "muster/1 device", 15);
	memcpy(input + 15, fixed, 32);
	memcpy(input + 47, sign, 32);
	crypto_generichash(want, sizeof(want), input, sizeof(input), NULL, 0);
	device_id(fixed, sign, got);
	assert_memory_equal(got, want, sizeof(want));
	device_id(sign, fixed, other);
	assert_memory_not_equal(got, other, sizeof(want));
	device_id_write(got, text);
	assert_int_equal(strlen(text), DEVICE_ID_TEXT - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_field_survives),
		cmocka_unit_test(test_a_perpetual_lease),
		cmocka_unit_test(test_the_same_lease_gives_the_same_bytes),
		cmocka_unit_test(test_the_largest_lease_fits),
		cmocka_unit_test(test_strict_reading),
		cmocka_unit_test(test_verify_a_good_one),
		cmocka_unit_test(test_verify_host_untrusted),
		cmocka_unit_test(test_verify_signature),
		cmocka_unit_test(test_verify_term_of_the_certificate),
		cmocka_unit_test(test_verify_longest_lease),
		cmocka_unit_test(test_verify_product),
		cmocka_unit_test(test_verify_device),
		cmocka_unit_test(test_verify_vendor),
		cmocka_unit_test(test_verify_host),
		cmocka_unit_test(test_verify_org),
		cmocka_unit_test(test_verify_other_files),
		cmocka_unit_test(test_the_device_id_hashes_both_keys),
	};
	return cmocka_run_group_tests_name("lease", tests, setup, NULL);
}
