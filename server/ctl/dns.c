/* SPDX-License-Identifier: Apache-2.0 */
/* musterctl dns: this host's record in DNS, and what the records of all hosts lead to. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "print.h"
#include "request.h"

#define EXIT_ROGUE 1
#define EXIT_NOT_WISHED 2
#define DNS_TIMEOUT_MS 60000L /* the daemon itself gives up before */

static const struct column check_columns[] = {{"domain", "DOMAIN", NULL, 0},
					      {"target", "TARGET", NULL, 0},
					      {"port", "PORT", NULL, COLUMN_RIGHT},
					      {"priority", "PRIORITY", NULL, COLUMN_CSV},
					      {"weight", "WEIGHT", NULL, COLUMN_CSV},
					      {"ttl", "TTL", NULL, COLUMN_CSV},
					      {"address", "ADDRESS", NULL, 0},
					      {"verdict", "VERDICT", NULL, COLUMN_STATE},
					      {"detail", "DETAIL", NULL, COLUMN_CUT},
					      {"ms", "MS", NULL, COLUMN_CSV},
					      {"error", "ERROR", NULL, COLUMN_CSV | COLUMN_ERROR},
					      {NULL, NULL, NULL, 0}};

static const struct column record_columns[] = {{"name", "NAME", NULL, 0},
					       {"ttl", "TTL", NULL, COLUMN_RIGHT},
					       {"type", "TYPE", NULL, 0},
					       {"priority", "PRIORITY", NULL, COLUMN_RIGHT},
					       {"weight", "WEIGHT", NULL, COLUMN_RIGHT},
					       {"port", "PORT", NULL, COLUMN_RIGHT},
					       {"target", "TARGET", NULL, 0},
					       {NULL, NULL, NULL, 0}};

/* What is wrong with a row, and what to do next. */
static void print_remedy(const json_t *row)
{
	const json_t *error = json_object_get(row, "error");
	if (!json_is_object(error))
		return;
	fputs("\n! ", stdout);
	print_member(stdout, row, "domain");
	if (json_is_string(json_object_get(row, "target"))) {
		fputs(" ", stdout);
		print_member(stdout, row, "target");
		fputs(":", stdout);
		print_member(stdout, row, "port");
	}
	fputs(": ", stdout);
	print_member(stdout, error, "code");
	fputs(": ", stdout);
	print_member(stdout, error, "text");
	if (json_is_string(json_object_get(error, "detail"))) {
		fputs(": ", stdout);
		print_member(stdout, error, "detail");
	}
	fputs("\n  remedy: ", stdout);
	print_member(stdout, error, "remedy");
	putchar('\n');
}

/* --- records --- */

static int print_records(json_t *items)
{
	size_t i;
	size_t k;
	json_t *row;
	json_t *line;
	json_array_foreach (items, i, row) {
		json_array_foreach (json_object_get(row, "lines"), k, line) {
			if (json_is_string(line))
				print_safe(stdout, json_string_value(line));
			putchar('\n');
		}
	}
	return 0;
}

/* --- check --- */

/* 0: all well; 1: a rogue host; 2: something less. */
static int judge(json_t *items)
{
	size_t i;
	json_t *row;
	int code = 0;
	json_array_foreach (items, i, row) {
		if (json_is_true(json_object_get(row, "rogue")))
			return EXIT_ROGUE;
		if (json_is_object(json_object_get(row, "error")))
			code = EXIT_NOT_WISHED;
	}
	return code;
}

static int print_check(json_t *items)
{
	struct table table = {0};
	size_t i;
	json_t *row;
	int error = print_table(&table, check_columns, items);
	json_array_foreach (items, i, row)
		print_remedy(row);
	return error;
}

/* --- show --- */

/* The targets of all domains as one list; NULL without memory. */
static json_t *all_targets(json_t *domains)
{
	size_t i;
	json_t *domain;
	json_t *rows = json_array();
	json_array_foreach (domains, i, domain)
		json_array_extend(rows, json_object_get(domain, "targets"));
	return rows;
}

static int print_domains(json_t *domains)
{
	static const struct column columns[] = {{"domain", "DOMAIN", NULL, 0},
						{"checked", "CHECKED", NULL, 0},
						{"present", "OWN RECORD", NULL, COLUMN_STATE},
						{"published", "PUBLISHED", NULL, 0},
						{"publish_error", "PUBLISH ERROR", NULL, COLUMN_ERROR},
						{NULL, NULL, NULL, 0}};
	struct table table = {0};
	size_t i;
	json_t *row;
	json_t *targets = all_targets(domains);
	int error = targets ? print_table(&table, columns, domains) : E_NO_MEMORY;
	if (!error)
		error = print_section(check_columns, targets);
	json_array_foreach (targets, i, row)
		print_remedy(row);
	json_decref(targets);
	return error;
}

/* --- publish and withdraw --- */

static int judge_change(json_t *items)
{
	size_t i;
	json_t *row;
	json_array_foreach (items, i, row)
		if (json_is_object(json_object_get(row, "error")))
			return 1;
	return 0;
}

static int print_change(json_t *items)
{
	size_t i;
	json_t *row;
	json_array_foreach (items, i, row) {
		print_member(stdout, row, "result");
		fputs(" ", stdout);
		print_member(stdout, row, "target");
		fputs(":", stdout);
		print_member(stdout, row, "port");
		fputs(" in ", stdout);
		print_member(stdout, row, "domain");
		fputs(", server ", stdout);
		print_member(stdout, row, "server");
		putchar('\n');
		print_remedy(row);
	}
	return 0;
}

/* --- all of them --- */

struct verb {
	const char *method;
	const char *path;
	const struct column *columns;   /* of --csv; NULL: has none */
	json_t *(*rows)(json_t *items); /* of --csv, new; NULL: the items */
	int (*print)(json_t *items);
	int (*judge)(json_t *items); /* the exit code; NULL: 0 */
	const char *progress;
};

static int show(struct invocation *inv, const struct verb *v, json_t *answer)
{
	json_t *items = json_object_get(answer, "items");
	int error = 0;
	if (!json_is_array(items))
		return failure_say(inv, E_MALFORMED, "the daemon's answer");
	if (invocation_has(inv, "json")) {
		print_json(answer);
	} else if (v->columns && invocation_has(inv, "csv")) {
		json_t *rows = v->rows ? v->rows(items) : json_incref(items);
		print_csv_head(v->columns);
		print_csv_rows(v->columns, rows);
		json_decref(rows);
	} else {
		error = v->print(items);
	}
	if (error)
		return failure_say(inv, error, "the answer could not be printed");
	return v->judge ? v->judge(items) : 0;
}

static int run(struct invocation *inv, const struct verb *v)
{
	struct request req = {.method = v->method,
			      .path = v->path,
			      .query = {{"domain", invocation_value(inv, "domain")}},
			      .timeout_ms = DNS_TIMEOUT_MS,
			      .progress = v->progress};
	struct reply reply;
	int code = request_run(inv, &req, &reply);
	if (code)
		return code;
	code = show(inv, v, reply.json);
	reply_fini(&reply);
	return code;
}

int dns_show_run(struct invocation *inv)
{
	static const struct verb verb = {
		.path = "/v1/dns", .columns = check_columns, .rows = all_targets, .print = print_domains};
	return run(inv, &verb);
}

int dns_records_run(struct invocation *inv)
{
	static const struct verb verb = {
		.path = "/v1/dns/records", .columns = record_columns, .print = print_records};
	return run(inv, &verb);
}

int dns_check_run(struct invocation *inv)
{
	static const struct verb verb = {.method = "POST",
					 .path = "/v1/dns/check",
					 .columns = check_columns,
					 .print = print_check,
					 .judge = judge,
					 .progress = "calling the hosts"};
	return run(inv, &verb);
}

int dns_publish_run(struct invocation *inv)
{
	static const struct verb verb = {.method = "POST",
					 .path = "/v1/dns/publish",
					 .print = print_change,
					 .judge = judge_change,
					 .progress = "asking the DNS server"};
	return run(inv, &verb);
}

int dns_withdraw_run(struct invocation *inv)
{
	static const struct verb verb = {.method = "POST",
					 .path = "/v1/dns/withdraw",
					 .print = print_change,
					 .judge = judge_change,
					 .progress = "asking the DNS server"};
	return run(inv, &verb);
}
