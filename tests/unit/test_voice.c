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
#include "voice.h"

static const char iid_text[] = "089203-917311-988120-308858-650176-788086-739956-672168-376080";
static const char cid_text[] = "068152-707619-678287-119352-728930-221309-957137-777995";

static int setup(void **state)
{
	(void)state;
	return sodium_init() < 0;
}

static void example_iid(uint8_t iid[VOICE_IID])
{
	uint8_t fixed[NOISE_KEY];
	uint8_t sign[PASETO_PUBLIC];
	memset(fixed, 0xd1, sizeof(fixed));
	memset(sign, 0xf1, sizeof(sign));
	voice_installation_make(fixed, sign, 0x123, 0x2a5c31, iid);
}

static void example_key(uint8_t key[VOICE_KEY])
{
	uint8_t site[VOICE_KEY];
	uint8_t license[VOICE_LICENSE];
	memset(site, 0x11, sizeof(site));
	memset(license, 0x22, sizeof(license));
	voice_key(site, license, 0, key);
}

static const struct voice_grant example_grant = {.index = 0, .day = 3100, .flags = 1, .sequence = 7};

/* reliability.md 3.13 */
static void test_the_vector(void **state)
{
	uint8_t iid[VOICE_IID];
	uint8_t cid[VOICE_CID];
	uint8_t key[VOICE_KEY];
	char text[DIGITS_TEXT];
	(void)state;
	example_iid(iid);
	digits_write(iid, sizeof(iid), VOICE_IID_GROUPS, text);
	assert_string_equal(text, iid_text);
	example_key(key);
	voice_confirm(key, iid, &example_grant, cid);
	digits_write(cid, sizeof(cid), VOICE_CID_GROUPS, text);
	assert_string_equal(text, cid_text);
}

static void test_there_and_back(void **state)
{
	(void)state;
	for (int i = 0; i < 500; i++) {
		uint8_t keys[3][32];
		uint8_t iid[VOICE_IID];
		uint8_t back[VOICE_IID];
		uint8_t cid[VOICE_CID];
		uint8_t cid_back[VOICE_CID];
		char text[DIGITS_TEXT];
		char bare[DIGITS_BARE];
		struct digits_report report;
		struct voice_installation parts;
		struct voice_grant g = {.index = randombytes_uniform(32),
					.day = randombytes_uniform(65536),
					.flags = randombytes_uniform(2),
					.sequence = randombytes_uniform(4096)};
		struct voice_grant got;
		randombytes_buf(keys, sizeof(keys));
		uint32_t product = randombytes_uniform(1 << 20);
		uint32_t nonce = randombytes_uniform(1 << 24);
		voice_installation_make(keys[0], keys[1], product, nonce, iid);
		digits_write(iid, sizeof(iid), VOICE_IID_GROUPS, text);
		assert_int_equal(digits_read(text, VOICE_IID_GROUPS, bare, &report), 0);
		assert_true(digits_number(bare, VOICE_IID_GROUPS, back, sizeof(back)));
		assert_memory_equal(iid, back, sizeof(iid));
		assert_int_equal(voice_installation_read(iid, &parts), 0);
		assert_int_equal(parts.product, product);
		assert_int_equal(parts.nonce, nonce);
		voice_confirm(keys[2], iid, &g, cid);
		digits_write(cid, sizeof(cid), VOICE_CID_GROUPS, text);
		assert_int_equal(digits_read(text, VOICE_CID_GROUPS, bare, &report), 0);
		assert_true(digits_number(bare, VOICE_CID_GROUPS, cid_back, sizeof(cid_back)));
		assert_int_equal(voice_check(keys[2], iid, cid_back, &got), 0);
		assert_memory_equal(&g, &got, sizeof(g));
		/* For another machine, under another key: nothing. */
		iid[7] ^= 1;
		assert_int_equal(voice_check(keys[2], iid, cid, &got), E_VOICE_REFUSED);
		iid[7] ^= 1;
		assert_int_equal(voice_check(keys[1], iid, cid, &got), E_VOICE_REFUSED);
	}
}

static void test_every_bit_counts(void **state)
{
	uint8_t iid[VOICE_IID];
	uint8_t cid[VOICE_CID];
	uint8_t key[VOICE_KEY];
	struct voice_grant got;
	(void)state;
	example_iid(iid);
	example_key(key);
	voice_confirm(key, iid, &example_grant, cid);
	for (size_t i = 0; i < VOICE_CID * 8; i++) {
		cid[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_int_equal(voice_check(key, iid, cid, &got), E_VOICE_REFUSED);
		cid[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (size_t i = 0; i < VOICE_IID * 8; i++) {
		iid[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_int_equal(voice_check(key, iid, cid, &got), E_VOICE_REFUSED);
		iid[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	assert_int_equal(voice_check(key, iid, cid, &got), 0);
}

static void test_other_versions(void **state)
{
	uint8_t iid[VOICE_IID];
	uint8_t cid[VOICE_CID];
	uint8_t key[VOICE_KEY];
	struct voice_installation parts;
	struct voice_grant g = example_grant;
	struct voice_grant got;
	(void)state;
	example_iid(iid);
	example_key(key);
	g.flags = 2; /* a flag of a later version */
	voice_confirm(key, iid, &g, cid);
	assert_int_equal(voice_check(key, iid, cid, &got), E_VERSION_UNSUPPORTED);
	iid[0] = (uint8_t)(iid[0] ^ 0x0c); /* version 2 */
	assert_int_equal(voice_installation_read(iid, &parts), E_VERSION_UNSUPPORTED);
	memset(iid, 0xff, sizeof(iid));
	assert_int_equal(voice_installation_read(iid, &parts), E_VERSION_UNSUPPORTED);
}

static void test_keys_and_numbers_differ(void **state)
{
	uint8_t site[VOICE_KEY] = {1};
	uint8_t a[VOICE_LICENSE];
	uint8_t b[VOICE_LICENSE];
	uint8_t k[3][VOICE_KEY];
	(void)state;
	voice_license("k4.pid.a", "fjord-1", a);
	voice_license("k4.pid.a", "fjord-2", b);
	assert_memory_not_equal(a, b, sizeof(a));
	voice_key(site, a, 0, k[0]);
	voice_key(site, a, 1, k[1]);
	voice_key(site, b, 0, k[2]);
	assert_memory_not_equal(k[0], k[1], VOICE_KEY);
	assert_memory_not_equal(k[0], k[2], VOICE_KEY);
	assert_int_not_equal(voice_product("k4.pid.a", "acme-cad"), voice_product("k4.pid.b", "acme-cad"));
	assert_int_not_equal(voice_product("k4.pid.a", "acme-cad"), voice_product("k4.pid.a", "acme-sim"));
	assert_true(voice_product("k4.pid.a", "acme-cad") < 1 << 20);
}

static void test_days(void **state)
{
	(void)state;
	assert_int_equal(voice_end(0), 1577836800);
	assert_int_equal(voice_day(1577836800), 0);
	assert_int_equal(voice_day(1577836799), 0);
	assert_int_equal(voice_day(1577836800 + 86399), 0);
	assert_int_equal(voice_day(1577836800 + 86400), 1);
	assert_int_equal(voice_day(INT64_MAX), UINT16_MAX);
	assert_int_equal(voice_day(INT64_MIN), 0);
	for (int64_t t = 1795456800; t < 1795456800 + 200000; t += 9999)
		assert_true(voice_end(voice_day(t)) <= t && t - voice_end(voice_day(t)) < 86400);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_vector),
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_every_bit_counts),
		cmocka_unit_test(test_other_versions),
		cmocka_unit_test(test_keys_and_numbers_differ),
		cmocka_unit_test(test_days),
	};
	return cmocka_run_group_tests_name("voice", tests, setup, NULL);
}
