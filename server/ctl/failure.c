/* SPDX-License-Identifier: Apache-2.0 */
#include "failure.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "print.h"

int failure_set(struct failure *f, int code, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(f->detail, sizeof(f->detail), format, args);
	va_end(args);
	f->code = code;
	return code;
}

void failure_take(struct failure *f, json_t *error)
{
	const char *name = json_string_value(json_object_get(error, "code"));
	const struct error_row *row = name ? error_by_name(name) : NULL;
	*f = (struct failure){.code = row ? -row->number : E_INTERNAL, .problem = json_incref(error)};
}

void failure_fini(struct failure *f)
{
	json_decref(f->problem);
	f->problem = NULL;
}

/* A text member of the problem document, or NULL. */
static const char *told(const struct failure *f, const char *key)
{
	const char *text = json_string_value(json_object_get(f->problem, key));
	return text && *text ? text : NULL;
}

/* A newer daemon may know codes that this table does not have; they are shown, but not acted on. */
static const char *code_of(const struct failure *f)
{
	const char *name = told(f, "code");
	return name ? name : error_name(f->code);
}

static const char *text_of(const struct failure *f)
{
	const char *name = told(f, "code");
	const char *title = told(f, "title") ? told(f, "title") : told(f, "text");
	return name && !error_by_name(name) && title ? title : error_text(f->code);
}

static const char *remedy_of(const struct failure *f)
{
	const char *remedy = told(f, "remedy");
	if (*f->remedy)
		return f->remedy;
	return remedy ? remedy : error_row(f->code)->remedy;
}

/* "" when there is none that says more than the text. */
static const char *detail_of(const struct failure *f)
{
	const char *detail = told(f, "detail");
	if (!detail)
		detail = f->detail;
	return strcmp(detail, text_of(f)) == 0 ? "" : detail;
}

static void copy_member(json_t *to, const struct failure *f, const char *key)
{
	json_t *value = json_object_get(f->problem, key);
	if (value)
		json_object_set(to, key, value);
}

json_t *failure_json(const struct failure *f)
{
	json_t *error = json_object();
	if (!error)
		return NULL;
	json_object_set_new(error, "code", json_string(code_of(f)));
	json_object_set_new(error, "text", json_string(text_of(f)));
	/* A detail may hold a path, and paths need not be UTF-8. */
	if (*detail_of(f))
		json_object_set_new(error, "detail", print_json_string(detail_of(f)));
	json_object_set_new(error, "remedy", json_string(remedy_of(f)));
	json_object_set_new(error, "numbers", json_object());
	copy_member(error, f, "numbers");
	copy_member(error, f, "request_id");
	return error;
}

static void tell_numbers(json_t *numbers)
{
	const char *key;
	json_t *value;
	const char *before = " \xe2\x80\x94 ";
	json_object_foreach (numbers, key, value) {
		char text[PRINT_TEXT];
		fputs(before, stderr);
		print_safe(stderr, key);
		fputc(' ', stderr);
		print_safe(stderr, print_value(value, text));
		before = ", ";
	}
}

static void tell_line(const struct failure *f)
{
	print_safe(stderr, code_of(f));
	fputs(": ", stderr);
	print_safe(stderr, text_of(f));
	if (*detail_of(f)) {
		fputs(" \xe2\x80\x94 ", stderr);
		print_safe(stderr, detail_of(f));
	}
	tell_numbers(json_object_get(f->problem, "numbers"));
	fputc('\n', stderr);
}

int failure_tell_at(const char *where, const struct failure *f)
{
	if (where) {
		print_safe(stderr, where);
		fputs(": ", stderr);
	}
	tell_line(f);
	fputs("remedy: ", stderr);
	print_safe(stderr, remedy_of(f));
	fputc('\n', stderr);
	return error_row(f->code)->exit;
}

int failure_tell(const struct failure *f)
{
	return failure_tell_at(NULL, f);
}

int failure_print(const struct invocation *inv, const struct failure *f)
{
	if (invocation_has(inv, "json"))
		print_json_new(json_pack("{s:i, s:o}", "schema", 1, "error", failure_json(f)));
	return failure_tell(f);
}

int failure_say(const struct invocation *inv, int code, const char *format, ...)
{
	struct failure f = {.code = code};
	va_list args;
	va_start(args, format);
	vsnprintf(f.detail, sizeof(f.detail), format, args);
	va_end(args);
	return failure_print(inv, &f);
}
