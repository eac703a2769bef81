/* SPDX-License-Identifier: Apache-2.0 */
/* musterctl assign, unassign, replace: who gets a seat of what. */
#include <stdio.h>
#include <string.h>

#include "change.h"
#include "commands.h"
#include "csv.h"
#include "failure.h"
#include "names.h"

#define HEADER "user|group|device|device_group,product[,plans][,grant]"

/* To whom something can be assigned: the option, and its name in rows and headers. */
static const struct {
	const char *option;
	const char *key;
} subjects[] = {{"user", "user"}, {"group", "group"}, {"device", "device"}, {"device-group", "device_group"}};

#define SUBJECTS (sizeof(subjects) / sizeof(subjects[0]))

/* The subjects come first, in their order. */
enum { COLUMN_PRODUCT = SUBJECTS, COLUMN_PLANS, COLUMN_GRANT };

static const struct csv_column columns[] = {{"user", false},         {"group", false},  {"device", false},
					    {"device_group", false}, {"product", true}, {"plans", false},
					    {"grant", false},        {NULL, false}};

/* Rows being gathered. */
struct assignment {
	struct changes changes;
	const char *change; /* "assign" */
	bool with_plans;    /* rows of this kind have plans */
};

/* --- the command line --- */

/* Everything of a row but its subject; NULL: not UTF-8. */
static json_t *row_of_options(const struct assignment *a, json_t *plans)
{
	const struct invocation *inv = a->changes.inv;
	const char *product = invocation_value(inv, "product");
	bool replaces = strcmp(a->change, "replace") == 0;
	return json_pack("{s:s, s:s, s:s*, s:s*, s:O*}", "do", a->change, "product", product, "with",
			 replaces ? invocation_value_or(inv, "with", product) : NULL, "grant",
			 invocation_value(inv, "grant"), "plans", plans);
}

static int add_subjects(struct assignment *a, size_t kind, json_t *plans)
{
	const char *values[COMMAND_OPTIONS_MAX];
	size_t n = invocation_values(a->changes.inv, subjects[kind].option, values, COMMAND_OPTIONS_MAX);
	int code = 0;
	for (size_t i = 0; i < n && !code; i++) {
		json_t *row = row_of_options(a, plans);
		if (row && json_object_set_new(row, subjects[kind].key, json_string(values[i]))) {
			json_decref(row);
			row = NULL;
		}
		code = changes_add(&a->changes, row, 0);
	}
	return code;
}

static int gather_options(struct assignment *a)
{
	const struct invocation *inv = a->changes.inv;
	json_t *plans = NULL;
	if (!invocation_has(inv, "product"))
		return command_usage(inv, "'%s' needs --product", inv->command->path);
	int code = names_of_list(inv, "plans", &plans);
	for (size_t i = 0; i < SUBJECTS && !code; i++)
		code = add_subjects(a, i, plans);
	json_decref(plans);
	if (!code && a->changes.n == 0)
		code = command_usage(inv, "'%s' needs --user, --group, --device or --device-group",
				     inv->command->path);
	return code;
}

/* --- a file --- */

/* The one subject column of the header, or SUBJECTS: none or several. */
static size_t subject_column(const struct csv *csv)
{
	size_t found = SUBJECTS;
	for (size_t i = 0; i < SUBJECTS; i++) {
		if (!csv_field(csv, i))
			continue;
		if (found < SUBJECTS)
			return SUBJECTS;
		found = i;
	}
	return found;
}

static const char *filled(const char *field)
{
	return field && *field ? field : NULL;
}

static int add_row(const struct csv *csv, void *context)
{
	struct assignment *a = context;
	size_t subject = subject_column(csv);
	const char *product = csv_field(csv, COLUMN_PRODUCT);
	const char *plans = a->with_plans ? filled(csv_field(csv, COLUMN_PLANS)) : NULL;
	if (!filled(csv_field(csv, subject)))
		return csv_refuse(csv, "nobody is named", "Name whom the product is assigned to");
	if (!*product)
		return csv_refuse(csv, "no product is named", "Give every row a product");
	json_t *row = json_pack("{s:s, s:s, s:s, s:s*}", "do", a->change, subjects[subject].key,
				csv_field(csv, subject), "product", product, "grant",
				filled(csv_field(csv, COLUMN_GRANT)));
	if (row && plans)
		json_object_set_new(row, "plans", names_split(plans, ';'));
	return changes_add(&a->changes, row, csv->record);
}

static int gather_file(struct assignment *a, const char *path)
{
	static const char *const others[] = {"product",      "user",  "group", "device",
					     "device-group", "plans", "grant"};
	const struct invocation *inv = a->changes.inv;
	struct csv csv;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (invocation_has(inv, others[i]))
			return command_usage(inv, "--from and --%s exclude each other: the file says it",
					     others[i]);
	a->changes.file = path;
	int code = csv_open(&csv, inv, path, HEADER, columns);
	if (!code && subject_column(&csv) == SUBJECTS)
		code = csv_refuse_header(&csv, csv.fields[0]);
	if (!code)
		code = csv_each(&csv, add_row, a);
	csv_close(&csv);
	return code;
}

/* --- the commands --- */

static int run(struct invocation *inv, const char *change, const char *past)
{
	struct assignment a = {.change = change, .with_plans = strcmp(change, "unassign") != 0};
	const char *file = invocation_value(inv, "from");
	changes_init(&a.changes, inv, past);
	a.changes.listed = true;
	int code = file ? gather_file(&a, file) : gather_options(&a);
	if (!code)
		code = changes_run(&a.changes);
	changes_fini(&a.changes);
	return code;
}

int assign_run(struct invocation *inv)
{
	return run(inv, "assign", "assigned");
}

int unassign_run(struct invocation *inv)
{
	return run(inv, "unassign", "unassigned");
}

int replace_run(struct invocation *inv)
{
	return run(inv, "replace", "replaced");
}
