/* SPDX-License-Identifier: Apache-2.0 */
/* musterctl host retire: serve nothing any more, leave DNS, make the last backup; each may be done again, and
 * all be undone. */
#include <stdio.h>

#include "commands.h"
#include "confirm.h"
#include "print.h"
#include "request.h"

static int post(struct invocation *inv, const char *path, json_t **ret)
{
	struct request req = {.method = "POST", .path = path, .body = ""};
	return request_json(inv, &req, ret);
}

/* The record goes as soon as nobody is served. That there is none to withdraw, or no server for it, is no
 * reason to stay. */
static const char *withdraw(struct invocation *inv)
{
	struct request req = {.method = "POST", .path = "/v1/dns/withdraw", .body = ""};
	struct reply reply;
	const char *what = "withdrawn";
	if (request_exchange(inv, &req, &reply)) {
		what = error_name(reply.failure.code);
		fputs("warning: the record in DNS was not withdrawn (", stderr);
		fputs(what, stderr);
		fputs("); take it out by hand if there is one\n", stderr);
	}
	reply_fini(&reply);
	return what;
}

static int undo(struct invocation *inv)
{
	json_t *answer;
	int code = post(inv, "/v1/host/return", &answer);
	if (code)
		return code;
	if (invocation_has(inv, "json"))
		print_json(answer);
	else
		puts("the host serves again; publish its record with 'musterctl dns publish' if it was "
		     "withdrawn");
	json_decref(answer);
	return 0;
}

static int finish(struct invocation *inv, const char *path, json_t *retired, const char *dns)
{
	json_t *info;
	int code = backup_to(inv, path, &info);
	if (code) {
		fputs("the host is retired, without its last backup; run the command again, or with --undo\n",
		      stderr);
		return code;
	}
	if (invocation_has(inv, "json")) {
		print_json_new(json_pack("{s:i, s:O, s:s, s:o, s:o}", "schema", 1, "retired",
					 json_object_get(retired, "retired"), "dns", dns, "file",
					 print_json_string(path), "backup", info));
		return 0;
	}
	fputs("retired; the last backup, verified, is in ", stdout);
	print_safe(stdout, path);
	puts("\nnext: restore it on the new machine. To serve here again: 'musterctl host retire --undo'");
	json_decref(info);
	return 0;
}

int host_retire_run(struct invocation *inv)
{
	json_t *retired;
	if (invocation_has(inv, "undo"))
		return undo(inv);
	if (inv->n_args == 0)
		return failure_say(inv, E_USAGE, "name the file for the last backup: host retire FILE");
	if (!confirm_given(inv)) {
		if (!confirm_possible(inv))
			return failure_say(inv, E_USAGE,
					   "the host will serve nobody any more; confirm with --yes");
		if (!confirm_ask("The host will serve nobody any more, until --undo. Retire it?"))
			return 1;
	}
	int code = post(inv, "/v1/host/retire", &retired);
	if (code)
		return code;
	code = finish(inv, inv->args[0], retired, withdraw(inv));
	json_decref(retired);
	return code;
}
