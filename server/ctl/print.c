/* SPDX-License-Identifier: Apache-2.0 */
#include "print.h"

#include <errno.h>
#include <libsmartcols/libsmartcols.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>
#include <wctype.h>

#include "error.h"
#include "jsontext.h"

static bool starved;

bool print_starved(void)
{
	return starved;
}

/* --- text --- */

void print_safe(FILE *to, const char *text)
{
	mbstate_t state = {0};
	while (*text) {
		wchar_t c;
		size_t n = mbrtowc(&c, text, strnlen(text, MB_CUR_MAX), &state);
		bool whole = n != (size_t)-1 && n != (size_t)-2;
		if (whole && iswprint((wint_t)c)) {
			fwrite(text, 1, n, to);
		} else {
			n = whole ? n : 1;
			for (size_t i = 0; i < n; i++)
				fprintf(to, "\\x%02x", (unsigned char)text[i]);
			memset(&state, 0, sizeof(state));
		}
		text += n;
	}
}

/* Append to a text of at most PRINT_TEXT - 1 characters, cutting what does not fit. */
static void append(char out[PRINT_TEXT], const char *text)
{
	size_t used = strlen(out);
	snprintf(out + used, PRINT_TEXT - used, "%s", text);
}

static void append_compact(char out[PRINT_TEXT], const json_t *value)
{
	char *text = jsontext_write(value, JSON_COMPACT | JSON_ENCODE_ANY);
	starved |= !text;
	append(out, text ? text : "-");
	free(text);
}

static void append_scalar(char out[PRINT_TEXT], const json_t *value)
{
	char number[32];
	if (json_is_string(value)) {
		append(out, json_string_value(value));
	} else if (json_is_integer(value)) {
		snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		append(out, number);
	} else if (json_is_boolean(value)) {
		append(out, json_is_true(value) ? "yes" : "no");
	} else if (!value || json_is_null(value)) {
		append(out, "-");
	} else {
		append_compact(out, value);
	}
}

static void append_list(char out[PRINT_TEXT], const json_t *list)
{
	size_t i;
	json_t *value;
	if (json_array_size(list) == 0)
		append(out, "-");
	json_array_foreach (list, i, value) {
		json_t *id = json_object_get(value, "id");
		append(out, i ? "," : "");
		append_scalar(out, json_is_string(id) ? id : value);
	}
}

const char *print_value(const json_t *value, char out[PRINT_TEXT])
{
	out[0] = 0;
	if (json_is_array(value))
		append_list(out, value);
	else
		append_scalar(out, value);
	return out;
}

const char *print_error(const json_t *error, char out[PRINT_TEXT])
{
	const char *code = json_string_value(json_object_get(error, "code"));
	const char *detail = json_string_value(json_object_get(error, "detail"));
	if (!detail || !*detail)
		detail = json_string_value(json_object_get(error, "text"));
	snprintf(out, PRINT_TEXT, "%s%s%s", code ? code : "-", code && detail ? ": " : "",
		 code && detail ? detail : "");
	return out;
}

void print_member(FILE *to, const json_t *object, const char *key)
{
	char text[PRINT_TEXT];
	print_safe(to, print_value(json_object_get(object, key), text));
}

/* --- tables --- */

static bool colours_wanted(void)
{
	const char *no = getenv("NO_COLOR");
	const char *terminal = getenv("TERM");
	return isatty(STDOUT_FILENO) && !(no && *no) && terminal && strcmp(terminal, "dumb") != 0;
}

static const char *colour_of(const char *state)
{
	static const struct {
		const char *state;
		const char *colour;
	} colours[] = {
		{"ok", "green"},       {"active", "green"},   {"licensed", "green"}, {"yes", "green"},
		{"ending", "yellow"},  {"pending", "yellow"}, {"grace", "yellow"},   {"unlicensed", "yellow"},
		{"warning", "yellow"}, {"expired", "red"},    {"ended", "red"},      {"disabled", "red"},
		{"deleted", "red"},    {"blocked", "red"},    {"degraded", "red"},   {"error", "red"},
		{"FAILED", "red"},     {"held", "green"},     {"waiting", "yellow"}, {"conflict", "red"},
	};
	for (size_t i = 0; i < sizeof(colours) / sizeof(colours[0]); i++)
		if (strcmp(colours[i].state, state) == 0)
			return colours[i].colour;
	return NULL;
}

/* The text of one cell: a member, or "24/25" of two. */
static const char *cell_text(const struct column *column, json_t *row, char out[PRINT_TEXT])
{
	char number[32];
	json_t *value = json_object_get(row, column->key);
	json_t *of = column->of ? json_object_get(row, column->of) : NULL;
	print_value(value, out);
	if (column->flags & COLUMN_ALL && json_is_array(value) && json_array_size(value) == 0)
		strcpy(out, "all");
	if (column->flags & COLUMN_ERROR)
		print_error(value, out);
	if (json_integer_value(of) > 0) {
		snprintf(number, sizeof(number), "/%" JSON_INTEGER_FORMAT, json_integer_value(of));
		append(out, number);
	}
	return out;
}

/* The columns that a table shows, at most PRINT_COLUMNS. */
static size_t shown_columns(const struct column *columns, const struct column *out[PRINT_COLUMNS])
{
	size_t n = 0;
	for (; columns->key && n < PRINT_COLUMNS; columns++)
		if (!(columns->flags & COLUMN_CSV))
			out[n++] = columns;
	return n;
}

static int add_cell(struct libscols_line *line, size_t at, const struct column *column, json_t *row)
{
	char text[PRINT_TEXT];
	cell_text(column, row, text);
	if (scols_line_set_data(line, at, text))
		return E_NO_MEMORY;
	const char *colour = column->flags & COLUMN_STATE ? colour_of(text) : NULL;
	return colour && scols_cell_set_color(scols_line_get_cell(line, at), colour) ? E_NO_MEMORY : 0;
}

static int add_columns(struct libscols_table *t, struct table *shape, const struct column *const *columns,
		       size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int flags = columns[i]->flags & COLUMN_RIGHT ? SCOLS_FL_RIGHT : 0;
		flags |= columns[i]->flags & COLUMN_CUT ? SCOLS_FL_TRUNC : 0;
		/* A later page is at least as wide as the pages before it. */
		flags |= shape->widths[i] ? SCOLS_FL_STRICTWIDTH : 0;
		if (!scols_table_new_column(t, columns[i]->heading, (double)shape->widths[i], flags))
			return E_NO_MEMORY;
	}
	return 0;
}

static int add_rows(struct libscols_table *t, const struct column *const *columns, size_t n, json_t *rows)
{
	size_t i;
	json_t *row;
	json_array_foreach (rows, i, row) {
		struct libscols_line *line = scols_table_new_line(t, NULL);
		int error = line ? 0 : E_NO_MEMORY;
		for (size_t at = 0; at < n && !error; at++)
			error = add_cell(line, at, columns[at], row);
		if (error)
			return error;
	}
	return 0;
}

/* The library leaves a cell blank for which it has no memory, and says nothing; errno still does. */
static int show(struct libscols_table *t)
{
	errno = 0;
	return scols_print_table(t) || errno == ENOMEM ? E_NO_MEMORY : 0;
}

int print_table(struct table *shape, const struct column *columns, json_t *rows)
{
	const struct column *shown[PRINT_COLUMNS];
	size_t n = shown_columns(columns, shown);
	if (json_array_size(rows) == 0)
		return 0;
	struct libscols_table *t = scols_new_table();
	if (!t)
		return E_NO_MEMORY;
	scols_table_enable_colors(t, colours_wanted());
	scols_table_enable_noheadings(t, shape->headed);
	int error = add_columns(t, shape, shown, n);
	if (!error)
		error = add_rows(t, shown, n, rows);
	if (!error)
		error = show(t);
	for (size_t i = 0; i < n && !error; i++)
		shape->widths[i] = scols_column_get_width(scols_table_get_column(t, i));
	scols_unref_table(t);
	shape->headed = true;
	return error;
}

int print_section(const struct column *columns, json_t *rows)
{
	struct table shape = {0};
	if (json_array_size(rows) == 0)
		return 0;
	putchar('\n');
	return print_table(&shape, columns, rows);
}

int print_fields(const struct column *fields, json_t *object)
{
	static const struct column pair[] = {
		{"key", "", NULL, 0}, {"value", "", NULL, COLUMN_STATE}, {NULL, NULL, NULL, 0}};
	struct table shape = {.headed = true};
	json_t *rows = json_array();
	for (; fields->key; fields++) {
		char text[PRINT_TEXT];
		json_t *value = json_object_get(object, fields->key);
		if (!value || json_is_null(value))
			continue;
		cell_text(fields, object, text);
		json_array_append_new(rows, json_pack("{s:s, s:s}", "key", fields->heading, "value", text));
	}
	int error = rows ? print_table(&shape, pair, rows) : E_NO_MEMORY;
	json_decref(rows);
	return error;
}

/* --- CSV --- */

/* The bytes of a control character at the front of UTF-8 text: 0, 1, or 2 for U+0080 to U+009F. */
static size_t control_length(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;
	if (at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f)
		return 2;
	return at[0] < 0x20 || at[0] == 0x7f;
}

/* A spreadsheet must not take what somebody wrote for a formula, so what looks like one gets an apostrophe,
 * as in the streams of the API. Ids are nobody's writing, and may begin with '-'. */
static bool looks_like_formula(const char *key, const char *text)
{
	static const char *const ids[] = {"device", "forked_from", "hash", "id", "token"};
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		if (strcmp(key, ids[i]) == 0)
			return false;
	return *text && strchr("=+-@", *text);
}

/* Control characters, line ends too, are written as \xNN: a record is always one line. */
static void csv_field(const char *text, bool guard)
{
	bool quoted = strpbrk(text, ",\"") != NULL;
	if (quoted)
		putchar('"');
	if (guard)
		putchar('\'');
	while (*text) {
		size_t n = control_length(text);
		for (size_t i = 0; i < n; i++)
			printf("\\x%02x", (unsigned char)text[i]);
		if (n == 0 && *text == '"')
			putchar('"');
		if (n == 0)
			putchar(*text);
		text += n ? n : 1;
	}
	if (quoted)
		putchar('"');
}

/* A list or an object in one field: a list joined by commas, anything that is longer than a table's cell as
 * JSON. */
static void csv_compound(const json_t *value)
{
	char text[PRINT_TEXT];
	if (json_is_array(value) && strlen(print_value(value, text)) < PRINT_TEXT - 1) {
		csv_field(json_array_size(value) ? text : "", looks_like_formula("", text));
		return;
	}
	char *whole = jsontext_write(value, JSON_COMPACT);
	csv_field(whole ? whole : "", false);
	free(whole);
}

static void csv_value(const char *key, const json_t *value)
{
	char text[PRINT_TEXT];
	if (!value || json_is_null(value))
		return;
	if (json_is_string(value))
		csv_field(json_string_value(value), looks_like_formula(key, json_string_value(value)));
	else if (json_is_boolean(value))
		fputs(json_is_true(value) ? "true" : "false", stdout);
	else if (json_is_array(value) || json_is_object(value))
		csv_compound(value);
	else
		csv_field(print_value(value, text), false);
}

void print_csv_head(const struct column *columns)
{
	for (const struct column *c = columns; c->key; c++)
		printf("%s%s", c == columns ? "" : ",", c->key);
	fputs("\r\n", stdout);
}

void print_csv_rows(const struct column *columns, json_t *rows)
{
	size_t i;
	json_t *row;
	json_array_foreach (rows, i, row) {
		for (const struct column *c = columns; c->key; c++) {
			fputs(c == columns ? "" : ",", stdout);
			json_t *value = json_object_get(row, c->key);
			csv_value(c->key, c->flags & COLUMN_ERROR ? json_object_get(value, "code") : value);
		}
		fputs("\r\n", stdout);
	}
}

/* --- JSON --- */

/* jansson escapes what is below U+0020; terminals also act on U+007F to U+009F. These stand only inside of
 * strings. */
static void json_text(const char *text)
{
	for (; *text; text++) {
		size_t n = control_length(text);
		if (n == 2)
			text++;
		if (n == 2 || *text == 0x7f)
			printf("\\u%04x", (unsigned char)*text);
		else
			putchar(*text);
	}
}

void print_json_line(const json_t *value)
{
	char *text = jsontext_write(value, JSON_ENCODE_ANY);
	if (text)
		json_text(text);
	free(text);
}

void print_json(const json_t *document)
{
	char *text = jsontext_write(document, JSON_INDENT(2));
	if (text) {
		json_text(text);
		putchar('\n');
	} else {
		fprintf(stderr, "%s: %s\n", error_name(E_NO_MEMORY), error_text(E_NO_MEMORY));
	}
	free(text);
}

void print_json_new(json_t *json_new)
{
	print_json(json_new);
	json_decref(json_new);
}

json_t *print_json_string(const char *text)
{
	json_t *string = json_string(text);
	if (string)
		return string;
	char *copy = strdup(text);
	for (char *at = copy; at && *at; at++)
		if ((unsigned char)*at >= 0x80)
			*at = '?';
	string = copy ? json_string(copy) : NULL;
	free(copy);
	return string;
}
