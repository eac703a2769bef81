/* SPDX-License-Identifier: Apache-2.0 */
#include "upload.h"

#include <stdlib.h>
#include <string.h>

#include "armour.h"
#include "failure.h"
#include "input.h"
#include "roots.h"
#include "show.h"

#define LABEL_TEXT 64
#define KEY_FILE_MAX 4096
#define KEY_PREFIX "k4.public."

int upload_read(const struct invocation *inv, const char *path, struct upload *ret)
{
	*ret = (struct upload){.path = path};
	return input_read(inv, path, LIMIT_TOKEN, &ret->text, &ret->n);
}

void upload_fini(struct upload *u)
{
	free(u->text);
	u->text = NULL;
}

/* The typ that a bare token claims; nothing is believed of it but where to send it. */
static int kind_of_bare(const struct upload *u, const struct token_kind **ret)
{
	char *token;
	json_t *claims;
	int error = armour_read("", u->text, u->n, &token);
	if (error)
		return error;
	error = token_peek(token, strlen(token), &claims);
	free(token);
	if (error)
		return E_ARMOUR_INVALID;
	const char *typ = json_string_value(json_object_get(claims, "typ"));
	const struct token_kind *kind = typ ? token_kind_by_typ(typ) : NULL;
	json_decref(claims);
	if (!kind)
		return E_WRONG_TYPE;
	*ret = kind;
	return 0;
}

int upload_kind(const struct upload *u, const struct token_kind **ret)
{
	char label[LABEL_TEXT];
	int error = armour_label(u->text, u->n, label, sizeof(label));
	if (error)
		return error;
	if (!*label)
		return kind_of_bare(u, ret);
	const struct token_kind *kind = token_kind_by_label(label);
	if (!kind)
		return E_WRONG_TYPE;
	*ret = kind;
	return 0;
}

/* Is there a block of this kind somewhere in the text? A bare token has none. */
static bool holds_block(const struct upload *u, const struct token_kind *kind)
{
	char label[LABEL_TEXT];
	char *token;
	if (armour_label(u->text, u->n, label, sizeof(label)) || !*label)
		return false;
	if (armour_read(kind->label, u->text, u->n, &token))
		return false;
	free(token);
	return true;
}

/* Refuse a file that is clearly of another kind than the command takes; what is not clear is left to the
 * daemon. Returns 0, or the exit code after telling the failure. */
static int expect(const struct invocation *inv, const struct upload *u, const struct token_kind *want)
{
	const struct token_kind *kind = NULL;
	if (upload_kind(u, &kind) || kind == want || holds_block(u, want))
		return 0;
	return failure_say(inv, E_WRONG_TYPE, "%s holds a %s; this command takes a %s", u->path, kind->label,
			   want->label);
}

/* --- sending --- */

int upload_vendor_key(const struct invocation *inv, char out[ROOTS_TEXT])
{
	const char *given = invocation_value(inv, "vendor-key");
	bool in_file = given && strncmp(given, KEY_PREFIX, strlen(KEY_PREFIX)) != 0;
	struct roots roots = {0};
	char *text = NULL;
	size_t n = given ? strlen(given) : 0;
	out[0] = 0;
	if (!given)
		return 0;
	int code = in_file ? input_read(inv, given, KEY_FILE_MAX, &text, &n) : 0;
	if (!code && roots_read(in_file ? text : given, n, &roots))
		code = failure_say(inv, E_KEY_INVALID, "--vendor-key %s", given);
	roots_write(&roots, out);
	free(text);
	return code;
}

int upload_send(const struct invocation *inv, const struct upload *u, const char *path,
		int (*print)(json_t *answer))
{
	char key[ROOTS_TEXT];
	int code = upload_vendor_key(inv, key);
	struct request req = {.method = "POST",
			      .path = path,
			      .query = {{"vendor_key", *key ? key : NULL}},
			      .body = u->text,
			      .n_body = u->n};
	return code ? code : show_answer(inv, &req, print);
}

int upload_install(const struct invocation *inv, const struct token_kind *want, const char *path,
		   int (*print)(json_t *answer))
{
	struct upload u;
	int code = upload_read(inv, inv->args[0], &u);
	if (code)
		return code;
	code = expect(inv, &u, want);
	if (!code)
		code = upload_send(inv, &u, path, print);
	upload_fini(&u);
	return code;
}
