/* SPDX-License-Identifier: Apache-2.0 */
#include "roots.h"

#include <stdio.h>
#include <string.h>

#include "error.h"

#define BLANKS " \t\r\n"

struct roots roots_of(const uint8_t key[PASETO_PUBLIC])
{
	struct roots roots = {.n = 1};
	memcpy(roots.keys[0], key, PASETO_PUBLIC);
	return roots;
}

bool roots_have(const struct roots *roots, const uint8_t key[PASETO_PUBLIC])
{
	for (size_t i = 0; i < roots->n; i++)
		if (memcmp(roots->keys[i], key, PASETO_PUBLIC) == 0)
			return true;
	return false;
}

static size_t span(const char *text, size_t n, bool blanks)
{
	size_t i = 0;
	while (i < n && (text[i] && strchr(BLANKS, text[i])) == blanks)
		i++;
	return i;
}

static size_t comment(const char *text, size_t n)
{
	size_t i = 0;
	while (i < n && text[0] == '#' && text[i] != '\n')
		i++;
	return i;
}

int roots_read(const char *text, size_t n, struct roots *ret)
{
	*ret = (struct roots){0};
	for (size_t at = span(text, n, true); at < n; at += span(text + at, n - at, true)) {
		uint8_t key[PASETO_PUBLIC];
		size_t passed = comment(text + at, n - at);
		size_t word = passed ? 0 : span(text + at, n - at, false);
		at += passed + word;
		if (passed)
			continue;
		if (ret->n == ROOTS_MAX || paserk_public_read(text + at - word, word, key) ||
		    roots_have(ret, key))
			return E_KEY_INVALID;
		memcpy(ret->keys[ret->n++], key, PASETO_PUBLIC);
	}
	return ret->n ? 0 : E_KEY_INVALID;
}

void roots_write(const struct roots *roots, char out[ROOTS_TEXT])
{
	size_t used = 0;
	out[0] = 0;
	for (size_t i = 0; i < roots->n; i++) {
		char key[PASERK_PUBLIC_TEXT];
		paserk_public_write(roots->keys[i], key);
		used += (size_t)snprintf(out + used, ROOTS_TEXT - used, "%s%s", i ? " " : "", key);
	}
}

bool roots_join(struct roots *roots, const struct roots *more)
{
	for (size_t i = 0; i < more->n; i++) {
		if (roots_have(roots, more->keys[i]))
			continue;
		if (roots->n == ROOTS_MAX)
			return false;
		memcpy(roots->keys[roots->n++], more->keys[i], PASETO_PUBLIC);
	}
	return true;
}
