/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signed files with one claim changed: take a good token, put another JSON value at a path such as
 * "grants/0/quantity", and sign again with the right key, so that the strict readers behind the signature are
 * reached.
 */
#ifndef TESTS_MUTATE_H
#define TESTS_MUTATE_H

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "paseto.h"
#include "token.h"

struct mutation {
	const char *path;
	const char *json; /* NULL: delete the member */
	int error;
	const char *where; /* the claim that must be named, or NULL */
};

/* The container of the last step of a path, and that step. */
static json_t *mutate_walk(json_t *root, const char *path, char step[64])
{
	json_t *at = root;
	for (;;) {
		size_t n = strcspn(path, "/");
		snprintf(step, 64, "%.*s", (int)n, path);
		if (!path[n])
			return at;
		at = json_is_array(at) ? json_array_get(at, (size_t)atoi(step)) : json_object_get(at, step);
		assert_non_null(at);
		path += n + 1;
	}
}

static json_t *mutate_claims(const char *token, const char *path, const char *json)
{
	json_t *claims = NULL;
	char step[64];
	assert_int_equal(token_peek(token, strlen(token), &claims), 0);
	json_t *container = mutate_walk(claims, path, step);
	json_t *value = json ? json_loads(json, JSON_DECODE_ANY, NULL) : NULL;
	assert_true(!json == !value);
	if (json_is_array(container))
		assert_int_equal(json_array_set_new(container, (size_t)atoi(step), value), 0);
	else if (value)
		assert_int_equal(json_object_set_new(container, step, value), 0);
	else
		assert_int_equal(json_object_del(container, step), 0);
	return claims;
}

/* The changed and newly signed token; freed by the caller. */
static char *mutate_token(const char *token, const struct mutation *m, const char *typ,
			  const uint8_t secret[PASETO_SECRET])
{
	json_t *claims = mutate_claims(token, m->path, m->json);
	char *payload = json_dumps(claims, JSON_COMPACT);
	char *changed = NULL;
	assert_int_equal(paseto_sign(secret, payload, strlen(payload), "", typ, &changed), 0);
	free(payload);
	json_decref(claims);
	return changed;
}

/* Tell which row failed, since an assertion only names the line of the loop. */
static void mutate_check(const struct mutation *m, int error, const char *where)
{
	bool wrong_place = m->where && error && strcmp(m->where, where) != 0;
	if (error != m->error || wrong_place)
		print_error("%s = %s: error %d, wanted %d; claim '%s'\n", m->path,
			    m->json ? m->json : "(none)", error, m->error, where);
	assert_int_equal(error, m->error);
	assert_false(wrong_place);
}

#endif
