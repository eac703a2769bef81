/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

#define NOT_ACTIVATED 3

int with_handle(struct invocation *inv, int (*run)(struct cli *, struct invocation *))
{
	struct cli cli = {0};
	int code = settings_apply(&cli, inv);
	if (!code)
		code = run(&cli, inv);
	muster_free(cli.m);
	return code;
}

/* An error, and in JSON the error as the whole document. */
static int fail(const struct cli *cli)
{
	int code = print_error(cli);
	if (cli->json) {
		json_t *document = json_object();
		json_object_set_new(document, "error", print_error_json(cli));
		print_json(document);
	}
	return code;
}

/* --- activate, renew, release --- */

static int run_activate(struct cli *cli, struct invocation *inv)
{
	const char *plans = invocation_value(inv, "plans");
	const char *version = invocation_value(inv, "product-version");
	const char *given = invocation_value(inv, "key");
	char key[SECRET_ROOM];
	if (plans && muster_set(cli->m, "plans", plans))
		return command_usage(inv, "--plans cannot be '%s'", plans);
	if (version && muster_set(cli->m, "product_version", version))
		return command_usage(inv, "--product-version cannot be '%s'", version);
	int code = given ? secret_take(cli, given, "key", key) : 0;
	if (code)
		return code;
	if (given)
		muster_set(cli->m, "key", key);
	explicit_bzero(key, sizeof(key));
	if (invocation_has(inv, "reinstalled"))
		muster_set(cli->m, "reinstalled", "1");
	muster_activate(cli->m, inv->args[0], 0);
	return finish(cli, NULL);
}

static int run_renew(struct cli *cli, struct invocation *inv)
{
	if (inv->n_args && invocation_has(inv, "all"))
		return command_usage(inv, "give a product or --all, not both");
	muster_renew(cli->m, inv->n_args ? inv->args[0] : NULL, invocation_has(inv, "if-due"), 0);
	return finish(cli, NULL);
}

static int run_release(struct cli *cli, struct invocation *inv)
{
	if ((inv->n_args == 0) != invocation_has(inv, "all"))
		return command_usage(inv, "give a product or --all");
	muster_release(cli->m, inv->n_args ? inv->args[0] : NULL, 0);
	return finish(cli, NULL);
}

/* --- status --- */

/* 0 licensed, 2 grace or overdue, 3 unlicensed, 4 ended, 1 tampered: the later in this row, the worse. */
static int worse(int a, int b)
{
	static const int order[] = {0, 2, 3, 4, 1};
	for (size_t i = sizeof(order) / sizeof(order[0]); i > 0; i--)
		if (order[i - 1] == a || order[i - 1] == b)
			return order[i - 1];
	return a;
}

static int show_status(struct cli *cli, const struct muster_status *s, int from, int to)
{
	json_t *products = json_array();
	int code = from == to ? NOT_ACTIVATED : 0;
	for (int i = from; i < to; i++) {
		code = worse(code, muster_status_exit(s, i));
		if (cli->json)
			json_array_append_new(products, print_product_json(s, i));
		else
			print_whole_product(s, i);
	}
	if (cli->json) {
		json_t *document = json_object();
		const char *device = muster_status_device(s);
		json_object_set_new(document, "device", *device ? json_string(device) : json_null());
		const char *forked = muster_status_forked_from(s);
		json_object_set_new(document, "forked_from", *forked ? json_string(forked) : json_null());
		json_object_set(document, "products", products);
		json_object_set_new(document, "clock_suspect", json_boolean(muster_status_clock_suspect(s)));
		print_json(document);
	} else if (from == to) {
		puts("no product is known: the products folder holds no product file that a trusted key "
		     "signed");
	}
	json_decref(products);
	return code;
}

static int run_status(struct cli *cli, struct invocation *inv)
{
	struct muster_status *s;
	if (muster_status(cli->m, &s))
		return fail(cli);
	int from = inv->n_args ? muster_status_find(s, inv->args[0]) : 0;
	int to = inv->n_args ? from + 1 : muster_status_count(s);
	int code = from >= 0 ? show_status(cli, s, from, to)
			     : print_own_error(cli, "NO_PRODUCT_FILE", inv->args[0]);
	muster_status_free(s);
	return code;
}

/* --- generalize --- */

static int run_generalize(struct cli *cli, struct invocation *inv)
{
	if (invocation_has(inv, "release") && muster_release(cli->m, NULL, 0))
		return finish(cli, NULL);
	if (muster_generalize(cli->m))
		return fail(cli);
	if (cli->json)
		print_json(json_pack("{s:b}", "generalized", 1));
	else
		puts("this machine has no identity any more: shut it down and take the image");
	return 0;
}

/* --- where --- */

static json_t *step_json(const struct muster *m, int i)
{
	const char *address = muster_step_address(m, i);
	const char *reason = muster_step_reason(m, i);
	int port = muster_step_port(m, i);
	json_t *step = json_object();
	json_object_set_new(step, "step", json_integer(i + 1));
	json_object_set_new(step, "source", json_string(muster_step_source(m, i)));
	json_object_set_new(step, "target", json_string(muster_step_target(m, i)));
	json_object_set_new(step, "address", *address ? json_string(address) : json_null());
	json_object_set_new(step, "port", port ? json_integer(port) : json_null());
	json_object_set_new(step, "result", json_string(muster_step_result(m, i)));
	json_object_set_new(step, "reason", *reason ? json_string(reason) : json_null());
	json_object_set_new(step, "ms", json_integer(muster_step_ms(m, i)));
	return step;
}

static void step_line(const struct muster *m, int i)
{
	const char *address = muster_step_address(m, i);
	const char *reason = muster_step_reason(m, i);
	const char *target = muster_step_target(m, i);
	int port = muster_step_port(m, i);
	printf("%d  %-6s  %s", i + 1, muster_step_source(m, i), target);
	if (port)
		printf(" port %d", port);
	if (*address && strcmp(address, target) != 0)
		printf(" at %s", address);
	printf("  %s", muster_step_result(m, i));
	if (*reason)
		printf(" (%s)", reason);
	printf("  %d ms\n", muster_step_ms(m, i));
}

static int run_where(struct cli *cli, struct invocation *inv)
{
	(void)inv;
	muster_where(cli->m, 0);
	int n = muster_step_count(cli->m);
	int number = muster_error_number(cli->m);
	json_t *steps = json_array();
	for (int i = 0; i < n; i++) {
		if (cli->json)
			json_array_append_new(steps, step_json(cli->m, i));
		else
			step_line(cli->m, i);
	}
	fflush(stdout);
	int code = number ? print_error(cli) : 0;
	if (cli->json) {
		json_t *document = json_object();
		json_object_set(document, "steps", steps);
		if (number)
			json_object_set_new(document, "error", print_error_json(cli));
		print_json(document);
	}
	json_decref(steps);
	return code;
}

int verb_activate(struct invocation *inv)
{
	return with_handle(inv, run_activate);
}

int verb_renew(struct invocation *inv)
{
	return with_handle(inv, run_renew);
}

int verb_release(struct invocation *inv)
{
	return with_handle(inv, run_release);
}

int verb_status(struct invocation *inv)
{
	return with_handle(inv, run_status);
}

int verb_generalize(struct invocation *inv)
{
	return with_handle(inv, run_generalize);
}

int verb_where(struct invocation *inv)
{
	return with_handle(inv, run_where);
}
