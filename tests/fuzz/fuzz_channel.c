/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A channel of either role under hostile bytes. The first byte says who is attacked and from where on: from
 * the first byte of the connection, after an honest handshake, or by an authenticated peer who seals what it
 * likes. The second says how large the pieces are in which the bytes arrive.
 */
#include "channel.h"
#include "error.h"
#include "fuzz.h"

struct pair {
	struct channel client;
	struct channel host;
};

static void init(struct pair *p)
{
	struct noise_pair keys[4];
	for (size_t i = 0; i < 4; i++) {
		uint8_t secret[NOISE_KEY];
		memset(secret, (int)i + 1, sizeof(secret));
		noise_pair_from(secret, &keys[i]);
	}
	channel_init(&p->client, NOISE_INITIATOR, &keys[0], &keys[2]);
	channel_init(&p->host, NOISE_RESPONDER, &keys[1], &keys[3]);
}

static void fini(struct pair *p)
{
	channel_fini(&p->client);
	channel_fini(&p->host);
}

/* Do what an event asks for; the number of bytes that came out, or an error. */
static int act(struct channel *ch, int event)
{
	const uint8_t *payload = NULL;
	size_t n = 0;
	int error = 0;
	switch (event) {
	case CHANNEL_HELLO:
		fuzz_accepted(channel_hello);
		payload = channel_payload(ch, &n);
		fuzz_use(n ? payload[n - 1] : 0);
		return channel_accept(ch, (const uint8_t *)"hello", 5);
	case CHANNEL_SEALED:
		error = channel_finish(ch, &payload, &n);
		break;
	case CHANNEL_ANSWER:
		error = channel_answer(ch, &payload, &n);
		if (!error)
			fuzz_accepted(channel_answer);
		return error ? error : channel_confirm(ch, (const uint8_t *)"request", 7);
	default:
		error = channel_open(ch, &payload, &n);
	}
	if (error)
		return error;
	fuzz_use(n ? payload[n - 1] : 0);
	channel_done(ch);
	return 0;
}

static void pump(struct channel *ch)
{
	for (int moves = 0; moves < 10000; moves++) {
		int event = channel_next(ch);
		if (event <= CHANNEL_WANT)
			return;
		fuzz_accepted(channel_next);
		if (act(ch, event))
			break;
	}
	fuzz_require(channel_next(ch) < 0);
}

static void pass(struct channel *from, struct channel *to)
{
	fuzz_require(channel_feed(to, from->out.bytes, from->out.used) == 0);
	buffer_drop(&from->out, from->out.used);
	pump(to);
}

static void handshake(struct pair *p)
{
	fuzz_require(channel_start(&p->client, NULL, 0) == 0);
	pass(&p->client, &p->host);
	pass(&p->host, &p->client);
	pass(&p->client, &p->host);
	fuzz_require(p->host.state == CHANNEL_OPEN && p->client.state == CHANNEL_OPEN);
}

static void attack(struct channel *ch, const uint8_t *data, size_t n, size_t step)
{
	while (n) {
		size_t piece = step && step < n ? step : n;
		int error = channel_feed(ch, data, piece);
		if (!error)
			fuzz_accepted(channel_feed);
		pump(ch);
		fuzz_require(ch->in.used <= ch->in.max);
		data += piece;
		n -= piece;
	}
}

/* The peer is who it says, but seals nonsense: the other side must hand it out as it is. */
static void talk(struct channel *from, struct channel *to, const uint8_t *data, size_t n)
{
	const uint8_t *payload;
	size_t got;
	if (n > LIMIT_REQUEST)
		n = LIMIT_REQUEST;
	fuzz_require(channel_seal(from, data, n) == 0);
	fuzz_require(channel_feed(to, from->out.bytes, from->out.used) == 0);
	fuzz_require(channel_next(to) == CHANNEL_MESSAGE);
	fuzz_require(channel_open(to, &payload, &got) == 0);
	fuzz_accepted(channel_open);
	fuzz_require(got == n && (n == 0 || memcmp(payload, data, n) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct pair p;
	if (n < 2)
		return 0;
	bool host = data[0] & 1;
	struct channel *target = host ? &p.host : &p.client;
	init(&p);
	switch (data[0] / 2 % 3) {
	case 0:
		if (!host)
			fuzz_require(channel_start(&p.client, NULL, 0) == 0);
		attack(target, data + 2, n - 2, data[1]);
		break;
	case 1:
		handshake(&p);
		attack(target, data + 2, n - 2, data[1]);
		break;
	default:
		handshake(&p);
		talk(host ? &p.client : &p.host, target, data + 2, n - 2);
	}
	fini(&p);
	return 0;
}
