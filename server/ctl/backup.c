/* SPDX-License-Identifier: Apache-2.0 */
/* musterctl backup: the daemon makes and verifies the file, since only its user may read the database; here
 * it becomes the caller's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "commands.h"
#include "daemon.h"
#include "jsontext.h"
#include "outfile.h"
#include "passphrase.h"
#include "print.h"
#include "progress.h"
#include "request.h"

#define PATH "/v1/backup"
#define LOOK_NS 100000000 /* between looks at how far it is */
#define STILL_LOOKS 36000 /* so many without a change: an hour */

static const struct column fields[] = {{"host", "host", NULL, 0},
				       {"name", "name", NULL, 0},
				       {"time", "of", NULL, 0},
				       {"version", "made by musterd", NULL, 0},
				       {"ledger", "ledger", NULL, 0},
				       {"devices", "devices", NULL, 0},
				       {"activations", "activations", NULL, 0},
				       {"audit", "audit rows", NULL, 0},
				       {"key", "keys in it", NULL, 0},
				       {NULL, NULL, NULL, 0}};

/* --- making it --- */

static int begin(struct invocation *inv)
{
	struct reply reply;
	char *passphrase = NULL;
	int code = invocation_has(inv, "with-key") ? passphrase_read(inv, true, &passphrase) : 0;
	if (code)
		return code;
	json_t *order = passphrase ? json_pack("{s:s}", "passphrase", passphrase) : json_object();
	char *body = order ? jsontext_write(order, JSON_COMPACT) : NULL;
	struct request req = {.method = "POST", .path = PATH, .body = body, .type = REQUEST_JSON};
	req.n_body = body ? strlen(body) : 0;
	json_decref(order);
	if (!body)
		code = failure_say(inv, passphrase ? E_USAGE : E_NO_MEMORY, "--passphrase: must be UTF-8");
	else
		code = request_run(inv, &req, &reply);
	if (body && !code)
		reply_fini(&reply);
	passphrase_free(passphrase);
	passphrase_free(body);
	return code;
}

/* 0: it is ready, in reply; -1: not yet; otherwise the exit code. */
static int look(struct invocation *inv, struct progress *p, struct reply *reply, long long *ret_done)
{
	struct request req = {.path = PATH};
	int code = request_run(inv, &req, reply);
	if (code)
		return code;
	const char *state = json_string_value(json_object_get(reply->json, "state"));
	long long done = json_integer_value(json_object_get(reply->json, "done"));
	if (state && strcmp(state, "ready") == 0)
		return 0;
	*ret_done = done;
	if (state && strcmp(state, "verifying") == 0) {
		p->what = p->what ? "verifying the backup" : NULL;
		progress_show(p);
	} else {
		progress_share(p, done, json_integer_value(json_object_get(reply->json, "total")));
	}
	json_t *error = json_object_get(reply->json, "error");
	if (json_is_object(error)) {
		struct failure f = {0};
		progress_end(p);
		failure_take(&f, error);
		code = failure_print(inv, &f);
		failure_fini(&f);
	} else if (!state || strcmp(state, "none") == 0) {
		code = failure_say(inv, E_CLOSED, "the daemon has lost the backup; was it restarted?");
	}
	reply_fini(reply);
	return code ? code : -1;
}

static int wait_until_ready(struct invocation *inv, struct reply *reply)
{
	struct progress p;
	const struct timespec rest = {0, LOOK_NS};
	long long done = 0;
	long long before = -1;
	int code = -1;
	progress_begin(&p, "copying the database");
	for (int still = 0; code < 0 && still < STILL_LOOKS; still++) {
		code = look(inv, &p, reply, &done);
		still = done == before ? still : 0;
		before = done;
		if (code < 0)
			nanosleep(&rest, NULL);
	}
	progress_end(&p);
	return code < 0 ? failure_say(inv, E_TIMEOUT, "the backup") : code;
}

/* --- taking it over --- */

static int fetch(struct invocation *inv, FILE *file)
{
	struct reply reply;
	struct request req = {.path = PATH "/file",
			      .sink = file,
			      .timeout_ms = REQUEST_LONG_TIMEOUT_MS,
			      .progress = "fetching the backup"};
	int code = request_run(inv, &req, &reply);
	if (!code)
		reply_fini(&reply);
	return code;
}

static void say_done(struct invocation *inv)
{
	struct reply reply;
	struct request req = {.method = "POST", .path = PATH "/done", .body = ""};
	request_exchange(inv, &req, &reply); /* the daemon removes it by itself, too */
	reply_fini(&reply);
}

static int print_backup(const struct invocation *inv, json_t *info, const char *path)
{
	if (invocation_has(inv, "json")) {
		print_json_new(json_pack("{s:i, s:o, s:O}", "schema", 1, "file", print_json_string(path),
					 "backup", info));
		return 0;
	}
	int error = print_fields(fields, info);
	if (error)
		return failure_say(inv, error, "the backup");
	fputs("verified; in ", stdout);
	print_safe(stdout, path);
	putchar('\n');
	if (!json_is_true(json_object_get(info, "key")))
		puts("The host's keys are not in it: on another machine the vendor must certify the host "
		     "again\n"
		     "('musterctl host replace'). A backup --with-key needs no vendor.");
	return 0;
}

int backup_to(struct invocation *inv, const char *path, json_t **ret_info)
{
	struct reply reply;
	struct outfile out;
	int code = outfile_open(inv, &out, path); /* before the daemon has any work */
	if (code)
		return code;
	code = begin(inv);
	if (!code)
		code = wait_until_ready(inv, &reply);
	if (code)
		return outfile_close(inv, &out, code);
	code = outfile_close(inv, &out, fetch(inv, out.file));
	if (!code)
		say_done(inv);
	if (!code)
		*ret_info = json_incref(json_object_get(reply.json, "backup"));
	reply_fini(&reply);
	return code;
}

int backup_run(struct invocation *inv)
{
	json_t *info;
	int code = backup_to(inv, inv->args[0], &info);
	if (code)
		return code;
	code = print_backup(inv, info, inv->args[0]);
	json_decref(info);
	return code;
}

/* --- verify --- */

int backup_verify_run(struct invocation *inv)
{
	static char option[] = "--verify-backup";
	char *argv[] = {NULL, option, inv->args[0], NULL};
	json_t *answer;
	int code = daemon_run(inv, "verifying the backup", argv, NULL, 0, &answer);
	if (code)
		return code;
	if (invocation_has(inv, "json")) {
		print_json(answer);
	} else {
		int error = print_fields(fields, json_object_get(answer, "backup"));
		if (error)
			code = failure_say(inv, error, "the backup");
		else
			puts("good: seal, database, counts and audit chain hold");
	}
	json_decref(answer);
	return code;
}
