/* SPDX-License-Identifier: Apache-2.0 */
#include "failure.h"

#include <errno.h>
#include <inttypes.h>
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
	f->remedy[0] = 0;
	f->n_numbers = 0;
	f->code = code;
	return code;
}

int failure_system(struct failure *f, int code, const char *path)
{
	const char *reason = strerror(errno);
	if (code == E_TOO_LARGE || code == E_NO_MEMORY)
		return failure_set(f, code, "%s", path);
	failure_set(f, code, "%s: %s", path, reason);
	if (code == E_STORE_FULL)
		failure_remedy(f, "Make room on the disk and run the command again; nothing was changed.");
	return code;
}

int failure_remedy(struct failure *f, const char *remedy)
{
	snprintf(f->remedy, sizeof(f->remedy), "%s", remedy);
	return f->code;
}

void failure_number(struct failure *f, const char *name, int64_t value)
{
	if (f->n_numbers == FAILURE_NUMBERS)
		return;
	f->numbers[f->n_numbers].name = name;
	f->numbers[f->n_numbers++].value = value;
}

static const char *remedy_of(const struct failure *f)
{
	return f->remedy[0] ? f->remedy : error_row(f->code)->remedy;
}

json_t *failure_json(const struct failure *f)
{
	json_t *error = json_object();
	json_t *numbers = json_object();
	json_object_set_new(error, "code", json_string(error_name(f->code)));
	json_object_set_new(error, "text", json_string(error_text(f->code)));
	if (f->detail[0])
		json_object_set_new(error, "detail", print_json_text(f->detail));
	json_object_set_new(error, "remedy", print_json_text(remedy_of(f)));
	for (size_t i = 0; i < f->n_numbers; i++)
		json_object_set_new(numbers, f->numbers[i].name, json_integer(f->numbers[i].value));
	json_object_set_new(error, "numbers", numbers);
	return error;
}

int failure_tell(const struct failure *f)
{
	fprintf(stderr, "%s: %s", error_name(f->code), error_text(f->code));
	if (f->detail[0]) {
		fputs(": ", stderr);
		print_safe(stderr, f->detail);
	}
	fputs("\nremedy: ", stderr);
	print_safe(stderr, remedy_of(f));
	fputc('\n', stderr);
	return error_row(f->code)->exit;
}

int failure_print(const struct invocation *inv, const struct failure *f)
{
	if (invocation_has(inv, "json"))
		print_json(json_pack("{s:i, s:o}", "schema", 1, "error", failure_json(f)));
	return failure_tell(f);
}
