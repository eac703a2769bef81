/* SPDX-License-Identifier: Apache-2.0 */
#include "words.h"

#include <ctype.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "error.h"

static const char *const list[WORDS_LIST] = {
#define WORD(word) #word,
#include "words.def"
#undef WORD
};

#define BITS 11
#define SIGN_LABEL "muster/1 words"
#define CHECK_LABEL "muster/1 words check"
#define CHECK_BITS 9
#define BYTES 71 /* 561 bits and 7 that are 0 behind them */
#define STRANGE 0xffff
#define PREFIX 4
#define FAULTS (sizeof(((struct words_report *)0)->faults) / sizeof(((struct words_report *)0)->faults[0]))

const char *words_word(unsigned number)
{
	return list[number % WORDS_LIST];
}

/* --- bits: head 40, check 9, signature 512 --- */

static unsigned make_check(const struct spoken_words *s)
{
	crypto_generichash_state state;
	uint8_t hash[32];
	crypto_generichash_init(&state, NULL, 0, sizeof(hash));
	crypto_generichash_update(&state, (const uint8_t *)CHECK_LABEL, sizeof(CHECK_LABEL));
	crypto_generichash_update(&state, s->head, VOICE_HEAD);
	crypto_generichash_update(&state, s->signature, sizeof(s->signature));
	crypto_generichash_final(&state, hash, sizeof(hash));
	return (unsigned)hash[0] << 1 | hash[1] >> 7;
}

static void put(uint8_t *bytes, size_t *at, unsigned n, unsigned value)
{
	for (unsigned i = n; i > 0; i--, ++*at)
		if (value >> (i - 1) & 1)
			bytes[*at / 8] |= (uint8_t)(0x80 >> *at % 8);
}

static unsigned get(const uint8_t *bytes, size_t *at, unsigned n)
{
	unsigned value = 0;
	for (unsigned i = 0; i < n; i++, ++*at)
		value = value << 1 | (bytes[*at / 8] >> (7 - *at % 8) & 1);
	return value;
}

static void to_numbers(const struct spoken_words *s, uint16_t numbers[WORDS])
{
	uint8_t bytes[BYTES] = {0};
	size_t at = 0;
	for (size_t i = 0; i < VOICE_HEAD; i++)
		put(bytes, &at, 8, s->head[i]);
	put(bytes, &at, CHECK_BITS, make_check(s));
	for (size_t i = 0; i < sizeof(s->signature); i++)
		put(bytes, &at, 8, s->signature[i]);
	at = 0;
	for (size_t i = 0; i < WORDS; i++)
		numbers[i] = (uint16_t)get(bytes, &at, BITS);
}

/* False: the check does not fit. */
static bool from_numbers(const uint16_t numbers[WORDS], struct spoken_words *ret)
{
	uint8_t bytes[BYTES] = {0};
	size_t at = 0;
	for (size_t i = 0; i < WORDS; i++)
		put(bytes, &at, BITS, numbers[i]);
	at = 0;
	for (size_t i = 0; i < VOICE_HEAD; i++)
		ret->head[i] = (uint8_t)get(bytes, &at, 8);
	unsigned check = get(bytes, &at, CHECK_BITS);
	for (size_t i = 0; i < sizeof(ret->signature); i++)
		ret->signature[i] = (uint8_t)get(bytes, &at, 8);
	return check == make_check(ret);
}

void words_write(const struct spoken_words *s, char out[WORDS_TEXT])
{
	uint16_t numbers[WORDS];
	size_t n = 0;
	to_numbers(s, numbers);
	for (size_t i = 0; i < WORDS; i++)
		n += (size_t)snprintf(out + n, WORDS_TEXT - n, "%s%s", i ? " " : "", list[numbers[i]]);
}

/* --- the signature --- */

#define MESSAGE (sizeof(SIGN_LABEL) + VOICE_IID + VOICE_HEAD)

static void make_message(const uint8_t iid[VOICE_IID], const uint8_t head[VOICE_HEAD], uint8_t out[MESSAGE])
{
	memcpy(out, SIGN_LABEL, sizeof(SIGN_LABEL));
	memcpy(out + sizeof(SIGN_LABEL), iid, VOICE_IID);
	memcpy(out + sizeof(SIGN_LABEL) + VOICE_IID, head, VOICE_HEAD);
}

void words_sign(const uint8_t host_secret[PASETO_SECRET], const uint8_t iid[VOICE_IID],
		const struct voice_grant *g, struct spoken_words *ret)
{
	uint8_t message[MESSAGE];
	voice_head_write(g, ret->head);
	make_message(iid, ret->head, message);
	crypto_sign_detached(ret->signature, NULL, message, sizeof(message), host_secret);
}

int words_check(const uint8_t host[PASETO_PUBLIC], const uint8_t iid[VOICE_IID], const struct spoken_words *s,
		struct voice_grant *ret)
{
	uint8_t message[MESSAGE];
	make_message(iid, s->head, message);
	*ret = (struct voice_grant){0};
	if (crypto_sign_verify_detached(s->signature, message, sizeof(message), host) != 0)
		return E_VOICE_REFUSED;
	return voice_head_read(s->head, ret);
}

/* --- what was typed --- */

/* The list's only word that begins so, when it is typed as far. */
static uint16_t find(const char *word)
{
	size_t n = strlen(word);
	for (uint16_t i = 0; n >= PREFIX && i < WORDS_LIST; i++)
		if (strncmp(list[i], word, n) == 0)
			return i;
	return STRANGE;
}

/* How many letters differ, are missing or too many; 9 for more than two. */
static unsigned distance(const char *a, const char *b)
{
	size_t n = strlen(a);
	size_t m = strlen(b);
	unsigned row[WORDS_WORD + 1];
	if (n > m + 2 || m > n + 2 || m >= WORDS_WORD)
		return 9;
	for (size_t j = 0; j <= m; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= n; i++) {
		unsigned corner = row[0];
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= m; j++) {
			unsigned up = row[j];
			unsigned best = corner + (a[i - 1] != b[j - 1]);
			best = up + 1 < best ? up + 1 : best;
			row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
			corner = up;
		}
	}
	return row[m] > 2 ? 9 : row[m];
}

static const char *nearest(const char *word)
{
	const char *best = NULL;
	unsigned least = 9;
	for (size_t i = 0; i < WORDS_LIST; i++) {
		unsigned d = distance(word, list[i]);
		if (d >= least)
			continue;
		least = d;
		best = list[i];
	}
	return best;
}

static void add(struct words_report *r, enum words_trouble trouble, unsigned word, const char *want)
{
	if (r->n == FAULTS)
		return;
	memset(&r->faults[r->n], 0, sizeof(r->faults[0]));
	r->faults[r->n].trouble = trouble;
	r->faults[r->n].word = word;
	r->faults[r->n++].want = want;
}

/* The next run of letters, in small ones; false: there is none. Signs between words are passed over. */
static bool next_word(const char **at, char out[WORDS_WORD])
{
	size_t n = 0;
	while (**at && !isalpha((unsigned char)**at))
		++*at;
	for (; isalpha((unsigned char)**at); ++*at)
		if (n + 1 < WORDS_WORD)
			out[n++] = (char)tolower((unsigned char)**at);
	out[n] = 0;
	return n > 0;
}

int words_read(const char *typed, uint16_t numbers[WORDS], struct spoken_words *ret,
	       struct words_report *ret_report)
{
	char word[WORDS_WORD];
	unsigned n = 0;
	struct words_report *r = ret_report;
	*r = (struct words_report){.n = 0};
	memset(numbers, 0xff, WORDS * sizeof(*numbers));
	for (; next_word(&typed, word); n++) {
		if (n >= WORDS)
			continue;
		numbers[n] = find(word);
		if (numbers[n] != STRANGE)
			continue;
		add(r, WORDS_STRANGE, n + 1, nearest(word));
		if (r->n)
			memcpy(r->faults[r->n - 1].typed, word, sizeof(word));
	}
	if (n != WORDS) {
		*r = (struct words_report){.n = 0};
		add(r, WORDS_COUNT, n, NULL);
	} else if (r->n == 0 && !from_numbers(numbers, ret)) {
		add(r, WORDS_WRONG, 0, NULL);
	}
	return r->n ? E_DIGITS_WRONG : 0;
}

/* --- finding the word --- */

static bool is_right(const uint16_t numbers[WORDS], bool (*right)(const struct spoken_words *, void *),
		     void *context)
{
	struct spoken_words s;
	return from_numbers(numbers, &s) && right(&s, context);
}

/* Every other word in this place; the check lets one in 512 pass. */
static bool mend_word(uint16_t numbers[WORDS], unsigned place,
		      bool (*right)(const struct spoken_words *, void *), void *context)
{
	uint16_t was = numbers[place];
	for (uint16_t i = 0; i < WORDS_LIST; i++) {
		numbers[place] = i;
		if (i != was && is_right(numbers, right, context))
			return true;
	}
	numbers[place] = was;
	return false;
}

static bool mend_swap(uint16_t numbers[WORDS], unsigned a, unsigned b,
		      bool (*right)(const struct spoken_words *, void *), void *context)
{
	uint16_t was = numbers[a];
	numbers[a] = numbers[b];
	numbers[b] = was;
	if (was != numbers[a] && is_right(numbers, right, context))
		return true;
	numbers[b] = numbers[a];
	numbers[a] = was;
	return false;
}

bool words_mend(const uint16_t typed[WORDS], bool (*right)(const struct spoken_words *, void *context),
		void *context, struct words_report *ret)
{
	uint16_t numbers[WORDS];
	unsigned strange = 0;
	unsigned place = 0;
	memcpy(numbers, typed, sizeof(numbers));
	for (unsigned i = 0; i < WORDS; i++) {
		if (numbers[i] != STRANGE)
			continue;
		strange++;
		place = i;
	}
	if (strange > 1)
		return false;
	for (unsigned i = 0; i < WORDS; i++) {
		if ((strange && i != place) || !mend_word(numbers, i, right, context))
			continue;
		*ret = (struct words_report){.n = 0};
		add(ret, WORDS_MISTAKEN, i + 1, list[numbers[i]]);
		return true;
	}
	for (unsigned i = 0; !strange && i < WORDS; i++)
		for (unsigned j = i + 1; j < WORDS; j++) {
			if (!mend_swap(numbers, i, j, right, context))
				continue;
			*ret = (struct words_report){.n = 0};
			add(ret, WORDS_SWAPPED, i + 1, NULL);
			ret->faults[0].other = j + 1;
			return true;
		}
	return false;
}

/* --- for people --- */

const char *words_explain(const struct words_report *r, char out[WORDS_EXPLAIN])
{
	size_t n = 0;
	out[0] = 0;
	for (size_t i = 0; i < r->n && n < WORDS_EXPLAIN; i++) {
		const char *before = i ? "; " : "";
		const char *want = r->faults[i].want;
		unsigned word = r->faults[i].word;
		size_t room = WORDS_EXPLAIN - n;
		int used = 0;
		switch (r->faults[i].trouble) {
		case WORDS_COUNT:
			used = snprintf(out + n, room, "%s%u words were typed in place of %d", before, word,
					WORDS);
			break;
		case WORDS_STRANGE:
			used = snprintf(out + n, room, "%sword %u: there is no '%s'%s%s%s", before, word,
					r->faults[i].typed, want ? "; is it '" : "", want ? want : "",
					want ? "'?" : "");
			break;
		case WORDS_MISTAKEN:
			used = snprintf(out + n, room, "%sword %u should be '%s'", before, word, want);
			break;
		case WORDS_SWAPPED:
			used = snprintf(out + n, room, "%swords %u and %u are swapped", before, word,
					r->faults[i].other);
			break;
		case WORDS_WRONG:
			used = snprintf(out + n, room, "%sa word is another one than was read out", before);
			break;
		}
		n += (size_t)used;
	}
	return out;
}
