/* SPDX-License-Identifier: Apache-2.0 */
/* musterctl group and device group: users and devices that are licensed together. */
#include <stdio.h>

#include "change.h"
#include "commands.h"
#include "failure.h"
#include "listing.h"
#include "print.h"
#include "show.h"

#define USERS "users"
#define DEVICES "devices"

static const struct column list_columns[] = {{"group", "GROUP", NULL, 0},
					     {"members", "MEMBERS", NULL, COLUMN_RIGHT},
					     {"created", "CREATED", NULL, 0},
					     {NULL, NULL, NULL, 0}};

static const struct column device_list_columns[] = {{"group", "GROUP", NULL, 0},
						    {"pattern", "PATTERN", NULL, COLUMN_CUT},
						    {"members", "MEMBERS", NULL, COLUMN_RIGHT},
						    {"created", "CREATED", NULL, 0},
						    {NULL, NULL, NULL, 0}};

static const struct column fields[] = {{"group", "group", NULL, 0},
				       {"kind", "of", NULL, 0},
				       {"pattern", "pattern", NULL, 0},
				       {"created", "created", NULL, 0},
				       {NULL, NULL, NULL, 0}};

static const struct column member_columns[] = {{"kind", "KIND", NULL, 0},
					       {"member", "MEMBER", NULL, 0},
					       {"name", "NAME", NULL, COLUMN_CUT},
					       {NULL, NULL, NULL, 0}};

static const struct column assignment_columns[] = {{"product", "PRODUCT", NULL, 0},
						   {"plans", "PLANS", NULL, COLUMN_CUT | COLUMN_ALL},
						   {"grant", "GRANT", NULL, 0},
						   {"at", "ASSIGNED", NULL, 0},
						   {NULL, NULL, NULL, 0}};

static const struct column proposal_columns[] = {{"device", "DEVICE", NULL, 0},
						 {"hostname", "HOSTNAME", NULL, COLUMN_CUT},
						 {"group", "GROUP", NULL, 0},
						 {"pattern", "PATTERN", NULL, 0},
						 {NULL, NULL, NULL, 0}};

/* --- list and show --- */

static int list(struct invocation *inv, const char *kind, const struct column *columns)
{
	struct listing listing = {.path = "/v1/groups", .columns = columns, .filters = {{"kind", kind}}};
	return listing_run(inv, &listing);
}

int group_list_run(struct invocation *inv)
{
	return list(inv, USERS, list_columns);
}

int device_group_list_run(struct invocation *inv)
{
	return list(inv, DEVICES, device_list_columns);
}

static int print_group(json_t *group)
{
	int error = print_fields(fields, group);
	if (!error)
		error = print_section(member_columns, json_object_get(group, "members"));
	return error ? error : print_section(assignment_columns, json_object_get(group, "assignments"));
}

static int show(struct invocation *inv, const char *kind)
{
	struct request req = {.path = "/v1/groups", .id = inv->args[0], .query = {{"kind", kind}}};
	return show_answer(inv, &req, print_group);
}

int group_show_run(struct invocation *inv)
{
	return show(inv, USERS);
}

int device_group_show_run(struct invocation *inv)
{
	return show(inv, DEVICES);
}

/* --- members --- */

/* One row for each value of an option. key: what the daemon calls such a member. */
static int members_of_option(struct changes *c, const char *change, const char *kind, const char *option,
			     const char *key)
{
	const char *values[COMMAND_OPTIONS_MAX];
	size_t n = invocation_values(c->inv, option, values, COMMAND_OPTIONS_MAX);
	int code = 0;
	for (size_t i = 0; i < n && !code; i++)
		code = changes_add(c,
				   json_pack("{s:s, s:s, s:s, s:s}", "do", change, "group", c->inv->args[0],
					     "kind", kind, key, values[i]),
				   0);
	return code;
}

/* One row for each device that stands behind the group on the line. */
static int devices_of_line(struct changes *c, const char *change, const char *kind)
{
	int code = 0;
	for (int i = 1; i < c->inv->n_args && !code; i++)
		code = changes_add(c,
				   json_pack("{s:s, s:s, s:s*, s:s}", "do", change, "group", c->inv->args[0],
					     "kind", kind, "device", c->inv->args[i]),
				   0);
	return code;
}

/* Run what was gathered: at least one row, or the line lacks something. */
static int run_some(struct changes *c, int code, const char *lacks)
{
	if (!code && c->n == 0)
		code = command_usage(c->inv, "'%s' needs %s", c->inv->command->path, lacks);
	if (!code)
		code = changes_run(c);
	changes_fini(c);
	return code;
}

static int change_users(struct invocation *inv, const char *change, const char *past)
{
	struct changes c;
	changes_init(&c, inv, past);
	int code = members_of_option(&c, change, USERS, "user", "user");
	if (!code)
		code = members_of_option(&c, change, USERS, "group", "member");
	return run_some(&c, code, "--user U or --group SUB");
}

static int change_devices(struct invocation *inv, const char *change, const char *past)
{
	struct changes c;
	changes_init(&c, inv, past);
	int code = devices_of_line(&c, change, DEVICES);
	if (!code)
		code = members_of_option(&c, change, DEVICES, "group", "member");
	return run_some(&c, code, "a DEVICE or --group SUB");
}

int group_add_member_run(struct invocation *inv)
{
	return change_users(inv, "member.add", "added");
}

int group_remove_member_run(struct invocation *inv)
{
	return change_users(inv, "member.remove", "removed");
}

int device_group_add_member_run(struct invocation *inv)
{
	return change_devices(inv, "member.add", "added");
}

int device_group_remove_member_run(struct invocation *inv)
{
	return change_devices(inv, "member.remove", "removed");
}

/* --- add and remove --- */

static int add(struct invocation *inv, const char *kind)
{
	struct changes c;
	changes_init(&c, inv, "added");
	int code = changes_add(&c,
			       json_pack("{s:s, s:s, s:s, s:s*}", "do", "group.add", "group", inv->args[0],
					 "kind", kind, "pattern", invocation_value(inv, "pattern")),
			       0);
	if (!code)
		code = members_of_option(&c, "member.add", kind, "member", "user");
	if (!code)
		code = members_of_option(&c, "member.add", kind, "group", "member");
	return run_some(&c, code, "a group");
}

int group_add_run(struct invocation *inv)
{
	return add(inv, USERS);
}

int device_group_add_run(struct invocation *inv)
{
	return add(inv, DEVICES);
}

static int remove_group(struct invocation *inv, const char *kind)
{
	struct changes c;
	json_t *row = json_pack("{s:s, s:s, s:s}", "do", "group.remove", "group", inv->args[0], "kind", kind);
	if (row && invocation_has(inv, "force"))
		json_object_set_new(row, "force", json_true());
	changes_init(&c, inv, "removed");
	return changes_run_one(&c, row);
}

int group_remove_run(struct invocation *inv)
{
	return remove_group(inv, USERS);
}

int device_group_remove_run(struct invocation *inv)
{
	return remove_group(inv, DEVICES);
}

/* --- proposals --- */

int device_group_proposals_run(struct invocation *inv)
{
	struct listing listing = {.path = "/v1/proposals", .columns = proposal_columns};
	return listing_run(inv, &listing);
}

/* Confirm a proposal, when it is for the group on the line. */
static int confirm_proposal(json_t *item, void *context)
{
	struct changes *c = context;
	json_t *group = json_object_get(item, "group");
	json_t *device = json_object_get(item, "device");
	json_t *wanted = json_string(c->inv->args[0]);
	bool same = json_equal(group, wanted);
	json_decref(wanted);
	if (!same)
		return 0;
	if (!json_is_string(device))
		return failure_say(c->inv, E_MALFORMED, "a proposal has no device");
	return changes_add(
		c, json_pack("{s:s, s:O, s:O}", "do", "proposal.confirm", "group", group, "device", device),
		0);
}

int device_group_confirm_run(struct invocation *inv)
{
	struct changes c;
	struct listing proposals = {.path = "/v1/proposals"};
	bool all = invocation_has(inv, "all");
	if (all == (inv->n_args > 1))
		return command_usage(inv, "'%s' needs either a DEVICE or --all", inv->command->path);
	changes_init(&c, inv, "confirmed");
	int code = all ? listing_visit(inv, &proposals, confirm_proposal, &c)
		       : devices_of_line(&c, "proposal.confirm", NULL);
	if (!code)
		code = changes_run(&c);
	changes_fini(&c);
	return code;
}
