/* SPDX-License-Identifier: Apache-2.0 */
/* musterctl status: host, products, grants and what needs attention. */
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "print.h"
#include "request.h"

#define EXIT_NOT_WISHED 2

/* The last three only with --verbose. */
static const struct column head_fields[] = {
	{"host_name", "host", NULL, 0},      {"state", "state", NULL, COLUMN_STATE},
	{"org", "organisation", NULL, 0},    {"running", "running", NULL, 0},
	{"listeners", "listening", NULL, 0}, {"devices", "devices", NULL, 0},
	{"host_id", "id", NULL, 0},          {"ledger", "ledger", NULL, 0},
	{"version", "version", NULL, 0},     {NULL, NULL, NULL, 0}};

static const struct column product_columns[] = {{"product", "PRODUCT", NULL, 0},
						{"name", "NAME", NULL, COLUMN_CUT},
						{"total", "TOTAL", NULL, COLUMN_RIGHT},
						{"assigned", "ASSIGNED", NULL, COLUMN_RIGHT},
						{"in_use", "IN USE", NULL, COLUMN_RIGHT},
						{"available", "AVAILABLE", NULL, COLUMN_RIGHT},
						{NULL, NULL, NULL, 0}};

static const struct column grant_columns[] = {{"product", "PRODUCT", NULL, 0},
					      {"grant", "GRANT", NULL, 0},
					      {"model", "MODEL", NULL, 0},
					      {"state", "STATE", NULL, COLUMN_STATE},
					      {"quantity", "QUANTITY", NULL, COLUMN_RIGHT},
					      {"assigned", "ASSIGNED", NULL, COLUMN_RIGHT},
					      {"active", "IN USE", NULL, COLUMN_RIGHT},
					      {"peak_today", "PEAK TODAY", NULL, COLUMN_RIGHT},
					      {"peak_30d", "PEAK 30 D", NULL, COLUMN_RIGHT},
					      {"count", "COUNT", "threshold", COLUMN_RIGHT},
					      {"expires", "ENDS", NULL, 0},
					      {NULL, NULL, NULL, 0}};

static const struct column life_columns[] = {{"grant", "GRANT", NULL, 0},
					     {"license", "LICENSE", NULL, 0},
					     {"state", "STATE", NULL, COLUMN_STATE},
					     {"next_state", "NEXT", NULL, 0},
					     {"next_at", "AT", NULL, 0},
					     {"loses", "WHAT IS LOST THEN", NULL, COLUMN_CUT},
					     {NULL, NULL, NULL, 0}};

/* "since 2026-11-23T16:28:00Z (2 h 4 min)" */
static void running_since(json_t *status, char *out, size_t room)
{
	char started[PRINT_TEXT];
	json_int_t up = json_integer_value(json_object_get(status, "uptime_s"));
	print_value(json_object_get(status, "started"), started);
	if (up >= 86400)
		snprintf(out, room, "since %.64s (%lld d %lld h)", started, up / 86400, up % 86400 / 3600);
	else if (up >= 3600)
		snprintf(out, room, "since %.64s (%lld h %lld min)", started, up / 3600, up % 3600 / 60);
	else
		snprintf(out, room, "since %.64s (%lld min %lld s)", started, up / 60, up % 60);
}

static void copy(json_t *to, const char *as, json_t *from, const char *key)
{
	json_t *value = json_object_get(from, key);
	if (value)
		json_object_set(to, as, value);
}

static int print_head(json_t *status, bool verbose)
{
	char running[160];
	json_t *host = json_object_get(status, "host");
	json_t *head = json_object();
	copy(head, "host_name", host, "name");
	copy(head, "org", host, "org");
	copy(head, "state", status, "state");
	copy(head, "listeners", status, "listeners");
	copy(head, "devices", status, "devices");
	if (verbose) {
		copy(head, "host_id", host, "id");
		copy(head, "ledger", host, "ledger");
		copy(head, "version", status, "version");
	}
	if (json_object_get(status, "started")) {
		running_since(status, running, sizeof(running));
		json_object_set_new(head, "running", json_string(running));
	}
	int error = head ? print_fields(head_fields, head) : E_NO_MEMORY;
	json_decref(head);
	return error;
}

/* What is wrong, and what to type next; the whole remedy where there is nothing to type, or with --verbose.
 */
static void print_finding(json_t *line, bool verbose)
{
	const char *severity = json_string_value(json_object_get(line, "severity"));
	bool next = json_is_string(json_object_get(line, "next"));
	fputs(severity && strcmp(severity, "info") == 0 ? "- " : "! ", stdout);
	print_member(stdout, line, "code");
	fputs(" (", stdout);
	print_member(stdout, line, "severity");
	fputs("): ", stdout);
	print_member(stdout, line, "message");
	if (next) {
		fputs("\n  next: ", stdout);
		print_member(stdout, line, "next");
	}
	if (verbose || !next) {
		fputs("\n  remedy: ", stdout);
		print_member(stdout, line, "remedy");
	}
	putchar('\n');
}

static void print_health(json_t *health, bool verbose)
{
	size_t i;
	json_t *line;
	if (json_array_size(health))
		putchar('\n');
	json_array_foreach (health, i, line)
		print_finding(line, verbose);
}

/* A sum says something where a product has more than one grant. */
static bool has_sums(json_t *status)
{
	return json_array_size(json_object_get(status, "grants")) >
	       json_array_size(json_object_get(status, "products"));
}

/* Only where machines are counted is a count worth a look. */
static void drop_counts(json_t *grants)
{
	size_t i;
	json_t *grant;
	json_array_foreach (grants, i, grant) {
		const char *model = json_string_value(json_object_get(grant, "model"));
		if (!model || strcmp(model, "volume") == 0)
			continue;
		json_object_del(grant, "count");
		json_object_del(grant, "threshold");
	}
}

static int print_status(const struct invocation *inv, json_t *status)
{
	bool verbose = invocation_has(inv, "verbose");
	json_t *grants = json_object_get(status, "grants");
	drop_counts(grants);
	int error = print_head(status, verbose);
	if (!error && (verbose || has_sums(status)))
		error = print_section(product_columns, json_object_get(status, "products"));
	if (!error)
		error = print_section(grant_columns, grants);
	if (!error && verbose)
		error = print_section(life_columns, grants);
	if (!error)
		print_health(json_object_get(status, "health"), verbose);
	return error;
}

/* Whoever may not use the administrators' socket may still ask at the one for everybody. */
static void advise(const char *socket, struct failure *f)
{
	char folder[PATH_MAX];
	if (f->code != E_NOT_PERMITTED)
		return;
	snprintf(folder, sizeof(folder), "%s", socket);
	snprintf(f->remedy, sizeof(f->remedy),
		 "Ask the status socket: musterctl --socket %.180s/status.sock status.", dirname(folder));
}

int status_run(struct invocation *inv)
{
	struct request req = {.path = "/v1/status", .any_status = true};
	struct reply reply;
	int error = request_exchange(inv, &req, &reply);
	const char *state = json_string_value(json_object_get(reply.json, "state"));
	int code = state && strcmp(state, "ok") == 0 ? 0 : EXIT_NOT_WISHED;
	if (!error && !state)
		error = failure_set(&reply.failure, E_MALFORMED, "the answer has no state");
	if (!error && invocation_has(inv, "json"))
		print_json(reply.json);
	else if (!error && (error = print_status(inv, reply.json)))
		failure_set(&reply.failure, error, "the tables");
	if (error) {
		advise(request_socket(inv), &reply.failure);
		code = failure_print(inv, &reply.failure);
	}
	reply_fini(&reply);
	return code;
}
