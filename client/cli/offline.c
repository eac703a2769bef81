/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of a machine that reaches no host: a request to be carried away, and the answer. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "error.h"
#include "file.h"
#include "qr.h"

#define FILE_MAX ((size_t)16 << 20)
#define FILE_MODE 0644
#define TYPED_MAX 1024

static int file_error(const struct cli *cli, const char *path, int error)
{
	char detail[512];
	snprintf(detail, sizeof(detail), "%.400s: %s", path,
		 error == E_TOO_LARGE ? "too large" : strerror(errno));
	return print_own_error(cli, error_name(error == E_STORE_FULL ? E_IO : error), detail);
}

/* --- request --- */

/* The token alone, which is shorter than its block. */
static char *bare(const char *text)
{
	char *out = calloc(1, strlen(text) + 1);
	size_t n = 0;
	for (const char *line = text; out && *line;
	     line += strcspn(line, "\n") + (strchr(line, '\n') != NULL)) {
		size_t length = strcspn(line, "\n");
		/* A line of the token may begin with a hyphen, too; a blank is in its first and last line
		 * only. */
		if (memchr(line, ' ', length))
			continue;
		memcpy(out + n, line, length);
		n += length;
	}
	return out;
}

static int show_qr(const struct cli *cli, const char *text)
{
	char *token = bare(text);
	bool shown = token && qr_print(token);
	free(token);
	fflush(stdout);
	return shown ? 0 : print_own_error(cli, "TOO_LARGE", "the request does not fit into a QR code");
}

/* The bundle that is there already, with this request in it. */
static int append(const struct cli *cli, const char *path, const char **text)
{
	char *old;
	size_t n;
	errno = 0;
	int error = file_read(path, FILE_MAX, &old, &n);
	if (error == E_IO && errno == ENOENT)
		return muster_bundle(cli->m, *text, NULL, text) ? print_error(cli) : 0;
	if (error)
		return file_error(cli, path, error);
	error = muster_bundle(cli->m, old, *text, text);
	free(old);
	return error ? print_error(cli) : 0;
}

static int write_request(const struct cli *cli, const struct invocation *inv, const char *text)
{
	const char *path = invocation_value(inv, "output");
	bool qr = invocation_has(inv, "qr");
	char *copy = qr ? strdup(text) : NULL; /* the handle's text may be replaced by a bundle */
	int code = 0;
	if (path && invocation_has(inv, "append"))
		code = append(cli, path, &text);
	errno = 0;
	int error = code || (!path && (qr || cli->json))
			    ? 0
			    : file_replace(path ? path : "-", text, strlen(text), FILE_MODE);
	if (error)
		code = file_error(cli, path ? path : "standard output", error);
	if (!code && qr)
		code = copy ? show_qr(cli, copy) : print_own_error(cli, "NO_MEMORY", "");
	if (!code && cli->json)
		print_json(json_pack("{s:s, s:s}", "product", inv->args[0], "request", text));
	free(copy);
	return code;
}

static int check_options(const struct cli *cli, const struct invocation *inv)
{
	const char *plans = invocation_value(inv, "plans");
	const char *version = invocation_value(inv, "product-version");
	if (invocation_has(inv, "append") && !invocation_value(inv, "output"))
		return command_usage(inv, "--append needs --output FILE");
	int code = qr_check(inv);
	if (code)
		return code;
	if (plans && muster_set(cli->m, "plans", plans))
		return command_usage(inv, "--plans cannot be '%s'", plans);
	if (version && muster_set(cli->m, "product_version", version))
		return command_usage(inv, "--product-version cannot be '%s'", version);
	if (invocation_has(inv, "reinstalled"))
		muster_set(cli->m, "reinstalled", "1");
	if (invocation_has(inv, "no-names"))
		muster_set(cli->m, "no_names", "1");
	return 0;
}

/* An error, and in JSON the error as the whole document. */
static int fail(const struct cli *cli)
{
	int code = print_error(cli);
	if (cli->json)
		print_json(json_pack("{s:o}", "error", print_error_json(cli)));
	return code;
}

/* The groups one below the other, each with its number, as one reads them out. */
static int show_installation(const struct cli *cli, const struct invocation *inv)
{
	const char *text;
	if (muster_installation_id(cli->m, inv->args[0], &text))
		return fail(cli);
	if (cli->json) {
		print_json(json_pack("{s:s, s:s}", "product", inv->args[0], "installation", text));
		return 0;
	}
	puts("Read this out, group by group:");
	for (int i = 1; *text; i++) {
		printf("  %d:  ", i);
		for (; *text && *text != '-'; text++)
			printf("%c ", *text);
		text += *text == '-';
		putchar('\n');
	}
	printf("Type what is answered: muster import --voice -\n");
	return 0;
}

static int run_request(struct cli *cli, struct invocation *inv)
{
	const char *text;
	int code = check_options(cli, inv);
	if (code)
		return code;
	if (invocation_has(inv, "voice"))
		return show_installation(cli, inv);
	if (muster_request(cli->m, inv->args[0], invocation_value(inv, "user"), &text))
		return fail(cli);
	return write_request(cli, inv, text);
}

int verb_request(struct invocation *inv)
{
	return with_handle(inv, run_request);
}

/* --- import --- */

static void add_typed(char typed[TYPED_MAX], const char *more)
{
	if (strlen(typed) + strlen(more) + 2 > TYPED_MAX)
		return; /* more than there can be */
	strcat(typed, more);
	strcat(typed, " ");
}

/* The digits as words of the line, or a line of standard input. */
static int confirm(struct cli *cli, const struct invocation *inv)
{
	char typed[TYPED_MAX] = "";
	char line[TYPED_MAX];
	bool given = strcmp(inv->args[0], "-") != 0;
	if (!given) {
		if (isatty(STDIN_FILENO))
			fputs("Type the digits or words, and a line with nothing in it: ", stderr);
		while (fgets(line, sizeof(line), stdin) && line[0] != '\n')
			add_typed(typed, line);
	}
	for (int i = 0; given && i < inv->n_args; i++)
		add_typed(typed, inv->args[i]);
	muster_confirm(cli->m, typed);
	return finish(cli, NULL);
}

static int run_import(struct cli *cli, struct invocation *inv)
{
	if (invocation_has(inv, "voice"))
		return confirm(cli, inv);
	if (inv->n_args != 1)
		return command_usage(inv, "'import' takes one file");
	char *text;
	size_t n;
	errno = 0;
	int error = file_read(inv->args[0], FILE_MAX, &text, &n);
	if (error)
		return file_error(cli, inv->args[0], error);
	muster_import(cli->m, text);
	free(text);
	return finish(cli, NULL);
}

int verb_import(struct invocation *inv)
{
	return with_handle(inv, run_import);
}
