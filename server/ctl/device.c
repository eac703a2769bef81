/* SPDX-License-Identifier: Apache-2.0 */
/* musterctl device: the machines on record. */
#include "commands.h"
#include "listing.h"
#include "print.h"
#include "show.h"

static const struct column list_columns[] = {{"device", "DEVICE", NULL, 0},
					     {"hostname", "HOSTNAME", NULL, COLUMN_CUT},
					     {"state", "STATE", NULL, COLUMN_STATE},
					     {"first_seen", "FIRST SEEN", NULL, 0},
					     {"last_seen", "LAST SEEN", NULL, 0},
					     {"forked_from", "FORKED FROM", NULL, 0},
					     {NULL, NULL, NULL, 0}};

static const struct column fields[] = {{"device", "device", NULL, 0},
				       {"hostname", "hostname", NULL, 0},
				       {"state", "state", NULL, COLUMN_STATE},
				       {"os", "os", NULL, 0},
				       {"agent", "agent", NULL, 0},
				       {"first_seen", "first seen", NULL, 0},
				       {"last_seen", "last seen", NULL, 0},
				       {"forked_from", "forked from", NULL, 0},
				       {NULL, NULL, NULL, 0}};

static const struct column activation_columns[] = {{"product", "PRODUCT", NULL, 0},
						   {"grant", "GRANT", NULL, 0},
						   {"model", "MODEL", NULL, 0},
						   {"state", "STATE", NULL, COLUMN_STATE},
						   {"activated", "ACTIVATED", NULL, 0},
						   {"renewed", "RENEWED", NULL, 0},
						   {"expires", "EXPIRES", NULL, 0},
						   {"serial", "SERIAL", NULL, COLUMN_RIGHT},
						   {NULL, NULL, NULL, 0}};

int device_list_run(struct invocation *inv)
{
	struct listing listing = {.path = "/v1/devices", .columns = list_columns};
	return listing_run(inv, &listing);
}

static int print_device(json_t *device)
{
	int error = print_fields(fields, device);
	return error ? error : print_section(activation_columns, json_object_get(device, "activations"));
}

int device_show_run(struct invocation *inv)
{
	struct request req = {.path = "/v1/devices", .id = inv->args[0]};
	return show_answer(inv, &req, print_device);
}
