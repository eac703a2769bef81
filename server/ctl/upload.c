/* SPDX-License-Identifier: Apache-2.0 */
#include "upload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "armour.h"
#include "failure.h"
#include "file.h"

#define LABEL_TEXT 64

int upload_read(const struct invocation *inv, const char *path, struct upload *ret)
{
	*ret = (struct upload){.path = path};
	int error = file_read(path, LIMIT_TOKEN, &ret->text, &ret->n);
	if (error == E_IO)
		return failure_say(inv, error, "%s: %s", path, strerror(errno));
	return error ? failure_say(inv, error, "%s", path) : 0;
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

int upload_expect(const struct invocation *inv, const struct upload *u, const struct token_kind *want)
{
	const struct token_kind *kind = NULL;
	if (upload_kind(u, &kind) || kind == want || holds_block(u, want))
		return 0;
	return failure_say(inv, E_WRONG_TYPE, "%s holds a %s; this command takes a %s", u->path, kind->label,
			   want->label);
}
