/* SPDX-License-Identifier: Apache-2.0 */
/* The input as one of the three handshake messages, or as a sealed message, for a side that waits for it. */
#include "fuzz.h"
#include "noise.h"

#define ROOM 8192

static struct noise_pair pair_of(int fill)
{
	uint8_t secret[NOISE_KEY];
	struct noise_pair pair;
	memset(secret, fill, sizeof(secret));
	noise_pair_from(secret, &pair);
	return pair;
}

/* Both sides after `done` honest messages. */
static void run(struct noise *client, struct noise *host, int done)
{
	struct noise_pair keys[4] = {pair_of(1), pair_of(2), pair_of(3), pair_of(4)};
	uint8_t message[256];
	uint8_t payload[256];
	size_t n;
	noise_init(client, NOISE_INITIATOR, "muster/1", 8, &keys[0], &keys[2]);
	noise_init(host, NOISE_RESPONDER, "muster/1", 8, &keys[1], &keys[3]);
	for (int i = 0; i < done; i++) {
		fuzz_require(noise_write(i % 2 ? host : client, NULL, 0, message, sizeof(message), &n) == 0);
		fuzz_require(noise_read(i % 2 ? client : host, message, n, payload, sizeof(payload), &n) ==
			     0);
	}
}

static void try_message(int done, const uint8_t *data, size_t n)
{
	struct noise sides[2];
	uint8_t out[ROOM];
	size_t made = 0;
	run(&sides[0], &sides[1], done);
	struct noise *reader = &sides[done % 2 ? 0 : 1];
	size_t overhead = noise_overhead(reader);
	int error = noise_read(reader, data, n, out, sizeof(out), &made);
	if (!error) {
		fuzz_accepted(noise_read);
		fuzz_require(made == n - overhead);
		fuzz_require(done == 0); /* nobody can forge the other two */
		error = noise_write(reader, out, made < 100 ? made : 100, out, sizeof(out), &made);
	}
	fuzz_use((size_t)-error + made);
}

static void try_sealed(const uint8_t *data, size_t n)
{
	struct noise_cipher cipher = {.key = {7}, .keyed = true};
	uint8_t out[ROOM];
	fuzz_require(n < NOISE_TAG || noise_open(&cipher, NULL, 0, data, n, out) != 0);
	fuzz_require(cipher.nonce == 0);
	fuzz_require(noise_seal(&cipher, NULL, 0, data, n, out) == 0);
	cipher.nonce = 0;
	fuzz_require(noise_open(&cipher, NULL, 0, out, n + NOISE_TAG, out) == 0);
	fuzz_accepted(noise_open);
	fuzz_require(n == 0 || memcmp(out, data, n) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (n == 0 || n > ROOM / 2)
		return 0;
	if (data[0] % 4 == 3)
		try_sealed(data + 1, n - 1);
	else
		try_message(data[0] % 4, data + 1, n - 1);
	return 0;
}
