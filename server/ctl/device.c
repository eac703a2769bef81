/* SPDX-License-Identifier: Apache-2.0 */
/* musterctl device: the machines on record. */
#include "change.h"
#include "commands.h"
#include "listing.h"
#include "print.h"
#include "show.h"

static const struct column list_columns[] = {
	{"device", "DEVICE", NULL, 0},           {"hostname", "HOSTNAME", NULL, COLUMN_CUT},
	{"state", "STATE", NULL, COLUMN_STATE},  {"first_seen", "FIRST SEEN", NULL, 0},
	{"last_seen", "LAST SEEN", NULL, 0},     {"clock_skew", "CLOCK", NULL, COLUMN_RIGHT},
	{"forked_from", "FORKED FROM", NULL, 0}, {NULL, NULL, NULL, 0}};

static const struct column fields[] = {{"device", "device", NULL, 0},
				       {"hostname", "hostname", NULL, 0},
				       {"state", "state", NULL, COLUMN_STATE},
				       {"shared", "shared", NULL, 0},
				       {"groups", "groups", NULL, 0},
				       {"os", "os", NULL, 0},
				       {"agent", "agent", NULL, 0},
				       {"first_seen", "first seen", NULL, 0},
				       {"last_seen", "last seen", NULL, 0},
				       {"clock_skew", "clock ahead by (s)", NULL, 0},
				       {"forked_from", "forked from", NULL, 0},
				       {NULL, NULL, NULL, 0}};

static const struct column activation_columns[] = {{"product", "PRODUCT", NULL, 0},
						   {"grant", "GRANT", NULL, 0},
						   {"model", "MODEL", NULL, 0},
						   {"user", "USER", NULL, COLUMN_CUT},
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

/* --- changes --- */

/* One row for each device on the line. question: asked first, or NULL. */
static int change(struct invocation *inv, const char *kind, const char *past, const char *question)
{
	struct changes c;
	int code = 0;
	changes_init(&c, inv, past);
	c.question = question;
	for (int i = 0; i < inv->n_args && !code; i++)
		code = changes_add(&c, json_pack("{s:s, s:s}", "do", kind, "device", inv->args[i]), 0);
	if (!code)
		code = changes_run(&c);
	changes_fini(&c);
	return code;
}

int device_block_run(struct invocation *inv)
{
	return change(inv, "device.block", "blocked", NULL);
}

int device_unblock_run(struct invocation *inv)
{
	return change(inv, "device.unblock", "unblocked", NULL);
}

int device_approve_run(struct invocation *inv)
{
	return change(inv, "device.approve", "approved", NULL);
}

int device_mark_shared_run(struct invocation *inv)
{
	if (invocation_has(inv, "off"))
		return change(inv, "device.unmark_shared", "no longer shared", NULL);
	return change(inv, "device.mark_shared", "marked as shared", NULL);
}

int device_forget_run(struct invocation *inv)
{
	return change(inv, "device.forget", "forgotten", "Forget it, with everything that it holds?");
}
