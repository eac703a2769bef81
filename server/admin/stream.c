/* SPDX-License-Identifier: Apache-2.0 */
#include "stream.h"

#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "error.h"
#include "jsontext.h"
#include "log.h"
#include "page.h"
#include "route.h"

#define ROWS_A_PAGE 200
#define COLUMNS_MAX 48
#define PAGE_BYTES ((size_t)16 << 20) /* no page comes near it */
#define BLOCK ((size_t)16384)
#define STREAMS_MAX 16   /* at once, on one socket */
#define SILENCE_MAX 120u /* seconds that a reader may rest */

struct stream {
	enum stream_format format;
	const struct answer_field *columns[COLUMNS_MAX];
	size_t n_columns;
	struct buffer text; /* of the page at hand */
	size_t sent;
	int error; /* while writing it */
	char cursor[CURSOR_TEXT];
	bool more;
	int64_t left; /* rows, when limit was given; else -1 */
};

/* Of the forms that are accepted the one that is named first; weights are not looked at. */
static enum stream_format first_accepted(const char *accept)
{
	static const struct {
		const char *name;
		enum stream_format format;
	} forms[] = {{"text/csv", STREAM_CSV},
		     {"ndjson", STREAM_NDJSON},
		     {"application/json", STREAM_NONE},
		     {"*/*", STREAM_NONE}};
	enum stream_format format = STREAM_NONE;
	const char *first = NULL;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		const char *at = strstr(accept, forms[i].name);
		if (!at || (first && first < at))
			continue;
		first = at;
		format = forms[i].format;
	}
	return format;
}

enum stream_format stream_wanted(const struct exchange *x)
{
	const char *format = exchange_query(x, "format");
	const char *accept = MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, "Accept");
	if (!route_lists(x->route))
		return STREAM_NONE;
	if (format)
		return strcmp(format, "csv") == 0      ? STREAM_CSV
		       : strcmp(format, "ndjson") == 0 ? STREAM_NDJSON
						       : STREAM_NONE;
	return accept ? first_accepted(accept) : STREAM_NONE;
}

/* --- text --- */

static void put(struct stream *s, const char *text, size_t n)
{
	if (!s->error)
		s->error = buffer_append(&s->text, text, n);
}

static void put_text(struct stream *s, const char *text)
{
	put(s, text, strlen(text));
}

/* Bytes of the control character here, 0 for none: C0, DEL, and C1 in UTF-8. */
static size_t control_length(const char *at)
{
	unsigned char c = (unsigned char)at[0];
	if (c < 0x20 || c == 0x7f)
		return 1;
	return c == 0xc2 && ((unsigned char)at[1] & 0xe0) == 0x80 ? 2 : 0;
}

/* As musterctl prints it: RFC 4180, and control characters as \xNN. guard: a spreadsheet must not take it for
 * a formula, so what looks like one gets an apostrophe. */
static void put_field(struct stream *s, const char *text, bool guard)
{
	bool quoted = strpbrk(text, ",\"") != NULL;
	if (quoted)
		put_text(s, "\"");
	if (guard && *text && strchr("=+-@", *text))
		put_text(s, "'");
	while (*text) {
		size_t plain = 0;
		while (text[plain] && text[plain] != '"' && !control_length(text + plain))
			plain++;
		put(s, text, plain);
		text += plain;
		if (*text == '"') {
			put_text(s, "\"\"");
			text++;
		}
		for (size_t n = *text ? control_length(text) : 0; n; n--, text++) {
			char escaped[5];
			snprintf(escaped, sizeof(escaped), "\\x%02x", (unsigned char)*text);
			put_text(s, escaped);
		}
	}
	if (quoted)
		put_text(s, "\"");
}

static void put_words(struct stream *s, const json_t *words)
{
	char text[512] = "";
	size_t n = 0;
	for (size_t i = 0; i < json_array_size(words) && n < sizeof(text); i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", i ? "," : "",
				      json_string_value(json_array_get(words, i)));
	if (n < sizeof(text)) {
		put_field(s, text, false);
		return;
	}
	char *whole = jsontext_write(words, JSON_COMPACT);
	put_field(s, whole ? whole : "", false);
	free(whole);
}

static void put_value(struct stream *s, const struct answer_field *f, const json_t *value)
{
	char number[24];
	if (f->type == VALUE_ERROR)
		value = json_object_get(value, "code");
	if (!value || json_is_null(value))
		return;
	if (json_is_string(value)) {
		put_field(s, json_string_value(value), f->type == VALUE_TEXT);
	} else if (json_is_integer(value)) {
		put(s, number,
		    (size_t)snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(value)));
	} else if (json_is_boolean(value)) {
		put_text(s, json_is_true(value) ? "true" : "false");
	} else if (f->type == VALUE_WORDS) {
		put_words(s, value);
	} else {
		char *whole = jsontext_write(value, JSON_COMPACT);
		put_field(s, whole ? whole : "", false);
		free(whole);
	}
}

static void put_row(struct stream *s, const json_t *item)
{
	if (s->format == STREAM_NDJSON) {
		char *text = jsontext_write(item, JSON_COMPACT);
		s->error = text ? s->error : E_NO_MEMORY;
		put_text(s, text ? text : "");
		put_text(s, "\n");
		free(text);
		return;
	}
	for (size_t i = 0; i < s->n_columns; i++) {
		if (i)
			put_text(s, ",");
		put_value(s, s->columns[i], json_object_get(item, s->columns[i]->key));
	}
	put_text(s, "\r\n");
}

static void put_head(struct stream *s)
{
	for (size_t i = 0; i < s->n_columns; i++) {
		put_text(s, i ? "," : "");
		put_text(s, s->columns[i]->key);
	}
	put_text(s, "\r\n");
}

/* --- pages --- */

int stream_page(struct exchange *x, struct listing *l)
{
	struct stream *s = x->stream;
	l->now = x->now;
	l->limit = s->left >= 0 && s->left < ROWS_A_PAGE ? s->left : ROWS_A_PAGE;
	return *s->cursor && !page_cursor(s->cursor, l->after) ? E_BAD_REQUEST : 0;
}

void stream_take(struct exchange *x, json_t *items, const char *next)
{
	struct stream *s = x->stream;
	size_t i;
	json_t *item;
	json_array_foreach (items, i, item)
		put_row(s, item);
	if (s->left >= 0)
		s->left -= (int64_t)json_array_size(items);
	s->more = next && s->left != 0;
	snprintf(s->cursor, sizeof(s->cursor), "%s", next ? next : "");
	x->status = MHD_HTTP_OK;
	if (!exchange_whole())
		s->error = E_NO_MEMORY;
	json_decref(items);
}

/* The text of the next page; an error has been replied, or is its value. */
static int next_page(struct exchange *x)
{
	struct stream *s = x->stream;
	s->text.used = s->sent = 0;
	x->status = 0;
	exchange_fresh();
	x->route->handle(x);
	if (x->status != MHD_HTTP_OK)
		return E_INTERNAL;
	return s->error;
}

static ssize_t read_more(void *context, uint64_t at, char *out, size_t room)
{
	struct exchange *x = context;
	struct stream *s = x->stream;
	(void)at;
	if (s->sent == s->text.used) {
		if (!s->more)
			return MHD_CONTENT_READER_END_OF_STREAM;
		if (next_page(x)) {
			log_event(EVENT_STREAM_CUT, LOG_TEXT(REQUEST, x->request_id),
				  LOG_TEXT(OBJECT, x->path));
			return MHD_CONTENT_READER_END_WITH_ERROR;
		}
	}
	/* A page that a filter has left empty gives 0: the others have their turn, then the next page. */
	size_t n = s->text.used - s->sent < room ? s->text.used - s->sent : room;
	memcpy(out, s->text.bytes + s->sent, n);
	s->sent += n;
	return (ssize_t)n;
}

/* --- begin and end --- */

static void add_column(const struct answer_field *f, void *context)
{
	struct stream *s = context;
	if (f->type != VALUE_REST && s->n_columns < COLUMNS_MAX)
		s->columns[s->n_columns++] = f;
}

static struct stream *stream_new(struct exchange *x, enum stream_format format)
{
	struct stream *s = calloc(1, sizeof(*s));
	char object[64];
	const char *limit = exchange_query(x, "limit");
	const char *after = exchange_query(x, "after");
	if (!s)
		return NULL;
	snprintf(object, sizeof(object), "%.*s", (int)strlen(x->route->gives) - 2, x->route->gives);
	answer_each(object, add_column, s);
	buffer_init(&s->text, PAGE_BYTES);
	s->format = format;
	s->left = limit ? strtoll(limit, NULL, 10) : -1;
	snprintf(s->cursor, sizeof(s->cursor), "%s", after ? after : "");
	if (format == STREAM_CSV)
		put_head(s);
	return s;
}

void stream_begin(struct exchange *x, enum stream_format format)
{
	struct admin *a = x->admin;
	if (x->http_1_0) {
		exchange_problem(x, E_BAD_REQUEST,
				 "a stream needs HTTP/1.1: without chunks its end is not told from a fault");
		return;
	}
	if (a->streams >= STREAMS_MAX) {
		exchange_problem(x, E_BUSY, "too many lists are streamed at once");
		return;
	}
	x->stream = stream_new(x, format);
	if (!x->stream) {
		exchange_problem(x, E_NO_MEMORY, NULL);
		return;
	}
	a->streams++;
	x->route->handle(x);
	if (x->status != MHD_HTTP_OK || x->stream->error) {
		int error = x->stream->error;
		stream_free(x);
		if (error)
			exchange_problem(x, error, NULL);
	}
}

struct MHD_Response *stream_response(struct exchange *x)
{
	struct MHD_Response *response =
		MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, read_more, x, NULL);
	x->content_type = x->stream->format == STREAM_CSV ? "text/csv; charset=utf-8; header=present"
							  : "application/x-ndjson";
	MHD_set_connection_option(x->connection, MHD_CONNECTION_OPTION_TIMEOUT, SILENCE_MAX);
	return response;
}

void stream_free(struct exchange *x)
{
	if (!x->stream)
		return;
	x->admin->streams--;
	buffer_fini(&x->stream->text);
	free(x->stream);
	x->stream = NULL;
}
