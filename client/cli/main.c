/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct command_option globals[] = {
	{"state", "DIR", "directory of this machine's key, state and leases (/var/lib/muster)", 0},
	{"products", "DIR", "folder with product files and trusted vendor keys (/etc/muster/products)", 0},
	{"host", "HOST[:PORT]", "activation host, may be repeated", 0},
	{"domain", "DOMAIN", "DNS domain to find hosts in, may be repeated", 0},
	{"dns", "ADDRESS:PORT", "resolver to ask instead of the system's", 0},
	{"timeout", "SECONDS", "longest time to wait for an answer (10)", 0},
	{"org", "ORG", "the only organisation whose hosts are accepted", 0},
	{"config", "FILE", "settings (/etc/muster/muster.conf)", 'c'},
	{"json", NULL, "answer in JSON", 'j'},
	{NULL, NULL, NULL, 0},
};

static const struct command_option activate_options[] = {
	{"plans", "a,b", "only these plans", 0},
	{"product-version", "VERSION", "version of the product to be activated", 0},
	{NULL, NULL, NULL, 0},
};

static const struct command_option renew_options[] = {
	{"all", NULL, "every product that was asked for (as without PRODUCT)", 0},
	{"if-due", NULL, "leave alone what is not due", 0},
	{NULL, NULL, NULL, 0},
};

static const struct command_option agent_options[] = {
	{"once", NULL, "renew what is due now, then end", 0},
	{NULL, NULL, NULL, 0},
};

static const struct command commands[] = {
	{"activate", "PRODUCT", 1, 1, "activate a product", activate_options, verb_activate},
	{"renew", "[PRODUCT]", 0, 1, "renew a product, or all of them", renew_options, verb_renew},
	{"release", "PRODUCT", 1, 1, "give a product's place back", NULL, verb_release},
	{"status", "[PRODUCT]", 0, 1, "show what is licensed, until when, and why not", NULL, verb_status},
	{"where", "", 0, 0, "show each step of looking for a host", NULL, verb_where},
	{"explain", "CODE", 1, 1, "explain a code by its name or number", NULL, verb_explain},
	{"agent", "", 0, 0, "keep this machine activated until told to end", agent_options, verb_agent},
	{NULL, NULL, 0, 0, NULL, NULL, NULL},
};

static const struct program program = {
	.name = "muster",
	.about = "activate this machine with its organisation's host",
	.version = MUSTER_VERSION,
	.globals = globals,
	.commands = commands,
};

int main(int argc, char **argv)
{
	int code = command_main(&program, argc, argv, NULL);
	/* What was printed must have arrived: a full disk must not look like success. */
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	fprintf(stderr, "IO: standard output: %s\n", strerror(errno));
	return code ? code : 1;
}
