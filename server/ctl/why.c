/* SPDX-License-Identifier: Apache-2.0 */
/* musterctl why: what a device would be told about a product now, and by which rules. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "failure.h"
#include "print.h"
#include "request.h"

#define EXIT_NOT_WISHED 2

static const struct column head[] = {{"device", "device", NULL, 0},
				     {"hostname", "hostname", NULL, 0},
				     {"product", "product", NULL, 0},
				     {"user", "user", NULL, 0},
				     {"signed_in", "signed in there", NULL, 0},
				     {"last_seen", "last seen", NULL, 0},
				     {"answered", "last answered", NULL, 0},
				     {NULL, NULL, NULL, 0}};

static const struct column refusal_columns[] = {{"code", "REFUSED BEFORE", NULL, 0},
						{"began", "SINCE", NULL, 0},
						{"latest", "LATEST", NULL, 0},
						{"times", "TIMES", NULL, COLUMN_RIGHT},
						{NULL, NULL, NULL, 0}};

/* "CODE: text; detail (have 24, need 25)", then the remedy on its own line. */
static void print_refusal(const char *indent, json_t *error)
{
	const char *key;
	json_t *value;
	const char *before = " (";
	json_t *numbers = json_object_get(error, "numbers");
	fputs(indent, stdout);
	print_member(stdout, error, "code");
	fputs(": ", stdout);
	print_member(stdout, error, "text");
	if (json_object_get(error, "detail")) {
		fputs("; ", stdout);
		print_member(stdout, error, "detail");
	}
	json_object_foreach (numbers, key, value) {
		fputs(before, stdout);
		print_safe(stdout, key);
		putchar(' ');
		print_member(stdout, numbers, key);
		before = ", ";
	}
	printf("%s\n%sremedy: ", json_object_size(numbers) ? ")" : "", indent);
	print_member(stdout, error, "remedy");
	putchar('\n');
}

static void print_rules(json_t *rules)
{
	size_t i;
	json_t *rule;
	json_array_foreach (rules, i, rule) {
		bool passed = json_is_true(json_object_get(rule, "passed"));
		const char *name = json_string_value(json_object_get(rule, "rule"));
		fputs(passed ? "  passed   " : "  REFUSED  ", stdout);
		print_member(stdout, rule, "rule");
		printf("%*s  ", name && strlen(name) < 14 ? (int)(14 - strlen(name)) : 0, "");
		print_member(stdout, rule, "text");
		putchar('\n');
	}
}

static void print_holding(json_t *grant)
{
	if (!json_is_string(json_object_get(grant, "holding")))
		return;
	fputs("  on record: ", stdout);
	print_member(stdout, grant, "holding");
	fputs(", last contact ", stdout);
	print_member(stdout, grant, "contacted");
	if (json_is_string(json_object_get(grant, "expires"))) {
		fputs(", lease until ", stdout);
		print_member(stdout, grant, "expires");
	}
	putchar('\n');
}

static void print_grant(json_t *grant)
{
	const char *outcome = json_string_value(json_object_get(grant, "outcome"));
	bool spared = outcome && strcmp(outcome, "not_needed") == 0;
	fputs("\ngrant ", stdout);
	print_member(stdout, grant, "grant");
	fputs(" (", stdout);
	print_member(stdout, grant, "model");
	fputs(", license ", stdout);
	print_member(stdout, grant, "license");
	fputs("): ", stdout);
	if (spared)
		fputs("not looked at, for the one before it serves", stdout);
	else
		print_member(stdout, grant, "outcome");
	if (json_is_true(json_object_get(grant, "counts")))
		fputs(", and kept in its count or list", stdout);
	putchar('\n');
	print_holding(grant);
	print_rules(json_object_get(grant, "rules"));
	if (json_is_object(json_object_get(grant, "error")))
		print_refusal("  ", json_object_get(grant, "error"));
}

static void print_seats(json_t *seats)
{
	size_t i;
	json_t *seat;
	json_array_foreach (seats, i, seat) {
		json_t *error = json_object_get(seat, "error");
		fputs(i ? "" : "\n", stdout);
		fputs("seat of the ", stdout);
		print_member(stdout, seat, "holder");
		fputs(": ", stdout);
		print_member(stdout, seat, "grant");
		puts(json_is_true(json_object_get(seat, "direct")) ? ", its own" : ", through a group");
		if (json_is_object(error))
			print_refusal("  ", error);
	}
}

static void print_verdict(json_t *why)
{
	json_t *error = json_object_get(why, "error");
	if (json_is_object(error)) {
		puts("\nNow it would be refused:");
		print_refusal("  ", error);
		return;
	}
	fputs("\nNow it would be licensed by ", stdout);
	print_member(stdout, why, "grant");
	if (json_is_string(json_object_get(why, "expires"))) {
		fputs(" until ", stdout);
		print_member(stdout, why, "expires");
	}
	putchar('\n');
}

static int print_why(json_t *why)
{
	size_t i;
	json_t *grant;
	int error = print_fields(head, why);
	if (error)
		return error;
	json_array_foreach (json_object_get(why, "grants"), i, grant)
		print_grant(grant);
	print_seats(json_object_get(why, "seats"));
	error = print_section(refusal_columns, json_object_get(why, "refusals"));
	print_verdict(why);
	return error;
}

int why_run(struct invocation *inv)
{
	struct request req = {.path = "/v1/why", .id = inv->args[0]};
	struct reply reply;
	req.query[0].key = "product";
	req.query[0].value = inv->n_args > 1 ? inv->args[1] : NULL;
	req.query[1].key = "user";
	req.query[1].value = invocation_value(inv, "user");
	int code = request_run(inv, &req, &reply);
	if (code)
		return code;
	int error = 0;
	if (invocation_has(inv, "json"))
		print_json(reply.json);
	else
		error = print_why(reply.json);
	code = json_is_object(json_object_get(reply.json, "error")) ? EXIT_NOT_WISHED : 0;
	reply_fini(&reply);
	return error ? failure_say(inv, error, "the answer") : code;
}
