/* SPDX-License-Identifier: Apache-2.0 */
#include "outcome.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "items.h"
#include "print.h"

#define TOLD_MAX 20 /* refused rows told in full */

static const struct column effect_columns[] = {
	{"product", "PRODUCT", NULL, 0},        {"gained", "GAINED", NULL, COLUMN_RIGHT},
	{"lost", "LOST", NULL, COLUMN_RIGHT},   {"waiting", "WAITING", NULL, COLUMN_RIGHT},
	{"seats", "SEATS", NULL, COLUMN_RIGHT}, {NULL, NULL, NULL, 0}};

/* One answer: read twice, first to judge it, then to print it. */
struct outcome {
	const struct changes *changes;
	bool json;
	bool dry_run;
	size_t seen;
	size_t refused;
	size_t told;
	int exit; /* of the last refused row */
};

/* --- judging --- */

static int judge_item(json_t *item, size_t index, void *context)
{
	struct outcome *o = context;
	json_t *ok = json_object_get(item, "ok");
	struct failure f;
	(void)index;
	if (!json_is_boolean(ok))
		return E_MALFORMED;
	o->seen++;
	if (json_is_true(ok))
		return 0;
	o->refused++;
	failure_take(&f, json_object_get(item, "error"));
	o->exit = error_row(f.code)->exit;
	failure_fini(&f);
	return 0;
}

/* --- rows --- */

/* What a row is about, for people: the first of these that it has. */
static const char *name_of(json_t *item)
{
	static const char *const keys[] = {"user",  "device", "member",  "group",  "device_group",
					   "grant", "id",     "license", "product"};
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const char *name = json_string_value(json_object_get(item, keys[i]));
		if (name)
			return name;
	}
	return "-";
}

/* "users.csv:12", "row 3 (alice)", or NULL when there is but one. */
static const char *place_of(const struct changes *c, json_t *item, size_t index, char *out, size_t room)
{
	uint32_t line;
	if (c->file) {
		memcpy(&line, c->lines.bytes + index * sizeof(line), sizeof(line));
		snprintf(out, room, "%s:%u", c->file, line);
		return out;
	}
	snprintf(out, room, "row %zu (%s)", index + 1, name_of(item));
	return c->n > 1 ? out : NULL;
}

/* Also a row that was done may have an error: what it waits for. */
static void tell_item(struct outcome *o, json_t *item, size_t index)
{
	char place[512];
	struct failure f;
	if (++o->told > TOLD_MAX)
		return;
	failure_take(&f, json_object_get(item, "error"));
	failure_tell_at(place_of(o->changes, item, index, place, sizeof(place)), &f);
	failure_fini(&f);
}

static void print_item_json(struct outcome *o, json_t *item, size_t index)
{
	uint32_t line;
	if (o->changes->file) {
		memcpy(&line, o->changes->lines.bytes + index * sizeof(line), sizeof(line));
		json_object_set_new(item, "line", json_integer(line));
	}
	fputs(index ? ",\n    " : "\n    ", stdout);
	print_json_line(item);
}

static void print_done(const struct outcome *o, json_t *item)
{
	if (o->changes->show) {
		o->changes->show(item);
		return;
	}
	print_safe(stdout, name_of(item));
	printf(": %s\n", o->changes->past);
}

static int print_item(json_t *item, size_t index, void *context)
{
	struct outcome *o = context;
	bool refused = json_is_false(json_object_get(item, "ok"));
	if (refused || json_is_object(json_object_get(item, "error")))
		tell_item(o, item, index);
	if (o->json)
		print_item_json(o, item, index);
	else if (!refused && !o->dry_run && o->changes->n == 1)
		print_done(o, item);
	return 0;
}

/* --- the whole --- */

static void print_rest_json(const struct outcome *o, json_t *rest)
{
	const char *key;
	json_t *value;
	fputs(o->seen ? "\n  ]" : "]", stdout);
	json_object_foreach (rest, key, value) {
		if (strcmp(key, "schema") == 0)
			continue;
		json_t *name = json_string(key);
		fputs(",\n  ", stdout);
		print_json_line(name);
		fputs(": ", stdout);
		print_json_line(value);
		json_decref(name);
	}
	fputs("\n}\n", stdout);
}

static int print_summary(const struct outcome *o, json_t *rest)
{
	json_t *effect = json_object_get(rest, "effect");
	size_t done = o->seen - o->refused;
	if (o->dry_run)
		printf("dry run, nothing was saved: %zu would be done, %zu refused\n", done, o->refused);
	else if (o->changes->n > 1)
		printf("%s: %zu, refused: %zu\n", o->changes->past, done, o->refused);
	if (o->dry_run && json_array_size(effect) == 0)
		puts("no license would be gained or lost");
	return print_section(effect_columns, effect);
}

static int print_text(struct outcome *o, const struct reply *reply)
{
	json_t *rest = NULL;
	if (o->json)
		fputs("{\n  \"schema\": 1,\n  \"items\": [", stdout);
	int error = items_read((const char *)reply->body.bytes, reply->body.used - 1, print_item, o, &rest);
	if (!error && o->json)
		print_rest_json(o, rest);
	else if (!error)
		error = print_summary(o, rest);
	if (o->told > TOLD_MAX)
		fprintf(stderr, "%zu more rows like these; --json lists them all\n", o->told - TOLD_MAX);
	json_decref(rest);
	return error;
}

static int judge(struct outcome *o, const struct reply *reply)
{
	json_t *rest = NULL;
	int error = items_read((const char *)reply->body.bytes, reply->body.used - 1, judge_item, o, &rest);
	json_int_t schema = json_integer_value(json_object_get(rest, "schema"));
	json_decref(rest);
	if (error)
		return error;
	if (schema != REQUEST_SCHEMA)
		return schema ? E_VERSION_UNSUPPORTED : E_MALFORMED;
	return o->seen == o->changes->n ? 0 : E_MALFORMED;
}

int outcome_print(struct changes *c, const struct reply *reply, bool dry_run)
{
	struct outcome o = {.changes = c, .json = invocation_has(c->inv, "json"), .dry_run = dry_run};
	int error = judge(&o, reply);
	if (error) {
		struct failure f = {.remedy = OUTCOME_UNKNOWN};
		failure_set(&f, error, "the answer to %zu changes", c->n);
		return failure_print(c->inv, &f);
	}
	c->done = o.seen - o.refused;
	error = print_text(&o, reply);
	if (error)
		return failure_say(c->inv, error, "the answer");
	if (o.refused == 0)
		return 0;
	return o.seen == 1 && !c->listed ? o.exit : 1;
}

int outcome_print_nothing(const struct changes *c)
{
	if (invocation_has(c->inv, "json"))
		print_json_new(json_pack("{s:i, s:[], s:[]}", "schema", 1, "items", "effect"));
	else
		puts("no rows: nothing was sent");
	return 0;
}

void outcome_print_code(json_t *item, const char *whose)
{
	print_member(stdout, item, "code");
	putchar('\n');
	fflush(stdout);
	fputs("for ", stderr);
	print_member(stderr, item, whose);
	if (json_is_string(json_object_get(item, "expires"))) {
		fputs(", until ", stderr);
		print_member(stderr, item, "expires");
	}
	fputs("; it is not shown again\n", stderr);
}
