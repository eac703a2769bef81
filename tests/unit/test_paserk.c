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

#include "base64url.h"
#include "error.h"
#include "paserk.h"

#define CHEAP ((struct paserk_cost){.memory = 8192, .passes = 1})

static uint8_t public[PASETO_PUBLIC];
static uint8_t secret[PASETO_SECRET];

static int setup(void **state)
{
	static const uint8_t seed[crypto_sign_SEEDBYTES] = {42};
	(void)state;
	if (sodium_init() < 0)
		return -1;
	return crypto_sign_seed_keypair(public, secret, seed);
}

static void test_texts_fill_their_sizes(void **state)
{
	char text[PASERK_SECRET_PW_TEXT];
	(void)state;
	paserk_public_write(public, text);
	assert_int_equal(strlen(text), PASERK_PUBLIC_TEXT - 1);
	paserk_secret_write(secret, text);
	assert_int_equal(strlen(text), PASERK_SECRET_TEXT - 1);
	paserk_pid_write(public, text);
	assert_int_equal(strlen(text), PASERK_ID_TEXT - 1);
	assert_memory_equal(text, "k4.pid.", 7);
	paserk_sid_write(secret, text);
	assert_int_equal(strlen(text), PASERK_ID_TEXT - 1);
	assert_memory_equal(text, "k4.sid.", 7);
	assert_int_equal(paserk_wrap(secret, "", 0, CHEAP, text), 0);
	assert_true(strlen(text) < PASERK_SECRET_PW_TEXT);
}

static void test_there_and_back(void **state)
{
	char text[PASERK_SECRET_TEXT];
	uint8_t back[PASETO_SECRET];
	uint8_t id[PASERK_ID];
	(void)state;
	paserk_public_write(public, text);
	assert_int_equal(paserk_public_read(text, strlen(text), back), 0);
	assert_memory_equal(back, public, PASETO_PUBLIC);
	paserk_secret_write(secret, text);
	assert_int_equal(paserk_secret_read(text, strlen(text), back), 0);
	assert_memory_equal(back, secret, PASETO_SECRET);
	paserk_pid(public, id);
	paserk_pid_text(id, text);
	assert_int_equal(paserk_pid_read(text, strlen(text), back), 0);
	assert_memory_equal(back, id, PASERK_ID);
}

static void test_every_cut_and_every_other_kind_is_refused(void **state)
{
	char pub[PASERK_SECRET_TEXT];
	char sec[PASERK_SECRET_TEXT];
	char pid[PASERK_SECRET_TEXT];
	uint8_t out[PASETO_SECRET];
	(void)state;
	paserk_public_write(public, pub);
	paserk_secret_write(secret, sec);
	paserk_pid_write(public, pid);
	for (size_t n = 0; n < strlen(pub); n++)
		assert_int_equal(paserk_public_read(pub, n, out), E_KEY_INVALID);
	for (size_t n = 0; n < strlen(sec); n++)
		assert_int_equal(paserk_secret_read(sec, n, out), E_KEY_INVALID);
	for (size_t n = 0; n < strlen(pid); n++)
		assert_int_equal(paserk_pid_read(pid, n, out), E_KEY_INVALID);
	assert_int_equal(paserk_public_read(sec, strlen(sec), out), E_KEY_INVALID);
	assert_int_equal(paserk_public_read(pid, strlen(pid), out), E_KEY_INVALID);
	assert_int_equal(paserk_secret_read(pub, strlen(pub), out), E_KEY_INVALID);
	assert_int_equal(paserk_pid_read(pub, strlen(pub), out), E_KEY_INVALID);
	strcat(pub, "A");
	assert_int_equal(paserk_public_read(pub, strlen(pub), out), E_KEY_INVALID);
	pub[strlen(pub) - 1] = 0;
	memcpy(pub, "k3", 2);
	assert_int_equal(paserk_public_read(pub, strlen(pub), out), E_KEY_INVALID);
	pid[4] = 's'; /* k4.sid. is the id of a secret key, not of a public one */
	assert_int_equal(paserk_pid_read(pid, strlen(pid), out), E_KEY_INVALID);
}

static void test_halves_must_belong_together(void **state)
{
	(void)state;
	for (size_t bit = 0; bit < 8 * PASETO_SECRET; bit += 5) {
		char text[PASERK_SECRET_TEXT];
		uint8_t altered[PASETO_SECRET];
		uint8_t out[PASETO_SECRET];
		memcpy(altered, secret, sizeof(altered));
		altered[bit / 8] ^= (uint8_t)(1u << bit % 8);
		paserk_secret_write(altered, text);
		assert_int_equal(paserk_secret_read(text, strlen(text), out), E_KEY_INVALID);
	}
}

static void test_wrap_and_unwrap(void **state)
{
	static const char *const passphrases[] = {"", "a", "correct horse", "\xc3\xa5\xc3\xa6\xc3\xb8"};
	char text[PASERK_SECRET_PW_TEXT];
	char again[PASERK_SECRET_PW_TEXT];
	uint8_t out[PASETO_SECRET];
	(void)state;
	for (size_t i = 0; i < sizeof(passphrases) / sizeof(passphrases[0]); i++) {
		const char *p = passphrases[i];
		assert_int_equal(paserk_wrap(secret, p, strlen(p), CHEAP, text), 0);
		assert_int_equal(paserk_wrap(secret, p, strlen(p), CHEAP, again), 0);
		assert_string_not_equal(text, again); /* a salt of its own each time */
		memset(out, 0, sizeof(out));
		assert_int_equal(paserk_unwrap(text, strlen(text), p, strlen(p), out), 0);
		assert_memory_equal(out, secret, sizeof(out));
		assert_int_equal(paserk_unwrap(text, strlen(text), "wrong", 5, out), E_PASSPHRASE_WRONG);
	}
}

/* Where the wrapped form keeps the cost: behind the salt of 16 bytes. */
#define MEMORY_AT 16
#define PASSES_AT 24
#define LANES_AT 28
#define WRAPPED 152

static int unwrap_bytes(const uint8_t *bytes, size_t n)
{
	char text[512] = "k4.secret-pw.";
	uint8_t out[PASETO_SECRET];
	base64url_write(bytes, n, text + 13, sizeof(text) - 13);
	return paserk_unwrap(text, strlen(text), "p", 1, out);
}

static void test_every_altered_bit_of_a_wrapped_key_is_refused(void **state)
{
	char text[PASERK_SECRET_PW_TEXT];
	uint8_t bytes[WRAPPED];
	(void)state;
	assert_int_equal(paserk_wrap(secret, "p", 1, CHEAP, text), 0);
	assert_int_equal(base64url_read_exact(text + 13, strlen(text) - 13, bytes, sizeof(bytes)), 0);
	assert_int_equal(unwrap_bytes(bytes, sizeof(bytes)), 0);
	for (size_t bit = 0; bit < 8 * WRAPPED; bit += 3) {
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		bool cost = bit / 8 >= MEMORY_AT && bit / 8 < LANES_AT + 4;
		int error = cost && bytes[MEMORY_AT + 4] ? E_KEY_INVALID : 0;
		/* A cost that is allowed but large would only be slow here. */
		if (!cost || error)
			error = unwrap_bytes(bytes, sizeof(bytes));
		assert_true(error == E_PASSPHRASE_WRONG || error == E_KEY_INVALID || cost);
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t n = 0; n < WRAPPED; n++)
		assert_int_equal(unwrap_bytes(bytes, n), E_KEY_INVALID);
}

static void test_a_wrapped_key_cannot_ask_for_everything(void **state)
{
	char text[PASERK_SECRET_PW_TEXT];
	uint8_t good[WRAPPED];
	uint8_t bytes[WRAPPED];
	(void)state;
	assert_int_equal(paserk_wrap(secret, "p", 1, CHEAP, text), 0);
	assert_int_equal(base64url_read_exact(text + 13, strlen(text) - 13, good, sizeof(good)), 0);
	memcpy(bytes, good, sizeof(bytes));
	memset(bytes + MEMORY_AT, 0xff, 8);
	assert_int_equal(unwrap_bytes(bytes, sizeof(bytes)), E_KEY_INVALID);
	memcpy(bytes + MEMORY_AT, "\0\0\0\0\x40\0\0\1", 8); /* one byte over 1 GiB */
	assert_int_equal(unwrap_bytes(bytes, sizeof(bytes)), E_KEY_INVALID);
	memset(bytes + MEMORY_AT, 0, 8);
	assert_int_equal(unwrap_bytes(bytes, sizeof(bytes)), E_KEY_INVALID);
	memcpy(bytes, good, sizeof(bytes));
	memcpy(bytes + PASSES_AT, "\0\0\0\x41", 4);
	assert_int_equal(unwrap_bytes(bytes, sizeof(bytes)), E_KEY_INVALID);
	memset(bytes + PASSES_AT, 0, 4);
	assert_int_equal(unwrap_bytes(bytes, sizeof(bytes)), E_KEY_INVALID);
	memcpy(bytes, good, sizeof(bytes));
	bytes[LANES_AT + 3] = 2;
	assert_int_equal(unwrap_bytes(bytes, sizeof(bytes)), E_KEY_INVALID);
}

/* 32 bytes under a passphrase are another kind: neither text opens as the other. */
static void test_other_secrets_are_wrapped_alike(void **state)
{
	static const uint8_t other[PASERK_LOCAL] = {1, 2, 3};
	uint8_t back[PASERK_LOCAL];
	uint8_t out[PASETO_SECRET];
	char text[PASERK_SECRET_PW_TEXT];
	(void)state;
	assert_int_equal(paserk_wrap_local(other, "p", 1, CHEAP, text), 0);
	assert_memory_equal(text, "k4.local-pw.", 12);
	assert_int_equal(paserk_unwrap_local(text, strlen(text), "p", 1, back), 0);
	assert_memory_equal(back, other, sizeof(back));
	assert_int_equal(paserk_unwrap_local(text, strlen(text), "q", 1, back), E_PASSPHRASE_WRONG);
	assert_int_equal(paserk_unwrap_local(text, strlen(text) - 1, "p", 1, back), E_KEY_INVALID);
	assert_int_equal(paserk_unwrap(text, strlen(text), "p", 1, out), E_KEY_INVALID);
	text[20] = text[20] == 'A' ? 'B' : 'A';
	assert_int_equal(paserk_unwrap_local(text, strlen(text), "p", 1, back), E_PASSPHRASE_WRONG);
	assert_int_equal(paserk_wrap(secret, "p", 1, CHEAP, text), 0);
	assert_int_equal(paserk_unwrap_local(text, strlen(text), "p", 1, back), E_KEY_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts_fill_their_sizes),
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_every_cut_and_every_other_kind_is_refused),
		cmocka_unit_test(test_halves_must_belong_together),
		cmocka_unit_test(test_wrap_and_unwrap),
		cmocka_unit_test(test_every_altered_bit_of_a_wrapped_key_is_refused),
		cmocka_unit_test(test_a_wrapped_key_cannot_ask_for_everything),
		cmocka_unit_test(test_other_secrets_are_wrapped_alike),
	};
	return cmocka_run_group_tests_name("paserk", tests, setup, NULL);
}
