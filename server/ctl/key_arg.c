/* SPDX-License-Identifier: Apache-2.0 */
#include "key_arg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failure.h"
#include "input.h"

#define KEY_FILE_MAX 4096

static int read_file(const struct invocation *inv, const char *path, char ret[KEYCODE_KEY + 1])
{
	char *text;
	size_t n;
	int code = input_read(inv, path, KEY_FILE_MAX, &text, &n);
	if (code)
		return code;
	int error = keycode_read(text, KEYCODE_KEY, ret);
	explicit_bzero(text, n);
	free(text);
	return error ? failure_say(inv, error, "%s", path) : 0;
}

int key_arg_read(const struct invocation *inv, const char *given, char ret[KEYCODE_KEY + 1])
{
	if (strcmp(given, "-") == 0)
		return read_file(inv, given, ret);
	if (*given == '@')
		return read_file(inv, given + 1, ret);
	fputs("warning: others on this machine can see a key on the command line; give - or @FILE\n", stderr);
	int error = keycode_read(given, KEYCODE_KEY, ret);
	/* The key stays out of what is told. */
	return error ? failure_say(inv, error, "the key given") : 0;
}
