/* SPDX-License-Identifier: Apache-2.0 */
#include "channel.h"

#include <sodium.h>
#include <string.h>

#include "error.h"
#include "limit.h"

#define PROLOGUE "muster/1"
#define PROLOGUE_TEXT (sizeof(PROLOGUE) - 1)
#define MESSAGE_MAX (LIMIT_RESPONSE + NOISE_TAG)

void channel_init(struct channel *ch, enum noise_role role, const struct noise_pair *local,
		  const struct noise_pair *ephemeral)
{
	memset(ch, 0, sizeof(*ch));
	ch->role = role;
	ch->noise.local = *local;
	if (ephemeral)
		ch->noise.ephemeral = *ephemeral;
	/* A host reads little before it knows the device; a client knows whom it called. */
	buffer_init(&ch->in, role == NOISE_RESPONDER ? LIMIT_HANDSHAKE_IN : FRAME_HEADER + MESSAGE_MAX);
	buffer_init(&ch->out,
		    role == NOISE_RESPONDER ? 8 * (FRAME_HEADER + MESSAGE_MAX) : 2 * LIMIT_HANDSHAKE_IN);
	buffer_init(&ch->hello, LIMIT_HANDSHAKE_OUT - NOISE_KEY);
	preamble_write(FRAME_HANDSHAKE, ch->preamble);
}

void channel_fini(struct channel *ch)
{
	noise_fini(&ch->noise);
	sodium_memzero(&ch->send, sizeof(ch->send));
	sodium_memzero(&ch->receive, sizeof(ch->receive));
	buffer_wipe(&ch->in);
	buffer_wipe(&ch->out);
	buffer_fini(&ch->hello);
	ch->state = CHANNEL_DEAD;
}

static int dead(struct channel *ch, int error)
{
	if (error)
		ch->state = CHANNEL_DEAD;
	return error;
}

int channel_feed(struct channel *ch, const uint8_t *bytes, size_t n)
{
	if (ch->state == CHANNEL_DEAD)
		return E_CLOSED;
	if (ch->role == NOISE_RESPONDER && ch->state < CHANNEL_OPEN) {
		ch->received += n;
		if (ch->received > LIMIT_HANDSHAKE_IN)
			return dead(ch, E_TOO_LARGE);
	}
	return dead(ch, buffer_append(&ch->in, bytes, n));
}

/* Prologue = "muster/1" || client's preamble || host's preamble (PROTOCOL.md). */
static void begin_noise(struct channel *ch, const uint8_t theirs[LIMIT_PREAMBLE])
{
	uint8_t prologue[PROLOGUE_TEXT + 2 * LIMIT_PREAMBLE];
	bool client = ch->role == NOISE_INITIATOR;
	struct noise_pair local = ch->noise.local;
	struct noise_pair ephemeral = ch->noise.ephemeral;
	memcpy(prologue, PROLOGUE, PROLOGUE_TEXT);
	memcpy(prologue + PROLOGUE_TEXT, client ? ch->preamble : theirs, LIMIT_PREAMBLE);
	memcpy(prologue + PROLOGUE_TEXT + LIMIT_PREAMBLE, client ? theirs : ch->preamble, LIMIT_PREAMBLE);
	noise_init(&ch->noise, ch->role, prologue, sizeof(prologue), &local, &ephemeral);
	sodium_memzero(&local, sizeof(local));
	sodium_memzero(&ephemeral, sizeof(ephemeral));
}

static int queue_frame(struct channel *ch, size_t body, uint8_t **ret_at)
{
	uint8_t *at;
	int error = buffer_extend(&ch->out, FRAME_HEADER + body, &at);
	if (error)
		return error;
	frame_header(body, at);
	*ret_at = at + FRAME_HEADER;
	return 0;
}

static int queue_handshake(struct channel *ch, const uint8_t *payload, size_t n)
{
	uint8_t *at;
	size_t made;
	size_t body = n + noise_overhead(&ch->noise);
	int error = queue_frame(ch, body, &at);
	return error ? error : noise_write(&ch->noise, payload, n, at, body, &made);
}

/*
 * The client sends its first message before it has seen the host's preamble, which belongs to the prologue.
 * Message 1 of XX is the ephemeral key and a clear payload whatever the prologue, so it is written here by
 * hand and hashed again when the prologue is known (rehash_start).
 */
int channel_start(struct channel *ch, const uint8_t *hello, size_t n)
{
	uint8_t *at;
	if (sodium_is_zero(ch->noise.ephemeral.public, NOISE_KEY))
		noise_pair_make(&ch->noise.ephemeral);
	int error = buffer_append(&ch->out, ch->preamble, LIMIT_PREAMBLE);
	if (!error)
		error = queue_frame(ch, NOISE_KEY + n, &at);
	if (error)
		return dead(ch, error);
	memcpy(at, ch->noise.ephemeral.public, NOISE_KEY);
	if (n)
		memcpy(at + NOISE_KEY, hello, n);
	return dead(ch, buffer_append(&ch->hello, hello, n));
}

/* Write message 1 a second time, now under the whole prologue: the same bytes, but hashed. */
static int rehash_start(struct channel *ch)
{
	uint8_t message[LIMIT_HANDSHAKE_OUT];
	size_t made;
	int error = noise_write(&ch->noise, ch->hello.bytes, ch->hello.used, message, sizeof(message), &made);
	buffer_fini(&ch->hello);
	return error;
}

static int next_refusal(struct channel *ch)
{
	size_t body;
	int whole = frame_peek(ch->in.bytes + LIMIT_PREAMBLE, ch->in.used - LIMIT_PREAMBLE,
			       FRAME_REFUSAL_BODY, &body);
	if (whole <= 0)
		return whole;
	return refusal_read(ch->in.bytes + LIMIT_PREAMBLE + FRAME_HEADER, body, &ch->retry_after);
}

static int next_preamble(struct channel *ch)
{
	struct preamble peer;
	if (ch->in.used < LIMIT_PREAMBLE)
		return CHANNEL_WANT;
	int error = preamble_read(ch->in.bytes, &peer);
	ch->greeted = error != E_MALFORMED;
	if (error)
		return error;
	if (peer.type == FRAME_REFUSED)
		return ch->role == NOISE_INITIATOR ? next_refusal(ch) : E_MALFORMED;
	begin_noise(ch, ch->in.bytes);
	if (ch->role == NOISE_INITIATOR && (error = rehash_start(ch)) != 0)
		return error;
	buffer_drop(&ch->in, LIMIT_PREAMBLE);
	ch->state = CHANNEL_FIRST;
	return channel_next(ch);
}

static int frame_limit(const struct channel *ch)
{
	if (ch->state < CHANNEL_OPEN)
		return LIMIT_HANDSHAKE_OUT;
	return ch->role == NOISE_RESPONDER ? LIMIT_SHOW + NOISE_TAG : MESSAGE_MAX;
}

static int next_frame(struct channel *ch)
{
	int whole = frame_peek(ch->in.bytes, ch->in.used, (size_t)frame_limit(ch), &ch->body);
	if (whole < 0)
		return whole;
	if (whole == 0)
		return CHANNEL_WANT;
	if (ch->state == CHANNEL_OPEN)
		return CHANNEL_MESSAGE;
	if (ch->state == CHANNEL_THIRD)
		return CHANNEL_SEALED;
	if (ch->role == NOISE_INITIATOR)
		return CHANNEL_ANSWER;
	return ch->body < NOISE_KEY ? E_MALFORMED : CHANNEL_HELLO;
}

int channel_next(struct channel *ch)
{
	int event;
	switch (ch->state) {
	case CHANNEL_PREAMBLE:
		event = next_preamble(ch);
		break;
	case CHANNEL_FIRST:
	case CHANNEL_THIRD:
	case CHANNEL_OPEN:
		event = next_frame(ch);
		break;
	case CHANNEL_DECIDE:
		return CHANNEL_WANT;
	default:
		return E_CLOSED;
	}
	if (event < 0)
		dead(ch, event);
	return event;
}

const uint8_t *channel_payload(const struct channel *ch, size_t *ret_n)
{
	*ret_n = ch->body - NOISE_KEY;
	return ch->in.bytes + FRAME_HEADER + NOISE_KEY;
}

/* Read the handshake message at the front of in, in place. */
static int read_handshake(struct channel *ch, const uint8_t **ret_payload, size_t *ret_n)
{
	uint8_t *at = ch->in.bytes + FRAME_HEADER;
	*ret_payload = at;
	return noise_read(&ch->noise, at, ch->body, at, ch->body, ret_n);
}

int channel_accept(struct channel *ch, const uint8_t *hello, size_t n)
{
	const uint8_t *ignored;
	size_t ignored_n;
	int error = read_handshake(ch, &ignored, &ignored_n);
	if (!error)
		error = buffer_append(&ch->out, ch->preamble, LIMIT_PREAMBLE);
	if (!error)
		error = queue_handshake(ch, hello, n);
	channel_done(ch);
	ch->state = CHANNEL_THIRD;
	return dead(ch, error);
}

int channel_answer(struct channel *ch, const uint8_t **ret_payload, size_t *ret_n)
{
	ch->state = CHANNEL_DECIDE;
	return dead(ch, read_handshake(ch, ret_payload, ret_n));
}

static void open_up(struct channel *ch)
{
	noise_split(&ch->noise, &ch->send, &ch->receive);
	ch->state = CHANNEL_OPEN;
	if (ch->role == NOISE_RESPONDER)
		ch->in.max = LIMIT_OWED * (FRAME_HEADER + LIMIT_REQUEST + NOISE_TAG) + 65536;
}

int channel_confirm(struct channel *ch, const uint8_t *request, size_t n)
{
	channel_done(ch);
	int error = queue_handshake(ch, request, n);
	if (!error)
		open_up(ch);
	return dead(ch, error);
}

int channel_finish(struct channel *ch, const uint8_t **ret_payload, size_t *ret_n)
{
	int error = read_handshake(ch, ret_payload, ret_n);
	if (!error)
		open_up(ch);
	return dead(ch, error);
}

int channel_open(struct channel *ch, const uint8_t **ret_payload, size_t *ret_n)
{
	uint8_t *at = ch->in.bytes + FRAME_HEADER;
	if (ch->body < NOISE_TAG)
		return dead(ch, E_MALFORMED);
	*ret_payload = at;
	*ret_n = ch->body - NOISE_TAG;
	return dead(ch, noise_open(&ch->receive, NULL, 0, at, ch->body, at));
}

void channel_done(struct channel *ch)
{
	buffer_drop(&ch->in, FRAME_HEADER + ch->body);
	ch->body = 0;
}

int channel_seal(struct channel *ch, const uint8_t *payload, size_t n)
{
	uint8_t *at;
	if (ch->state != CHANNEL_OPEN)
		return E_CLOSED;
	if (n > LIMIT_RESPONSE)
		return E_TOO_LARGE;
	int error = queue_frame(ch, n + NOISE_TAG, &at);
	if (!error)
		error = noise_seal(&ch->send, NULL, 0, payload, n, at);
	return dead(ch, error);
}

const uint8_t *channel_remote(const struct channel *ch)
{
	return ch->noise.remote;
}

const uint8_t *channel_hash(const struct channel *ch)
{
	return ch->noise.hash;
}
