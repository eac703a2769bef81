/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of people: signin, signout, redeem. */
#include <stdio.h>
#include <string.h>

#include "cli.h"

static int take_code(const struct cli *cli, const struct invocation *inv, const char *user,
		     char out[SECRET_ROOM])
{
	const char *given = invocation_value(inv, "code");
	char prompt[SECRET_ROOM];
	if (given)
		return secret_take(cli, given, "sign-in code", out);
	snprintf(prompt, sizeof(prompt), "sign-in code of %.127s (Enter when signed in here before)", user);
	return secret_ask(cli, prompt, out);
}

static int run_signin(struct cli *cli, struct invocation *inv)
{
	char code[SECRET_ROOM];
	const char *user = invocation_value(inv, "user");
	if (!user)
		return command_usage(inv, "--user is needed");
	int ending = take_code(cli, inv, user, code);
	if (ending)
		return ending;
	muster_signin(cli->m, inv->args[0], user, code, 0);
	explicit_bzero(code, sizeof(code));
	return finish(cli, NULL);
}

static int run_signout(struct cli *cli, struct invocation *inv)
{
	muster_signout(cli->m, inv->n_args ? inv->args[0] : NULL, 0);
	return finish(cli, NULL);
}

static int run_redeem(struct cli *cli, struct invocation *inv)
{
	char key[SECRET_ROOM];
	int ending = secret_take(cli, inv->args[0], "key", key);
	if (ending)
		return ending;
	muster_redeem(cli->m, invocation_value(inv, "product"), key, 0);
	explicit_bzero(key, sizeof(key));
	return finish(cli, NULL);
}

int verb_signin(struct invocation *inv)
{
	return with_handle(inv, run_signin);
}

int verb_signout(struct invocation *inv)
{
	return with_handle(inv, run_signout);
}

int verb_redeem(struct invocation *inv)
{
	return with_handle(inv, run_redeem);
}
