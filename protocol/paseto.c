/* SPDX-License-Identifier: Apache-2.0 */
#include "paseto.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base64url.h"
#include "error.h"
#include "limit.h"

#define HEADER "v4.public."
#define HEADER_LENGTH (sizeof(HEADER) - 1)
#define SIGNATURE crypto_sign_BYTES
#define SIGNED_MAX                                                                                           \
	(LIMIT_TOKEN - LIMIT_TOKEN / 32) /* a reader's limit holds for the token in its armour, too */

struct part {
	const void *bytes;
	size_t n;
};

static void put_le64(uint64_t value, uint8_t out[8])
{
	for (size_t i = 0; i < 8; i++)
		out[i] = (uint8_t)(value >> 8 * i);
}

/* Pre-authentication encoding of the four parts (PASETO, "Common", PAE); the caller frees it. */
static uint8_t *encode_parts(const struct part parts[4], size_t *ret_n)
{
	size_t total = 8;
	for (size_t i = 0; i < 4; i++)
		total += 8 + parts[i].n;
	uint8_t *all = malloc(total);
	if (!all)
		return NULL;
	uint8_t *at = all;
	put_le64(4, at);
	at += 8;
	for (size_t i = 0; i < 4; i++) {
		put_le64(parts[i].n, at);
		if (parts[i].n)
			memcpy(at + 8, parts[i].bytes, parts[i].n);
		at += 8 + parts[i].n;
	}
	*ret_n = total;
	return all;
}

static uint8_t *message_to_sign(const void *payload, size_t n, const struct part *footer,
				const char *implicit, size_t *ret_n)
{
	const struct part parts[4] = {
		{HEADER, HEADER_LENGTH}, {payload, n}, *footer, {implicit, strlen(implicit)}};
	return encode_parts(parts, ret_n);
}

static char *write_token(const uint8_t *body, size_t n, const struct part *footer)
{
	size_t room = HEADER_LENGTH + base64url_length(n) + 1 + base64url_length(footer->n) + 1;
	char *token = malloc(room);
	if (!token)
		return NULL;
	memcpy(token, HEADER, HEADER_LENGTH);
	size_t at = HEADER_LENGTH;
	at += base64url_write_public(body, n, token + at);
	if (footer->n) {
		token[at++] = '.';
		base64url_write_public(footer->bytes, footer->n, token + at);
	}
	return token;
}

int paseto_sign(const uint8_t secret[PASETO_SECRET], const void *payload, size_t n, const char *footer,
		const char *implicit, char **ret_token)
{
	struct part foot = {footer, strlen(footer)};
	if (n > SIGNED_MAX || foot.n > SIGNED_MAX)
		return E_TOO_LARGE;
	if (HEADER_LENGTH + base64url_length(n + SIGNATURE) + 1 + base64url_length(foot.n) > SIGNED_MAX)
		return E_TOO_LARGE;
	size_t message_n;
	uint8_t *message = message_to_sign(payload, n, &foot, implicit, &message_n);
	uint8_t *body = malloc(n + SIGNATURE);
	char *token = NULL;
	if (message && body) {
		memcpy(body, payload, n);
		crypto_sign_detached(body + n, NULL, message, message_n, secret);
		token = write_token(body, n + SIGNATURE, &foot);
	}
	free(message);
	free(body);
	if (!token)
		return E_NO_MEMORY;
	*ret_token = token;
	return 0;
}

/* Where body and footer stand in the token's text. */
struct span {
	const char *body;
	size_t body_n;
	const char *footer;
	size_t footer_n;
};

static int split(const char *token, size_t n, struct span *ret)
{
	if (n > LIMIT_TOKEN)
		return E_TOO_LARGE;
	if (n <= HEADER_LENGTH || memcmp(token, HEADER, HEADER_LENGTH) != 0)
		return E_MALFORMED;
	const char *body = token + HEADER_LENGTH;
	size_t left = n - HEADER_LENGTH;
	const char *dot = memchr(body, '.', left);
	ret->body = body;
	ret->body_n = dot ? (size_t)(dot - body) : left;
	ret->footer = dot ? dot + 1 : token + n;
	ret->footer_n = dot ? left - ret->body_n - 1 : 0;
	if (dot && ret->footer_n == 0)
		return E_MALFORMED;
	return 0;
}

/* Decode text into fresh memory with a NUL behind it. */
static int decode(const char *text, size_t n, uint8_t **ret, size_t *ret_n)
{
	size_t room = n / 4 * 3 + 3;
	uint8_t *bytes = malloc(room + 1);
	if (!bytes)
		return E_NO_MEMORY;
	int error = base64url_read(text, n, bytes, room, ret_n);
	if (error) {
		free(bytes);
		return E_MALFORMED;
	}
	bytes[*ret_n] = 0;
	*ret = bytes;
	return 0;
}

static int verify(const uint8_t *body, size_t payload_n, const struct part *footer, const char *implicit,
		  const uint8_t public[PASETO_PUBLIC])
{
	size_t message_n;
	uint8_t *message = message_to_sign(body, payload_n, footer, implicit, &message_n);
	if (!message)
		return E_NO_MEMORY;
	int bad = crypto_sign_verify_detached(body + payload_n, message, message_n, public);
	free(message);
	return bad ? E_SIGNATURE_INVALID : 0;
}

int paseto_open(const char *token, size_t n, const uint8_t public[PASETO_PUBLIC], const char *implicit,
		uint8_t **ret_payload, size_t *ret_n)
{
	struct span span;
	uint8_t *body = NULL;
	uint8_t *footer = NULL;
	size_t body_n = 0;
	size_t footer_n = 0;
	int error = split(token, n, &span);
	if (!error)
		error = decode(span.body, span.body_n, &body, &body_n);
	if (!error)
		error = decode(span.footer, span.footer_n, &footer, &footer_n);
	if (!error && body_n < SIGNATURE)
		error = E_MALFORMED;
	if (!error) {
		struct part foot = {footer, footer_n};
		error = verify(body, body_n - SIGNATURE, &foot, implicit, public);
	}
	free(footer);
	if (error) {
		free(body);
		return error;
	}
	body[body_n - SIGNATURE] = 0;
	*ret_payload = body;
	*ret_n = body_n - SIGNATURE;
	return 0;
}

int paseto_peek(const char *token, size_t n, uint8_t **ret_payload, size_t *ret_n)
{
	struct span span;
	uint8_t *body = NULL;
	size_t body_n = 0;
	int error = split(token, n, &span);
	if (!error)
		error = decode(span.body, span.body_n, &body, &body_n);
	if (!error && body_n < SIGNATURE)
		error = E_MALFORMED;
	if (error) {
		free(body);
		return error;
	}
	body[body_n - SIGNATURE] = 0;
	*ret_payload = body;
	*ret_n = body_n - SIGNATURE;
	return 0;
}

int paseto_footer(const char *token, size_t n, char *out, size_t room)
{
	struct span span;
	size_t made = 0;
	int error = split(token, n, &span);
	if (error)
		return error;
	if (room == 0)
		return E_TOO_LARGE;
	error = base64url_read(span.footer, span.footer_n, (uint8_t *)out, room - 1, &made);
	if (error)
		return error;
	if (memchr(out, 0, made))
		return E_MALFORMED;
	out[made] = 0;
	return 0;
}
