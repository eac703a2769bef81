/* SPDX-License-Identifier: Apache-2.0 */
/* musterctl restore: musterd itself does it, while it does not serve. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
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

int restore_run(struct invocation *inv)
{
	static char restore[] = "--restore";
	static char config[] = "--config";
	static char force[] = "--force";
	static char dry_run[] = "--dry-run";
	static char with_key[] = "--with-key";
	char *argv[10] = {NULL, restore, inv->args[0]};
	int n = 3;
	char *passphrase = NULL;
	json_t *answer = NULL;
	bool keys = invocation_has(inv, "with-key") || invocation_has(inv, "passphrase");
	if (invocation_has(inv, "config")) {
		argv[n++] = config;
		argv[n++] = (char *)(uintptr_t)invocation_value(inv, "config");
	}
	if (invocation_has(inv, "force"))
		argv[n++] = force;
	if (invocation_has(inv, "dry-run"))
		argv[n++] = dry_run;
	if (keys)
		argv[n++] = with_key;
	int code = keys ? passphrase_read(inv, false, &passphrase) : 0;
	if (!code)
		code = daemon_run(inv, "verifying and restoring the backup", argv, passphrase,
				  passphrase ? strlen(passphrase) : 0, &answer);
	passphrase_free(passphrase);
	if (code)
		return code;
	if (invocation_has(inv, "json"))
		print_json(answer);
	else
		print_restored(answer);
	json_decref(answer);
	return 0;
}
