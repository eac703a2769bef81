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
#include "offline_answer.h"

#define NOW 1700000000
#define DAY 86400

static uint8_t vendor[PASETO_PUBLIC];
static uint8_t vendor_secret[PASETO_SECRET];
static uint8_t host[PASETO_PUBLIC];
static uint8_t host_secret[PASETO_SECRET];
static const uint8_t device[DEVICE_ID] = {1, 2, 3};

static int setup(void **state)
{
	static const uint8_t seeds[2][crypto_sign_SEEDBYTES] = {{61}, {62}};
	(void)state;
	if (sodium_init() < 0)
		return -1;
	return crypto_sign_seed_keypair(vendor, vendor_secret, seeds[0]) |
	       crypto_sign_seed_keypair(host, host_secret, seeds[1]);
}

static void put_certificate(char out[LIMIT_CERTIFICATE + 1])
{
	static struct certificate cert;
	char *token = NULL;
	cert = (struct certificate){.head = {.iat = NOW, .jti = "c"},
				    .name = "h",
				    .org = "fjord",
				    .license = "fjord-1",
				    .nbf = NOW - DAY,
				    .exp = NOW + DAY};
	paserk_pid_write(vendor, cert.head.iss);
	memcpy(cert.vendor, vendor, sizeof(vendor));
	memcpy(cert.sign, host, sizeof(host));
	assert_int_equal(certificate_sign(&cert, vendor_secret, &token), 0);
	snprintf(out, LIMIT_CERTIFICATE + 1, "%s", token);
	free(token);
}

static void put_lease(const uint8_t of[DEVICE_ID], const char *product, char out[LIMIT_LEASE + 1])
{
	static struct lease lease;
	char *token = NULL;
	lease = (struct lease){.head = {.iat = NOW, .jti = "l"},
			       .model = MODEL_VOLUME,
			       .exp = NOW + 180 * DAY,
			       .grant = "cad",
			       .license = "fjord-1",
			       .org = "fjord",
			       .serial = 1};
	paserk_pid_write(host, lease.head.iss);
	paserk_pid_write(vendor, lease.vendor);
	memcpy(lease.device, of, DEVICE_ID);
	snprintf(lease.product, sizeof(lease.product), "%s", product);
	assert_int_equal(lease_sign(&lease, host_secret, &token), 0);
	snprintf(out, LIMIT_LEASE + 1, "%s", token);
	free(token);
}

static struct offline_answer example(void)
{
	struct offline_answer a = {.head = {.iat = NOW, .jti = "a"}, .request = "r", .product = "acme-cad"};
	paserk_pid_write(host, a.head.iss);
	paserk_pid_write(vendor, a.vendor);
	memcpy(a.device, device, DEVICE_ID);
	put_lease(device, "acme-cad", a.lease);
	put_certificate(a.certificate);
	return a;
}

static char *sign(const struct offline_answer *a)
{
	char *token = NULL;
	assert_int_equal(offline_answer_sign(a, host_secret, &token), 0);
	return token;
}

static int verify(const char *token, const uint8_t key[PASETO_PUBLIC], const char *product, const uint8_t *of)
{
	static struct offline_answer a;
	static struct lease lease;
	static struct certificate cert;
	return offline_answer_verify(token, strlen(token), ROOTS_OF(key), product, of, &a, &lease, &cert);
}

static void test_every_field_survives(void **state)
{
	struct offline_answer want = example();
	struct offline_answer back;
	struct offline_label label;
	(void)state;
	char *token = sign(&want);
	assert_int_equal(offline_answer_open(token, strlen(token), host, &back, NULL), 0);
	assert_string_equal(back.head.iss, want.head.iss);
	assert_int_equal(back.head.iat, NOW);
	assert_string_equal(back.request, "r");
	assert_memory_equal(back.device, device, DEVICE_ID);
	assert_string_equal(back.vendor, want.vendor);
	assert_string_equal(back.product, "acme-cad");
	assert_string_equal(back.lease, want.lease);
	assert_string_equal(back.certificate, want.certificate);
	assert_int_equal(offline_answer_label(token, strlen(token), &label), 0);
	assert_memory_equal(label.device, device, DEVICE_ID);
	assert_string_equal(label.vendor, want.vendor);
	assert_string_equal(label.product, "acme-cad");
	char *again = sign(&want);
	assert_string_equal(token, again);
	free(again);
	free(token);
}

static void test_a_good_answer_verifies(void **state)
{
	struct offline_answer a = example();
	(void)state;
	char *token = sign(&a);
	assert_int_equal(verify(token, vendor, "acme-cad", device), 0);
	assert_int_equal(verify(token, vendor, "acme-cad", NULL), 0);
	free(token);
}

static void expect(const struct offline_answer *a, const uint8_t key[PASETO_PUBLIC], const char *product,
		   const uint8_t *of, int error)
{
	char *token = sign(a);
	assert_int_equal(verify(token, key, product, of), error);
	free(token);
}

static void test_what_does_not_agree_is_refused(void **state)
{
	static const uint8_t other[DEVICE_ID] = {9};
	struct offline_answer a = example();
	(void)state;
	expect(&a, host, "acme-cad", device, E_HOST_UNTRUSTED);
	expect(&a, vendor, "acme-tv", device, E_WRONG_PRODUCT);
	expect(&a, vendor, "acme-cad", other, E_WRONG_DEVICE);
	/* The answer names one device, its lease another. */
	put_lease(other, "acme-cad", a.lease);
	expect(&a, vendor, "acme-cad", device, E_WRONG_DEVICE);
	expect(&a, vendor, "acme-cad", other, E_WRONG_DEVICE);
	expect(&a, vendor, "acme-cad", NULL, E_WRONG_DEVICE);
	put_lease(device, "acme-tv", a.lease);
	expect(&a, vendor, "acme-tv", device, E_WRONG_PRODUCT);
	expect(&a, vendor, "acme-cad", device, E_WRONG_PRODUCT);
	a = example();
	paserk_pid_write(host, a.vendor);
	expect(&a, vendor, "acme-cad", device, E_WRONG_VENDOR);
	a = example();
	a.lease[20] = a.lease[20] == 'A' ? 'B' : 'A';
	expect(&a, vendor, "acme-cad", device, E_SIGNATURE_INVALID);
}

/* A host that is not certified cannot hide behind another's certificate. */
static void test_a_stranger_signs(void **state)
{
	struct offline_answer a = example();
	char *token = NULL;
	(void)state;
	assert_int_equal(offline_answer_sign(&a, vendor_secret, &token), 0);
	assert_int_equal(verify(token, vendor, "acme-cad", device), E_SIGNATURE_INVALID);
	free(token);
}

#define BAD(path, json, where)                                                                               \
	{                                                                                                    \
		path, json, E_CLAIM_INVALID, where                                                           \
	}

static const struct mutation mutations[] = {
	{"unknown", "true", 0, NULL},
	BAD("iss", "\"k4.pid.other\"", "iss"),
	BAD("iat", NULL, "iat"),
	BAD("jti", NULL, "jti"),
	BAD("request", NULL, "request"),
	BAD("request", "\"01234567890123456789012\"", "request"),
	BAD("device", NULL, "device"),
	BAD("device", "\"AAAA\"", "device"),
	BAD("vendor", NULL, "vendor"),
	BAD("vendor", "\"acme\"", "vendor"),
	BAD("product", NULL, "product"),
	BAD("product", "\"\"", "product"),
	BAD("lease", NULL, "lease"),
	BAD("lease", "{}", "lease"),
	BAD("certificate", NULL, "certificate"),
	BAD("certificate", "\"\"", "certificate"),
	{"ver", "2", E_CRITICAL_UNKNOWN, NULL},
	{"crit", "[\"quantum\"]", E_CRITICAL_UNKNOWN, NULL},
	{"typ", "\"muster.lease\"", E_WRONG_TYPE, NULL},
};

static void test_strict_reading(void **state)
{
	struct offline_answer a = example();
	struct offline_answer back;
	struct offline_label label;
	char *token = sign(&a);
	(void)state;
	for (size_t i = 0; i < sizeof(mutations) / sizeof(mutations[0]); i++) {
		struct claims fault;
		char *changed = mutate_token(token, &mutations[i], "muster.answer", host_secret);
		int error = offline_answer_open(changed, strlen(changed), host, &back, &fault);
		mutate_check(&mutations[i], error, fault.where);
		assert_int_equal(offline_answer_open(changed, strlen(changed), host, &back, NULL), error);
		assert_int_equal(verify(changed, vendor, "acme-cad", device) != 0, error != 0);
		offline_answer_label(changed, strlen(changed), &label);
		free(changed);
	}
	free(token);
}

static void test_altered_and_too_large(void **state)
{
	struct offline_answer a = example();
	struct offline_answer back;
	char *token = sign(&a);
	char *large = malloc(LIMIT_OFFLINE_ANSWER + 2);
	(void)state;
	for (size_t i = 0; i < strlen(token); i += 31) {
		char was = token[i];
		token[i] = was == 'A' ? 'B' : 'A';
		assert_int_not_equal(verify(token, vendor, "acme-cad", device), 0);
		token[i] = was;
	}
	free(token);
	memset(large, 'A', LIMIT_OFFLINE_ANSWER + 1);
	large[LIMIT_OFFLINE_ANSWER + 1] = 0;
	assert_int_equal(offline_answer_open(large, LIMIT_OFFLINE_ANSWER + 1, host, &back, NULL),
			 E_TOO_LARGE);
	assert_int_equal(verify(large, vendor, "acme-cad", device), E_TOO_LARGE);
	free(large);
	memset(a.lease, 'A', LIMIT_LEASE);
	memset(a.certificate, 'A', LIMIT_CERTIFICATE);
	token = sign(&a); /* the largest that there can be */
	assert_true(strlen(token) <= LIMIT_OFFLINE_ANSWER);
	free(token);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_field_survives),
		cmocka_unit_test(test_a_good_answer_verifies),
		cmocka_unit_test(test_what_does_not_agree_is_refused),
		cmocka_unit_test(test_a_stranger_signs),
		cmocka_unit_test(test_strict_reading),
		cmocka_unit_test(test_altered_and_too_large),
	};
	return cmocka_run_group_tests_name("offline_answer", tests, setup, NULL);
}
