/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every kind of document is read and written again while each allocation fails in turn, once and from then
 * on: what comes is the same document or NO_MEMORY, never one that lacks something.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>
#include <sodium.h>

#include "armour.h"
#include "bundle.h"
#include "checkpoint.h"
#include "error.h"
#include "fail.h"
#include "license.h"
#include "license_request.h"
#include "offline_answer.h"
#include "offline_request.h"
#include "revocations.h"
#include "state.h"
#include "undo.h"

#define MOST 5000

static uint8_t vendor[PASETO_PUBLIC];
static uint8_t vendor_secret[PASETO_SECRET];
static uint8_t host[PASETO_PUBLIC];
static uint8_t host_secret[PASETO_SECRET];
static uint8_t device[PASETO_PUBLIC];
static uint8_t device_secret[PASETO_SECRET];
static uint8_t mac_key[DEVICE_MAC_KEY] = {5};
static json_t *document;

/* --- each kind: read, and write again --- */

static int license(const char *text, char **ret)
{
	struct license l;
	int error = license_open(text, strlen(text), ROOTS_OF(vendor), &l, NULL);
	if (!error)
		error = license_sign(&l, vendor_secret, ret);
	license_fini(&l);
	return error;
}

static int product(const char *text, char **ret)
{
	struct product_file p;
	int error = product_file_open(text, strlen(text), ROOTS_OF(vendor), &p, NULL);
	return error ? error : product_file_sign(&p, vendor_secret, ret);
}

static int certificate(const char *text, char **ret)
{
	struct certificate c;
	int error = certificate_open(text, strlen(text), ROOTS_OF(vendor), &c, NULL);
	return error ? error : certificate_sign(&c, vendor_secret, ret);
}

static int lease(const char *text, char **ret)
{
	struct lease l;
	int error = lease_open(text, strlen(text), host, &l, NULL);
	return error ? error : lease_sign(&l, host_secret, ret);
}

static int host_request(const char *text, char **ret)
{
	struct host_request r;
	int error = host_request_open(text, strlen(text), &r, NULL);
	return error ? error : host_request_sign(&r, host_secret, ret);
}

static int license_request(const char *text, char **ret)
{
	static struct license_request r;
	int error = license_request_open(text, strlen(text), host, &r, NULL);
	return error ? error : license_request_sign(&r, host_secret, ret);
}

static int revocations(const char *text, char **ret)
{
	struct revocations r;
	int error = revocations_open(text, strlen(text), ROOTS_OF(vendor), &r, NULL);
	if (!error)
		error = revocations_sign(&r, vendor_secret, ret);
	revocations_fini(&r);
	return error;
}

static int checkpoint(const char *text, char **ret)
{
	struct checkpoint p;
	int error = checkpoint_open(text, strlen(text), &p, NULL);
	return error ? error : checkpoint_sign(&p, host_secret, ret);
}

static int request(const char *text, char **ret)
{
	static struct offline_request r;
	int error = offline_request_open(text, strlen(text), &r, NULL);
	return error ? error : offline_request_sign(&r, device_secret, ret);
}

static int answer(const char *text, char **ret)
{
	static struct offline_answer a;
	static struct lease l;
	static struct certificate c;
	const char *what = json_string_value(json_object_get(document, "product"));
	int error = offline_answer_verify(text, strlen(text), ROOTS_OF(vendor), what, NULL, &a, &l, &c);
	return error ? error : offline_answer_sign(&a, host_secret, ret);
}

static int state(const char *text, char **ret)
{
	static struct state s;
	int error = state_read(text, strlen(text), mac_key, &s);
	return error ? error : state_write(&s, mac_key, ret);
}

static int undo(const char *text, char **ret)
{
	struct undo u;
	int error = undo_read(text, strlen(text), mac_key, &u);
	if (error)
		return error;
	error = undo_write(&u, mac_key, ret);
	undo_fini(&u);
	return error;
}

static int bundle(const char *text, char **ret)
{
	struct bundle b;
	int error = bundle_read(&token_request, text, strlen(text), &b);
	if (!error)
		error = bundle_write(&b, ret);
	bundle_fini(&b);
	return error;
}

/* --- each allocation --- */

/* Returns whether there was one so far. */
static bool fails_at(const char *name, int (*remake)(const char *, char **), const char *text, long at,
		     bool for_good)
{
	char *again = NULL;
	long blocks = fail_blocks();
	fail_order(FAIL_MEMORY, at, for_good, 0);
	fail_on();
	int error = remake(text, &again);
	fail_off();
	bool met = fail->failures > 0;
	if (error && error != E_NO_MEMORY)
		fail_msg("%s, allocation %ld: %s", name, at, error_name(error));
	if (!error && strcmp(again, text) != 0)
		fail_msg("%s, allocation %ld: another document", name, at);
	assert_true(met || !error);
	if (!error)
		free(again);
	if (at && fail_blocks() != blocks)
		fail_msg("%s, allocation %ld: %ld blocks are lost", name, at, fail_blocks() - blocks);
	return met;
}

static void every(const char *name, int (*remake)(const char *, char **), const char *text)
{
	fails_at(name, remake, text, 0, false); /* what is kept for ever is there then */
	for (int for_good = 0; for_good < 2; for_good++) {
		long at = fail_first();
		while (at < MOST && fails_at(name, remake, text, at, for_good))
			at++;
		assert_true(at > 5 && at < MOST);
	}
}

static void test_signed_files(void **unused)
{
	static const struct {
		const char *name;
		int (*remake)(const char *, char **);
	} all[] = {
		{"license", license},           {"product", product},
		{"certificate", certificate},   {"lease", lease},
		{"host-request", host_request}, {"license-request", license_request},
		{"revocations", revocations},   {"checkpoint", checkpoint},
		{"request", request},           {"answer", answer},
	};
	json_t *tokens = json_object_get(document, "tokens");
	(void)unused;
	assert_int_equal(json_object_size(tokens), sizeof(all) / sizeof(all[0]));
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		every(all[i].name, all[i].remake,
		      json_string_value(json_object_get(json_object_get(tokens, all[i].name), "token")));
}

static void test_state_files(void **unused)
{
	static struct state s;
	uint8_t id[LEDGER_ID] = {1};
	char *text;
	(void)unused;
	strcpy(state_pin(&s, "k4.pid.vendor")->org, "fjord");
	struct ledger *l = state_ledger(&s, id);
	l->ratchet_n = RATCHET_MAX;
	l->counter = 9;
	l->pending = true;
	l->call = (struct call){.kind = CALL_RENEW, .n = 1};
	strcpy(l->call.wants[0].product, "acme-cad");
	struct record *r = state_need(&s, "acme-cad", "k4.pid.vendor");
	r->serial = 12;
	r->refusal = (struct refusal){.code = E_QUANTITY_EXCEEDED, .numbers = {.used = 5}, .detail = "pc-1"};
	assert_int_equal(state_write(&s, mac_key, &text), 0);
	every("state", state, text);
	free(text);
	struct undo u = {.record = *r, .lease = strdup("a lease\n")};
	assert_int_equal(undo_write(&u, mac_key, &text), 0);
	every("undo", undo, text);
	free(text);
	undo_fini(&u);
}

static void test_bundles(void **unused)
{
	struct bundle b = {.kind = &token_request, .many = true};
	char *text;
	(void)unused;
	json_t *row = json_object_get(json_object_get(document, "tokens"), "request");
	for (int i = 0; i < 3; i++)
		assert_int_equal(bundle_add(&b, json_string_value(json_object_get(row, "token"))), 0);
	assert_int_equal(bundle_write(&b, &text), 0);
	bundle_fini(&b);
	every("bundle", bundle, text);
	free(text);
}

/* --- keys --- */

static void pair_of(const char *key, uint8_t public[PASETO_PUBLIC], uint8_t secret[PASETO_SECRET])
{
	uint8_t seed[crypto_sign_SEEDBYTES];
	const char *hex = json_string_value(json_object_get(document, key));
	size_t n;
	assert_int_equal(sodium_hex2bin(seed, sizeof(seed), hex, strlen(hex), NULL, &n, NULL), 0);
	crypto_sign_seed_keypair(public, secret, seed);
}

static int start(void **unused)
{
	(void)unused;
	assert_true(sodium_init() >= 0);
	document = json_load_file("tests/contract/vectors/tokens.json", 0, NULL);
	assert_non_null(document);
	pair_of("vendor_seed", vendor, vendor_secret);
	pair_of("host_seed", host, host_secret);
	pair_of("device_seed", device, device_secret);
	return 0;
}

static int stop(void **unused)
{
	(void)unused;
	json_decref(document);
	return 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_signed_files),
		cmocka_unit_test(test_state_files),
		cmocka_unit_test(test_bundles),
	};
	return cmocka_run_group_tests_name("faults: documents", tests, start, stop);
}
