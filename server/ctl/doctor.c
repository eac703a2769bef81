/* SPDX-License-Identifier: Apache-2.0 */
/* musterctl doctor: the daemon's checks of itself, with what to do. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
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

int doctor_run(struct invocation *inv)
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
