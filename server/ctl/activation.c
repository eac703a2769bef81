/* SPDX-License-Identifier: Apache-2.0 */
/* musterctl activation: which device holds what, until when; and giving it back. */
#include "change.h"
#include "commands.h"
#include "listing.h"
#include "print.h"

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
	struct listing listing = {.path = "/v1/activations", .columns = list_columns};
	return listing_run(inv, &listing);
}

int activation_release_run(struct invocation *inv)
{
	struct changes c;
	const char *device = invocation_value(inv, "device");
	if (!device)
		return command_usage(inv, "'%s' needs --device", inv->command->path);
	changes_init(&c, inv, "released");
	c.question = "Give that back?";
	return changes_run_one(&c, json_pack("{s:s, s:s, s:s*, s:s*}", "do", "activation.release", "device",
					     device, "product", invocation_value(inv, "product"), "user",
					     invocation_value(inv, "user")));
}
