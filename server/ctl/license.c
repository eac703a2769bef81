/* SPDX-License-Identifier: Apache-2.0 */
/* musterctl license: install, list, show, ask for more. */
#include <stdlib.h>
#include <string.h>

#include "change.h"
#include "commands.h"
#include "failure.h"
#include "jsontext.h"
#include "listing.h"
#include "print.h"
#include "show.h"
#include "signed_text.h"
#include "upload.h"

#define QUANTITY_MAX 1000000000

static const struct column list_columns[] = {{"id", "LICENSE", NULL, 0},
					     {"org", "ORG", NULL, 0},
					     {"org_name", "NAME", NULL, COLUMN_CUT},
					     {"serial", "SERIAL", NULL, COLUMN_RIGHT},
					     {"state", "STATE", NULL, COLUMN_STATE},
					     {"grants", "GRANTS", NULL, COLUMN_RIGHT},
					     {"not_before", "FROM", NULL, COLUMN_CSV},
					     {"expires", "EXPIRES", NULL, 0},
					     {"installed", "INSTALLED", NULL, 0},
					     {"vendor", "VENDOR", NULL, COLUMN_CSV},
					     {NULL, NULL, NULL, 0}};

static const struct column fields[] = {{"id", "license", NULL, 0},
				       {"serial", "serial", NULL, 0},
				       {"org", "org", NULL, 0},
				       {"org_name", "organisation", NULL, 0},
				       {"vendor", "vendor", NULL, 0},
				       {"state", "state", NULL, 0},
				       {"not_before", "from", NULL, 0},
				       {"expires", "expires", NULL, 0},
				       {"hosts_max", "hosts", NULL, 0},
				       {"installed", "installed", NULL, 0},
				       {NULL, NULL, NULL, 0}};

static const struct column grant_columns[] = {{"id", "GRANT", NULL, 0},
					      {"product", "PRODUCT", NULL, 0},
					      {"model", "MODEL", NULL, 0},
					      {"quantity", "QUANTITY", NULL, COLUMN_RIGHT},
					      {"threshold", "THRESHOLD", NULL, COLUMN_RIGHT},
					      {"expires", "EXPIRES", NULL, 0},
					      {"plans", "PLANS", NULL, COLUMN_CUT | COLUMN_ALL},
					      {NULL, NULL, NULL, 0}};

static const struct column product_columns[] = {{"id", "PRODUCT", NULL, 0},
						{"name", "NAME", NULL, COLUMN_CUT},
						{"plans", "PLANS", NULL, COLUMN_CUT},
						{NULL, NULL, NULL, 0}};

static int print_license(json_t *license)
{
	int error = print_fields(fields, license);
	if (!error)
		error = print_section(product_columns, json_object_get(license, "products"));
	return error ? error : print_section(grant_columns, json_object_get(license, "grants"));
}

int license_print_installed(json_t *license)
{
	fputs("installed license ", stdout);
	print_member(stdout, license, "id");
	fputs(", serial ", stdout);
	print_member(stdout, license, "serial");
	fputs(", for ", stdout);
	print_member(stdout, license, "org");
	fputs(", until ", stdout);
	print_member(stdout, license, "expires");
	putchar('\n');
	return print_section(grant_columns, json_object_get(license, "grants"));
}

int license_install_run(struct invocation *inv)
{
	return upload_install(inv, &token_license, "/v1/licenses", license_print_installed);
}

int license_list_run(struct invocation *inv)
{
	struct listing listing = {.path = "/v1/licenses", .columns = list_columns};
	return listing_run(inv, &listing);
}

int license_show_run(struct invocation *inv)
{
	struct request req = {.path = "/v1/licenses", .id = inv->args[0]};
	return show_answer(inv, &req, print_license);
}

int license_remove_run(struct invocation *inv)
{
	struct changes c;
	changes_init(&c, inv, "removed");
	c.question = "Take the license out? Leases run out, and seats are lost.";
	return changes_run_one(&c, json_pack("{s:s, s:s}", "do", "license.remove", "license", inv->args[0]));
}

/* --- ask for more --- */

/* "cad-pool=200": a grant, and the quantity that is wanted. NULL: no such text. */
static json_t *read_want(const char *text)
{
	const char *equals = strrchr(text, '=');
	char *end = NULL;
	if (!equals || equals == text || equals[1] < '1' || equals[1] > '9')
		return NULL;
	long quantity = strtol(equals + 1, &end, 10);
	if (quantity > QUANTITY_MAX || *end)
		return NULL;
	return json_pack("{s:s%, s:I}", "grant", text, (size_t)(equals - text), "quantity",
			 (json_int_t)quantity);
}

/* --grant's values. Returns 0, or the exit code. */
static int read_wants(const struct invocation *inv, json_t *wants)
{
	const char *values[COMMAND_OPTIONS_MAX];
	size_t n = invocation_values(inv, "grant", values, COMMAND_OPTIONS_MAX);
	for (size_t i = 0; i < n; i++)
		if (json_array_append_new(wants, read_want(values[i])))
			return command_usage(inv,
					     "--grant takes GRANT=N, N being the quantity wanted, not '%s'",
					     values[i]);
	return n ? 0 : command_usage(inv, "'%s' needs --grant GRANT=N", inv->command->path);
}

int license_request_more_run(struct invocation *inv)
{
	json_t *wants = json_array();
	int code = wants ? read_wants(inv, wants) : failure_say(inv, E_NO_MEMORY, "the request");
	json_t *document = json_pack("{s:s, s:O, s:s*}", "license", inv->args[0], "wants", wants, "reason",
				     invocation_value(inv, "reason"));
	char *text = document ? jsontext_write(document, JSON_COMPACT) : NULL;
	if (!code && !text)
		code = failure_say(inv, E_USAGE, "a value is not UTF-8 text");
	if (!code) {
		struct request req = {.method = "POST",
				      .path = "/v1/license-requests",
				      .body = text,
				      .n_body = strlen(text),
				      .type = REQUEST_JSON,
				      .plain = true};
		code = signed_text_run(inv, &req, &token_license_request);
	}
	free(text);
	json_decref(document);
	json_decref(wants);
	return code;
}
