/* SPDX-License-Identifier: Apache-2.0 */
/* musterctl license: install, list, show. */
#include "commands.h"
#include "listing.h"
#include "print.h"
#include "show.h"
#include "upload.h"

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

static int print_installed(json_t *license)
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

int upload_license(const struct invocation *inv, const struct upload *u)
{
	struct request req = {.method = "POST", .path = "/v1/licenses", .body = u->text, .n_body = u->n};
	return show_answer(inv, &req, print_installed);
}

int license_install_run(struct invocation *inv)
{
	struct upload u;
	int code = upload_read(inv, inv->args[0], &u);
	if (code)
		return code;
	code = upload_expect(inv, &u, &token_license);
	if (!code)
		code = upload_license(inv, &u);
	upload_fini(&u);
	return code;
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
