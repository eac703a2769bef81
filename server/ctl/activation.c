/* SPDX-License-Identifier: Apache-2.0 */
/* musterctl activation: which device holds what, until when; and giving it back. */
#include "change.h"
#include "commands.h"
#include "listing.h"
#include "print.h"
#include "rfc3339.h"

static const struct column list_columns[] = {{"device", "DEVICE", NULL, 0},
					     {"hostname", "HOSTNAME", NULL, COLUMN_CUT},
					     {"product", "PRODUCT", NULL, 0},
					     {"grant", "GRANT", NULL, 0},
					     {"model", "MODEL", NULL, 0},
					     {"user", "USER", NULL, COLUMN_CUT},
					     {"state", "STATE", NULL, COLUMN_STATE},
					     {"activated", "ACTIVATED", NULL, COLUMN_CSV},
					     {"renewed", "RENEWED", NULL, 0},
					     {"expires", "EXPIRES", NULL, 0},
					     {NULL, NULL, NULL, 0}};

int activation_list_run(struct invocation *inv)
{
	const char *given = invocation_value(inv, "expires-before");
	char before[RFC3339_TEXT];
	int64_t time;
	if (given && rfc3339_read_date(given, &time))
		return command_usage(inv, "--expires-before takes 2030-01-31 or 2030-01-31T12:00:00Z");
	struct listing listing = {.path = "/v1/activations",
				  .columns = list_columns,
				  .filters = {{"product", invocation_value(inv, "product")},
					      {"state", invocation_value(inv, "state")},
					      {"expires_before", given ? rfc3339_write(time, before) : NULL},
					      {"user", invocation_value(inv, "user")}}};
	return listing_run(inv, &listing);
}

int activation_release_run(struct invocation *inv)
{
	struct changes c;
	const char *device = invocation_value(inv, "device");
	if (!device)
		return command_usage(inv, "'%s' needs --device", inv->command->path);
	changes_init(&c, inv, "released");
	return changes_run_one(&c, json_pack("{s:s, s:s, s:s*, s:s*}", "do", "activation.release", "device",
					     device, "product", invocation_value(inv, "product"), "user",
					     invocation_value(inv, "user")));
}
