/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"
#include "complete.h"
#include "explain.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct command_option globals[] = {
	{"state", "DIR", "directory of this machine's key, state and leases (/var/lib/muster)", 0},
	{"products", "DIR", "folder with product files and trusted vendor keys (/etc/muster/products)", 0},
	{"host", "HOST[:PORT]", "activation host, may be repeated", 0},
	{"domain", "DOMAIN", "DNS domain to find hosts in, may be repeated", 0},
	{"dns", "ADDRESS:PORT", "resolver to ask instead of the system's", 0},
	{"timeout", "SECONDS", "longest time to wait for an answer, in seconds (10)", 0},
	{"org", "ORG", "the only organisation whose hosts are accepted", 0},
	{"identity", "FILE", "32 random bytes from which this machine's keys derive", 0},
	{"site-key", "FILE", "the site's keys, for activation by telephone", 0},
	{"config", "FILE", "settings (/etc/muster/muster.conf)", 'c'},
	{"json", NULL, "answer in JSON", 'j'},
	{NULL, NULL, NULL, 0},
};

static const struct command_option activate_options[] = {
	{"key", "-|@FILE|KEY", "pool or enrolment key, for a machine that the host does not know yet", 0},
	{"plans", "a,b", "only these plans", 0},
	{"reinstalled", NULL, "take over the place that this machine had before it was installed anew", 0},
	{"product-version", "VERSION", "version of the product to be activated", 0},
	{NULL, NULL, NULL, 0},
};

static const struct command_option renew_options[] = {
	{"all", NULL, "every product that was asked for (as without PRODUCT)", 0},
	{"if-due", NULL, "leave alone what is not due", 0},
	{NULL, NULL, NULL, 0},
};

static const struct command_option release_options[] = {
	{"all", NULL, "every product, as at the shutdown of a machine that does not come back", 0},
	{NULL, NULL, NULL, 0},
};

static const struct command_option signin_options[] = {
	{"user", "USER", "who signs in", 0},
	{"code", "-|@FILE|CODE", "sign-in code; none when the user has signed in here before", 0},
	{NULL, NULL, NULL, 0},
};

static const struct command_option redeem_options[] = {
	{"product", "PRODUCT", "what the key is for, when the products folder has several", 0},
	{NULL, NULL, NULL, 0},
};

static const struct command_option reset_options[] = {
	{"dry-run", NULL, "only ask the host whether it would succeed, and show the steps", 0},
	{"undo", "FILE", "put back what an undo file has", 0},
	{"output", "FILE", "where to write the undo file (undo/ in the state directory)", 'o'},
	{NULL, NULL, NULL, 0},
};

static const struct command_option request_options[] = {
	{"output", "FILE", "write it there instead of to standard output", 'o'},
	{"append", NULL, "FILE is a bundle of many machines' requests: put this one into it", 0},
	{"qr", NULL, "show it as a QR code", 0},
	{"voice", NULL, "show the installation id, to be read out by telephone", 0},
	{"user", "USER", "for whom, when the product is licensed to users", 0},
	{"no-names", NULL, "tell neither this machine's name nor a user", 0},
	{"plans", "a,b", "only these plans", 0},
	{"reinstalled", NULL, "take over the place that this machine had before it was installed anew", 0},
	{"product-version", "VERSION", "version of the product to be activated", 0},
	{NULL, NULL, NULL, 0},
};

static const struct command_option import_options[] = {
	{"voice", NULL, "what is given are digits or words that were read out; - asks for them", 0},
	{NULL, NULL, NULL, 0},
};

static const struct command_option generalize_options[] = {
	{"release", NULL, "first give every place back", 0},
	{NULL, NULL, NULL, 0},
};

static const struct command_option agent_options[] = {
	{"once", NULL, "renew what is due now, then end", 0},
	{"release-on-exit", NULL, "give every place back when told to end", 0},
	{NULL, NULL, NULL, 0},
};

static const struct command commands[] = {
	{"activate", "PRODUCT", 1, 1, "activate a product", activate_options, verb_activate},
	{"renew", "[PRODUCT]", 0, 1, "renew a product, or all of them", renew_options, verb_renew},
	{"release", "[PRODUCT]", 0, 1, "give a product's place back", release_options, verb_release},
	{"signin", "PRODUCT", 1, 1, "sign a user in, and activate", signin_options, verb_signin},
	{"signout", "[PRODUCT]", 0, 1, "sign out, from one product or from all", NULL, verb_signout},
	{"redeem", "KEY|-|@FILE", 1, 1, "redeem a product key for the organisation", redeem_options,
	 verb_redeem},
	{"reset", "PRODUCT", 1, 1, "clear what is held of a product and activate it for the device",
	 reset_options, verb_reset},
	{"request", "PRODUCT", 1, 1,
	 "write a request to be carried to a host, for a machine that reaches none", request_options,
	 verb_request},
	{"import", "FILE|CONFIRMATION", 1, 51, "take in the answer that was carried back", import_options,
	 verb_import},
	{"status", "[PRODUCT]", 0, 1, "show what is licensed, until when, and why not", NULL, verb_status},
	{"generalize", "", 0, 0, "forget this machine's identity, before an image of it is made",
	 generalize_options, verb_generalize},
	{"where", "", 0, 0, "show each step of looking for a host", NULL, verb_where},
	EXPLAIN_COMMAND,
	{"agent", "", 0, 0, "keep this machine activated until told to end", agent_options, verb_agent},
	COMPLETION_COMMAND,
	{NULL, NULL, 0, 0, NULL, NULL, NULL},
};

static const struct program program = {
	.name = "muster",
	.about = "activate this machine with its organisation's host",
	.version = MUSTER_VERSION,
	.globals = globals,
	.commands = commands,
	.names = offer_names,
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
