/* SPDX-License-Identifier: Apache-2.0 */
/* musterctl restore: musterd itself does it, while it does not serve. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "confirm.h"
#include "daemon.h"
#include "failure.h"
#include "passphrase.h"
#include "print.h"

static void print_lost(json_t *answer)
{
	static const char *const keys[] = {"audit", "devices", "activations"};
	static const char *const words[] = {"rows of the audit log", "devices", "activations"};
	json_t *lost = json_object_get(answer, "lost");
	bool any = false;
	for (size_t i = 0; i < 3; i++) {
		json_int_t n = json_integer_value(json_object_get(lost, keys[i]));
		if (n)
			printf("%s%lld %s", any ? ", " : "lost: ", (long long)n, words[i]);
		any |= n != 0;
	}
	puts(any ? "\nMachines that were answered after the backup show what they hold, and are adopted."
		 : "nothing is lost");
}

static void print_next(json_t *answer)
{
	bool same = json_is_true(json_object_get(answer, "same_host"));
	puts(same ? "next: start musterd; machines go on by themselves"
		  : "next: start musterd; its keys are not those of the backup's host, so run\n"
		    "      'musterctl host replace -o FILE', and let the vendor certify it");
}

static void print_restored(json_t *answer)
{
	json_t *backup = json_object_get(answer, "backup");
	bool dry_run = json_is_true(json_object_get(answer, "dry_run"));
	fputs(dry_run ? "would restore host " : "restored host ", stdout);
	print_member(stdout, backup, "name");
	fputs(" as it was at ", stdout);
	print_member(stdout, backup, "time");
	fputs(": ", stdout);
	print_member(stdout, backup, "devices");
	fputs(" devices, ", stdout);
	print_member(stdout, backup, "activations");
	fputs(" activations, ", stdout);
	print_member(stdout, backup, "audit");
	puts(" rows of the audit log");
	print_lost(answer);
	if (json_is_string(json_object_get(answer, "kept"))) {
		fputs("the old database is kept as ", stdout);
		print_member(stdout, answer, "kept");
		putchar('\n');
	}
	if (!dry_run)
		print_next(answer);
}

/* Let musterd do it, or only look. */
static int run(const struct invocation *inv, bool only_look, const char *passphrase, json_t **ret)
{
	static char restore[] = "--restore";
	static char config[] = "--config";
	static char force[] = "--force";
	static char dry_run[] = "--dry-run";
	static char with_key[] = "--with-key";
	char *argv[10] = {NULL, restore, inv->args[0]};
	int n = 3;
	if (invocation_has(inv, "config")) {
		argv[n++] = config;
		argv[n++] = (char *)(uintptr_t)invocation_value(inv, "config");
	}
	if (invocation_has(inv, "force"))
		argv[n++] = force;
	if (only_look)
		argv[n++] = dry_run;
	if (passphrase)
		argv[n++] = with_key;
	return daemon_run(inv, only_look ? "verifying the backup" : "verifying and restoring the backup",
			  argv, passphrase, passphrase ? strlen(passphrase) : 0, ret);
}

static void show(const struct invocation *inv, json_t *answer)
{
	if (invocation_has(inv, "json"))
		print_json(answer);
	else
		print_restored(answer);
	json_decref(answer);
}

/* Over a newer database, on a terminal: what would be lost is shown first. *ret_go: it is meant. */
static int ask(const struct invocation *inv, const char *passphrase, bool *ret_go)
{
	json_t *answer;
	*ret_go = true;
	if (!invocation_has(inv, "force") || invocation_has(inv, "yes") || !confirm_possible(inv))
		return 0;
	int code = run(inv, true, passphrase, &answer);
	if (code)
		return code;
	show(inv, answer);
	*ret_go = confirm_ask("Restore it all the same?");
	return 0;
}

int restore_run(struct invocation *inv)
{
	char *passphrase = NULL;
	json_t *answer = NULL;
	bool keys = invocation_has(inv, "with-key") || invocation_has(inv, "passphrase");
	bool only_look = invocation_has(inv, "dry-run");
	bool go = true;
	int code = keys ? passphrase_read(inv, false, &passphrase) : 0;
	if (!code && !only_look)
		code = ask(inv, passphrase, &go);
	if (!code && go)
		code = run(inv, only_look, passphrase, &answer);
	passphrase_free(passphrase);
	if (code || !go)
		return code ? code : 1;
	show(inv, answer);
	return 0;
}
