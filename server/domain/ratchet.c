/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet.h"

#include <sodium.h>
#include <string.h>

#include "cursor.h"

#define MARK_LABEL "muster/1 branch"

void ratchet_make(const uint8_t secret[RATCHET_SECRET], const uint8_t device[DEVICE_ID], uint64_t counter,
		  const uint8_t token[REQUEST_TOKEN], uint8_t ret[RATCHET])
{
	crypto_generichash_state state;
	uint8_t number[8];
	struct writer w = writer_over(number, sizeof(number));
	writer_u64(&w, counter);
	crypto_generichash_init(&state, secret, RATCHET_SECRET, RATCHET);
	crypto_generichash_update(&state, device, DEVICE_ID);
	crypto_generichash_update(&state, number, sizeof(number));
	crypto_generichash_update(&state, token, REQUEST_TOKEN);
	crypto_generichash_final(&state, ret, RATCHET);
	sodium_memzero(&state, sizeof(state));
}

void ratchet_current(const uint8_t secret[RATCHET_SECRET], const uint8_t device[DEVICE_ID],
		     const struct ratchet *stored, uint8_t ret[RATCHET])
{
	if (ratchet_adopted(stored))
		memcpy(ret, stored->shown, RATCHET);
	else
		ratchet_make(secret, device, stored->counter, stored->token, ret);
}

enum ratchet_judgement ratchet_judge(const uint8_t secret[RATCHET_SECRET], const uint8_t device[DEVICE_ID],
				     const struct ratchet *stored, const struct ratchet_shown *shown)
{
	uint8_t current[RATCHET];
	bool ahead = shown->counter > stored->counter && shown->counter <= RATCHET_COUNTER_MAX;
	if (stored->counter == 0)
		return ahead ? RATCHET_AHEAD : RATCHET_FIRST;
	if (memcmp(stored->token, shown->token, REQUEST_TOKEN) == 0 &&
	    sodium_memcmp(stored->shown, shown->ratchet, RATCHET) == 0)
		return RATCHET_REPEAT;
	ratchet_current(secret, device, stored, current);
	if (shown->counter == stored->counter && sodium_memcmp(current, shown->ratchet, RATCHET) == 0)
		return RATCHET_CONTINUE;
	return ahead ? RATCHET_AHEAD : RATCHET_MISMATCH;
}

_Static_assert(RATCHET == REQUEST_TOKEN, "a mark stands for either");

void branch_mark(const uint8_t ratchet_or_token[RATCHET], uint8_t ret[BRANCH_MARK])
{
	crypto_generichash_state state;
	crypto_generichash_init(&state, NULL, 0, BRANCH_MARK);
	crypto_generichash_update(&state, (const uint8_t *)MARK_LABEL, sizeof(MARK_LABEL) - 1);
	crypto_generichash_update(&state, ratchet_or_token, RATCHET);
	crypto_generichash_final(&state, ret, BRANCH_MARK);
}

struct ratchet ratchet_adopt(const struct ratchet_shown *shown, int64_t now)
{
	struct ratchet r = {.counter = shown->counter, .at = now};
	memcpy(r.shown, shown->ratchet, RATCHET);
	return r;
}

bool ratchet_adopted(const struct ratchet *stored)
{
	return stored->counter && sodium_is_zero(stored->token, REQUEST_TOKEN);
}

uint64_t answer_digest(int kind, const char *const *texts, size_t n)
{
	crypto_generichash_state state;
	uint8_t hash[crypto_generichash_BYTES_MIN];
	uint8_t first = (uint8_t)kind;
	crypto_generichash_init(&state, NULL, 0, sizeof(hash));
	crypto_generichash_update(&state, &first, 1);
	for (size_t i = 0; i < n; i++)
		crypto_generichash_update(&state, (const uint8_t *)texts[i], strlen(texts[i]) + 1);
	crypto_generichash_final(&state, hash, sizeof(hash));
	struct reader r = reader_over(hash, sizeof(hash));
	return reader_u64(&r);
}

#define LINE_BYTES (41 + 2 * LIMIT_NOTICES)

/* Numbers that fit 32 bits, but for -1: not meant. */
static void write_number(struct writer *w, int64_t number)
{
	writer_u32(w, number < 0 || number >= UINT32_MAX ? UINT32_MAX : (uint32_t)number);
}

static int64_t read_number(struct reader *r)
{
	uint32_t number = reader_u32(r);
	return number == UINT32_MAX ? -1 : (int64_t)number;
}

/* Times as 40 bits. */
static void write_time(struct writer *w, int64_t time)
{
	writer_u8(w, (uint8_t)((uint64_t)time >> 32));
	writer_u32(w, (uint32_t)time);
}

static int64_t read_time(struct reader *r)
{
	int64_t high = reader_u8(r);
	return high << 32 | reader_u32(r);
}

static void write_line(struct writer *w, const struct answer_line *line)
{
	writer_u16(w, (uint16_t)-line->code);
	writer_u32(w, (uint32_t)line->grant);
	if (line->code) {
		write_number(w, line->numbers.have);
		write_number(w, line->numbers.need);
		write_number(w, line->numbers.used);
		write_number(w, line->numbers.quantity);
		write_time(w, line->numbers.until < 0 ? 0 : line->numbers.until);
	} else {
		write_time(w, line->issued);
		write_time(w, line->expires);
		write_time(w, line->renew_after);
		writer_u32(w, (uint32_t)line->serial);
		writer_u32(w, line->plans);
	}
	write_number(w, line->have);
	write_number(w, line->need);
	writer_u16(w, (uint16_t)line->renew_minutes);
	writer_u16(w, (uint16_t)line->retry_minutes);
	for (size_t i = 0; i < LIMIT_NOTICES; i++)
		writer_u16(w, (uint16_t)-line->notices[i]);
}

static void read_line(struct reader *r, struct answer_line *line)
{
	*line = (struct answer_line){.code = -(int)reader_u16(r), .numbers = NUMBERS_NONE};
	line->grant = reader_u32(r);
	if (line->code) {
		line->numbers.have = read_number(r);
		line->numbers.need = read_number(r);
		line->numbers.used = read_number(r);
		line->numbers.quantity = read_number(r);
		line->numbers.until = read_time(r);
		if (line->numbers.until == 0)
			line->numbers.until = -1;
	} else {
		line->issued = read_time(r);
		line->expires = read_time(r);
		line->renew_after = read_time(r);
		line->serial = reader_u32(r);
		line->plans = reader_u32(r);
	}
	line->have = read_number(r);
	line->need = read_number(r);
	line->renew_minutes = reader_u16(r);
	line->retry_minutes = reader_u16(r);
	for (size_t i = 0; i < LIMIT_NOTICES; i++)
		line->notices[i] = -(int)reader_u16(r);
}

size_t answer_write(const struct answer *a, uint8_t out[ANSWER_MAX])
{
	_Static_assert(9 + LIMIT_LINES * LINE_BYTES + 2 + LIMIT_DETAIL <= ANSWER_MAX, "an answer fits");
	struct writer w = writer_over(out, ANSWER_MAX);
	size_t detail_n = strlen(a->detail);
	writer_u64(&w, a->digest);
	writer_u8(&w, (uint8_t)a->n);
	for (size_t i = 0; i < a->n; i++)
		write_line(&w, &a->lines[i]);
	if (detail_n) {
		writer_u8(&w, (uint8_t)a->detail_of);
		writer_u8(&w, (uint8_t)detail_n);
		writer_bytes(&w, a->detail, detail_n);
	}
	return ANSWER_MAX - w.left;
}

bool answer_read(const uint8_t *bytes, size_t n, struct answer *ret)
{
	struct reader r = reader_over(bytes, n);
	*ret = (struct answer){.digest = reader_u64(&r)};
	ret->n = reader_u8(&r);
	if (ret->n > LIMIT_LINES)
		return false;
	for (size_t i = 0; i < ret->n; i++)
		read_line(&r, &ret->lines[i]);
	if (reader_done(&r))
		return true;
	ret->detail_of = reader_u8(&r);
	size_t detail_n = reader_u8(&r);
	const uint8_t *detail = reader_bytes(&r, detail_n);
	if (!reader_done(&r) || ret->detail_of >= ret->n)
		return false;
	memcpy(ret->detail, detail, detail_n);
	return true;
}
