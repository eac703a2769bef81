/* SPDX-License-Identifier: Apache-2.0 */
#include "explain.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NAME_MAX_N 64 /* longer than any name of the table */
#define FAR 4         /* changed letters: no longer the same word */

const struct command_option explain_options[] = {{"list", NULL, "list all codes, as without CODE", 0},
						 {NULL, NULL, NULL, 0}};

const struct error_row *explain_find(const char *what)
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

/* --- names that are like a wrong one --- */

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* How many letters must be put in, left out or changed to make one of the other (Levenshtein). */
static size_t distance(const char *a, const char *b)
{
	size_t row[NAME_MAX_N + 1];
	size_t n = least(strlen(b), NAME_MAX_N);
	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 0; a[i] && i < NAME_MAX_N; i++) {
		size_t corner = row[0];
		row[0] = i + 1;
		for (size_t j = 0; j < n; j++) {
			size_t change = corner + (toupper((unsigned char)a[i]) != b[j]);
			corner = row[j + 1];
			row[j + 1] = least(least(row[j], row[j + 1]) + 1, change);
		}
	}
	return row[n];
}

/* 0: a part of the name; FAR or more: another word. */
static size_t unlike(const char *what, const char *name)
{
	char head[NAME_MAX_N];
	size_t least_far = distance(what, name);
	if (strlen(what) >= 3 && strcasestr(name, what))
		return 0;
	/* The first words of a name may be all that somebody remembers. */
	snprintf(head, sizeof(head), "%s", name);
	for (char *end; (end = strrchr(head, '_')) != NULL;) {
		*end = 0;
		if (strlen(head) >= 4)
			least_far = least(least_far, distance(what, head));
	}
	return least_far;
}

size_t explain_near(const char *what, const char *ret[EXPLAIN_NEAR])
{
	size_t n;
	size_t found = 0;
	const struct error_row *rows = error_table(&n);
	size_t limit = least(strlen(what) / 3 + 1, FAR); /* a short word is soon another one */
	for (size_t far = 0; far < limit; far++)
		for (size_t i = 0; i < n && found < EXPLAIN_NEAR; i++)
			if (unlike(what, rows[i].name) == far)
				ret[found++] = rows[i].name;
	return found;
}

static int refuse(const struct invocation *inv, const char *what)
{
	const struct error_row *row = error_row(E_NOT_FOUND);
	const char *near[EXPLAIN_NEAR];
	char shown[NAME_MAX_N];
	char detail[512];
	size_t n = explain_near(what, near);
	/* Only what a code may hold goes to a terminal. */
	snprintf(shown, sizeof(shown), "%s", what);
	for (char *at = shown; *at; at++)
		if (!isalnum((unsigned char)*at) && !strchr("_-+. ", *at))
			*at = '?';
	int used = snprintf(detail, sizeof(detail), "no code has the name or number '%s'", shown);
	for (size_t i = 0; i < n; i++)
		used += snprintf(detail + used, sizeof(detail) - (size_t)used, "%s%s",
				 i ? ", " : "; near it: ", near[i]);
	char remedy[128];
	snprintf(remedy, sizeof(remedy), "Run '%s explain' for the list of all codes.", inv->program->name);
	fprintf(stderr, "%s: %s\nremedy: %s\n", row->name, detail, remedy);
	if (invocation_has(inv, "json")) {
		json_t *error = json_pack("{s:i, s:{s:s, s:s, s:s, s:{}, s:s}}", "schema", 1, "error", "code",
					  row->name, "text", row->text, "remedy", remedy, "numbers", "detail",
					  detail);
		json_dumpf(error, stdout, JSON_INDENT(2));
		putchar('\n');
		json_decref(error);
	}
	return row->exit;
}

/* --- rows --- */

static const char *retry_text(enum error_retry retry)
{
	static const char *const texts[] = {
		[RETRY_NEVER] = "never", [RETRY_LATER] = "later", [RETRY_NEXT] = "next"};
	return texts[retry];
}

static const char *retry_meaning(enum error_retry retry)
{
	static const char *const texts[] = {[RETRY_NEVER] = "not before somebody has changed something",
					    [RETRY_LATER] =
						    "the client tries again by itself, at the retry interval",
					    [RETRY_NEXT] = "the client tries its next host at once"};
	return texts[retry];
}

static json_t *row_json(const struct error_row *row)
{
	return json_pack("{s:s, s:i, s:s, s:s, s:s, s:i, s:i}", "code", row->name, "number", row->number,
			 "text", row->text, "remedy", row->remedy, "retry", retry_text(row->retry), "http",
			 row->http, "exit", row->exit);
}

static void print_document(json_t *json)
{
	json_dumpf(json, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(json);
}

static int list_all(bool json)
{
	size_t n;
	const struct error_row *rows = error_table(&n);
	json_t *items = json_array();
	for (size_t i = 0; i < n; i++) {
		if (json)
			json_array_append_new(items, row_json(&rows[i]));
		else
			printf("%4d  %-22s  %s\n", rows[i].number, rows[i].name, rows[i].text);
	}
	if (json)
		print_document(json_pack("{s:i, s:O}", "schema", 1, "items", items));
	json_decref(items);
	return 0;
}

int explain_run(struct invocation *inv)
{
	bool json = invocation_has(inv, "json");
	if (inv->n_args && invocation_has(inv, "list"))
		return command_usage(inv, "give a code or --list, not both");
	if (inv->n_args == 0)
		return list_all(json);
	const struct error_row *row = explain_find(inv->args[0]);
	if (!row)
		return refuse(inv, inv->args[0]);
	if (json) {
		json_t *document = row_json(row);
		json_object_set_new(document, "schema", json_integer(1));
		print_document(document);
		return 0;
	}
	printf("code         %s\nnumber       %d\ntext         %s\nremedy       %s\nretry        %s: %s\n"
	       "HTTP status  %d\nexit code    %d\n",
	       row->name, row->number, row->text, row->remedy, retry_text(row->retry),
	       retry_meaning(row->retry), row->http, row->exit);
	return 0;
}
