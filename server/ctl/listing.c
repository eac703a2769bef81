/* SPDX-License-Identifier: Apache-2.0 */
#include "listing.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "option.h"
#include "request.h"
#include "rfc3339.h"

#define PAGE 1000
#define CURSOR_TEXT 512
#define LISTING_FILTERS 8
#define FILTER_KEY 24
#define EMPTY_PAGES 1000 /* a filter may leave pages empty, but not for ever */

/* Of the command line. */
struct filter {
	char key[FILTER_KEY];
	const char *value;
	char time[RFC3339_TEXT];
};

/* One list being printed. */
struct walk {
	const struct invocation *inv;
	const struct listing *listing;
	bool json;
	bool csv;
	bool begun; /* something is on standard output */
	bool bounded;
	long left; /* items that may still be printed, when bounded */
	unsigned empty;
	size_t printed;
	struct filter filters[LISTING_FILTERS];
	size_t n_filters;
	char cursor[CURSOR_TEXT]; /* "" at the start and after the last page */
	struct table table;
};

/* --- output --- */

static void begin(struct walk *w)
{
	if (w->begun)
		return;
	w->begun = true;
	if (w->json)
		fputs("{\n  \"schema\": 1,\n  \"items\": [", stdout);
	else if (w->csv)
		print_csv_head(w->listing->columns);
}

static void print_items(struct walk *w, json_t *items)
{
	size_t i;
	json_t *item;
	json_array_foreach (items, i, item) {
		fputs(w->printed + i ? ",\n    " : "\n    ", stdout);
		print_json_line(item);
	}
}

static int print_rows(struct walk *w, json_t *items)
{
	json_t *rows = w->listing->rows ? w->listing->rows(items) : json_incref(items);
	int error = rows ? 0 : E_NO_MEMORY;
	if (rows && w->csv)
		print_csv_rows(w->listing->columns, rows);
	else if (rows)
		error = print_table(&w->table, w->listing->columns, rows);
	json_decref(rows);
	return error;
}

static int print_page(struct walk *w, json_t *items)
{
	int error = 0;
	begin(w);
	if (w->json)
		print_items(w, items);
	else
		error = print_rows(w, items);
	w->printed += json_array_size(items);
	return error;
}

/* End the JSON document: it can be parsed even when a page is missing. */
static void finish(struct walk *w, const struct failure *failure)
{
	if (!w->json)
		return;
	json_t *cursor = *w->cursor ? json_string(w->cursor) : json_null();
	fputs(w->printed ? "\n  ],\n  \"next\": " : "],\n  \"next\": ", stdout);
	print_json_line(cursor);
	if (failure) {
		json_t *error = failure_json(failure);
		fputs(",\n  \"error\": ", stdout);
		print_json_line(error);
		json_decref(error);
	}
	fputs("\n}\n", stdout);
	json_decref(cursor);
}

/* --- pages --- */

/* A filter of the command line; times are looked at here, so that "soon" is a mistake of the line. */
static int take_filter(struct walk *w, const struct command_option *o, const char *value)
{
	struct filter *f = &w->filters[w->n_filters++];
	int64_t time;
	snprintf(f->key, sizeof(f->key), "%s", o->name);
	for (char *at = f->key; *at; at++)
		if (*at == '-')
			*at = '_';
	f->value = value;
	if (strcmp(o->value, LISTING_TIME) != 0)
		return 0;
	if (rfc3339_read_date(value, &time))
		return command_usage(w->inv, "--%s takes 2030-01-31 or 2030-01-31T12:00:00Z", o->name);
	f->value = rfc3339_write(time, f->time);
	return 0;
}

/* The options of a list are its filters, but for those that every list takes, and flags. */
static int take_filters(struct walk *w)
{
	const struct command_option *o = w->inv->command->options;
	int code = 0;
	for (; o && o->name && !code; o++) {
		const char *value = o->value ? invocation_value(w->inv, o->name) : NULL;
		if (!value || strcmp(o->name, "limit") == 0 || strcmp(o->name, "after") == 0)
			continue;
		/* One that was left out would show too much. */
		code = w->n_filters == LISTING_FILTERS
			       ? command_usage(w->inv, "at most %d filters at once", LISTING_FILTERS)
			       : take_filter(w, o, value);
	}
	return code;
}

static int fetch(struct walk *w, struct reply *reply)
{
	struct request req = {.path = w->listing->path};
	char limit[24];
	size_t n = 0;
	long page = w->bounded && w->left < PAGE ? w->left : PAGE;
	snprintf(limit, sizeof(limit), "%ld", page);
	for (size_t i = 0; i < LISTING_FIXED; i++, n++) {
		req.query[n].key = w->listing->filters[i].key;
		req.query[n].value = w->listing->filters[i].value;
	}
	for (size_t i = 0; i < w->n_filters; i++, n++) {
		req.query[n].key = w->filters[i].key;
		req.query[n].value = w->filters[i].value;
	}
	if (!w->listing->whole) {
		req.query[n].key = "limit";
		req.query[n++].value = limit;
		req.query[n].key = "after";
		req.query[n].value = *w->cursor ? w->cursor : NULL;
	}
	return request_exchange(w->inv, &req, reply);
}

/* The items of a page, checked. Borrowed. */
static int read_items(struct walk *w, struct reply *reply, json_t **ret)
{
	size_t i;
	json_t *item;
	json_t *items = json_object_get(reply->json, "items");
	if (!json_is_array(items))
		return failure_set(&reply->failure, E_MALFORMED, "the answer has no items");
	if (w->bounded && json_array_size(items) > (size_t)w->left)
		return failure_set(&reply->failure, E_MALFORMED,
				   "the answer has more items than were asked for");
	json_array_foreach (items, i, item)
		if (!json_is_object(item))
			return failure_set(&reply->failure, E_MALFORMED, "an item is no object");
	w->empty = json_array_size(items) ? 0 : w->empty + 1;
	*ret = items;
	return 0;
}

/* The cursor of the next page, "" after the last one. */
static int read_cursor(struct walk *w, struct reply *reply, char out[CURSOR_TEXT])
{
	json_t *next = json_object_get(reply->json, "next");
	char text[PRINT_TEXT];
	out[0] = 0;
	if (!next || json_is_null(next))
		return 0;
	print_value(next, text);
	if (!(json_is_string(next) || json_is_integer(next)) || !*text || strlen(text) >= CURSOR_TEXT)
		return failure_set(&reply->failure, E_MALFORMED, "the answer's next is no cursor");
	if (strcmp(text, w->cursor) == 0 || w->empty > EMPTY_PAGES)
		return failure_set(&reply->failure, E_MALFORMED, "the answer's next leads nowhere");
	strcpy(out, text);
	return 0;
}

/* Fetch and check a page. */
static int read_page(struct walk *w, struct reply *reply, json_t **ret_items, char next[CURSOR_TEXT])
{
	int error = fetch(w, reply);
	if (!error)
		error = read_items(w, reply, ret_items);
	return error ? error : read_cursor(w, reply, next);
}

static int take_page(struct walk *w, struct reply *reply)
{
	json_t *items = NULL;
	char next[CURSOR_TEXT];
	int error = read_page(w, reply, &items, next);
	if (error)
		return error;
	error = print_page(w, items);
	if (error)
		return failure_set(&reply->failure, error, "the table");
	if (w->bounded)
		w->left -= (long)json_array_size(items);
	strcpy(w->cursor, next);
	return 0;
}

static int fail(struct walk *w, const struct failure *failure)
{
	if (!w->begun)
		return failure_print(w->inv, failure);
	finish(w, failure);
	return failure_tell(failure);
}

static int walk(struct walk *w)
{
	do {
		struct reply reply;
		int error = take_page(w, &reply);
		int code = error ? fail(w, &reply.failure) : 0;
		reply_fini(&reply);
		if (error)
			return code;
		/* The reader may be gone or the disk full: main tells it. */
		if (fflush(stdout) || ferror(stdout))
			return 0;
	} while (*w->cursor && !(w->bounded && w->left == 0));
	finish(w, NULL);
	if (!w->printed && !w->json && !w->csv && isatty(STDOUT_FILENO))
		fputs("nothing to list\n", stderr);
	return 0;
}

int listing_run(const struct invocation *inv, const struct listing *listing)
{
	struct walk w = {.inv = inv, .listing = listing};
	w.json = invocation_has(inv, "json");
	w.csv = invocation_has(inv, "csv");
	w.bounded = invocation_has(inv, "limit");
	const char *after = invocation_value_or(inv, "after", "");
	if (w.json && w.csv)
		return command_usage(inv, "--json and --csv exclude each other");
	if (strlen(after) >= CURSOR_TEXT)
		return command_usage(inv, "--after is longer than a cursor");
	strcpy(w.cursor, after);
	int code = take_filters(&w);
	if (!code)
		code = option_number(inv, "limit", 1, LONG_MAX, &w.left);
	return code ? code : walk(&w);
}

int listing_visit(const struct invocation *inv, const struct listing *listing,
		  int (*visit)(json_t *item, void *context), void *context)
{
	struct walk w = {.inv = inv, .listing = listing};
	int code = 0;
	do {
		struct reply reply;
		json_t *items = NULL;
		char next[CURSOR_TEXT];
		if (read_page(&w, &reply, &items, next))
			code = failure_print(inv, &reply.failure);
		for (size_t i = 0; !code && i < json_array_size(items); i++)
			code = visit(json_array_get(items, i), context);
		reply_fini(&reply);
		if (!code)
			strcpy(w.cursor, next);
	} while (!code && *w.cursor);
	return code;
}
