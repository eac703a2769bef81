/* SPDX-License-Identifier: Apache-2.0 */
/* musterctl device enrol-key: keys with which new devices enter a device group. */
#include "change.h"
#include "commands.h"
#include "listing.h"
#include "option.h"
#include "outcome.h"
#include "print.h"

#define USES_MAX 1000000
#define DAYS_MAX 3660

static const struct column list_columns[] = {{"id", "ID", NULL, 0},
					     {"group", "GROUP", NULL, 0},
					     {"used", "USED", "uses", COLUMN_RIGHT},
					     {"uses", "USES", NULL, COLUMN_CSV},
					     {"until", "UNTIL", NULL, 0},
					     {NULL, NULL, NULL, 0}};

int enrol_key_list_run(struct invocation *inv)
{
	struct listing listing = {.path = "/v1/enrol-keys", .columns = list_columns};
	return listing_run(inv, &listing);
}

static void show_key(json_t *item)
{
	outcome_print_code(item, "group");
}

int enrol_key_add_run(struct invocation *inv)
{
	struct changes c;
	long uses = 0;
	long days = 0;
	int code = option_number(inv, "uses", 1, USES_MAX, &uses);
	if (!code)
		code = option_number(inv, "days", 1, DAYS_MAX, &days);
	if (code)
		return code;
	json_t *row = json_pack("{s:s, s:s}", "do", "enrol_key.add", "group", inv->args[0]);
	if (row && uses)
		json_object_set_new(row, "uses", json_integer(uses));
	if (row && days)
		json_object_set_new(row, "days", json_integer(days));
	changes_init(&c, inv, "made");
	c.show = show_key;
	return changes_run_one(&c, row);
}

int enrol_key_remove_run(struct invocation *inv)
{
	struct changes c;
	changes_init(&c, inv, "removed");
	return changes_run_one(&c, json_pack("{s:s, s:s}", "do", "enrol_key.remove", "id", inv->args[0]));
}
