/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hardware tags against vectors of an independent implementation. They come from this Python:
 *
 *   from hashlib import blake2b
 *   salt = blake2b(b"muster/1 hardware\0fjord\0acme-cad", key=bytes(range(32)), digest_size=32).digest()
 *   tag = blake2b(b"mac\0" + b"b4:2e:99:01:02:03", key=salt, digest_size=32).digest()[:2]
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <sodium.h>

#include "hardware.h"

static uint8_t fp_salt[HARDWARE_SALT];

static void salts(void **unused)
{
	static const struct {
		uint8_t first; /* byte of fp_salt, which counts on from there, or stays 0 */
		const char *org, *product, *salt;
	} rows[] = {
		{1, "fjord", "acme-cad", "e68cd925b9da0933c8ce893ca42f0a2a4a14a40a075d07b21a1226599e566d56"},
		{1, "fjord", "acme-sim", "422bfa2591d16e01"},
		{1, "tind", "acme-cad", "ef0c96eed9aacf03"},
		{0, "fjord", "acme-cad", "001ef2805d3b61db"},
		{0, "a", "bc", "f0a9b3340b68cd68"}, /* the texts do not run together */
		{0, "ab", "c", "b53e3ff54052e7bb"},
	};
	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t salt[HARDWARE_SALT];
		char hex[2 * HARDWARE_SALT + 1];
		uint8_t zero[HARDWARE_SALT] = {0};
		hardware_salt(rows[i].first ? fp_salt : zero, rows[i].org, rows[i].product, salt);
		sodium_bin2hex(hex, sizeof(hex), salt, sizeof(salt));
		hex[strlen(rows[i].salt)] = 0;
		assert_string_equal(hex, rows[i].salt);
	}
}

static void tags(void **unused)
{
	static const struct {
		unsigned kind;
		const char *name, *value;
		unsigned tag;
	} rows[] = {
		{1, "machine-id", "0123456789abcdef0123456789abcdef", 0x149a},
		{2, "product-uuid", "4c4c4544-0042-3510-8052-b4c04f4a5931", 0x0fe4},
		{3, "board-serial", "/7b5jy1/cn7220057h0123/", 0x402e},
		{4, "disk-serial", "s4evnx0m123456", 0x7b98},
		{5, "mac", "b4:2e:99:01:02:03", 0xcc1b},
		{6, "cpu-model", "intel(r) core(tm) i7-9700 cpu @ 3.00ghz", 0xdd96},
		{7, "memory-gib", "16", 0x906b},
		{8, "tpm-ek", "", 0x66f0},
		{9, "scope", "", 0x7c54},
	};
	uint8_t salt[HARDWARE_SALT];
	(void)unused;
	assert_int_equal(sizeof(rows) / sizeof(rows[0]), HARDWARE_KINDS);
	hardware_salt(fp_salt, "fjord", "acme-cad", salt);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_string_equal(hardware_name(rows[i].kind), rows[i].name);
		assert_int_equal(hardware_tag(salt, rows[i].kind, rows[i].value), rows[i].tag);
	}
	/* The same text in another kind is another part. */
	assert_int_not_equal(hardware_tag(salt, HARDWARE_BOARD, "x"), hardware_tag(salt, HARDWARE_DISK, "x"));
}

/* PROTOCOL.md "Hardware tags" has the same table. */
static void weights(void **unused)
{
	static const struct {
		uint32_t weight;
		bool strong;
	} rows[HARDWARE_KINDS + 1] = {{0, false}, {2, false}, {4, true},  {2, true}, {2, true},
				      {1, false}, {1, false}, {1, false}, {4, true}};
	(void)unused;
	for (unsigned kind = 0; kind <= HARDWARE_KINDS; kind++) {
		assert_int_equal(hardware_weight(kind), rows[kind].weight);
		assert_int_equal(hardware_strong(kind), rows[kind].strong);
	}
	/* A host of this version knows nothing of later kinds, and must not fall over them. */
	assert_int_equal(hardware_weight(HARDWARE_KINDS + 1), 0);
	assert_int_equal(hardware_weight(~0u), 0);
	assert_false(hardware_strong(~0u));
	assert_string_equal(hardware_name(77), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(salts),
		cmocka_unit_test(tags),
		cmocka_unit_test(weights),
	};
	for (size_t i = 0; i < sizeof(fp_salt); i++)
		fp_salt[i] = (uint8_t)i;
	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
