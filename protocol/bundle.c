/* SPDX-License-Identifier: Apache-2.0 */
#include "bundle.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "armour.h"
#include "base64url.h"
#include "error.h"

#define LABEL "BUNDLE"
#define VERSION "1"
#define HASH 32
#define HASH_TEXT 43
#define HEAD_MAX 64

void bundle_fini(struct bundle *b)
{
	for (size_t i = 0; i < b->n; i++)
		free(b->tokens[i]);
	free(b->tokens);
	*b = (struct bundle){0};
}

static int add(struct bundle *b, const char *token, size_t n)
{
	if (b->n == LIMIT_BUNDLE)
		return E_TOO_LARGE;
	char **more = realloc(b->tokens, (b->n + 1) * sizeof(*more));
	if (!more)
		return E_NO_MEMORY;
	b->tokens = more;
	b->tokens[b->n] = strndup(token, n);
	return b->tokens[b->n] ? (b->n++, 0) : E_NO_MEMORY;
}

int bundle_add(struct bundle *b, const char *token)
{
	return add(b, token, strlen(token));
}

/* --- inside of the block: "1,REQUEST,2,token,token,hash" --- */

static void hash_text(const char *text, size_t n, char out[HASH_TEXT + 1])
{
	uint8_t hash[HASH];
	crypto_generichash(hash, sizeof(hash), (const uint8_t *)text, n, NULL, 0);
	base64url_write(hash, sizeof(hash), out, HASH_TEXT + 1);
}

/* The hash stands behind the last comma and covers all before it, the comma, too. */
static bool is_whole(const char *text, size_t *ret_body)
{
	char want[HASH_TEXT + 1];
	size_t n = strlen(text);
	if (n <= HASH_TEXT || text[n - HASH_TEXT - 1] != ',')
		return false;
	*ret_body = n - HASH_TEXT;
	hash_text(text, *ret_body, want);
	return strcmp(text + *ret_body, want) == 0;
}

/* What stands up to the next comma, which is passed over. Every part of a whole body ends with one. */
static size_t take_part(const char **at)
{
	size_t n = strcspn(*at, ",");
	*at += n + 1;
	return n;
}

static bool part_is(const char *part, size_t n, const char *what)
{
	return n == strlen(what) && memcmp(part, what, n) == 0;
}

static int read_inside(const char *text, struct bundle *b)
{
	char count[24];
	size_t body;
	const char *at = text;
	if (!is_whole(text, &body))
		return E_BUNDLE_INVALID;
	const char *end = text + body;
	const char *part = at;
	if (!part_is(part, take_part(&at), VERSION))
		return E_CRITICAL_UNKNOWN;
	part = at;
	if (at >= end || !part_is(part, take_part(&at), b->kind->label))
		return E_WRONG_TYPE;
	const char *counted = at;
	size_t counted_n = at < end ? take_part(&at) : 0;
	while (at < end) {
		part = at;
		size_t n = take_part(&at);
		int error = n ? add(b, part, n) : E_BUNDLE_INVALID;
		if (error)
			return error;
	}
	snprintf(count, sizeof(count), "%zu", b->n);
	return b->n && part_is(counted, counted_n, count) ? 0 : E_BUNDLE_INVALID;
}

/* --- any text --- */

static int read_blocks(const char *text, size_t n, struct bundle *b)
{
	size_t at = 0;
	char *token;
	int error;
	while ((error = armour_next(b->kind->label, text, n, &at, &token)) == 0) {
		error = bundle_add(b, token);
		free(token);
		if (error)
			return error;
	}
	b->many = b->n > 1;
	return error == E_NOT_FOUND && b->n ? 0 : error == E_NOT_FOUND ? E_ARMOUR_INVALID : error;
}

static int read_any(const char *text, size_t n, struct bundle *b)
{
	size_t at = 0;
	char *inside;
	int error = armour_next(LABEL, text, n, &at, &inside);
	if (!error) {
		b->many = true;
		error = read_inside(inside, b);
		free(inside);
		return error;
	}
	if (error != E_NOT_FOUND)
		return error == E_ARMOUR_INVALID ? E_BUNDLE_INVALID : error;
	if (!armour_is_bare(text, n))
		return read_blocks(text, n, b);
	error = armour_read(b->kind->label, text, n, &inside);
	if (!error) {
		error = bundle_add(b, inside);
		free(inside);
	}
	return error;
}

int bundle_read(const struct token_kind *kind, const char *text, size_t n, struct bundle *ret)
{
	*ret = (struct bundle){.kind = kind};
	if (n > LIMIT_BUNDLE_BYTES)
		return E_TOO_LARGE;
	return read_any(text, n, ret);
}

int bundle_write(const struct bundle *b, char **ret_text)
{
	size_t room = HEAD_MAX + HASH_TEXT + 1;
	for (size_t i = 0; i < b->n; i++)
		room += strlen(b->tokens[i]) + 1;
	char *inside = malloc(room);
	if (!inside)
		return E_NO_MEMORY;
	size_t at = (size_t)snprintf(inside, room, VERSION ",%s,%zu,", b->kind->label, b->n);
	for (size_t i = 0; i < b->n; i++)
		at += (size_t)snprintf(inside + at, room - at, "%s,", b->tokens[i]);
	hash_text(inside, at, inside + at);
	int error = armour_write(LABEL, inside, ret_text);
	free(inside);
	if (!error && strlen(*ret_text) > LIMIT_BUNDLE_BYTES) {
		free(*ret_text);
		return E_TOO_LARGE;
	}
	return error;
}
