/* SPDX-License-Identifier: Apache-2.0 */
#include "armour.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "limit.h"

#define BEGIN "-----BEGIN MUSTER "
#define END "-----END MUSTER "
#define DASHES "-----"
#define COLUMNS 64
#define BARE "v4.public."

int armour_write(const char *label, const char *token, char **ret_text)
{
	size_t n = strlen(token);
	size_t room = 2 * (sizeof(BEGIN) + strlen(label) + sizeof(DASHES)) + n + n / COLUMNS + 4;
	char *text = malloc(room);
	if (!text)
		return E_NO_MEMORY;
	size_t at = (size_t)snprintf(text, room, BEGIN "%s" DASHES "\n", label);
	for (size_t i = 0; i < n; i += COLUMNS)
		at += (size_t)snprintf(text + at, room - at, "%.*s\n", COLUMNS, token + i);
	snprintf(text + at, room - at, END "%s" DASHES "\n", label);
	*ret_text = text;
	return 0;
}

/* Copy what is no white space. */
static int copy_dense(const char *from, size_t n, char **ret)
{
	char *token = malloc(n + 1);
	if (!token)
		return E_NO_MEMORY;
	size_t at = 0;
	for (size_t i = 0; i < n; i++)
		if (!isspace((unsigned char)from[i]))
			token[at++] = from[i];
	token[at] = 0;
	*ret = token;
	return 0;
}

static const char *skip_space(const char *text, size_t *n)
{
	while (*n && isspace((unsigned char)*text)) {
		text++;
		(*n)--;
	}
	return text;
}

bool armour_is_bare(const char *text, size_t n)
{
	text = skip_space(text, &n);
	return n >= sizeof(BARE) - 1 && memcmp(text, BARE, sizeof(BARE) - 1) == 0;
}

static const char *find(const char *text, size_t n, const char *what)
{
	return n ? memmem(text, n, what, strlen(what)) : NULL;
}

int armour_next(const char *label, const char *text, size_t n, size_t *at, char **ret)
{
	char begin[64];
	char end[64];
	snprintf(begin, sizeof(begin), BEGIN "%s" DASHES, label);
	snprintf(end, sizeof(end), END "%s" DASHES, label);
	const char *from = find(text + *at, n - *at, begin);
	if (!from)
		return E_NOT_FOUND;
	from += strlen(begin);
	const char *to = find(from, n - (size_t)(from - text), end);
	if (!to)
		return E_ARMOUR_INVALID;
	*at = (size_t)(to - text) + strlen(end);
	return copy_dense(from, (size_t)(to - from), ret);
}

int armour_read(const char *label, const char *text, size_t n, char **ret_token)
{
	size_t at = 0;
	if (n > LIMIT_TOKEN)
		return E_TOO_LARGE;
	if (armour_is_bare(text, n))
		return copy_dense(text, n, ret_token);
	int error = armour_next(label, text, n, &at, ret_token);
	return error == E_NOT_FOUND ? E_ARMOUR_INVALID : error;
}

int armour_label(const char *text, size_t n, char *out, size_t room)
{
	if (n > LIMIT_TOKEN)
		return E_TOO_LARGE;
	if (armour_is_bare(text, n)) {
		out[0] = 0;
		return 0;
	}
	const char *from = find(text, n, BEGIN);
	if (!from)
		return E_ARMOUR_INVALID;
	from += sizeof(BEGIN) - 1;
	const char *to = find(from, n - (size_t)(from - text), DASHES);
	if (!to || (size_t)(to - from) >= room)
		return E_ARMOUR_INVALID;
	for (const char *at = from; at < to; at++) /* it is shown to people */
		if (!isupper((unsigned char)*at) && !isdigit((unsigned char)*at) && *at != ' ')
			return E_ARMOUR_INVALID;
	memcpy(out, from, (size_t)(to - from));
	out[to - from] = 0;
	return 0;
}
