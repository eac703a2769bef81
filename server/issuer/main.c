/* SPDX-License-Identifier: Apache-2.0 */
/* muster-issuer: the vendor's program. Its command table is here; each noun has its own file of commands. */
#include <sodium.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "commands.h"
#include "complete.h"
#include "explain.h"

#define END                                                                                                  \
	{                                                                                                    \
		NULL, NULL, NULL, 0                                                                          \
	}
#define OUTPUT                                                                                               \
	{                                                                                                    \
		"output", "FILE", "where to write it; default standard output", 'o'                          \
	}
#define REASON                                                                                               \
	{                                                                                                    \
		"reason", "TEXT", "why, for the vendor's own ledger", 0                                      \
	}
#define PASSPHRASE                                                                                           \
	{                                                                                                    \
		"passphrase", "-|@FILE", "of the vendor's key: from standard input or a file", 0             \
	}

static const struct command_option globals[] = {
	{"dir", "DIR", "the vendor's folder; default .", 0}, {"json", NULL, "answer as JSON", 0}, END};

static const struct command_option init_options[] = {
	{"vendor", "NAME", "the vendor's name, for people", 0},
	PASSPHRASE,
	{"no-passphrase", NULL, "leave the key unprotected (for tests and demonstrations)", 0},
	{"memory", "MIB", "memory that each guess of the passphrase costs; default 256", 0},
	{"passes", "N", "passes over that memory; default 3", 0},
	END};

static const struct command_option add_options[] = {
	{"name", "NAME", "the product's name, for people", 0},
	{"plan", "ID[:NAME]", "a part that can be switched by itself; repeatable", 0},
	{"conflict", "A:B", "plans that exclude each other; repeatable", 0},
	{"requires", "A:B", "plan A needs plan B; repeatable", 0},
	{"version-from", "V", "first version covered", 0},
	{"version-to", "V", "last version covered; 7 covers 7.9", 0},
	{"grace", "DAYS", "use without activation at first; default 30d", 0},
	{"prompt", "DAYS", "of these, until the user is told; default 25d", 0},
	{"on-expiry", "WHAT", "then: notice (default) or reduced", 0},
	END};

static const struct command_option add_plan_options[] = {
	{"plan", "ID[:NAME]", "the new plan; repeatable", 0},
	{"conflict", "A:B", "plans that exclude each other, a new one among them; repeatable", 0},
	{"requires", "A:B", "the new plan A needs plan B; repeatable", 0},
	END};

static const struct command_option export_options[] = {OUTPUT, PASSPHRASE, END};

static const struct command_option issue_options[] = {
	{"org", "ID", "the organisation's id", 0},
	{"org-name", "NAME", "its name, for people", 0},
	{"from", "DATE", "first day; default today", 0},
	{"until", "DATE", "end of the term", 0},
	{"hosts", "N", "how many activation hosts; default 1", 0},
	{"id", "ID", "the license's id; default ORG and random characters", 0},
	{"grace", "DAYS", "after the end; default 30d", 0},
	{"grant", "K=V,...", "an entitlement; repeatable; 'help' lists the keys", 0},
	OUTPUT,
	PASSPHRASE,
	END};

static const struct command_option renew_options[] = {
	{"until", "DATE", "new end of the term", 0},
	{"hosts", "N", "how many activation hosts", 0},
	{"grant", "K=V,...", "an entitlement; one that is there already changes by its id; repeatable", 0},
	{"request", "FILE", "raise the quantities that an organisation's license request asks for", 0},
	OUTPUT,
	PASSPHRASE,
	END};

#define NEW_KEY                                                                                              \
	{"no-passphrase", NULL, "leave the new key unprotected", 0},                                         \
		{"memory", "MIB", "memory that each guess of the passphrase costs; default 256", 0},         \
	{                                                                                                    \
		"passes", "N", "passes over that memory; default 3", 0                                       \
	}

static const struct command_option signer_options[] = {
	{"for", "USE,...", "license, certificate, clearing; default all", 0},
	{"days", "N", "its term; default 365, at most 730", 0},
	{"passphrase", "-|@FILE", "of the root's key and of the new one; with -, a line each", 0},
	NEW_KEY,
	END};

static const struct command_option serve_options[] = {
	{"listen", "ADDRESS:PORT", "where hosts call, such as [::]:6879", 0},
	{"days", "N", "term of the certificates; default and at most 400", 0},
	PASSPHRASE,
	END};

static const struct command_option host_key_options[] = {
	{"license", "FILE|ID", "the license that the host is to serve", 0}, END};

static const struct command_option root_options[] = {PASSPHRASE, NEW_KEY, END};

static const struct command_option revoke_license_options[] = {REASON, END};

static const struct command_option revoke_host_options[] = {
	{"license", "FILE|ID", "one that it was certified for, when its name is not enough", 0}, REASON, END};

static const struct command_option generate_options[] = {
	{"license", "FILE|ID", "the license, newest serial", 0},
	{"grant", "ID", "its grant", 0},
	{"count", "N", "how many keys; default 1", 0},
	{"pool", NULL, "keys with which unknown machines enrol", 0},
	{"quantity", "N", "each key adds so many places", 0},
	{"days", "N", "each key moves the grant's end by so many days", 0},
	{"expires", "DATE", "until when they may be redeemed; default for ever", 0},
	{"output", "FILE", "a new file, for you only; default standard output", 'o'},
	END};

static const struct command_option key_list_options[] = {
	{"license", "ID", "only the keys of this license", 0}, END};

static const struct command_option list_options[] = {OUTPUT, PASSPHRASE, END};

static const struct command_option show_options[] = {{"output", "FILE", "write the signed file again", 'o'},
						     END};

static const struct command_option certify_options[] = {
	{"license", "FILE|ID", "the license that the host is to serve", 0},
	{"days", "N", "end sooner than the license and its grace", 0},
	{"share", "GRANT=N", "split a grant between hosts (not in this version)", 0},
	OUTPUT,
	PASSPHRASE,
	END};

static const struct command_option verify_options[] = {
	{"key", "KEY|@FILE", "the key that must have signed it (k4.public...)", 0}, END};

static const struct command commands[] = {
	{"init", "", 0, 0, "make a vendor: key pair and ledger", init_options, init_run},
	{"product add", "ID", 1, 1, "describe a product", add_options, product_add_run},
	{"product add-plan", "ID", 1, 1, "append plans to a product", add_plan_options, product_add_plan_run},
	{"product list", "", 0, 0, "list the products", NULL, product_list_run},
	{"product export", "ID", 1, 1, "sign the product file", export_options, product_export_run},
	{"license issue", "", 0, 0, "sign a license for an organisation", issue_options, license_issue_run},
	{"license renew", "ID|FILE", 1, 1, "sign its next serial: other terms, new keys", renew_options,
	 license_renew_run},
	{"license revoke", "ID", 1, 1, "stand for a license no longer", revoke_license_options,
	 license_revoke_run},
	{"license list", "", 0, 0, "list the licenses", NULL, license_list_run},
	{"license show", "ID|FILE", 1, 1, "show all of a license", show_options, license_show_run},
	{"host certify", "REQUEST", 1, 1, "sign a host's certificate", certify_options, host_certify_run},
	{"host list", "", 0, 0, "list the certified hosts", NULL, host_list_run},
	{"host revoke", "HOST|NAME", 1, 1, "stand for a host's key no longer, in any license",
	 revoke_host_options, host_revoke_run},
	{"host key", "", 0, 0, "make a key with which one host certifies itself at the clearing house",
	 host_key_options, host_key_run},
	{"key generate", "", 0, 0, "make product keys or pool keys", generate_options, key_generate_run},
	{"key list", "", 0, 0, "list the keys by their ids", key_list_options, key_list_run},
	{"key block", "KEY-ID|-|@FILE", 1, 1, "make keys worthless", NULL, key_block_run},
	{"signer create", "", 0, 0, "make an issuing key, so that the root can be kept elsewhere",
	 signer_options, signer_create_run},
	{"signer list", "", 0, 0, "list the keys that sign in the vendor's name", NULL, signer_list_run},
	{"signer revoke", "KEY-ID", 1, 1, "stand for what a key signed no longer", revoke_license_options,
	 signer_revoke_run},
	{"root next", "", 0, 0, "make the next root, to be trusted beside this one", root_options,
	 root_next_run},
	{"root switch", "", 0, 0, "sign with the next root from now on", NULL, root_switch_run},
	{"revocations", "", 0, 0, "sign the list of what was revoked and blocked", list_options,
	 revocations_run},
	{"serve", "", 0, 0, "be the clearing house: hosts certify themselves and ask for more online",
	 serve_options, serve_run},
	{"verify", "FILE", 1, 1, "check any signed file", verify_options, verify_run},
	EXPLAIN_COMMAND,
	COMPLETION_COMMAND,
	{NULL, NULL, 0, 0, NULL, NULL, NULL}};

static const struct program program = {
	.name = "muster-issuer",
	.about = "sign licenses, product files and host certificates",
	.version = MUSTER_VERSION,
	.globals = globals,
	.commands = commands,
};

int main(int argc, char **argv)
{
	struct issuer issuer = {.now = time(NULL)};
	if (sodium_init() < 0) {
		fputs("muster-issuer: libsodium cannot be started\n", stderr);
		return 1;
	}
	umask(077); /* what is made without a mode of its own is for the owner only */
	int code = command_main(&program, argc, argv, &issuer);
	if (fflush(stdout) || ferror(stdout)) {
		perror("muster-issuer: standard output");
		return code ? code : error_row(E_IO)->exit;
	}
	return code;
}
