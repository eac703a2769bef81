/* SPDX-License-Identifier: Apache-2.0 */
/* musterctl explain: the error table, without any daemon. */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "commands.h"
#include "failure.h"
#include "print.h"

static const struct column fields[] = {{"code", "code", NULL, 0},      {"number", "number", NULL, 0},
				       {"text", "text", NULL, 0},      {"remedy", "remedy", NULL, 0},
				       {"retry", "retry", NULL, 0},    {"http", "HTTP status", NULL, 0},
				       {"exit", "exit code", NULL, 0}, {NULL, NULL, NULL, 0}};

/* The row of a name in either case, or of a number. */
static const struct error_row *find(const char *what)
{
	char *end;
	size_t n;
	const struct error_row *rows = error_table(&n);
	long number = strtol(what, &end, 10);
	for (size_t i = 0; i < n; i++)
		if (strcasecmp(rows[i].name, what) == 0 || (*what && !*end && labs(number) == rows[i].number))
			return &rows[i];
	return NULL;
}

static const char *retry_text(enum error_retry retry)
{
	switch (retry) {
	case RETRY_NEVER:
		return "never";
	case RETRY_LATER:
		return "later";
	case RETRY_NEXT:
		return "next";
	}
	return "never";
}

static json_t *row_json(const struct error_row *row)
{
	return json_pack("{s:i, s:s, s:i, s:s, s:s, s:s, s:i, s:i}", "schema", 1, "code", row->name, "number",
			 row->number, "text", row->text, "remedy", row->remedy, "retry",
			 retry_text(row->retry), "http", row->http, "exit", row->exit);
}

int explain_run(struct invocation *inv)
{
	const struct error_row *row = find(inv->args[0]);
	if (!row)
		return failure_say(inv, E_NOT_FOUND, "no error has the name or number '%s'", inv->args[0]);
	json_t *json = row_json(row);
	int error = 0;
	if (invocation_has(inv, "json"))
		print_json(json);
	else
		error = json ? print_fields(fields, json) : E_NO_MEMORY;
	json_decref(json);
	return error ? failure_say(inv, error, "the table") : 0;
}
