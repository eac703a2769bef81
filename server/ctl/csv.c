/* SPDX-License-Identifier: Apache-2.0 */
#include "csv.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failure.h"
#include "input.h"

#define BYTE_ORDER_MARK "\xef\xbb\xbf"
#define HEADER_TEXT 128

int csv_refuse(const struct csv *c, const char *what, const char *remedy)
{
	struct failure f = {0};
	failure_set(&f, E_BAD_REQUEST, "%s:%u: %s", c->path, c->record, what);
	snprintf(f.remedy, sizeof(f.remedy), "%s; nothing was sent.", remedy);
	return failure_print(c->inv, &f);
}

static int refuse_encoding(const struct csv *c)
{
	return csv_refuse(c, "this is not UTF-8 text", "Save the file as CSV in UTF-8");
}

/* --- one record --- */

/* How the text goes on behind a field. */
enum end { END_FIELD, END_RECORD, END_WRONG };

/* At the end of a field: pass over the comma or the line end, and cut the field there. */
static enum end take_end(struct csv *c, char *cut)
{
	char *at = c->text + c->at;
	enum end end = END_RECORD;
	if (c->at < c->n && *at == ',') {
		end = END_FIELD;
		c->at++;
	} else if (c->at < c->n && *at == '\n') {
		c->at++;
		c->line++;
	} else if (c->at + 1 < c->n && at[0] == '\r' && at[1] == '\n') {
		c->at += 2;
		c->line++;
	} else if (c->at < c->n) {
		return END_WRONG;
	}
	*cut = 0;
	return end;
}

static int take_plain(struct csv *c, enum end *ret)
{
	c->at += strcspn(c->text + c->at, ",\r\n\"");
	*ret = take_end(c, c->text + c->at);
	if (*ret != END_WRONG)
		return 0;
	return csv_refuse(c,
			  c->text[c->at] == '"' ? "a quote stands within a field that does not begin with one"
						: "a carriage return without a line feed",
			  c->text[c->at] == '"' ? "Put the whole field in quotes, and double the quotes in it"
						: "End lines with LF or CRLF");
}

/* Behind the opening quote. Doubled quotes become one, in place. */
static int take_quoted(struct csv *c, enum end *ret)
{
	char *to = c->text + c->at;
	for (;;) {
		size_t n = strcspn(c->text + c->at, "\"\n");
		memmove(to, c->text + c->at, n);
		to += n;
		c->at += n;
		if (c->at == c->n)
			return csv_refuse(c, "a quote is not closed", "Close it with another quote");
		char found = c->text[c->at++];
		if (found == '\n')
			c->line++;
		else if (c->text[c->at] != '"')
			break;
		else
			c->at++;
		*to++ = found;
	}
	*ret = take_end(c, to);
	if (*ret != END_WRONG)
		return 0;
	return csv_refuse(c, "text follows a closing quote", "Double every quote that is part of the field");
}

static int check_encoding(const struct csv *c)
{
	for (size_t i = 0; i < c->n_fields; i++) {
		json_t *text = json_string(c->fields[i]);
		json_decref(text);
		if (!text)
			return refuse_encoding(c);
	}
	return 0;
}

static void skip_empty_lines(struct csv *c)
{
	for (;;) {
		size_t n = c->text[c->at] == '\r' ? 1 : 0;
		if (c->text[c->at + n] != '\n')
			return;
		c->at += n + 1;
		c->line++;
	}
}

static int take_record(struct csv *c)
{
	enum end end = END_FIELD;
	c->record = c->line;
	c->n_fields = 0;
	while (end == END_FIELD) {
		if (c->n_fields == CSV_FIELDS)
			return csv_refuse(c, "too many fields",
					  "Leave out the columns that are not asked for");
		bool quoted = c->text[c->at] == '"';
		c->at += quoted;
		c->fields[c->n_fields++] = c->text + c->at;
		int code = quoted ? take_quoted(c, &end) : take_plain(c, &end);
		if (code)
			return code;
	}
	return check_encoding(c);
}

/* The next record. *ret_more: false behind the last one. */
static int next(struct csv *c, bool *ret_more)
{
	char what[96];
	skip_empty_lines(c);
	*ret_more = c->at < c->n;
	if (!*ret_more)
		return 0;
	int code = take_record(c);
	if (code || c->n_fields == c->n_header)
		return code;
	snprintf(what, sizeof(what), "%zu field%s, but the header has %zu", c->n_fields,
		 c->n_fields == 1 ? "" : "s", c->n_header);
	return csv_refuse(c, what, "Give every row as many fields, and put a field with a comma in quotes");
}

int csv_each(struct csv *c, int (*row)(const struct csv *, void *context), void *context)
{
	bool more = true;
	int code = 0;
	while (!code && more) {
		code = next(c, &more);
		if (!code && more)
			code = row(c, context);
	}
	return code;
}

const char *csv_field(const struct csv *c, size_t column)
{
	return c->order[column] < 0 ? NULL : c->fields[c->order[column]];
}

/* --- the header --- */

int csv_refuse_header(const struct csv *c, const char *name)
{
	char what[HEADER_TEXT];
	char remedy[FAILURE_REMEDY];
	snprintf(what, sizeof(what), "the header is wrong at '%.80s'", name);
	snprintf(remedy, sizeof(remedy), "Begin with a line of these column names, parted by commas: %s",
		 c->shape);
	return csv_refuse(c, what, remedy);
}

/* The column of a name, or -1. */
static int find_column(const struct csv *c, const char *name)
{
	for (int i = 0; c->columns[i].name; i++)
		if (strcmp(c->columns[i].name, name) == 0)
			return i;
	return -1;
}

static int read_header(struct csv *c)
{
	skip_empty_lines(c);
	int code = take_record(c);
	if (code)
		return code;
	for (size_t i = 0; i < CSV_FIELDS; i++)
		c->order[i] = -1;
	for (size_t i = 0; i < c->n_fields; i++) {
		int column = find_column(c, c->fields[i]);
		if (column < 0 || c->order[column] >= 0)
			return csv_refuse_header(c, c->fields[i]);
		c->order[column] = (int)i;
	}
	for (size_t i = 0; c->columns[i].name; i++)
		if (c->columns[i].needed && c->order[i] < 0)
			return csv_refuse_header(c, c->columns[i].name);
	c->n_header = c->n_fields;
	return 0;
}

/* --- the file --- */

/* A NUL would end a field early. */
static int check_nul(struct csv *c)
{
	const char *nul = memchr(c->text, 0, c->n);
	if (!nul)
		return 0;
	for (const char *at = c->text; at < nul; at++)
		c->record += *at == '\n';
	return refuse_encoding(c);
}

int csv_open(struct csv *c, const struct invocation *inv, const char *path, const char *shape,
	     const struct csv_column *columns)
{
	*c = (struct csv){
		.inv = inv, .path = path, .shape = shape, .columns = columns, .line = 1, .record = 1};
	int code = input_read(inv, path, CSV_FILE_MAX, &c->text, &c->n);
	return code ? code : csv_begin(c);
}

int csv_begin(struct csv *c)
{
	if (strncmp(c->text, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)) == 0)
		c->at = strlen(BYTE_ORDER_MARK);
	int code = check_nul(c);
	return code ? code : read_header(c);
}

void csv_close(struct csv *c)
{
	free(c->text);
	c->text = NULL;
}
