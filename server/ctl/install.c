/* SPDX-License-Identifier: Apache-2.0 */
/* musterctl install: whatever a vendor sent. The daemon finds out what it is. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "failure.h"
#include "print.h"
#include "upload.h"

/* Of another kind of file, the members that are text or numbers, as they come. */
static int print_other(json_t *answer)
{
	const char *key;
	json_t *value;
	json_object_foreach (answer, key, value) {
		char text[PRINT_TEXT];
		if (strcmp(key, "schema") == 0 || json_is_null(value))
			continue;
		print_safe(stdout, key);
		fputs(": ", stdout);
		print_safe(stdout, print_value(value, text));
		putchar('\n');
	}
	return 0;
}

int install_print(json_t *answer)
{
	const char *kind = json_string_value(json_object_get(answer, "kind"));
	if (kind && strcmp(kind, "license") == 0)
		return license_print_installed(answer);
	if (kind && strcmp(kind, "certificate") == 0)
		return host_print_installed(answer);
	return print_other(answer);
}

/* Refuse here what is clearly no file for a host. */
static int install(struct invocation *inv, const struct upload *u)
{
	static const struct token_kind *const others[] = {&token_product, &token_lease, &token_host_request};
	const struct token_kind *kind = NULL;
	int error = upload_kind(u, &kind);
	if (error && error != E_WRONG_TYPE)
		return failure_say(inv, error, "%s", u->path);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (kind == others[i])
			return failure_say(inv, E_WRONG_TYPE, "%s holds a %s, which a host has no use for",
					   u->path, kind->label);
	return upload_send(inv, u, "/v1/install", install_print);
}

int install_run(struct invocation *inv)
{
	struct upload u;
	int code = upload_read(inv, inv->args[0], &u);
	if (code)
		return code;
	code = install(inv, &u);
	upload_fini(&u);
	return code;
}
