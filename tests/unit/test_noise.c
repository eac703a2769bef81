/* SPDX-License-Identifier: Apache-2.0 */
/* The public vector is in tests/contract/test_vectors.c; here are order, bounds, damage and weak keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "error.h"
#include "noise.h"

#define ROOM 4096

static struct noise_pair pair_of(uint8_t fill)
{
	uint8_t secret[NOISE_KEY];
	struct noise_pair pair;
	memset(secret, fill, sizeof(secret));
	noise_pair_from(secret, &pair);
	return pair;
}

/* Two sides with fixed keys. */
struct two {
	struct noise client;
	struct noise host;
	uint8_t message[3][ROOM];
	size_t n[3];
};

static void two_init(struct two *t)
{
	struct noise_pair local[2] = {pair_of(1), pair_of(2)};
	struct noise_pair ephemeral[2] = {pair_of(3), pair_of(4)};
	memset(t, 0, sizeof(*t));
	noise_init(&t->client, NOISE_INITIATOR, "p", 1, &local[0], &ephemeral[0]);
	noise_init(&t->host, NOISE_RESPONDER, "p", 1, &local[1], &ephemeral[1]);
}

static struct noise *writer_of(struct two *t, int message)
{
	return message == 1 ? &t->host : &t->client;
}

static struct noise *reader_of(struct two *t, int message)
{
	return message == 1 ? &t->client : &t->host;
}

/* Write and read the messages before `until`, with payloads of n bytes. */
static void two_run(struct two *t, int until, size_t n)
{
	uint8_t payload[ROOM];
	uint8_t out[ROOM];
	size_t made;
	for (int i = 0; i < until; i++) {
		memset(payload, 'a' + i, sizeof(payload));
		size_t overhead = noise_overhead(writer_of(t, i));
		assert_int_equal(noise_write(writer_of(t, i), payload, n, t->message[i], ROOM, &t->n[i]), 0);
		assert_int_equal(t->n[i], n + overhead);
		assert_int_equal(noise_read(reader_of(t, i), t->message[i], t->n[i], out, ROOM, &made), 0);
		assert_int_equal(made, n);
		assert_memory_equal(out, payload, n);
	}
}

static void test_a_handshake_with_payloads_of_every_size(void **state)
{
	(void)state;
	for (size_t n = 0; n < ROOM - 96; n += n < 70 ? 1 : 511) {
		struct two t;
		struct noise_cipher send[2];
		struct noise_cipher receive[2];
		two_init(&t);
		two_run(&t, 3, n);
		assert_true(noise_finished(&t.client) && noise_finished(&t.host));
		assert_memory_equal(t.client.hash, t.host.hash, NOISE_HASH);
		assert_memory_equal(t.client.remote, pair_of(2).public, NOISE_KEY);
		assert_memory_equal(t.host.remote, pair_of(1).public, NOISE_KEY);
		noise_split(&t.client, &send[0], &receive[0]);
		noise_split(&t.host, &send[1], &receive[1]);
		assert_memory_equal(send[0].key, receive[1].key, NOISE_KEY);
		assert_memory_equal(send[1].key, receive[0].key, NOISE_KEY);
		assert_memory_not_equal(send[0].key, send[1].key, NOISE_KEY);
	}
}

static void test_sizes_of_the_three_messages(void **state)
{
	struct two t;
	(void)state;
	two_init(&t);
	two_run(&t, 3, 0);
	assert_int_equal(t.n[0], 32);
	assert_int_equal(t.n[1], 96);
	assert_int_equal(t.n[2], 64);
	assert_int_equal(noise_overhead(&t.client), 0);
}

static void test_message_one_does_not_depend_on_the_prologue(void **state)
{
	struct noise_pair local = pair_of(1);
	struct noise_pair ephemeral = pair_of(3);
	uint8_t message[2][64];
	size_t n[2];
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct noise x;
		noise_init(&x, NOISE_INITIATOR, i ? "one" : "another", i ? 3 : 7, &local, &ephemeral);
		assert_int_equal(noise_write(&x, (const uint8_t *)"hello", 5, message[i], 64, &n[i]), 0);
	}
	assert_int_equal(n[0], 37);
	assert_memory_equal(message[0], message[1], 37);
	assert_memory_equal(message[0], ephemeral.public, 32);
	assert_memory_equal(message[0] + 32, "hello", 5);
}

static void test_another_prologue_is_refused(void **state)
{
	struct two t;
	uint8_t out[ROOM];
	size_t n;
	struct noise_pair local = pair_of(2);
	(void)state;
	two_init(&t);
	noise_init(&t.host, NOISE_RESPONDER, "q", 1, &local, NULL);
	assert_int_equal(noise_write(&t.client, NULL, 0, t.message[0], ROOM, &n), 0);
	assert_int_equal(noise_read(&t.host, t.message[0], n, out, ROOM, &n), 0);
	assert_int_equal(noise_write(&t.host, NULL, 0, t.message[1], ROOM, &n), 0);
	assert_int_equal(noise_read(&t.client, t.message[1], n, out, ROOM, &n), E_HANDSHAKE_FAILED);
}

static void test_out_of_turn(void **state)
{
	struct two t;
	uint8_t out[ROOM] = {0};
	size_t n = 77;
	(void)state;
	for (int message = 0; message <= 3; message++) {
		two_init(&t);
		two_run(&t, message, 8);
		struct noise *wrong_writer = message == 3 ? &t.client : reader_of(&t, message);
		struct noise *wrong_reader = message == 3 ? &t.client : writer_of(&t, message);
		assert_int_equal(noise_write(wrong_writer, out, 1, out, ROOM, &n), E_HANDSHAKE_FAILED);
		assert_int_equal(noise_read(wrong_reader, out, 200, out, ROOM, &n), E_HANDSHAKE_FAILED);
		assert_int_equal(n, 77);
	}
}

static void test_room_is_respected(void **state)
{
	static uint8_t big[NOISE_MESSAGE_MAX + 200];
	static uint8_t out[NOISE_MESSAGE_MAX + 200];
	struct two t;
	size_t n = 0;
	(void)state;
	for (int message = 0; message < 3; message++) {
		two_init(&t);
		two_run(&t, message, 8);
		struct noise *writer = writer_of(&t, message);
		size_t overhead = noise_overhead(writer);
		assert_int_equal(noise_write(writer, big, 10, out, overhead + 9, &n), E_TOO_LARGE);
		size_t most = NOISE_MESSAGE_MAX - overhead;
		assert_int_equal(noise_write(writer, big, most + 1, out, sizeof(out), &n), E_TOO_LARGE);
		/* A refused write may be tried again with less. */
		assert_int_equal(noise_write(writer, big, most, out, sizeof(out), &n), 0);
		assert_int_equal(n, NOISE_MESSAGE_MAX);
		assert_int_equal(noise_read(reader_of(&t, message), out, n, big, most - 1, &n), E_TOO_LARGE);
		assert_int_equal(noise_read(reader_of(&t, message), out, n, big, most, &n), 0);
		assert_int_equal(n, most);
		memset(big, 0, sizeof(big));
	}
}

static void test_every_truncation_is_refused(void **state)
{
	(void)state;
	for (int message = 1; message < 3; message++) {
		for (size_t cut = 0;; cut++) {
			struct two t;
			uint8_t out[ROOM];
			size_t n;
			two_init(&t);
			two_run(&t, message, 5);
			assert_int_equal(
				noise_write(writer_of(&t, message), out, 5, t.message[message], ROOM, &n), 0);
			if (cut == n)
				break;
			struct noise *reader = reader_of(&t, message);
			assert_int_equal(noise_read(reader, t.message[message], cut, out, ROOM, &n),
					 E_HANDSHAKE_FAILED);
			assert_false(noise_finished(reader));
		}
	}
}

static void test_every_flipped_bit_is_refused(void **state)
{
	(void)state;
	for (int message = 1; message < 3; message++) {
		for (size_t bit = 0;; bit++) {
			struct two t;
			uint8_t out[ROOM];
			size_t n;
			two_init(&t);
			two_run(&t, message, 5);
			assert_int_equal(
				noise_write(writer_of(&t, message), out, 5, t.message[message], ROOM, &n), 0);
			if (bit == 8 * n)
				break;
			t.message[message][bit / 8] ^= (uint8_t)(1u << bit % 8);
			struct noise *reader = reader_of(&t, message);
			assert_int_equal(noise_read(reader, t.message[message], n, out, ROOM, &n),
					 E_HANDSHAKE_FAILED);
			/* And it stays unusable, even for the right bytes. */
			t.message[message][bit / 8] ^= (uint8_t)(1u << bit % 8);
			assert_int_equal(noise_read(reader, t.message[message], n, out, ROOM, &n),
					 E_HANDSHAKE_FAILED);
		}
	}
}

/* Points whose product with any clamped scalar is zero (RFC 7748 section 6.1 and the folklore around it). */
static const char *const low_order[] = {
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"0000000000000000000000000000000000000000000000000000000000000080",
	"0100000000000000000000000000000000000000000000000000000000000080",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
};
#define LOW_ORDER (sizeof(low_order) / sizeof(low_order[0]))

static void low_point(size_t i, uint8_t out[NOISE_KEY])
{
	assert_int_equal(sodium_hex2bin(out, NOISE_KEY, low_order[i], 64, NULL, NULL, NULL), 0);
}

static void test_weak_ephemeral_keys_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < LOW_ORDER; i++) {
		struct two t;
		uint8_t out[ROOM];
		size_t n;
		two_init(&t);
		low_point(i, t.message[0]);
		assert_int_equal(noise_read(&t.host, t.message[0], 32, out, ROOM, &n), 0);
		assert_int_equal(noise_write(&t.host, NULL, 0, t.message[1], ROOM, &n), E_HANDSHAKE_FAILED);
		two_init(&t);
		two_run(&t, 1, 0);
		memset(t.message[1], 7, 96);
		low_point(i, t.message[1]);
		assert_int_equal(noise_read(&t.client, t.message[1], 96, out, ROOM, &n), E_HANDSHAKE_FAILED);
	}
}

static void test_weak_static_keys_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < LOW_ORDER; i++) {
		struct two t;
		uint8_t out[ROOM];
		size_t n;
		two_init(&t);
		low_point(i, t.client.local.public);
		two_run(&t, 2, 0);
		assert_int_equal(noise_write(&t.client, NULL, 0, t.message[2], ROOM, &n), 0);
		assert_int_equal(noise_read(&t.host, t.message[2], n, out, ROOM, &n), E_HANDSHAKE_FAILED);
		two_init(&t);
		low_point(i, t.host.local.public);
		two_run(&t, 1, 0);
		assert_int_equal(noise_write(&t.host, NULL, 0, t.message[1], ROOM, &n), 0);
		assert_int_equal(noise_read(&t.client, t.message[1], n, out, ROOM, &n), E_HANDSHAKE_FAILED);
	}
}

static void test_opens_into_memory_that_overlaps(void **state)
{
	static uint8_t plain[3000];
	static uint8_t memory[3200];
	(void)state;
	randombytes_buf(plain, sizeof(plain));
	for (size_t n = 0; n <= sizeof(plain); n += n < 1100 ? 1 : 101) {
		for (size_t offset = 0; offset <= 96; offset += 16) {
			struct noise_cipher send = {.key = {9}, .keyed = true};
			struct noise_cipher receive = send;
			assert_int_equal(noise_seal(&send, NULL, 0, plain, n, memory + offset), 0);
			assert_int_equal(noise_open(&receive, NULL, 0, memory + offset, n + 16, memory), 0);
			assert_memory_equal(memory, plain, n);
		}
	}
}

static void test_a_sealed_message_opens_once_and_in_order(void **state)
{
	struct noise_cipher send = {.key = {9}, .keyed = true};
	struct noise_cipher receive = send;
	uint8_t a[20];
	uint8_t b[20];
	uint8_t out[20];
	(void)state;
	assert_int_equal(noise_seal(&send, NULL, 0, (const uint8_t *)"aaaa", 4, a), 0);
	assert_int_equal(noise_seal(&send, NULL, 0, (const uint8_t *)"bbbb", 4, b), 0);
	assert_int_equal(noise_open(&receive, NULL, 0, b, 20, out), E_HANDSHAKE_FAILED);
	assert_int_equal(noise_open(&receive, NULL, 0, a, 20, out), 0); /* a failure spends no nonce */
	assert_int_equal(noise_open(&receive, NULL, 0, a, 20, out), E_HANDSHAKE_FAILED);
	assert_int_equal(noise_open(&receive, NULL, 0, b, 20, out), 0);
	for (size_t n = 0; n < NOISE_TAG; n++)
		assert_int_equal(noise_open(&receive, NULL, 0, b, n, out), E_HANDSHAKE_FAILED);
}

static void test_additional_data_is_bound(void **state)
{
	struct noise_cipher send = {.key = {9}, .keyed = true};
	struct noise_cipher receive = send;
	uint8_t a[20];
	uint8_t out[20];
	(void)state;
	assert_int_equal(noise_seal(&send, (const uint8_t *)"ad", 2, (const uint8_t *)"aaaa", 4, a), 0);
	assert_int_equal(noise_open(&receive, (const uint8_t *)"aD", 2, a, 20, out), E_HANDSHAKE_FAILED);
	assert_int_equal(noise_open(&receive, NULL, 0, a, 20, out), E_HANDSHAKE_FAILED);
	assert_int_equal(noise_open(&receive, (const uint8_t *)"ad", 2, a, 20, out), 0);
}

static void test_the_last_nonce_is_never_used(void **state)
{
	struct noise_cipher send = {.key = {9}, .nonce = UINT64_MAX - 1, .keyed = true};
	struct noise_cipher receive = send;
	uint8_t a[17];
	uint8_t out[17];
	(void)state;
	assert_int_equal(noise_seal(&send, NULL, 0, (const uint8_t *)"x", 1, a), 0);
	assert_int_equal(noise_seal(&send, NULL, 0, (const uint8_t *)"x", 1, out), E_HANDSHAKE_FAILED);
	assert_int_equal(noise_open(&receive, NULL, 0, a, 17, out), 0);
	assert_int_equal(noise_open(&receive, NULL, 0, a, 17, out), E_HANDSHAKE_FAILED);
}

static void test_the_nonce_is_little_endian(void **state)
{
	struct noise_cipher send = {.key = {9}, .nonce = 0x0102030405060708u, .keyed = true};
	static const uint8_t nonce[12] = {0, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1};
	uint8_t got[17];
	uint8_t want[17];
	(void)state;
	crypto_aead_chacha20poly1305_ietf_encrypt(want, NULL, (const uint8_t *)"x", 1, NULL, 0, NULL, nonce,
						  send.key);
	assert_int_equal(noise_seal(&send, NULL, 0, (const uint8_t *)"x", 1, got), 0);
	assert_memory_equal(got, want, sizeof(want));
}

static void test_secrets_are_wiped(void **state)
{
	struct two t;
	struct noise_cipher send;
	struct noise_cipher receive;
	(void)state;
	two_init(&t);
	two_run(&t, 3, 3);
	noise_split(&t.client, &send, &receive);
	assert_true(sodium_is_zero(t.client.chain, sizeof(t.client.chain)));
	assert_true(sodium_is_zero(t.client.local.secret, NOISE_KEY));
	assert_true(sodium_is_zero(t.client.ephemeral.secret, NOISE_KEY));
	assert_true(sodium_is_zero(t.client.cipher.key, NOISE_KEY));
	assert_false(sodium_is_zero(t.client.hash, NOISE_HASH));
	assert_memory_equal(t.client.remote, pair_of(2).public, NOISE_KEY);
	noise_fini(&t.host);
	assert_true(sodium_is_zero((const uint8_t *)t.host.remote, NOISE_KEY));
	assert_int_equal(noise_write(&t.host, NULL, 0, t.message[0], ROOM, &t.n[0]), E_HANDSHAKE_FAILED);
}

static void test_fresh_pairs_differ(void **state)
{
	struct noise_pair a;
	struct noise_pair b;
	uint8_t public[NOISE_KEY];
	(void)state;
	noise_pair_make(&a);
	noise_pair_make(&b);
	assert_memory_not_equal(a.secret, b.secret, NOISE_KEY);
	crypto_scalarmult_base(public, a.secret);
	assert_memory_equal(public, a.public, NOISE_KEY);
}

static int setup(void **state)
{
	(void)state;
	return sodium_init() < 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_handshake_with_payloads_of_every_size),
		cmocka_unit_test(test_sizes_of_the_three_messages),
		cmocka_unit_test(test_message_one_does_not_depend_on_the_prologue),
		cmocka_unit_test(test_another_prologue_is_refused),
		cmocka_unit_test(test_out_of_turn),
		cmocka_unit_test(test_room_is_respected),
		cmocka_unit_test(test_every_truncation_is_refused),
		cmocka_unit_test(test_every_flipped_bit_is_refused),
		cmocka_unit_test(test_weak_ephemeral_keys_are_refused),
		cmocka_unit_test(test_weak_static_keys_are_refused),
		cmocka_unit_test(test_opens_into_memory_that_overlaps),
		cmocka_unit_test(test_a_sealed_message_opens_once_and_in_order),
		cmocka_unit_test(test_additional_data_is_bound),
		cmocka_unit_test(test_the_last_nonce_is_never_used),
		cmocka_unit_test(test_the_nonce_is_little_endian),
		cmocka_unit_test(test_secrets_are_wiped),
		cmocka_unit_test(test_fresh_pairs_differ),
	};
	return cmocka_run_group_tests_name("noise", tests, setup, NULL);
}
