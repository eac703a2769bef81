/* SPDX-License-Identifier: Apache-2.0 */
/* musterctl user: the people who may hold seats. */
#include <stdio.h>

#include "change.h"
#include "commands.h"
#include "csv.h"
#include "listing.h"
#include "names.h"
#include "outcome.h"
#include "print.h"
#include "show.h"

static const struct column list_columns[] = {{"user", "USER", NULL, 0},
					     {"name", "NAME", NULL, COLUMN_CUT},
					     {"guest", "GUEST", NULL, 0},
					     {"created", "CREATED", NULL, 0},
					     {NULL, NULL, NULL, 0}};

static const struct column fields[] = {{"user", "user", NULL, 0},
				       {"name", "name", NULL, 0},
				       {"guest", "guest", NULL, 0},
				       {"created", "created", NULL, 0},
				       {NULL, NULL, NULL, 0}};

static const struct column group_columns[] = {
	{"group", "GROUP", NULL, 0}, {"via", "VIA", NULL, COLUMN_CUT}, {NULL, NULL, NULL, 0}};

static const struct column right_columns[] = {{"product", "PRODUCT", NULL, 0},
					      {"grant", "GRANT", NULL, 0},
					      {"model", "MODEL", NULL, 0},
					      {"plans", "PLANS", NULL, COLUMN_CUT | COLUMN_ALL},
					      {"state", "STATE", NULL, COLUMN_STATE},
					      {"from", "FROM", NULL, COLUMN_CUT},
					      {NULL, NULL, NULL, 0}};

static const struct column device_columns[] = {
	{"device", "DEVICE", NULL, 0},       {"hostname", "HOSTNAME", NULL, COLUMN_CUT},
	{"product", "ACTIVE WITH", NULL, 0}, {"shared", "SHARED", NULL, 0},
	{"contacted", "CONTACTED", NULL, 0}, {NULL, NULL, NULL, 0}};

static const struct column bound_columns[] = {{"device", "SIGNED IN ON", NULL, 0},
					      {"hostname", "HOSTNAME", NULL, COLUMN_CUT},
					      {"since", "SINCE", NULL, 0},
					      {NULL, NULL, NULL, 0}};

int user_list_run(struct invocation *inv)
{
	struct listing listing = {.path = "/v1/users", .columns = list_columns};
	return listing_run(inv, &listing);
}

/* --- show --- */

/* Where a right comes from: "direct", or the group, with the groups on the way. */
static json_t *source_text(json_t *source)
{
	char via[PRINT_TEXT];
	json_t *group = json_object_get(source, "group");
	json_t *way = json_object_get(source, "via");
	if (!json_is_string(group))
		return json_incref(json_object_get(source, "source"));
	if (json_array_size(way) == 0)
		return json_incref(group);
	return json_sprintf("%s (%s)", json_string_value(group), print_value(way, via));
}

/* The rights with their sources as one text each. */
static json_t *right_rows(json_t *rights)
{
	size_t i;
	size_t j;
	json_t *right;
	json_t *source;
	json_t *rows = json_array();
	json_array_foreach (rights, i, right) {
		json_t *row = json_copy(right);
		json_t *from = json_array();
		json_array_foreach (json_object_get(right, "sources"), j, source)
			json_array_append_new(from, source_text(source));
		json_object_set_new(row, "from", from);
		json_array_append_new(rows, row);
	}
	return rows;
}

/* Why a right is not held, and what to do. */
static void print_reasons(json_t *rights)
{
	size_t i;
	json_t *right;
	json_array_foreach (rights, i, right) {
		json_t *error = json_object_get(right, "error");
		char reason[PRINT_TEXT];
		if (!json_is_object(error))
			continue;
		fputs("\n! ", stdout);
		print_member(stdout, right, "product");
		fputs(": ", stdout);
		print_safe(stdout, print_error(error, reason));
		fputs("\n  remedy: ", stdout);
		print_member(stdout, error, "remedy");
		putchar('\n');
	}
}

static int print_user(json_t *user)
{
	json_t *rights = json_object_get(user, "rights");
	json_t *rows = right_rows(rights);
	int error = rows ? print_fields(fields, user) : E_NO_MEMORY;
	if (!error)
		error = print_section(group_columns, json_object_get(user, "groups"));
	if (!error)
		error = print_section(right_columns, rows);
	if (!error)
		print_reasons(rights);
	if (!error)
		error = print_section(device_columns, json_object_get(user, "devices"));
	if (!error)
		error = print_section(bound_columns, json_object_get(user, "bound"));
	json_decref(rows);
	return error;
}

int user_show_run(struct invocation *inv)
{
	struct request req = {.path = "/v1/users", .id = inv->args[0]};
	return show_answer(inv, &req, print_user);
}

/* --- changes --- */

int user_add_run(struct invocation *inv)
{
	struct changes c;
	json_t *groups = names_of_option(inv, "group");
	json_t *row = json_pack("{s:s, s:s, s:s*}", "do", "user.add", "user", inv->args[0], "name",
				invocation_value(inv, "name"));
	if (row && invocation_has(inv, "guest"))
		json_object_set_new(row, "guest", json_true());
	if (row && json_array_size(groups))
		json_object_set(row, "groups", groups);
	if (!groups) {
		json_decref(row);
		row = NULL;
	}
	json_decref(groups);
	changes_init(&c, inv, "added");
	return changes_run_one(&c, row);
}

int user_remove_run(struct invocation *inv)
{
	struct changes c;
	changes_init(&c, inv, "removed");
	c.question = "Remove the user, with everything that is assigned to it?";
	return changes_run_one(&c, json_pack("{s:s, s:s}", "do", "user.remove", "user", inv->args[0]));
}

static void show_code(json_t *item)
{
	outcome_print_code(item, "user");
}

int user_signin_code_run(struct invocation *inv)
{
	struct changes c;
	changes_init(&c, inv, "issued");
	c.show = show_code;
	return changes_run_one(&c, json_pack("{s:s, s:s}", "do", "signin.code", "user", inv->args[0]));
}

/* --- import --- */

enum { COLUMN_USER, COLUMN_NAME, COLUMN_GROUPS };

static const struct csv_column import_columns[] = {
	{"user", true}, {"name", true}, {"groups", false}, {NULL, false}};

static int import_row(const struct csv *csv, void *context)
{
	struct changes *c = context;
	const char *user = csv_field(csv, COLUMN_USER);
	const char *name = csv_field(csv, COLUMN_NAME);
	const char *groups = csv_field(csv, COLUMN_GROUPS);
	if (!*user)
		return csv_refuse(csv, "the user is empty", "Give every row a user");
	json_t *row =
		json_pack("{s:s, s:s, s:s*}", "do", "user.add", "user", user, "name", *name ? name : NULL);
	if (row && groups && *groups)
		json_object_set_new(row, "groups", names_split(groups, ';'));
	return changes_add(c, row, csv->record);
}

int user_import_run(struct invocation *inv)
{
	struct changes c;
	struct csv csv;
	changes_init(&c, inv, "imported");
	c.file = inv->args[0];
	c.listed = true;
	int code = csv_open(&csv, inv, inv->args[0], "user,name[,groups]", import_columns);
	if (!code)
		code = csv_each(&csv, import_row, &c);
	csv_close(&csv);
	if (!code)
		code = changes_run(&c);
	changes_fini(&c);
	return code;
}
