/* SPDX-License-Identifier: Apache-2.0 */
#include "signed_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "armour.h"
#include "print.h"

#define FILE_MODE 0644

/* Only characters of a token may go to the terminal or into the file. */
static int read_token(const struct token_kind *kind, const struct reply *reply, char **ret)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
	char *token;
	int error = armour_read(kind->label, (const char *)reply->body.bytes, reply->body.used - 1, &token);
	if (error)
		return error;
	if (!*token || token[strspn(token, allowed)]) {
		free(token);
		return E_MALFORMED;
	}
	*ret = token;
	return 0;
}

static int print_text_json(const struct token_kind *kind, const char *token)
{
	char *text;
	int error = armour_write(kind->label, token, &text);
	if (error)
		return error;
	print_json_new(json_pack("{s:i, s:s}", "schema", 1, "request", text));
	free(text);
	return 0;
}

static int write_text(const struct invocation *inv, const struct token_kind *kind, const char *token)
{
	const char *path = invocation_value(inv, "output");
	int error = 0;
	errno = 0;
	if (path || !invocation_has(inv, "json"))
		error = token_save(kind, path ? path : "-", token, FILE_MODE);
	if (error)
		return failure_say(inv, error, "%s: %s", path ? path : "standard output", strerror(errno));
	if (invocation_has(inv, "json") && !(path && strcmp(path, "-") == 0))
		error = print_text_json(kind, token);
	return error ? failure_say(inv, error, "the text") : 0;
}

int signed_text_run(const struct invocation *inv, const struct request *req, const struct token_kind *kind)
{
	struct reply reply;
	char *token = NULL;
	int code = request_run(inv, req, &reply);
	if (code)
		return code;
	int error = read_token(kind, &reply, &token);
	code = error ? failure_say(inv, error, "the daemon's %s", kind->label) : write_text(inv, kind, token);
	free(token);
	reply_fini(&reply);
	return code;
}
