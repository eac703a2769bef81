/* SPDX-License-Identifier: Apache-2.0 */
#include "change.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "confirm.h"
#include "jsontext.h"
#include "outcome.h"
#include "request.h"

#define ROWS_MAX 1000000
#define BODY_MAX ((size_t)256 << 20)
#define ANSWER_BASE ((size_t)1 << 20)
#define ANSWER_ROW ((size_t)2 << 10) /* a refused row with all its words */
#define PROGRESS_ROWS 1000           /* fewer are done at once */
#define REFUSED 1

static const char head[] = "{\"changes\":[";

void changes_init(struct changes *c, const struct invocation *inv, const char *past)
{
	*c = (struct changes){.inv = inv, .past = past};
	buffer_init(&c->body, BODY_MAX);
	buffer_init(&c->lines, ROWS_MAX * sizeof(uint32_t));
}

void changes_fini(struct changes *c)
{
	/* Keys may be in it. */
	buffer_wipe(&c->body);
	buffer_fini(&c->lines);
}

/* --- rows --- */

static int append_row(struct changes *c, const json_t *row, unsigned line)
{
	char *text = jsontext_write(row, JSON_COMPACT);
	uint32_t number = line;
	int error = text ? 0 : E_NO_MEMORY;
	if (!error)
		error = c->n ? buffer_append(&c->body, ",", 1) : buffer_append(&c->body, head, strlen(head));
	if (!error)
		error = buffer_append(&c->body, text, strlen(text));
	if (!error && c->file)
		error = buffer_append(&c->lines, &number, sizeof(number));
	free(text);
	return error;
}

int changes_add(struct changes *c, json_t *row_new, unsigned line)
{
	if (!row_new)
		return failure_say(c->inv, E_USAGE, "a value is not UTF-8 text");
	int error = c->n < ROWS_MAX ? append_row(c, row_new, line) : E_TOO_LARGE;
	json_decref(row_new);
	if (error)
		return failure_say(c->inv, error, "more than %zu rows in one request", c->n);
	c->n++;
	return 0;
}

/* --- sending --- */

/* Nobody knows what the daemon did when its answer is missing. */
static void advise(struct failure *f)
{
	if (f->code == E_TIMEOUT || f->code == E_CLOSED)
		snprintf(f->remedy, sizeof(f->remedy), "%s", OUTCOME_UNKNOWN);
}

static int exchange(struct changes *c, bool dry_run, bool confirmed, struct reply *reply)
{
	char tail[64];
	char progress[64];
	size_t used = c->body.used;
	snprintf(tail, sizeof(tail), "],\"dry_run\":%s,\"confirm\":%s}", dry_run ? "true" : "false",
		 confirmed ? "true" : "false");
	snprintf(progress, sizeof(progress), "%zu rows sent to the daemon", c->n);
	int error = buffer_append(&c->body, tail, strlen(tail));
	if (error) {
		*reply = (struct reply){0};
		return failure_set(&reply->failure, error, "the request");
	}
	struct request req = {.method = "POST",
			      .path = "/v1/changes",
			      .body = c->body.bytes,
			      .n_body = c->body.used,
			      .type = REQUEST_JSON,
			      .unread = true,
			      .answer_max = ANSWER_BASE + c->n * ANSWER_ROW,
			      .timeout_ms = REQUEST_LONG_TIMEOUT_MS,
			      .progress = c->n >= PROGRESS_ROWS ? progress : NULL};
	error = request_exchange(c->inv, &req, reply);
	c->body.used = used;
	if (error)
		advise(&reply->failure);
	return error;
}

/* The daemon refuses to take so much away without being told twice. Is it told? */
static bool insist(const struct changes *c, const struct failure *f)
{
	if ((f->code != E_MASS_LOSS && f->code != E_GROUP_IN_USE) || !confirm_possible(c->inv))
		return false;
	failure_tell(f);
	return true;
}

static int run_once(struct changes *c, bool dry_run, bool confirmed)
{
	struct reply reply;
	int error = exchange(c, dry_run, confirmed, &reply);
	if (error && !dry_run && !confirmed && insist(c, &reply.failure)) {
		reply_fini(&reply);
		if (!confirm_ask("Do it all the same?"))
			return REFUSED;
		error = exchange(c, false, true, &reply);
	}
	int code = error ? failure_print(c->inv, &reply.failure) : outcome_print(c, &reply, dry_run);
	reply_fini(&reply);
	return code;
}

int changes_run(struct changes *c)
{
	bool dry_run = invocation_has(c->inv, "dry-run");
	bool confirmed = confirm_given(c->inv);
	if (c->n == 0)
		return outcome_print_nothing(c);
	if (c->question && !dry_run && !confirmed) {
		if (!confirm_possible(c->inv))
			return command_usage(
				c->inv,
				"'%s' takes something away: confirm with --yes, or look with --dry-run",
				c->inv->command->path);
		int code = run_once(c, true, true);
		if (c->done == 0)
			return code;
		if (!confirm_ask(c->question))
			return REFUSED;
		confirmed = true;
	}
	return run_once(c, dry_run, confirmed);
}

int changes_run_one(struct changes *c, json_t *row_new)
{
	int code = changes_add(c, row_new, 0);
	if (!code)
		code = changes_run(c);
	changes_fini(c);
	return code;
}
