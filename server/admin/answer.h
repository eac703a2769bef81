/* SPDX-License-Identifier: Apache-2.0 */
/* The members of the API's JSON objects by answers.def. Lives for ever; any thread. */
#ifndef SERVER_ANSWER_H
#define SERVER_ANSWER_H

#include <jansson.h>
#include <stdbool.h>

enum answer_type {
	VALUE_ID,
	VALUE_TEXT,
	VALUE_TIME,
	VALUE_NUMBER,
	VALUE_FLAG,
	VALUE_WORDS,
	VALUE_ROW,
	VALUE_ROWS,
	VALUE_ERROR,
	VALUE_ANY,
	VALUE_LIKE,
	VALUE_REST,
};

enum answer_kind { KIND_FIXED, KIND_MOVES, KIND_MAYBE, KIND_MAYBE_MOVES };

struct answer_field {
	const char *object;
	const char *key;
	enum answer_type type;
	enum answer_kind kind;
	const char *of; /* VALUE_ROW, VALUE_ROWS, VALUE_LIKE: the object */
	const char *meaning;
};

const struct answer_field *answer_all(size_t *ret_n);

/* Call for each member of an object, those of the objects that it is like first. */
typedef void answer_function(const struct answer_field *, void *context);
void answer_each(const char *object, answer_function *, void *context);

/* Text of an ETag with its quotes. */
#define ANSWER_TAG 28

/* A name for the state of an object that administrators may change: what moves by itself is not in it. */
void answer_tag(const char *object, const json_t *value, char ret[ANSWER_TAG]);

#endif
