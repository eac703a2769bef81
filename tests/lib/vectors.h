/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the known answers of tests/contract/vectors. Failures end the test. One thread. */
#ifndef TESTS_VECTORS_H
#define TESTS_VECTORS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>
#include <sodium.h>

#include "paserk.h"

static inline json_t *load(const char *folder, const char *name)
{
	char path[512];
	json_error_t why;
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	json_t *document = json_load_file(path, 0, &why);
	if (!document)
		print_message("%s: %s\n", path, why.text);
	return document;
}

static inline json_t *load_own(const char *name)
{
	json_t *document = load("tests/contract/vectors", name);
	assert_non_null(document);
	return document;
}

static inline const char *text_of(json_t *row, const char *key)
{
	const char *text = json_string_value(json_object_get(row, key));
	return text ? text : "";
}

static inline size_t hex_of(json_t *row, const char *key, uint8_t *out, size_t room)
{
	size_t n = 0;
	const char *hex = text_of(row, key);
	assert_int_equal(sodium_hex2bin(out, room, hex, strlen(hex), NULL, &n, NULL), 0);
	return n;
}

/* The keys and texts of tokens.json. */
struct tokens {
	json_t *document;
	uint8_t vendor[PASETO_PUBLIC];
	uint8_t vendor_secret[PASETO_SECRET];
	uint8_t host[PASETO_PUBLIC];
	uint8_t host_secret[PASETO_SECRET];
	uint8_t device[PASETO_PUBLIC];
	uint8_t device_secret[PASETO_SECRET];
};

static inline void tokens_load(struct tokens *t)
{
	uint8_t seed[crypto_sign_SEEDBYTES];
	char text[PASERK_PUBLIC_TEXT];
	t->document = load_own("tokens.json");
	hex_of(t->document, "vendor_seed", seed, sizeof(seed));
	crypto_sign_seed_keypair(t->vendor, t->vendor_secret, seed);
	hex_of(t->document, "host_seed", seed, sizeof(seed));
	crypto_sign_seed_keypair(t->host, t->host_secret, seed);
	paserk_public_write(t->vendor, text);
	assert_string_equal(text, text_of(t->document, "vendor_public"));
	paserk_public_write(t->host, text);
	assert_string_equal(text, text_of(t->document, "host_public"));
	hex_of(t->document, "device_seed", seed, sizeof(seed));
	crypto_sign_seed_keypair(t->device, t->device_secret, seed);
	paserk_public_write(t->device, text);
	assert_string_equal(text, text_of(t->document, "device_public"));
}

static inline const char *token_of(const struct tokens *t, const char *kind)
{
	return text_of(json_object_get(json_object_get(t->document, "tokens"), kind), "token");
}

static inline void expect_token(const struct tokens *t, const char *kind, int error, char **token)
{
	assert_int_equal(error, 0);
	assert_string_equal(*token, token_of(t, kind));
	free(*token);
}

#endif
