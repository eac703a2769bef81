/* SPDX-License-Identifier: Apache-2.0 */
#include "answer.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64url.h"

#define TAG_BYTES 18

static const struct answer_field fields[] = {
#define FIELD(object, key, type, kind, of, meaning) {#object, key, VALUE_##type, KIND_##kind, of, meaning},
#include "answers.def"
#undef FIELD
};

#define FIELDS (sizeof(fields) / sizeof(fields[0]))

const struct answer_field *answer_all(size_t *ret_n)
{
	*ret_n = FIELDS;
	return fields;
}

void answer_each(const char *object, answer_function *each, void *context)
{
	for (size_t i = 0; i < FIELDS; i++) {
		if (strcmp(fields[i].object, object) != 0)
			continue;
		if (fields[i].type == VALUE_LIKE)
			answer_each(fields[i].of, each, context);
		else
			each(&fields[i], context);
	}
}

/* --- ETags --- */

struct tagging {
	crypto_generichash_state hash;
	const json_t *value;
};

static void hash_object(crypto_generichash_state *, const char *object, const json_t *value);

static void hash_text(crypto_generichash_state *hash, const char *text)
{
	crypto_generichash_update(hash, (const unsigned char *)text, strlen(text) + 1);
}

static int hash_piece(const char *text, size_t n, void *context)
{
	crypto_generichash_update(context, (const unsigned char *)text, n);
	return 0;
}

/* Without memory of its own: what jansson lacks shows in exchange_whole. */
static void hash_json(crypto_generichash_state *hash, const json_t *value)
{
	if (value)
		json_dump_callback(value, hash_piece, hash, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
	hash_text(hash, "");
}

static void hash_field(const struct answer_field *f, void *context)
{
	struct tagging *t = context;
	const json_t *value = json_object_get(t->value, f->key);
	if (f->kind == KIND_MOVES || f->kind == KIND_MAYBE_MOVES || f->type == VALUE_REST)
		return;
	hash_text(&t->hash, f->key);
	if (f->type == VALUE_ROW) {
		hash_object(&t->hash, f->of, value);
	} else if (f->type == VALUE_ROWS) {
		for (size_t i = 0; i < json_array_size(value); i++)
			hash_object(&t->hash, f->of, json_array_get(value, i));
		hash_text(&t->hash, "]");
	} else {
		hash_json(&t->hash, value);
	}
}

static void hash_object(crypto_generichash_state *hash, const char *object, const json_t *value)
{
	struct tagging t = {*hash, value};
	answer_each(object, hash_field, &t);
	*hash = t.hash;
}

void answer_tag(const char *object, const json_t *value, char ret[ANSWER_TAG])
{
	crypto_generichash_state hash;
	unsigned char sum[TAG_BYTES];
	char text[ANSWER_TAG - 2];
	crypto_generichash_init(&hash, NULL, 0, sizeof(sum));
	hash_object(&hash, object, value);
	crypto_generichash_final(&hash, sum, sizeof(sum));
	base64url_write(sum, sizeof(sum), text, sizeof(text));
	snprintf(ret, ANSWER_TAG, "\"%s\"", text);
}
