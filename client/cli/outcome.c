/* SPDX-License-Identifier: Apache-2.0 */
/* What a verb did, product by product, in words or as JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "error.h"

#define NOTICES 8

/* Copied out of the handle, because reading the status begins a new call. */
struct done {
	char product[64];
	char what[16];
	char detail[256];
	int notices[NOTICES];
};

static json_t *result_json(const struct muster_status *s, const struct done *d)
{
	int index = muster_status_find(s, d->product);
	json_t *object = index >= 0 ? print_product_json(s, index) : json_object();
	json_object_set_new(object, "product", json_string(d->product));
	json_object_set_new(object, "result", json_string(d->what));
	json_object_set_new(object, "detail", *d->detail ? json_string(d->detail) : json_null());
	json_t *notices = json_array();
	for (int i = 0; i < NOTICES && d->notices[i]; i++)
		json_array_append_new(notices, json_string(error_name(d->notices[i])));
	json_object_set_new(object, "notices", notices);
	return object;
}

/* These say it all; the others are told by what the product is now. */
static const struct {
	const char *what;
	const char *words;
} lines[] = {
	{"released", "released"},
	{"signed out", "signed out"},
	{"redeemed", "the key is redeemed"},
	{"possible", "it can be reset"},
};

static void result_line(const struct muster_status *s, const struct done *d)
{
	int index = muster_status_find(s, d->product);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (strcmp(lines[i].what, d->what) != 0)
			continue;
		printf("%s: %s%s%s\n", d->product, lines[i].words, *d->detail ? ": " : "", d->detail);
		return;
	}
	if (index >= 0)
		print_product(s, index);
}

/* What the host told besides. */
static void notice_lines(const struct done *d)
{
	FILE *out = strcmp(d->what, "failed") == 0 ? stderr : stdout;
	for (int i = 0; i < NOTICES && d->notices[i]; i++) {
		const struct error_row *row = error_row(d->notices[i]);
		fprintf(out, "  notice: %s: %s\n  remedy: %s\n", row->name, row->text, row->remedy);
	}
}

/* Say what became of each product; document: what else is to be told as JSON. */
static void report(struct cli *cli, json_t *document, const struct done *rows, int n)
{
	struct muster_status *s = NULL;
	json_t *products = json_array();
	bool known = muster_status(cli->m, &s) == 0;
	for (int i = 0; known && i < n; i++) {
		json_array_append_new(products, result_json(s, &rows[i]));
		if (!cli->json && strcmp(rows[i].what, "failed") != 0)
			result_line(s, &rows[i]);
	}
	/* With several products the handle's error is only the first one's. */
	for (int i = 0; known && !cli->json && n > 1 && i < n; i++)
		if (strcmp(rows[i].what, "failed") == 0)
			result_line(s, &rows[i]);
	for (int i = 0; !cli->json && i < n; i++)
		notice_lines(&rows[i]);
	json_object_set_new(document, "products", products);
	if (cli->json)
		print_json(json_incref(document));
	muster_status_free(s);
}

int finish(struct cli *cli, json_t *more)
{
	int n = muster_outcome_count(cli->m);
	struct done *rows = calloc((size_t)n + 1, sizeof(*rows));
	json_t *document = more ? more : json_object();
	if (!rows) {
		json_decref(document);
		return print_own_error(cli, "NO_MEMORY", "");
	}
	for (int i = 0; i < n; i++) {
		snprintf(rows[i].product, sizeof(rows[i].product), "%s", muster_outcome_product(cli->m, i));
		snprintf(rows[i].what, sizeof(rows[i].what), "%s", muster_outcome_what(cli->m, i));
		for (int j = 0; j < NOTICES; j++)
			rows[i].notices[j] = muster_outcome_notice(cli->m, i, j);
		if (muster_outcome_code(cli->m, i) == 0)
			snprintf(rows[i].detail, sizeof(rows[i].detail), "%s",
				 muster_outcome_detail(cli->m, i));
	}
	int code = muster_error_number(cli->m) ? print_error(cli) : 0;
	json_t *error = print_error_json(cli);
	if (error)
		json_object_set_new(document, "error", error);
	report(cli, document, rows, n);
	json_decref(document);
	free(rows);
	return code;
}
