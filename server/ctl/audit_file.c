/* SPDX-License-Identifier: Apache-2.0 */
#include "audit_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit_check.h"
#include "base64url.h"
#include "commands.h"
#include "failure.h"
#include "jsontext.h"
#include "listing.h"
#include "outfile.h"
#include "print.h"
#include "progress.h"
#include "request.h"
#include "rfc3339.h"

#define KIND "muster.audit-export"
#define LINE_MOST ((size_t)1 << 20)

static const char *text_of(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

/* --- checking --- */

struct reading {
	const struct invocation *inv;
	const char *path;
	FILE *file;
	long line;
	bool ended;   /* the last line was there */
	int64_t said; /* rows, by the last line */
	uint8_t ledger[LEDGER_ID];
	struct audit_check check;
};

static int malformed(const struct reading *r, const char *what)
{
	return failure_say(r->inv, E_MALFORMED, "%s:%ld: %s", r->path, r->line, what);
}

static int take_key(struct reading *r, const char *text)
{
	uint8_t sign[PASETO_PUBLIC];
	if (paserk_public_read(text, strlen(text), sign))
		return failure_say(r->inv, E_KEY_INVALID, "%.80s", text);
	audit_check_signer(&r->check, sign);
	return 0;
}

/* Hosts named with --key are believed, and no others; without it, whoever has signed is shown. */
static int take_keys(struct reading *r)
{
	const char *keys[AUDIT_SIGNERS];
	size_t n = invocation_values(r->inv, "key", keys, AUDIT_SIGNERS);
	int code = 0;
	for (size_t i = 0; i < n && !code; i++)
		code = take_key(r, keys[i]);
	r->check.strangers = n == 0;
	return code;
}

static int take_head(struct reading *r, json_t *line)
{
	const char *ledger = text_of(line, "ledger");
	if (strcmp(text_of(line, "kind"), KIND) != 0)
		return malformed(r, "this is no export of an audit log");
	if (base64url_read_exact(ledger, strlen(ledger), r->ledger, LEDGER_ID))
		return malformed(r, "ledger");
	r->check.ledger = r->ledger;
	return 0;
}

static int take_row(struct reading *r, json_t *line)
{
	uint8_t hash[AUDIT_HASH];
	const char *text = text_of(line, "hash");
	struct audit row = {.actor = text_of(line, "actor"),
			    .action = text_of(line, "action"),
			    .object = text_of(line, "object"),
			    .detail = text_of(line, "detail")};
	if (base64url_read_exact(text, strlen(text), hash, sizeof(hash)))
		return malformed(r, "hash");
	if (rfc3339_read(text_of(line, "at"), &row.at))
		return malformed(r, "at");
	audit_check_row(&r->check, json_integer_value(json_object_get(line, "seq")), &row, hash);
	return 0;
}

static int take_point(struct reading *r, json_t *line)
{
	int64_t at;
	if (rfc3339_read(text_of(line, "at"), &at))
		return malformed(r, "at");
	audit_check_point(&r->check, json_integer_value(json_object_get(line, "seq")), at,
			  text_of(line, "checkpoint"));
	return 0;
}

static int take_line(struct reading *r, json_t *line)
{
	if (r->ended)
		return malformed(r, "there is more behind the last line");
	if (r->line == 1)
		return take_head(r, line);
	if (json_object_get(line, "checkpoint"))
		return take_point(r, line);
	if (!json_object_get(line, "rows"))
		return take_row(r, line);
	r->ended = true;
	r->said = json_integer_value(json_object_get(line, "rows"));
	return 0;
}

static int read_lines(struct reading *r)
{
	char *text = malloc(LINE_MOST);
	int code = text ? 0 : failure_say(r->inv, E_NO_MEMORY, "a line");
	while (!code && fgets(text, (int)LINE_MOST, r->file)) {
		r->line++;
		json_t *line = NULL;
		if (jsontext_read(text, strlen(text), &line, NULL) == E_NO_MEMORY)
			code = failure_say(r->inv, E_NO_MEMORY, "line %ld", r->line);
		else
			code = json_is_object(line) ? take_line(r, line) : malformed(r, "no JSON object");
		json_decref(line);
	}
	free(text);
	if (!code && ferror(r->file))
		code = failure_say(r->inv, E_IO, "%s: %s", r->path, strerror(errno));
	if (!code && !r->ended)
		code = failure_say(r->inv, E_MALFORMED, "%s: it ends too early, behind line %ld", r->path,
				   r->line);
	return code;
}

static json_t *signers_of(const struct audit_check *c)
{
	char id[PASERK_ID_TEXT];
	char key[PASERK_PUBLIC_TEXT];
	json_t *all = json_array();
	for (size_t i = 0; i < c->n_signers; i++) {
		paserk_pid_write(c->signers[i].sign, id);
		paserk_public_write(c->signers[i].sign, key);
		json_array_append_new(all, json_pack("{s:s, s:s, s:I}", "host", id, "sign", key,
						     "checkpoints", (json_int_t)c->signers[i].points));
	}
	return all;
}

static json_t *verdict_of(const struct audit_check *c)
{
	char time[RFC3339_TEXT];
	json_t *v = json_pack("{s:i, s:I, s:b, s:I, s:I, s:I, s:I, s:I, s:s?, s:o}", "schema", 1, "rows",
			      (json_int_t)c->rows, "ok", c->code == 0, "first_seq", (json_int_t)c->first,
			      "last_seq", (json_int_t)c->last, "pruned_through", (json_int_t)c->pruned,
			      "checkpoints", (json_int_t)c->points, "signed_through",
			      (json_int_t)c->signed_through, "signed_at",
			      c->points ? rfc3339_write(c->signed_at, time) : NULL, "signers", signers_of(c));
	if (c->code) {
		const struct error_row *row = error_row(c->code);
		json_object_set_new(v, "bad_seq", json_integer(c->bad));
		json_object_set_new(v, "error",
				    json_pack("{s:s, s:s, s:s, s:{}, s:s}", "code", row->name, "text",
					      row->text, "remedy", row->remedy, "numbers", "detail",
					      c->what));
	}
	return v;
}

int audit_file_check(const struct invocation *inv, const char *path, json_t **ret)
{
	struct reading r = {.inv = inv, .path = path};
	bool standard = strcmp(path, "-") == 0;
	r.file = standard ? stdin : fopen(path, "re");
	if (!r.file)
		return failure_say(inv, E_IO, "%s: %s", path, strerror(errno));
	int code = take_keys(&r);
	if (!code)
		code = read_lines(&r);
	if (!standard)
		fclose(r.file);
	audit_check_end(&r.check);
	if (!code && !r.check.code && r.said != r.check.rows)
		code = malformed(&r, "it tells of another number of rows than it has");
	if (!code)
		*ret = verdict_of(&r.check);
	return code;
}

/* --- exporting --- */

struct exporting {
	FILE *file;
	json_t *points;
	size_t next; /* of them */
	int64_t rows;
	struct progress progress;
};

static int put_line(struct exporting *e, json_t *line)
{
	int bad = !line || json_dumpf(line, e->file, JSON_COMPACT) || putc('\n', e->file) == EOF;
	return bad;
}

static int put_points(struct exporting *e, int64_t before)
{
	int bad = 0;
	json_t *point;
	while (!bad && (point = json_array_get(e->points, e->next)) &&
	       json_integer_value(json_object_get(point, "seq")) < before) {
		json_t *line = json_pack("{s:O, s:O, s:O}", "seq", json_object_get(point, "seq"), "at",
					 json_object_get(point, "at"), "checkpoint",
					 json_object_get(point, "token"));
		bad = put_line(e, line);
		json_decref(line);
		e->next++;
	}
	return bad;
}

/* A write that failed is seen, and told, at the end. */
static int take_audit(json_t *item, void *context)
{
	struct exporting *e = context;
	progress_show(&e->progress);
	put_points(e, json_integer_value(json_object_get(item, "seq")));
	put_line(e, item);
	e->rows++;
	return 0;
}

static int take_checkpoint(json_t *item, void *context)
{
	json_array_append(context, item);
	return 0;
}

static int put_head(const struct invocation *inv, struct exporting *e)
{
	struct request req = {.path = "/v1/host"};
	struct reply reply;
	int code = request_run(inv, &req, &reply);
	if (code)
		return code;
	json_t *line =
		json_pack("{s:i, s:s, s:O, s:O}", "schema", 1, "kind", KIND, "ledger",
			  json_object_get(reply.json, "ledger"), "host", json_object_get(reply.json, "id"));
	put_line(e, line);
	json_decref(line);
	reply_fini(&reply);
	return 0;
}

/* The checkpoints first: each covers rows that are there by then. */
static int export_all(const struct invocation *inv, struct exporting *e)
{
	struct listing points = {.path = "/v1/audit/checkpoints"};
	struct listing rows = {.path = "/v1/audit", .filters = {{"raw", "true"}}};
	int code = put_head(inv, e);
	if (!code)
		code = listing_visit(inv, &points, take_checkpoint, e->points);
	progress_begin(&e->progress, "exporting the audit log");
	if (!code)
		code = listing_visit(inv, &rows, take_audit, e);
	progress_end(&e->progress);
	if (code)
		return code;
	put_points(e, INT64_MAX);
	json_t *end = json_pack("{s:I}", "rows", (json_int_t)e->rows);
	put_line(e, end);
	json_decref(end);
	return 0;
}

static int export_to(const struct invocation *inv, const char *path, struct exporting *e)
{
	struct outfile out;
	int code = outfile_open(inv, &out, path);
	if (code)
		return code;
	e->file = out.file;
	return outfile_close(inv, &out, export_all(inv, e));
}

int audit_export_run(struct invocation *inv)
{
	const char *path = invocation_value(inv, "output");
	struct exporting e = {.file = stdout, .points = json_array()};
	bool to_file = path && strcmp(path, "-") != 0;
	int code = to_file ? export_to(inv, path, &e) : export_all(inv, &e);
	if (!code && to_file) {
		if (invocation_has(inv, "json"))
			print_json_new(json_pack("{s:i, s:s, s:I, s:I}", "schema", 1, "file", path, "rows",
						 (json_int_t)e.rows, "checkpoints",
						 (json_int_t)json_array_size(e.points)));
		else
			printf("exported, rows: %lld, checkpoints: %zu\n", (long long)e.rows,
			       json_array_size(e.points));
	}
	json_decref(e.points);
	return code;
}
