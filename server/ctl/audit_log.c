/* SPDX-License-Identifier: Apache-2.0 */
#include "audit_log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64url.h"
#include "checkpoint.h"
#include "listing.h"
#include "print.h"
#include "request.h"
#include "rfc3339.h"

#define LINE ((size_t)65536) /* longer ones are read in pieces */
#define JOURNAL "journalctl -q -o json --all -u musterd"

/* A checkpoint that the log has. */
struct point {
	int64_t seq;
	int64_t at;
	uint8_t hash[AUDIT_HASH];
};

/* A restore that the database tells of: what came before it, behind row `seq`, was given up knowingly. */
struct restore {
	int64_t seq;
	int64_t at;
};

struct compare {
	struct invocation *inv;
	json_t *verdict;
	struct point *points;
	size_t n;
	size_t room;
	struct restore *restores;
	size_t n_restores;
	int64_t strangers; /* of this database, signed by a host that it does not know */
	int64_t damaged;
	int64_t pruned; /* of rows that are no longer kept */
	int64_t given_up;
};

bool audit_log_wanted(const struct invocation *inv)
{
	return invocation_has(inv, "log") || invocation_has(inv, "journal");
}

static int64_t number_of(json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static const char *text_of(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

/* --- the log's side --- */

static bool is_of_ledger(const struct compare *c, const struct checkpoint *p)
{
	char ledger[2 * LEDGER_ID];
	base64url_write(p->ledger, LEDGER_ID, ledger, sizeof(ledger));
	return strcmp(ledger, text_of(c->verdict, "ledger")) == 0;
}

static bool is_signer(const struct compare *c, const struct checkpoint *p)
{
	char key[PASERK_PUBLIC_TEXT];
	size_t i;
	json_t *signer;
	paserk_public_write(p->sign, key);
	json_array_foreach (json_object_get(c->verdict, "signers"), i, signer)
		if (strcmp(text_of(signer, "sign"), key) == 0)
			return true;
	return false;
}

static int add_point(struct compare *c, const struct checkpoint *p)
{
	if (c->n == c->room) {
		size_t room = c->room ? 2 * c->room : 256;
		struct point *more = realloc(c->points, room * sizeof(*more));
		if (!more)
			return failure_say(c->inv, E_NO_MEMORY, "checkpoints of the log");
		c->points = more;
		c->room = room;
	}
	struct point *new = &c->points[c->n++];
	*new = (struct point){.seq = p->seq, .at = p->head.iat};
	memcpy(new->hash, p->hash, AUDIT_HASH);
	return 0;
}

/* Tokens of other kinds, and other databases' checkpoints, are none of our business. */
static int take_token(struct compare *c, const char *token, size_t n)
{
	struct checkpoint p;
	json_t *claims;
	if (token_peek(token, n, &claims))
		return 0;
	bool ours = strcmp(text_of(claims, "typ"), token_checkpoint.typ) == 0;
	json_decref(claims);
	if (!ours)
		return 0;
	if (checkpoint_open(token, n, &p, NULL)) {
		c->damaged++;
		return 0;
	}
	if (!is_of_ledger(c, &p))
		return 0;
	if (is_signer(c, &p))
		return add_point(c, &p);
	c->strangers++;
	return 0;
}

/* Whatever form the line has, the token stands in it as it is. */
static int take_line(struct compare *c, const char *line)
{
	static const char begin[] = "v4.public.";
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
	int code = 0;
	while (!code && (line = strstr(line, begin))) {
		size_t n = strspn(line, allowed);
		code = take_token(c, line, n);
		line += n;
	}
	return code;
}

static int read_lines(struct compare *c, FILE *file)
{
	char *line = malloc(LINE);
	int code = line ? 0 : failure_say(c->inv, E_NO_MEMORY, "a line of the log");
	while (!code && fgets(line, (int)LINE, file))
		code = take_line(c, line);
	free(line);
	return code;
}

static int read_file(struct compare *c, const char *path)
{
	bool standard = strcmp(path, "-") == 0;
	FILE *file = standard ? stdin : fopen(path, "re");
	if (!file)
		return failure_say(c->inv, E_IO, "%s: %s", path, strerror(errno));
	int code = read_lines(c, file);
	if (!code && ferror(file))
		code = failure_say(c->inv, E_IO, "%s: %s", path, strerror(errno));
	if (!standard)
		fclose(file);
	return code;
}

static int read_journal(struct compare *c)
{
	FILE *journal = popen(JOURNAL, "re");
	if (!journal)
		return failure_say(c->inv, E_IO, "journalctl: %s", strerror(errno));
	int code = read_lines(c, journal);
	int ended = pclose(journal);
	return code || ended == 0 ? code : failure_say(c->inv, E_IO, "journalctl could not read the journal");
}

static int by_seq(const void *a, const void *b)
{
	const struct point *x = a;
	const struct point *y = b;
	return (x->seq > y->seq) - (x->seq < y->seq);
}

/* --- the database's side --- */

static int take_restore(json_t *item, void *context)
{
	struct compare *c = context;
	struct restore r = {.seq = number_of(json_object_get(item, "detail"), "seq")};
	struct restore *more = realloc(c->restores, (c->n_restores + 1) * sizeof(r));
	if (!more)
		return failure_say(c->inv, E_NO_MEMORY, "restores");
	c->restores = more;
	if (rfc3339_read(text_of(item, "at"), &r.at) == 0)
		c->restores[c->n_restores++] = r;
	return 0;
}

static int read_restores(struct compare *c)
{
	struct listing l = {.path = "/v1/audit", .filters = {{"action", "host.restored"}}};
	return listing_visit(c->inv, &l, take_restore, c);
}

static const struct restore *restore_of(const struct compare *c, const struct point *p)
{
	for (size_t i = 0; i < c->n_restores; i++)
		if (p->seq > c->restores[i].seq && p->at <= c->restores[i].at)
			return &c->restores[i];
	return NULL;
}

/* Leave only what the database must still know; what a restore gave up is told. */
static void sort_out(struct compare *c)
{
	int64_t first = number_of(c->verdict, "first_seq");
	size_t kept = 0;
	for (size_t i = 0; i < c->n; i++) {
		if (c->points[i].seq < first)
			c->pruned++;
		else if (restore_of(c, &c->points[i]))
			c->given_up++;
		else
			c->points[kept++] = c->points[i];
	}
	c->n = kept;
	qsort(c->points, c->n, sizeof(c->points[0]), by_seq);
}

/* Does the database have the row that the log knows? Returns 0, or an exit code. */
static int agrees(struct compare *c, const struct point *p, bool *ret)
{
	char after[24];
	char hash[2 * AUDIT_HASH];
	struct request req = {.path = "/v1/audit", .query = {{"after", after}, {"limit", "1"}}};
	struct reply reply;
	snprintf(after, sizeof(after), "%lld", (long long)p->seq - 1);
	base64url_write(p->hash, AUDIT_HASH, hash, sizeof(hash));
	int code = request_run(c->inv, &req, &reply);
	if (code)
		return code;
	json_t *row = json_array_get(json_object_get(reply.json, "items"), 0);
	*ret = row && number_of(row, "seq") == p->seq && strcmp(text_of(row, "hash"), hash) == 0;
	reply_fini(&reply);
	return 0;
}

/* The chain holds, so a row that agrees vouches for all before it: halve until the first that does not. */
static int find_first(struct compare *c, size_t *ret)
{
	size_t good = 0;
	size_t bad = c->n;
	int code = 0;
	while (!code && good < bad) {
		size_t middle = good + (bad - good) / 2;
		bool agreed = false;
		code = agrees(c, &c->points[middle], &agreed);
		if (agreed)
			good = middle + 1;
		else
			bad = middle;
	}
	*ret = good;
	return code;
}

static int64_t tell_fault(const struct compare *c, size_t first, struct failure *f)
{
	char time[RFC3339_TEXT];
	const struct point *p = &c->points[first];
	int64_t last = number_of(c->verdict, "last_seq");
	int64_t from = first ? c->points[first - 1].seq + 1 : number_of(c->verdict, "first_seq");
	rfc3339_write(p->at, time);
	if (p->seq > last) {
		failure_set(f, E_AUDIT_CUT,
			    "the database ends at row %lld, the log knows row %lld, signed at %s",
			    (long long)last, (long long)c->points[c->n - 1].seq, time);
		return last + 1;
	}
	failure_set(f, E_AUDIT_CUT,
		    "row %lld is another one than the log knows, signed at %s: altered from row %lld on",
		    (long long)p->seq, time, (long long)from);
	return from;
}

/* --- both --- */

static void put_result(struct compare *c, int64_t bad, const struct failure *f)
{
	char time[RFC3339_TEXT];
	json_t *log = json_pack("{s:b, s:I, s:I, s:I, s:I, s:I}", "ok", f->code == 0, "checkpoints",
				(json_int_t)c->n, "pruned", (json_int_t)c->pruned, "given_up",
				(json_int_t)c->given_up, "strangers", (json_int_t)c->strangers, "damaged",
				(json_int_t)c->damaged);
	json_t *restores = json_array();
	for (size_t i = 0; i < c->n_restores && c->given_up; i++)
		json_array_append_new(restores,
				      json_pack("{s:s, s:I}", "at", rfc3339_write(c->restores[i].at, time),
						"seq", (json_int_t)c->restores[i].seq));
	json_object_set_new(log, "restores", restores);
	if (f->code) {
		json_object_set_new(log, "bad_seq", json_integer(bad));
		json_object_set_new(log, "error", failure_json(f));
	}
	json_object_set_new(c->verdict, "log", log);
}

static int compare(struct compare *c, struct failure *ret)
{
	size_t first = 0;
	int64_t bad = 0;
	const char *path = invocation_value(c->inv, "log");
	int code = path ? read_file(c, path) : read_journal(c);
	if (!code && c->n == 0)
		return failure_say(c->inv, E_NOT_FOUND, "%s has no checkpoint of this database",
				   path ? path : "the journal");
	if (!code)
		code = read_restores(c);
	if (code)
		return code;
	sort_out(c);
	code = find_first(c, &first);
	if (code)
		return code;
	if (first < c->n)
		bad = tell_fault(c, first, ret);
	put_result(c, bad, ret);
	return 0;
}

int audit_log_compare(struct invocation *inv, json_t *verdict, struct failure *ret)
{
	struct compare c = {.inv = inv, .verdict = verdict};
	if (invocation_has(inv, "log") && invocation_has(inv, "journal"))
		return command_usage(inv, "--log and --journal exclude each other");
	int code = compare(&c, ret);
	free(c.points);
	free(c.restores);
	return code;
}
