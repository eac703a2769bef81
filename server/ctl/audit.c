/* SPDX-License-Identifier: Apache-2.0 */
/* musterctl audit: what was done, and whether the record of it is whole. */
#include <stdio.h>

#include "commands.h"
#include "listing.h"
#include "print.h"
#include "request.h"

static const struct column list_columns[] = {
	{"seq", "SEQ", NULL, COLUMN_RIGHT}, {"at", "AT", NULL, 0},
	{"actor", "ACTOR", NULL, 0},        {"action", "ACTION", NULL, 0},
	{"object", "OBJECT", NULL, 0},      {"detail", "DETAIL", NULL, COLUMN_CUT},
	{"hash", "HASH", NULL, COLUMN_CSV}, {NULL, NULL, NULL, 0}};

int audit_list_run(struct invocation *inv)
{
	struct listing listing = {.path = "/v1/audit", .columns = list_columns};
	return listing_run(inv, &listing);
}

static void print_whole(json_t *verdict)
{
	fputs("the audit log is whole, rows: ", stdout);
	print_member(stdout, verdict, "rows");
	putchar('\n');
}

/* The verdict names its own error; the row at fault is the detail. */
static int print_broken(json_t *verdict)
{
	char row[PRINT_TEXT];
	struct failure f = {0};
	const char *code = json_string_value(json_object_get(json_object_get(verdict, "error"), "code"));
	const struct error_row *known = code ? error_by_name(code) : NULL;
	failure_set(&f, known ? -known->number : E_AUDIT_BROKEN, "row %.32s",
		    print_value(json_object_get(verdict, "bad_seq"), row));
	return failure_tell(&f);
}

int audit_verify_run(struct invocation *inv)
{
	struct request req = {
		.path = "/v1/audit/verify", .any_status = true, .timeout_ms = REQUEST_LONG_TIMEOUT_MS};
	struct reply reply;
	int code = request_run(inv, &req, &reply);
	if (code)
		return code;
	json_t *ok = json_object_get(reply.json, "ok");
	if (!json_is_boolean(ok)) {
		code = failure_say(inv, E_MALFORMED, "the answer has no verdict");
	} else {
		if (invocation_has(inv, "json"))
			print_json(reply.json);
		else if (json_is_true(ok))
			print_whole(reply.json);
		if (json_is_false(ok)) {
			print_broken(reply.json);
			code = 1;
		}
	}
	reply_fini(&reply);
	return code;
}
