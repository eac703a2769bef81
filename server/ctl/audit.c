/* SPDX-License-Identifier: Apache-2.0 */
/* musterctl audit: what was done, and whether the record of it is whole. */
#include <stdio.h>
#include <string.h>

#include "audit_file.h"
#include "audit_log.h"
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

/* --- is it whole? --- */

static int64_t number_of(json_t *verdict, const char *key)
{
	return json_integer_value(json_object_get(verdict, key));
}

static void print_whole(json_t *verdict)
{
	fputs("the audit log is whole, rows: ", stdout);
	print_member(stdout, verdict, "rows");
	putchar('\n');
	if (number_of(verdict, "pruned_through"))
		printf("rows up to %lld were pruned\n", (long long)number_of(verdict, "pruned_through"));
	if (number_of(verdict, "checkpoints")) {
		printf("signed up to row %lld at ", (long long)number_of(verdict, "signed_through"));
		print_member(stdout, verdict, "signed_at");
		printf(", checkpoints: %lld\n", (long long)number_of(verdict, "checkpoints"));
	}
}

/* The verdict names its own error; the row at fault is the detail. */
static int print_broken(json_t *verdict)
{
	char row[PRINT_TEXT];
	struct failure f = {0};
	json_t *error = json_object_get(verdict, "error");
	const char *code = json_string_value(json_object_get(error, "code"));
	const char *what = json_string_value(json_object_get(error, "detail"));
	const struct error_row *known = code ? error_by_name(code) : NULL;
	failure_set(&f, known ? -known->number : E_AUDIT_BROKEN, "%s%srow %.32s", what ? what : "",
		    what ? ": look at " : "", print_value(json_object_get(verdict, "bad_seq"), row));
	return failure_tell(&f);
}

static void print_log(json_t *log)
{
	json_t *restore;
	size_t i;
	if (!log)
		return;
	printf("the log agrees, checkpoints compared: %lld\n", (long long)number_of(log, "checkpoints"));
	if (number_of(log, "pruned"))
		printf("checkpoints in the log of rows that were pruned since: %lld\n",
		       (long long)number_of(log, "pruned"));
	json_array_foreach (json_object_get(log, "restores"), i, restore) {
		fputs("a backup was restored at ", stdout);
		print_member(stdout, restore, "at");
		printf(": rows after %lld that the log knows were given up\n",
		       (long long)number_of(restore, "seq"));
	}
	if (number_of(log, "damaged"))
		printf("checkpoints in the log that do not verify: %lld\n",
		       (long long)number_of(log, "damaged"));
	if (number_of(log, "strangers"))
		printf("checkpoints in the log by hosts that this database does not know: %lld\n",
		       (long long)number_of(log, "strangers"));
}

static int print_verdict(struct invocation *inv, json_t *verdict, const struct failure *log_failure)
{
	bool good = json_is_true(json_object_get(verdict, "ok"));
	if (invocation_has(inv, "json"))
		print_json(verdict);
	else if (good)
		print_whole(verdict);
	if (!good) {
		print_broken(verdict);
		return 1;
	}
	if (log_failure->code) {
		failure_tell(log_failure);
		return 1;
	}
	if (!invocation_has(inv, "json"))
		print_log(json_object_get(verdict, "log"));
	return 0;
}

static int verify_daemon(struct invocation *inv)
{
	struct request req = {.path = "/v1/audit/verify",
			      .any_status = true,
			      .timeout_ms = REQUEST_LONG_TIMEOUT_MS,
			      .progress = "checking the audit log"};
	struct reply reply;
	struct failure log_failure = {0};
	int code = request_run(inv, &req, &reply);
	if (code)
		return code;
	json_t *ok = json_object_get(reply.json, "ok");
	if (!json_is_boolean(ok))
		code = failure_say(inv, E_MALFORMED, "the answer has no verdict");
	else if (json_is_true(ok) && audit_log_wanted(inv))
		code = audit_log_compare(inv, reply.json, &log_failure);
	if (!code)
		code = print_verdict(inv, reply.json, &log_failure);
	reply_fini(&reply);
	return code;
}

int audit_verify_run(struct invocation *inv)
{
	struct failure none = {0};
	json_t *verdict;
	if (inv->n_args == 0)
		return verify_daemon(inv);
	if (audit_log_wanted(inv))
		return command_usage(
			inv, "--log and --journal are compared with the daemon's database, not with a file");
	int code = audit_file_check(inv, inv->args[0], &verdict);
	if (code)
		return code;
	code = print_verdict(inv, verdict, &none);
	json_decref(verdict);
	return code;
}
