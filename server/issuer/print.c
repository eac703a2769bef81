/* SPDX-License-Identifier: Apache-2.0 */
#include "print.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "rfc3339.h"

#define COLUMNS_MAX 12
#define DEPTH_MAX 12

/* --- text that cannot steer a terminal --- */

/* Bytes at text that make up one unsafe character: a control character, or one that turns the writing
 * direction. */
static size_t unsafe_length(const unsigned char *text)
{
	if (text[0] < 0x20 || text[0] == 0x7f)
		return 1;
	if (text[0] == 0xc2 && text[1] >= 0x80 && text[1] < 0xa0)
		return 2;
	if (text[0] != 0xe2)
		return 0;
	if (text[1] == 0x80 && ((text[2] >= 0x8e && text[2] <= 0x8f) || (text[2] >= 0xa8 && text[2] <= 0xae)))
		return 3;
	return text[1] == 0x81 && text[2] >= 0xa6 && text[2] <= 0xa9 ? 3 : 0;
}

void print_safe(FILE *to, const char *text)
{
	const unsigned char *at = (const unsigned char *)text;
	while (*at) {
		size_t unsafe = unsafe_length(at);
		fputc(unsafe ? '?' : *at, to);
		at += unsafe ? unsafe : 1;
	}
}

/* --- JSON --- */

json_t *print_json_text(const char *text)
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

json_t *print_json_time(int64_t time)
{
	char text[RFC3339_TEXT];
	return time ? json_string(rfc3339_write(time, text)) : json_null();
}

int print_json(json_t *document)
{
	if (!document) {
		fprintf(stderr, "%s: %s\n", error_name(E_NO_MEMORY), error_text(E_NO_MEMORY));
		return E_NO_MEMORY;
	}
	int failed = json_dumpf(document, stdout, JSON_INDENT(2));
	json_decref(document);
	fputc('\n', stdout);
	return failed || fflush(stdout) ? E_IO : 0;
}

/* --- one value as text --- */

static bool is_scalar(json_t *value)
{
	return !json_is_object(value) && !json_is_array(value);
}

static void print_scalar(FILE *to, json_t *value)
{
	if (json_is_string(value))
		print_safe(to, json_string_value(value));
	else if (json_is_integer(value))
		fprintf(to, "%" PRId64, (int64_t)json_integer_value(value));
	else if (json_is_real(value))
		fprintf(to, "%g", json_real_value(value));
	else
		fputs(json_is_true(value) ? "yes" : json_is_false(value) ? "no" : "-", to);
}

static bool all_scalars(json_t *array)
{
	for (size_t i = 0; i < json_array_size(array); i++)
		if (!is_scalar(json_array_get(array, i)))
			return false;
	return true;
}

static void print_joined(FILE *to, json_t *array)
{
	if (json_array_size(array) == 0)
		fputc('-', to);
	for (size_t i = 0; i < json_array_size(array); i++) {
		if (i)
			fputs(", ", to);
		print_scalar(to, json_array_get(array, i));
	}
}

/* A value that fits on the line of its name: a scalar, or an array of them. */
static void print_value(FILE *to, json_t *value)
{
	if (json_is_array(value))
		print_joined(to, value);
	else if (json_is_object(value))
		fputs(json_object_size(value) ? "..." : "-", to);
	else
		print_scalar(to, value);
}

/* --- tables --- */

/* Columns that a text takes: its characters, not its bytes. */
static size_t width_of(const char *text)
{
	size_t width = 0;
	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

/* A cell's text; the caller frees it. */
static char *cell_text(json_t *item, const char *key)
{
	char *text = NULL;
	size_t n = 0;
	FILE *to = open_memstream(&text, &n);
	if (!to)
		return NULL;
	print_value(to, json_object_get(item, key));
	fclose(to);
	return text;
}

static void measure(const struct print_column *columns, json_t *items, size_t widths[COLUMNS_MAX])
{
	for (size_t c = 0; columns[c].head && c < COLUMNS_MAX; c++) {
		widths[c] = width_of(columns[c].head);
		for (size_t i = 0; i < json_array_size(items); i++) {
			char *text = cell_text(json_array_get(items, i), columns[c].key);
			size_t width = text ? width_of(text) : 0;
			widths[c] = width > widths[c] ? width : widths[c];
			free(text);
		}
	}
}

static void print_cell(const char *text, size_t width, bool last)
{
	fputs(text, stdout);
	for (size_t n = width_of(text); !last && n < width + 2; n++)
		fputc(' ', stdout);
}

static void print_table(const struct print_column *columns, json_t *items)
{
	size_t widths[COLUMNS_MAX];
	measure(columns, items, widths);
	for (size_t c = 0; columns[c].head; c++)
		print_cell(columns[c].head, widths[c], !columns[c + 1].head);
	putchar('\n');
	for (size_t i = 0; i < json_array_size(items); i++) {
		for (size_t c = 0; columns[c].head; c++) {
			char *text = cell_text(json_array_get(items, i), columns[c].key);
			print_cell(text ? text : "?", widths[c], !columns[c + 1].head);
			free(text);
		}
		putchar('\n');
	}
}

void print_list(const struct invocation *inv, const struct print_column *columns, json_t *items)
{
	if (invocation_has(inv, "json")) {
		print_json(json_pack("{s:i, s:o}", "schema", 1, "items", items));
		return;
	}
	print_table(columns, items);
	json_decref(items);
}

/* --- claims --- */

/* One container that is being walked; deeper ones stand above it on a stack, because a stranger chose the
 * depth. */
struct level {
	json_t *node;
	void *member; /* of an object */
	size_t index; /* of an array */
};

static bool level_next(struct level *level, char label[24], const char **ret_label, json_t **ret_value)
{
	if (json_is_array(level->node)) {
		if (level->index >= json_array_size(level->node))
			return false;
		*ret_value = json_array_get(level->node, level->index++);
		snprintf(label, 24, "%zu", level->index);
		*ret_label = label;
		return true;
	}
	if (!level->member)
		return false;
	*ret_label = json_object_iter_key(level->member);
	*ret_value = json_object_iter_value(level->member);
	level->member = json_object_iter_next(level->node, level->member);
	return true;
}

static struct level level_of(json_t *node)
{
	return (struct level){.node = node, .member = json_object_iter(node)};
}

void print_claims(FILE *to, json_t *claims, int indent)
{
	struct level stack[DEPTH_MAX];
	int depth = 0;
	char number[24];
	const char *label;
	json_t *value;
	stack[0] = level_of(claims);
	while (depth >= 0) {
		if (!level_next(&stack[depth], number, &label, &value)) {
			depth--;
			continue;
		}
		fprintf(to, "%*s", indent + 2 * depth, "");
		print_safe(to, label);
		bool inside = json_is_object(value) ? json_object_size(value) > 0 : !all_scalars(value);
		if (inside && depth + 1 < DEPTH_MAX) {
			fputs(":\n", to);
			stack[++depth] = level_of(value);
			continue;
		}
		fputs(": ", to);
		print_value(to, value);
		fputc('\n', to);
	}
}
