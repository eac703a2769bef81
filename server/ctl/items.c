/* SPDX-License-Identifier: Apache-2.0 */
#include "items.h"

#include <stdbool.h>
#include <string.h>

#include "error.h"
#include "jsontext.h"

#define MEMBER "items"

struct reader {
	const char *text;
	size_t n;
	size_t at;
	items_visit *visit;
	void *context;
	bool visited; /* the array was there */
	json_t *rest;
};

static void skip_blanks(struct reader *r)
{
	while (r->at < r->n && strchr(" \t\r\n", r->text[r->at]) && r->text[r->at])
		r->at++;
}

/* Pass over a character, when it comes next. */
static bool take(struct reader *r, char c)
{
	skip_blanks(r);
	if (r->at >= r->n || r->text[r->at] != c)
		return false;
	r->at++;
	return true;
}

/* Any value that comes next, the caller's; NULL: there is none. */
static json_t *take_value(struct reader *r)
{
	json_t *value = NULL;
	jsontext_next(r->text, r->n, &r->at, &value, NULL);
	return value;
}

static int take_items(struct reader *r)
{
	size_t index = 0;
	if (r->visited || !take(r, '['))
		return E_MALFORMED;
	r->visited = true;
	if (take(r, ']'))
		return 0;
	do {
		json_t *item = take_value(r);
		int error = item ? r->visit(item, index++, r->context) : E_MALFORMED;
		json_decref(item);
		if (error)
			return error;
	} while (take(r, ','));
	return take(r, ']') ? 0 : E_MALFORMED;
}

static int take_other(struct reader *r, const char *key)
{
	json_t *value = json_object_get(r->rest, key) ? NULL : take_value(r);
	if (!value)
		return E_MALFORMED;
	return json_object_set_new(r->rest, key, value) ? E_NO_MEMORY : 0;
}

static int take_member(struct reader *r)
{
	skip_blanks(r);
	json_t *key = r->at < r->n && r->text[r->at] == '"' ? take_value(r) : NULL;
	const char *name = json_string_value(key);
	int error = name && take(r, ':') ? 0 : E_MALFORMED;
	if (!error)
		error = strcmp(name, MEMBER) == 0 ? take_items(r) : take_other(r, name);
	json_decref(key);
	return error;
}

static int take_document(struct reader *r)
{
	if (!take(r, '{'))
		return E_MALFORMED;
	do {
		int error = take_member(r);
		if (error)
			return error;
	} while (take(r, ','));
	if (!take(r, '}') || !r->visited)
		return E_MALFORMED;
	skip_blanks(r);
	return r->at == r->n ? 0 : E_MALFORMED;
}

int items_read(const char *text, size_t n, items_visit *visit, void *context, json_t **ret_rest)
{
	struct reader r = {.text = text, .n = n, .visit = visit, .context = context, .rest = json_object()};
	int error = r.rest ? take_document(&r) : E_NO_MEMORY;
	if (error)
		json_decref(r.rest);
	else
		*ret_rest = r.rest;
	return error;
}
