/* SPDX-License-Identifier: Apache-2.0 */
/* musterctl doctor: the daemon's checks of itself, with what to do; and repair, of a daemon that runs, or of
 * a file. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "confirm.h"
#include "daemon.h"
#include "failure.h"
#include "print.h"
#include "request.h"

#define EXIT_FAILED 1
#define EXIT_NOT_WISHED 2

static bool is_error(json_t *check)
{
	const char *severity = json_string_value(json_object_get(check, "severity"));
	return severity && strcmp(severity, "error") == 0;
}

static bool passed(json_t *check)
{
	return json_is_true(json_object_get(check, "ok"));
}

/* 0: all well; 1: an error; 2: something less. */
static int judge(json_t *report)
{
	size_t i;
	json_t *check;
	int code = json_is_true(json_object_get(report, "ok")) ? 0 : EXIT_NOT_WISHED;
	json_array_foreach (json_object_get(report, "checks"), i, check) {
		if (passed(check))
			continue;
		if (is_error(check))
			return EXIT_FAILED;
		code = EXIT_NOT_WISHED;
	}
	return code;
}

static int print_checks(json_t *checks)
{
	static const struct column columns[] = {{"check", "CHECK", NULL, 0},
						{"result", "RESULT", NULL, COLUMN_STATE},
						{"message", "MESSAGE", NULL, COLUMN_CUT},
						{NULL, NULL, NULL, 0}};
	size_t i;
	json_t *check;
	struct table table = {0};
	json_t *rows = json_array();
	json_array_foreach (checks, i, check) {
		const char *result = passed(check) ? "ok" : is_error(check) ? "error" : "warning";
		json_array_append_new(rows, json_pack("{s:O?, s:s, s:O?}", "check",
						      json_object_get(check, "check"), "result", result,
						      "message", json_object_get(check, "message")));
	}
	int error = rows ? print_table(&table, columns, rows) : E_NO_MEMORY;
	json_decref(rows);
	return error;
}

static void print_remedies(json_t *checks)
{
	size_t i;
	json_t *check;
	json_array_foreach (checks, i, check) {
		if (passed(check))
			continue;
		fputs("\n! ", stdout);
		print_member(stdout, check, "check");
		fputs(": ", stdout);
		print_member(stdout, check, "message");
		fputs("\n  remedy: ", stdout);
		print_member(stdout, check, "remedy");
		putchar('\n');
	}
}

static int print_report(json_t *report)
{
	json_t *checks = json_object_get(report, "checks");
	int error = print_checks(checks);
	if (!error)
		print_remedies(checks);
	return error;
}

static int look(struct invocation *inv)
{
	struct request req = {
		.path = "/v1/doctor", .any_status = true, .timeout_ms = REQUEST_LONG_TIMEOUT_MS};
	struct reply reply;
	int error = 0;
	int code = request_run(inv, &req, &reply);
	if (code)
		return code;
	code = judge(reply.json);
	if (invocation_has(inv, "json"))
		print_json(reply.json);
	else if (!json_is_array(json_object_get(reply.json, "checks")))
		error = E_MALFORMED;
	else
		error = print_report(reply.json);
	if (error)
		code = failure_say(inv, error, "the doctor's report");
	reply_fini(&reply);
	return code;
}

/* --- repairing --- */

static void print_number(json_t *row, const char *key)
{
	json_t *n = json_object_get(row, key);
	if (json_is_integer(n))
		printf("%lld", (long long)json_integer_value(n));
	else
		fputs("an unknown number", stdout);
}

/* "counts: 2, now 0: counts are made anew ..." and its lines. */
static void print_repairs(json_t *report)
{
	size_t i;
	size_t j;
	json_t *row;
	json_t *line;
	bool done = !json_is_true(json_object_get(report, "dry_run"));
	json_array_foreach (json_object_get(report, "repairs"), i, row) {
		const char *table = json_string_value(json_object_get(row, "table"));
		print_member(stdout, row, "what");
		if (table && *table) {
			fputs(" of ", stdout);
			print_member(stdout, row, "table");
		}
		fputs(": ", stdout);
		print_number(row, "before");
		if (done) {
			fputs(", now ", stdout);
			print_number(row, "after");
		}
		fputs("; ", stdout);
		print_member(stdout, row, "message");
		putchar('\n');
		json_array_foreach (json_object_get(row, "details"), j, line) {
			fputs("  ", stdout);
			print_safe(stdout, json_string_value(line) ? json_string_value(line) : "");
			putchar('\n');
		}
	}
}

/* Of a daemon that runs. */
static int print_repaired(json_t *report)
{
	bool dry_run = json_is_true(json_object_get(report, "dry_run"));
	if (!json_is_array(json_object_get(report, "repairs")))
		return E_MALFORMED;
	if (json_array_size(json_object_get(report, "repairs")) == 0)
		puts("nothing that the running daemon could put right");
	else
		puts(dry_run ? "would repair:" : "repaired:");
	print_repairs(report);
	if (!dry_run)
		print_remedies(json_object_get(report, "checks"));
	return 0;
}

static void print_faults(json_t *report)
{
	json_t *first = json_array_get(json_object_get(report, "damage"), 0);
	json_int_t n = json_integer_value(json_object_get(report, "faults"));
	if (!n || !json_is_string(first))
		return;
	printf("the check of the file found %lld faults; the first: ", (long long)n);
	print_safe(stdout, json_string_value(first));
	putchar('\n');
}

static void print_table_found(json_t *row)
{
	const char *part = json_string_value(json_object_get(row, "part"));
	fputs("table ", stdout);
	print_member(stdout, row, "table");
	fputs(": ", stdout);
	print_number(row, "read");
	fputs(" rows read, ", stdout);
	print_number(row, "lost");
	puts(part && strcmp(part, "derived") == 0 ? " lost, and made anew" : " lost");
}

/* Of a file: what was damaged of it, table by table. */
static int print_file(json_t *report)
{
	size_t i;
	json_t *row;
	bool dry_run = json_is_true(json_object_get(report, "dry_run"));
	if (!json_is_true(json_object_get(report, "needed"))) {
		puts("nothing is wrong with the database; it was left as it is");
		return 0;
	}
	print_faults(report);
	puts(dry_run ? "would repair:" : "repaired:");
	json_array_foreach (json_object_get(report, "tables"), i, row)
		print_table_found(row);
	print_repairs(report);
	print_remedies(json_object_get(report, "left"));
	if (json_is_string(json_object_get(report, "kept"))) {
		fputs("the damaged database is kept as ", stdout);
		print_member(stdout, report, "kept");
		puts("\nnext: start musterd, then 'musterctl doctor'");
	}
	return 0;
}

/* What the repair leaves is still to be seen to. */
static int judge_file(json_t *report)
{
	return json_array_size(json_object_get(report, "left")) ? EXIT_NOT_WISHED : 0;
}

static int repair_file(struct invocation *inv, bool only_look, json_t **ret)
{
	static char repair[] = "--repair";
	static char dry_run[] = "--dry-run";
	char *argv[] = {NULL, repair, (char *)(uintptr_t)invocation_value(inv, "database"),
			only_look ? dry_run : NULL, NULL};
	return daemon_run(inv, "reading the damaged database", argv, NULL, 0, ret);
}

static int repair_host(struct invocation *inv, bool only_look, json_t **ret)
{
	const char *body = only_look ? "{\"dry_run\":true}" : "{}";
	struct request req = {.method = "POST",
			      .path = "/v1/doctor/repair",
			      .body = body,
			      .n_body = strlen(body),
			      .type = REQUEST_JSON,
			      .timeout_ms = REQUEST_LONG_TIMEOUT_MS};
	return request_json(inv, &req, ret);
}

static int order(struct invocation *inv, bool only_look)
{
	json_t *report = NULL;
	int error = 0;
	bool file = invocation_has(inv, "database");
	int code = file ? repair_file(inv, only_look, &report) : repair_host(inv, only_look, &report);
	if (code)
		return code;
	if (!file)
		code = only_look ? 0 : judge(report);
	else
		code = judge_file(report);
	if (invocation_has(inv, "json"))
		print_json(report);
	else
		error = file ? print_file(report) : print_repaired(report);
	if (error)
		code = failure_say(inv, error, "the doctor's report");
	json_decref(report);
	return code;
}

int doctor_run(struct invocation *inv)
{
	if (!invocation_has(inv, "repair")) {
		if (invocation_has(inv, "database") || invocation_has(inv, "dry-run"))
			return failure_say(inv, E_USAGE, "that goes with --repair");
		return look(inv);
	}
	if (invocation_has(inv, "dry-run"))
		return order(inv, true);
	if (!confirm_given(inv)) {
		if (!confirm_possible(inv))
			return failure_say(inv, E_USAGE,
					   "repair changes the database: confirm with --yes, or look with "
					   "--dry-run");
		int code = order(inv, true);
		if (code && code != EXIT_NOT_WISHED)
			return code;
		if (!confirm_ask("Repair it?"))
			return 1;
	}
	return order(inv, false);
}
