/* SPDX-License-Identifier: Apache-2.0 */
/* Two channels joined in memory: whole connections, cut, delayed, altered, replayed and flooded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "channel.h"
#include "error.h"

#define ROOM 70000

static const uint8_t client_hello[] = "client hello";
static const uint8_t host_hello[] = "host hello: a certificate would stand here";
static const uint8_t request[] = "first request";

static struct noise_pair pair_of(uint8_t fill)
{
	uint8_t secret[NOISE_KEY];
	struct noise_pair pair;
	memset(secret, fill, sizeof(secret));
	noise_pair_from(secret, &pair);
	return pair;
}

/* A connection, and what each side has learned by now. */
struct link {
	struct channel client;
	struct channel host;
	int client_error;
	int host_error;
	bool answered;     /* the client read the host's handshake message */
	bool finished;     /* the host read the client's last one */
	uint8_t got[ROOM]; /* the first request, as the host has it */
	size_t got_n;
};

static struct noise_pair fixed[4];

static int setup(void **state)
{
	(void)state;
	if (sodium_init() < 0)
		return -1;
	for (uint8_t i = 0; i < 4; i++)
		fixed[i] = pair_of((uint8_t)(i + 1));
	return 0;
}

static void link_init(struct link *l)
{
	memset(l, 0, sizeof(*l));
	channel_init(&l->client, NOISE_INITIATOR, &fixed[0], &fixed[2]);
	channel_init(&l->host, NOISE_RESPONDER, &fixed[1], &fixed[3]);
}

static void link_fini(struct link *l)
{
	channel_fini(&l->client);
	channel_fini(&l->host);
}

/* Everything that waits in out, taken away. */
static size_t take(struct channel *ch, uint8_t *to)
{
	size_t n = ch->out.used;
	assert_true(n <= ROOM);
	if (n)
		memcpy(to, ch->out.bytes, n);
	buffer_drop(&ch->out, n);
	return n;
}

/* One move of the host; its error, or the event it ended with. */
static int host_step(struct link *l)
{
	const uint8_t *payload;
	size_t n;
	int event = channel_next(&l->host);
	if (event == CHANNEL_HELLO) {
		payload = channel_payload(&l->host, &n);
		if (n != sizeof(client_hello) || memcmp(payload, client_hello, n) != 0)
			l->got_n = SIZE_MAX; /* altered; the handshake must find out */
		event = channel_accept(&l->host, host_hello, sizeof(host_hello));
	} else if (event == CHANNEL_SEALED) {
		event = channel_finish(&l->host, &payload, &n);
		if (event == 0) {
			memcpy(l->got, payload, n);
			l->got_n = n;
			l->finished = true;
			channel_done(&l->host);
		}
	}
	if (event < 0)
		l->host_error = event;
	return event;
}

static int client_step(struct link *l)
{
	const uint8_t *payload;
	size_t n;
	int event = channel_next(&l->client);
	if (event == CHANNEL_ANSWER) {
		event = channel_answer(&l->client, &payload, &n);
		if (event == 0) {
			assert_int_equal(n, sizeof(host_hello));
			assert_memory_equal(payload, host_hello, n);
			l->answered = true;
			event = channel_confirm(&l->client, request, sizeof(request));
		}
	}
	if (event < 0)
		l->client_error = event;
	return event;
}

static void open_link(struct link *l)
{
	uint8_t bytes[ROOM];
	size_t n;
	link_init(l);
	assert_int_equal(channel_start(&l->client, client_hello, sizeof(client_hello)), 0);
	n = take(&l->client, bytes);
	assert_int_equal(channel_feed(&l->host, bytes, n), 0);
	assert_int_equal(host_step(l), 0);
	n = take(&l->host, bytes);
	assert_int_equal(channel_feed(&l->client, bytes, n), 0);
	assert_int_equal(client_step(l), 0);
	n = take(&l->client, bytes);
	assert_int_equal(channel_feed(&l->host, bytes, n), 0);
	assert_int_equal(host_step(l), 0);
	assert_true(l->finished);
	assert_int_equal(l->got_n, sizeof(request));
	assert_memory_equal(l->got, request, sizeof(request));
}

/* Send a message over an open link and read it at the other end. */
static void send_one(struct channel *from, struct channel *to, const uint8_t *bytes, size_t n)
{
	static uint8_t wire[ROOM];
	const uint8_t *payload;
	size_t got;
	assert_int_equal(channel_seal(from, bytes, n), 0);
	size_t made = take(from, wire);
	assert_int_equal(made, FRAME_HEADER + n + NOISE_TAG);
	assert_int_equal(channel_feed(to, wire, made), 0);
	assert_int_equal(channel_next(to), CHANNEL_MESSAGE);
	assert_int_equal(channel_open(to, &payload, &got), 0);
	assert_int_equal(got, n);
	assert_memory_equal(payload, bytes, n);
	channel_done(to);
	assert_int_equal(channel_next(to), CHANNEL_WANT);
}

static void test_a_whole_connection(void **state)
{
	static uint8_t bytes[LIMIT_RESPONSE];
	struct link l;
	(void)state;
	randombytes_buf(bytes, sizeof(bytes));
	open_link(&l);
	assert_memory_equal(channel_remote(&l.client), fixed[1].public, NOISE_KEY);
	assert_memory_equal(channel_remote(&l.host), fixed[0].public, NOISE_KEY);
	assert_memory_equal(channel_hash(&l.client), channel_hash(&l.host), NOISE_HASH);
	send_one(&l.host, &l.client, bytes, 100);
	send_one(&l.client, &l.host, bytes, LIMIT_REQUEST);
	send_one(&l.host, &l.client, bytes, LIMIT_RESPONSE);
	send_one(&l.client, &l.host, bytes, 0);
	send_one(&l.host, &l.client, bytes, 0);
	link_fini(&l);
}

static void test_hellos_of_every_size(void **state)
{
	static uint8_t hello[LIMIT_HANDSHAKE_OUT];
	static uint8_t bytes[ROOM];
	const uint8_t *payload;
	size_t n;
	(void)state;
	randombytes_buf(hello, sizeof(hello));
	for (size_t size = 0; size <= LIMIT_HANDSHAKE_OUT - 96; size += size < 300 ? 7 : 237) {
		struct link l;
		size_t small = size < 200 ? size : 200;
		link_init(&l);
		assert_int_equal(channel_start(&l.client, hello, small), 0);
		assert_int_equal(channel_feed(&l.host, bytes, take(&l.client, bytes)), 0);
		assert_int_equal(channel_next(&l.host), CHANNEL_HELLO);
		payload = channel_payload(&l.host, &n);
		assert_int_equal(n, small);
		assert_memory_equal(payload, hello, small);
		assert_int_equal(channel_accept(&l.host, hello, size), 0);
		assert_int_equal(channel_feed(&l.client, bytes, take(&l.host, bytes)), 0);
		assert_int_equal(channel_next(&l.client), CHANNEL_ANSWER);
		assert_int_equal(channel_answer(&l.client, &payload, &n), 0);
		assert_int_equal(n, size);
		assert_memory_equal(payload, hello, size);
		link_fini(&l);
	}
}

static void test_one_byte_at_a_time(void **state)
{
	uint8_t bytes[ROOM];
	struct link l;
	(void)state;
	link_init(&l);
	assert_int_equal(channel_start(&l.client, client_hello, sizeof(client_hello)), 0);
	for (int turn = 0; turn < 3; turn++) {
		struct channel *from = turn == 1 ? &l.host : &l.client;
		struct channel *to = turn == 1 ? &l.client : &l.host;
		size_t n = take(from, bytes);
		for (size_t i = 0; i < n; i++) {
			assert_int_equal(channel_next(to), CHANNEL_WANT);
			assert_int_equal(channel_feed(to, bytes + i, 1), 0);
		}
		assert_int_equal(turn == 1 ? client_step(&l) : host_step(&l), 0);
	}
	assert_true(l.finished);
	assert_int_equal(channel_seal(&l.host, request, sizeof(request)), 0);
	size_t n = take(&l.host, bytes);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(channel_next(&l.client), CHANNEL_WANT);
		assert_int_equal(channel_feed(&l.client, bytes + i, 1), 0);
	}
	assert_int_equal(channel_next(&l.client), CHANNEL_MESSAGE);
	link_fini(&l);
}

static void test_many_messages_in_one_gulp(void **state)
{
	uint8_t bytes[ROOM];
	struct link l;
	(void)state;
	open_link(&l);
	for (uint8_t i = 0; i < LIMIT_OWED; i++)
		assert_int_equal(channel_seal(&l.client, &i, 1), 0);
	assert_int_equal(channel_feed(&l.host, bytes, take(&l.client, bytes)), 0);
	for (uint8_t i = 0; i < LIMIT_OWED; i++) {
		const uint8_t *payload;
		size_t n;
		assert_int_equal(channel_next(&l.host), CHANNEL_MESSAGE);
		assert_int_equal(channel_next(&l.host), CHANNEL_MESSAGE); /* asking twice changes nothing */
		assert_int_equal(channel_open(&l.host, &payload, &n), 0);
		assert_int_equal(n, 1);
		assert_int_equal(*payload, i);
		channel_done(&l.host);
	}
	assert_int_equal(channel_next(&l.host), CHANNEL_WANT);
	link_fini(&l);
}

/* Small requests may follow the first one before the host has read its handshake message. */
static void test_requests_behind_the_handshake(void **state)
{
	static uint8_t big[LIMIT_REQUEST];
	static uint8_t hello[140];
	uint8_t bytes[ROOM];
	const uint8_t *payload;
	size_t n;
	struct link l;
	(void)state;
	link_init(&l);
	assert_int_equal(channel_start(&l.client, hello, sizeof(hello)), 0);
	assert_int_equal(channel_feed(&l.host, bytes, take(&l.client, bytes)), 0);
	assert_int_equal(channel_next(&l.host), CHANNEL_HELLO);
	assert_int_equal(channel_accept(&l.host, host_hello, sizeof(host_hello)), 0);
	assert_int_equal(channel_feed(&l.client, bytes, take(&l.host, bytes)), 0);
	assert_int_equal(channel_next(&l.client), CHANNEL_ANSWER);
	assert_int_equal(channel_answer(&l.client, &payload, &n), 0);
	assert_int_equal(channel_confirm(&l.client, big, sizeof(big)), 0);
	for (int i = 0; i < LIMIT_OWED - 1; i++)
		assert_int_equal(channel_seal(&l.client, big, 74), 0); /* the largest Ping */
	assert_int_equal(channel_feed(&l.host, bytes, take(&l.client, bytes)), 0);
	assert_int_equal(channel_next(&l.host), CHANNEL_SEALED);
	assert_int_equal(channel_finish(&l.host, &payload, &n), 0);
	assert_int_equal(n, sizeof(big));
	channel_done(&l.host);
	for (int i = 0; i < LIMIT_OWED - 1; i++) {
		assert_int_equal(channel_next(&l.host), CHANNEL_MESSAGE);
		assert_int_equal(channel_open(&l.host, &payload, &n), 0);
		channel_done(&l.host);
	}
	link_fini(&l);
}

/*
 * Run the handshake with one bit of the whole exchange flipped. bit counts over the client's first flight,
 * the host's and the client's second. Returns false when there is no such bit.
 */
static bool run_flipped(struct link *l, size_t bit)
{
	uint8_t bytes[ROOM];
	link_init(l);
	assert_int_equal(channel_start(&l->client, client_hello, sizeof(client_hello)), 0);
	for (int turn = 0; turn < 3; turn++) {
		struct channel *from = turn == 1 ? &l->host : &l->client;
		struct channel *to = turn == 1 ? &l->client : &l->host;
		size_t n = take(from, bytes);
		bool here = bit < 8 * n;
		if (here)
			bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		bit = here ? SIZE_MAX : bit == SIZE_MAX ? bit : bit - 8 * n;
		if (channel_feed(to, bytes, n) < 0)
			return true;
		for (int i = 0; i < 3; i++)
			if ((turn == 1 ? client_step(l) : host_step(l)) != 0)
				break;
		if (l->client_error || l->host_error)
			return true;
	}
	return bit == SIZE_MAX;
}

static void test_every_flipped_bit_of_the_handshake_is_refused(void **state)
{
	size_t refused = 0;
	size_t bits = 0;
	(void)state;
	for (struct link l;; bits++) {
		bool more = run_flipped(&l, bits);
		if (more) {
			/* A longer length makes the reader wait until its deadline; everything else is an
			 * error. */
			assert_false(l.finished);
			refused += l.client_error || l.host_error || l.host.state == CHANNEL_DEAD ||
				   l.client.state == CHANNEL_DEAD;
		} else {
			assert_true(l.finished); /* no bit was flipped: it works */
		}
		link_fini(&l);
		if (!more)
			break;
	}
	assert_int_equal(bits, 8 * (8 + 2 + 32 + sizeof(client_hello) + 8 + 2 + 96 + sizeof(host_hello) + 2 +
				    64 + sizeof(request)));
	assert_true(bits - refused <= 3 * 16);
}

static void test_every_flipped_bit_of_a_message_is_refused(void **state)
{
	uint8_t bytes[ROOM];
	(void)state;
	for (size_t bit = 16; bit < 8 * (FRAME_HEADER + 4 + NOISE_TAG); bit++) {
		const uint8_t *payload;
		size_t n;
		struct link l;
		open_link(&l);
		assert_int_equal(channel_seal(&l.client, (const uint8_t *)"ping", 4), 0);
		size_t made = take(&l.client, bytes);
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(channel_feed(&l.host, bytes, made), 0);
		assert_int_equal(channel_next(&l.host), CHANNEL_MESSAGE);
		assert_int_equal(channel_open(&l.host, &payload, &n), E_HANDSHAKE_FAILED);
		assert_int_equal(channel_next(&l.host), E_CLOSED);
		assert_int_equal(channel_feed(&l.host, bytes, 1), E_CLOSED);
		assert_int_equal(channel_seal(&l.host, bytes, 1), E_CLOSED);
		link_fini(&l);
	}
}

static void test_a_replayed_client_is_refused(void **state)
{
	uint8_t first[ROOM];
	uint8_t second[ROOM];
	uint8_t bytes[ROOM];
	struct link l;
	struct channel fresh;
	(void)state;
	link_init(&l);
	assert_int_equal(channel_start(&l.client, client_hello, sizeof(client_hello)), 0);
	size_t first_n = take(&l.client, first);
	assert_int_equal(channel_feed(&l.host, first, first_n), 0);
	assert_int_equal(host_step(&l), 0);
	assert_int_equal(channel_feed(&l.client, bytes, take(&l.host, bytes)), 0);
	assert_int_equal(client_step(&l), 0);
	size_t second_n = take(&l.client, second);
	assert_int_equal(channel_feed(&l.host, second, second_n), 0);
	assert_int_equal(host_step(&l), 0);
	assert_true(l.finished);
	link_fini(&l);

	/* The same host, the same bytes, but an ephemeral key of its own as in real life. */
	const uint8_t *payload;
	size_t n;
	channel_init(&fresh, NOISE_RESPONDER, &fixed[1], NULL);
	assert_int_equal(channel_feed(&fresh, first, first_n), 0);
	assert_int_equal(channel_next(&fresh), CHANNEL_HELLO);
	assert_int_equal(channel_accept(&fresh, host_hello, sizeof(host_hello)), 0);
	assert_int_equal(channel_feed(&fresh, second, second_n), 0);
	assert_int_equal(channel_next(&fresh), CHANNEL_SEALED);
	assert_int_equal(channel_finish(&fresh, &payload, &n), E_HANDSHAKE_FAILED);
	channel_fini(&fresh);
}

static void test_a_replayed_host_is_refused(void **state)
{
	uint8_t answer[ROOM];
	uint8_t bytes[ROOM];
	const uint8_t *payload;
	size_t n;
	struct link l;
	struct channel fresh;
	(void)state;
	link_init(&l);
	assert_int_equal(channel_start(&l.client, client_hello, sizeof(client_hello)), 0);
	assert_int_equal(channel_feed(&l.host, bytes, take(&l.client, bytes)), 0);
	assert_int_equal(host_step(&l), 0);
	size_t answer_n = take(&l.host, answer);
	link_fini(&l);
	channel_init(&fresh, NOISE_INITIATOR, &fixed[0], NULL);
	assert_int_equal(channel_start(&fresh, client_hello, sizeof(client_hello)), 0);
	assert_int_equal(channel_feed(&fresh, answer, answer_n), 0);
	assert_int_equal(channel_next(&fresh), CHANNEL_ANSWER);
	assert_int_equal(channel_answer(&fresh, &payload, &n), E_HANDSHAKE_FAILED);
	channel_fini(&fresh);
}

static void test_a_replayed_message_is_refused(void **state)
{
	uint8_t bytes[ROOM];
	const uint8_t *payload;
	size_t n;
	struct link l;
	(void)state;
	open_link(&l);
	assert_int_equal(channel_seal(&l.client, (const uint8_t *)"once", 4), 0);
	size_t made = take(&l.client, bytes);
	assert_int_equal(channel_feed(&l.host, bytes, made), 0);
	assert_int_equal(channel_feed(&l.host, bytes, made), 0);
	assert_int_equal(channel_next(&l.host), CHANNEL_MESSAGE);
	assert_int_equal(channel_open(&l.host, &payload, &n), 0);
	channel_done(&l.host);
	assert_int_equal(channel_next(&l.host), CHANNEL_MESSAGE);
	assert_int_equal(channel_open(&l.host, &payload, &n), E_HANDSHAKE_FAILED);
	link_fini(&l);
}

static void test_two_connections_share_no_bytes(void **state)
{
	struct channel a;
	struct channel b;
	(void)state;
	channel_init(&a, NOISE_INITIATOR, &fixed[0], NULL);
	channel_init(&b, NOISE_INITIATOR, &fixed[0], NULL);
	assert_int_equal(channel_start(&a, NULL, 0), 0);
	assert_int_equal(channel_start(&b, NULL, 0), 0);
	assert_int_equal(a.out.used, 42);
	assert_memory_not_equal(a.out.bytes + 10, b.out.bytes + 10, 32);
	channel_fini(&a);
	channel_fini(&b);
}

static void test_garbage_is_dropped_early(void **state)
{
	static uint8_t garbage[65536];
	struct channel host;
	(void)state;
	randombytes_buf(garbage, sizeof(garbage));
	garbage[0] = 'G';
	channel_init(&host, NOISE_RESPONDER, &fixed[1], NULL);
	assert_int_equal(channel_feed(&host, garbage, sizeof(garbage)), E_TOO_LARGE);
	assert_int_equal(host.in.room, 0);
	assert_int_equal(channel_next(&host), E_CLOSED);
	channel_fini(&host);
	channel_init(&host, NOISE_RESPONDER, &fixed[1], NULL);
	for (size_t i = 0; i < 7; i++) {
		assert_int_equal(channel_feed(&host, garbage + i, 1), 0);
		assert_int_equal(channel_next(&host), CHANNEL_WANT);
	}
	assert_int_equal(channel_feed(&host, garbage + 7, 1), 0);
	assert_int_equal(channel_next(&host), E_MALFORMED);
	assert_int_equal(host.out.used, 0);
	channel_fini(&host);
}

static int next_of(enum noise_role role, const char *bytes, size_t n, unsigned *ret_retry)
{
	struct channel ch;
	channel_init(&ch, role, &fixed[1], NULL);
	if (role == NOISE_INITIATOR)
		assert_int_equal(channel_start(&ch, client_hello, sizeof(client_hello)), 0);
	assert_int_equal(channel_feed(&ch, (const uint8_t *)bytes, n), 0);
	int event = channel_next(&ch);
	if (ret_retry)
		*ret_retry = ch.retry_after;
	if (event < 0)
		assert_int_equal(channel_next(&ch), E_CLOSED);
	channel_fini(&ch);
	return event;
}

static void test_headers_decide_alone(void **state)
{
	(void)state;
	assert_int_equal(next_of(NOISE_RESPONDER, "MUST\1\1\1\0", 8, NULL), CHANNEL_WANT);
	assert_int_equal(next_of(NOISE_RESPONDER, "MUST\1\1\1\0\x10\x00", 10, NULL), CHANNEL_WANT);
	assert_int_equal(next_of(NOISE_RESPONDER, "MUST\1\1\1\0\x10\x01", 10, NULL), E_TOO_LARGE);
	assert_int_equal(next_of(NOISE_RESPONDER, "MUST\1\1\1\0\xff\xff", 10, NULL), E_TOO_LARGE);
	assert_int_equal(next_of(NOISE_RESPONDER, "MUST\1\1\1\0\x00\x00", 10, NULL), E_MALFORMED);
	assert_int_equal(next_of(NOISE_RESPONDER, "MUST\1\1\1\0\x00\x01?", 11, NULL), E_MALFORMED);
	assert_int_equal(next_of(NOISE_RESPONDER, "MUST\2\3\1\0", 8, NULL), E_VERSION_UNSUPPORTED);
	assert_int_equal(next_of(NOISE_RESPONDER, "MUST\1\1\2\0\0\4\0\3\0\1", 14, NULL), E_MALFORMED);
	assert_int_equal(next_of(NOISE_INITIATOR, "MUST\2\3\1\0", 8, NULL), E_VERSION_UNSUPPORTED);
	assert_int_equal(next_of(NOISE_INITIATOR, "MUST\1\1\1\0\x10\x01", 10, NULL), E_TOO_LARGE);
	assert_int_equal(next_of(NOISE_INITIATOR, "HTTP/1.1 400", 12, NULL), E_MALFORMED);
}

/* Only who speaks our protocol is worth a refusal. */
static void test_who_has_greeted(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		bool greeted;
	} rows[] = {
		{"MUST\1\1\1", 7, false},           {"MUST\1\1\1\0", 8, true},
		{"MUST\1\1\1\0\xff\xff", 10, true}, {"MUST\2\3\1\0", 8, true},
		{"GET / HTTP/1.1\r\n", 16, false},  {"must\1\1\1\0", 8, false},
		{"MUST\0\1\1\0\0\1", 10, false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct channel ch;
		channel_init(&ch, NOISE_RESPONDER, &fixed[1], NULL);
		assert_int_equal(channel_feed(&ch, (const uint8_t *)rows[i].bytes, rows[i].n), 0);
		(void)channel_next(&ch);
		assert_int_equal(ch.greeted, rows[i].greeted);
		channel_fini(&ch);
	}
}

static void test_half_a_frame_waits(void **state)
{
	char bytes[42] = "MUST\1\1\1\0\0\x20";
	(void)state;
	memset(bytes + 10, 5, 32);
	for (size_t n = 0; n < sizeof(bytes); n++)
		assert_int_equal(next_of(NOISE_RESPONDER, bytes, n, NULL), CHANNEL_WANT);
	assert_int_equal(next_of(NOISE_RESPONDER, bytes, sizeof(bytes), NULL), CHANNEL_HELLO);
}

static void test_a_client_reads_a_refusal(void **state)
{
	uint8_t refusal[FRAME_REFUSAL];
	unsigned retry = 0;
	(void)state;
	refusal_write(E_BUSY, 3600, refusal);
	for (size_t n = 0; n < sizeof(refusal); n++)
		assert_int_equal(next_of(NOISE_INITIATOR, (char *)refusal, n, NULL), CHANNEL_WANT);
	assert_int_equal(next_of(NOISE_INITIATOR, (char *)refusal, sizeof(refusal), &retry), E_BUSY);
	assert_int_equal(retry, LIMIT_BUSY_DELAY_S);
	refusal_write(E_VERSION_UNSUPPORTED, 0, refusal);
	assert_int_equal(next_of(NOISE_INITIATOR, (char *)refusal, sizeof(refusal), &retry),
			 E_VERSION_UNSUPPORTED);
	assert_int_equal(retry, 0);
	refusal_write(E_DEVICE_BLOCKED, 9, refusal); /* no stranger may say such a thing in clear */
	assert_int_equal(next_of(NOISE_INITIATOR, (char *)refusal, sizeof(refusal), &retry), E_MALFORMED);
	refusal_write(E_BUSY, 9, refusal);
	refusal[9] = 5; /* another length than four */
	assert_int_equal(next_of(NOISE_INITIATOR, (char *)refusal, sizeof(refusal), &retry), E_TOO_LARGE);
	refusal[9] = 3;
	assert_int_equal(next_of(NOISE_INITIATOR, (char *)refusal, sizeof(refusal), &retry), E_MALFORMED);
}

static void test_a_host_reads_no_more_than_its_limit(void **state)
{
	static uint8_t zeros[LIMIT_HANDSHAKE_IN + 1];
	struct channel host;
	(void)state;
	for (size_t step = 1; step <= 4096; step *= 4) {
		channel_init(&host, NOISE_RESPONDER, &fixed[1], NULL);
		size_t fed = 0;
		while (fed + step <= LIMIT_HANDSHAKE_IN) {
			assert_int_equal(channel_feed(&host, zeros, step), 0);
			fed += step;
		}
		assert_int_equal(fed, LIMIT_HANDSHAKE_IN);
		assert_true(host.in.room <= LIMIT_HANDSHAKE_IN);
		assert_int_equal(channel_feed(&host, zeros, 1), E_TOO_LARGE);
		assert_int_equal(channel_feed(&host, zeros, 1), E_CLOSED);
		channel_fini(&host);
	}
}

/* All of it counts, not only what lies there unread. */
static void test_the_limit_counts_what_was_read(void **state)
{
	static uint8_t hello[3000];
	uint8_t bytes[ROOM];
	struct link l;
	(void)state;
	link_init(&l);
	assert_int_equal(channel_start(&l.client, hello, sizeof(hello)), 0);
	size_t n = take(&l.client, bytes);
	assert_int_equal(channel_feed(&l.host, bytes, n), 0);
	assert_int_equal(channel_next(&l.host), CHANNEL_HELLO);
	assert_int_equal(channel_accept(&l.host, host_hello, sizeof(host_hello)), 0);
	assert_int_equal(l.host.in.used, 0);
	assert_int_equal(channel_feed(&l.host, bytes, LIMIT_HANDSHAKE_IN - n), 0);
	assert_int_equal(channel_feed(&l.host, bytes, 1), E_TOO_LARGE);
	link_fini(&l);
}

static void test_an_open_host_takes_all_that_may_be_owed(void **state)
{
	static uint8_t big[LIMIT_SHOW];
	static uint8_t bytes[ROOM];
	size_t n = 0;
	struct link l;
	(void)state;
	open_link(&l);
	for (int i = 0; i < LIMIT_OWED; i++) {
		assert_int_equal(channel_seal(&l.client, big, sizeof(big)), 0);
		n += take(&l.client, bytes + n);
	}
	assert_int_equal(channel_feed(&l.host, bytes, n), 0);
	for (int i = 0; i < LIMIT_OWED; i++) {
		const uint8_t *payload;
		assert_int_equal(channel_next(&l.host), CHANNEL_MESSAGE);
		assert_int_equal(channel_open(&l.host, &payload, &n), 0);
		assert_int_equal(n, sizeof(big));
		channel_done(&l.host);
	}
	link_fini(&l);
}

static void test_an_open_host_holds_no_more_than_that(void **state)
{
	static const uint8_t zeros[4096];
	size_t fed = 0;
	int error = 0;
	struct link l;
	(void)state;
	open_link(&l);
	while (!error && fed < 1 << 20) {
		error = channel_feed(&l.host, zeros, sizeof(zeros));
		fed += sizeof(zeros);
	}
	assert_int_equal(error, E_TOO_LARGE);
	assert_true(fed <= LIMIT_OWED * (FRAME_HEADER + LIMIT_REQUEST + NOISE_TAG) + 65536 + sizeof(zeros));
	link_fini(&l);
}

static void test_messages_beyond_the_limits(void **state)
{
	static uint8_t big[LIMIT_RESPONSE + 1];
	static uint8_t bytes[ROOM];
	struct link l;
	(void)state;
	open_link(&l);
	assert_int_equal(channel_seal(&l.host, big, LIMIT_RESPONSE + 1), E_TOO_LARGE);
	assert_int_equal(channel_seal(&l.host, big, LIMIT_RESPONSE), 0); /* the refused one did no harm */
	assert_int_equal(channel_seal(&l.client, big, LIMIT_SHOW + 1), 0);
	assert_int_equal(channel_feed(&l.host, bytes, take(&l.client, bytes)), 0);
	assert_int_equal(channel_next(&l.host), E_TOO_LARGE);
	link_fini(&l);
	open_link(&l);
	assert_int_equal(channel_feed(&l.host, (const uint8_t *)"\0\x0f", 2), 0);
	for (int i = 0; i < 15; i++)
		assert_int_equal(channel_feed(&l.host, big, 1), 0);
	const uint8_t *payload;
	size_t n;
	assert_int_equal(channel_next(&l.host), CHANNEL_MESSAGE);
	assert_int_equal(channel_open(&l.host, &payload, &n), E_MALFORMED); /* shorter than its tag */
	link_fini(&l);
}

static void test_a_hello_too_large(void **state)
{
	static uint8_t big[2 * LIMIT_HANDSHAKE_OUT + 100];
	struct channel client;
	(void)state;
	channel_init(&client, NOISE_INITIATOR, &fixed[0], NULL);
	assert_int_equal(channel_start(&client, big, LIMIT_HANDSHAKE_OUT - NOISE_KEY + 1), E_TOO_LARGE);
	channel_fini(&client);
	channel_init(&client, NOISE_INITIATOR, &fixed[0], NULL);
	assert_int_equal(channel_start(&client, big, sizeof(big)), E_TOO_LARGE);
	assert_int_equal(channel_next(&client), E_CLOSED);
	channel_fini(&client);
}

static void test_seal_needs_an_open_channel(void **state)
{
	struct channel client;
	(void)state;
	channel_init(&client, NOISE_INITIATOR, &fixed[0], NULL);
	assert_int_equal(channel_seal(&client, request, 1), E_CLOSED);
	assert_int_equal(channel_start(&client, client_hello, 1), 0);
	assert_int_equal(channel_seal(&client, request, 1), E_CLOSED);
	channel_fini(&client);
	assert_int_equal(channel_seal(&client, request, 1), E_CLOSED);
	assert_int_equal(channel_next(&client), E_CLOSED);
}

static void test_a_downgraded_version_is_noticed(void **state)
{
	uint8_t bytes[ROOM];
	struct link l;
	(void)state;
	link_init(&l);
	assert_int_equal(channel_start(&l.client, client_hello, sizeof(client_hello)), 0);
	size_t n = take(&l.client, bytes);
	bytes[5] = 3; /* as if the client spoke up to 3, and somebody on the way said 1, or the reverse */
	assert_int_equal(channel_feed(&l.host, bytes, n), 0);
	assert_int_equal(host_step(&l), 0);
	assert_int_equal(channel_feed(&l.client, bytes, take(&l.host, bytes)), 0);
	assert_int_equal(client_step(&l), E_HANDSHAKE_FAILED);
	link_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_whole_connection),
		cmocka_unit_test(test_hellos_of_every_size),
		cmocka_unit_test(test_one_byte_at_a_time),
		cmocka_unit_test(test_many_messages_in_one_gulp),
		cmocka_unit_test(test_requests_behind_the_handshake),
		cmocka_unit_test(test_every_flipped_bit_of_the_handshake_is_refused),
		cmocka_unit_test(test_every_flipped_bit_of_a_message_is_refused),
		cmocka_unit_test(test_a_replayed_client_is_refused),
		cmocka_unit_test(test_a_replayed_host_is_refused),
		cmocka_unit_test(test_a_replayed_message_is_refused),
		cmocka_unit_test(test_two_connections_share_no_bytes),
		cmocka_unit_test(test_garbage_is_dropped_early),
		cmocka_unit_test(test_headers_decide_alone),
		cmocka_unit_test(test_who_has_greeted),
		cmocka_unit_test(test_half_a_frame_waits),
		cmocka_unit_test(test_a_client_reads_a_refusal),
		cmocka_unit_test(test_a_host_reads_no_more_than_its_limit),
		cmocka_unit_test(test_the_limit_counts_what_was_read),
		cmocka_unit_test(test_an_open_host_takes_all_that_may_be_owed),
		cmocka_unit_test(test_an_open_host_holds_no_more_than_that),
		cmocka_unit_test(test_messages_beyond_the_limits),
		cmocka_unit_test(test_a_hello_too_large),
		cmocka_unit_test(test_seal_needs_an_open_channel),
		cmocka_unit_test(test_a_downgraded_version_is_noticed),
	};
	return cmocka_run_group_tests_name("channel", tests, setup, NULL);
}
