/* SPDX-License-Identifier: Apache-2.0 */
/* The verb that clears a product's state, and its undo. */
#include <stdio.h>
#include <string.h>

#include "cli.h"

static json_t *steps_json(const struct muster *m)
{
	const char *file = muster_reset_file(m);
	json_t *document = json_object();
	json_t *steps = json_array();
	for (int i = 0; i < muster_reset_count(m); i++)
		json_array_append_new(steps, json_pack("{s:s, s:s}", "step", muster_reset_step(m, i),
						       "result", muster_reset_result(m, i)));
	json_object_set_new(document, "steps", steps);
	json_object_set_new(document, "undo_file", *file ? json_string(file) : json_null());
	return document;
}

static void print_steps(const struct muster *m, const char *product)
{
	const char *file = muster_reset_file(m);
	for (int i = 0; i < muster_reset_count(m); i++)
		printf("%d  %s: %s\n", i + 1, muster_reset_step(m, i), muster_reset_result(m, i));
	if (*file)
		printf("undo: muster reset %s --undo %s\n", product, file);
	fflush(stdout);
}

static int run_reset(struct cli *cli, struct invocation *inv)
{
	const char *undo = invocation_value(inv, "undo");
	const char *output = invocation_value(inv, "output");
	bool dry_run = invocation_has(inv, "dry-run");
	if (undo && (dry_run || output))
		return command_usage(inv, "--undo goes with neither --dry-run nor --output");
	if (undo) {
		muster_reset_undo(cli->m, inv->args[0], undo, 0);
		return finish(cli, NULL);
	}
	if (output && muster_set(cli->m, "undo_file", output))
		return command_usage(inv, "--output cannot be '%s'", output);
	muster_reset(cli->m, inv->args[0], dry_run, 0);
	if (!cli->json)
		print_steps(cli->m, inv->args[0]);
	return finish(cli, steps_json(cli->m));
}

int verb_reset(struct invocation *inv)
{
	return with_handle(inv, run_reset);
}
