/* SPDX-License-Identifier: Apache-2.0 */
#include "guard.h"

#include <microhttpd.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "error.h"
#include "jsontext.h"
#include "replay.h"
#include "route.h"

#define WHY_TEXT 320

/* Bodies are files or JSON; what clients send for want of a better name is taken, too. What wraps or packs
 * the body is not. */
static const char *const media[] = {"application/json", "text/plain", "application/octet-stream",
				    "application/x-www-form-urlencoded"};

void guard_refuse_path(struct exchange *x)
{
	char why[WHY_TEXT];
	const char *like = x->allow[0] ? NULL : route_nearest(x->path, x->admin->status_only);
	exchange_request_text(x, why, 160);
	if (like)
		snprintf(why + strlen(why), sizeof(why) - strlen(why), "; did you mean %s?", like);
	exchange_problem(x, x->allow[0] ? E_METHOD_NOT_ALLOWED : E_NOT_FOUND, why);
}

/* --- query parameters --- */

struct queries {
	const struct exchange *x;
	char why[WHY_TEXT]; /* the first fault */
};

/* Text for a message: it may hold any byte. */
static void copy_clean(const char *text, char *out, size_t room)
{
	snprintf(out, room, "%s", text);
	for (; *out; out++)
		if (*out < 0x20 || *out > 0x7e)
			*out = '?';
}

static void tell_known(struct queries *q)
{
	size_t n;
	const struct query *all = query_all(&n);
	const char *before = "; it takes ";
	for (size_t i = 0; i < n; i++) {
		size_t used = strlen(q->why);
		if (query_find(q->x->route, all[i].name) != &all[i])
			continue;
		snprintf(q->why + used, sizeof(q->why) - used, "%s%s", before, all[i].name);
		before = ", ";
	}
	if (*before == ';')
		snprintf(q->why + strlen(q->why), sizeof(q->why) - strlen(q->why), "; it takes none");
}

struct repeats {
	const char *key;
	int n;
};

static enum MHD_Result count_key(void *context, enum MHD_ValueKind kind, const char *key, const char *value)
{
	struct repeats *r = context;
	(void)kind;
	(void)value;
	r->n += strcmp(key, r->key) == 0;
	return MHD_YES;
}

static enum MHD_Result check_query(void *context, enum MHD_ValueKind kind, const char *key, const char *value)
{
	struct queries *q = context;
	char name[40];
	struct repeats repeats = {key, 0};
	const struct query *known = query_find(q->x->route, key);
	copy_clean(key, name, sizeof(name));
	MHD_get_connection_values(q->x->connection, kind, count_key, &repeats);
	if (!known) {
		snprintf(q->why, sizeof(q->why), "this route has no parameter '%s'", name);
		tell_known(q);
	} else if (repeats.n > 1) {
		snprintf(q->why, sizeof(q->why), "%s is given twice", name);
	} else if (!value || !query_fits(known, value)) {
		bool words = strchr(known->type, '|') != NULL;
		snprintf(q->why, sizeof(q->why), "%s is %s%s", name, words ? "one of " : "not a ",
			 known->type);
	}
	return q->why[0] ? MHD_NO : MHD_YES;
}

/* --- the body --- */

static bool media_known(const char *type)
{
	size_t n = strcspn(type, "; ");
	for (size_t i = 0; i < sizeof(media) / sizeof(media[0]); i++)
		if (strlen(media[i]) == n && strncasecmp(media[i], type, n) == 0)
			return true;
	return false;
}

static const char *header(const struct exchange *x, const char *name)
{
	return MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, name);
}

struct members {
	const char *name; /* that is looked for */
	bool found;
	char *why; /* gets the names of all */
};

static void look_at_member(const struct answer_field *f, void *context)
{
	struct members *m = context;
	size_t n = strlen(m->why);
	m->found |= strcmp(f->key, m->name) == 0;
	snprintf(m->why + n, WHY_TEXT - n, " %s", f->key);
}

/* The JSON of a body must be an object with no members but those of answers.def. What it holds may be secret.
 */
static bool json_passes(struct exchange *x)
{
	char why[WHY_TEXT] = "";
	struct jsontext_fault where;
	const char *name;
	json_t *value;
	json_t *body = NULL;
	int error = jsontext_read(x->body.bytes, x->body.used, &body, &where);
	if (error == E_NO_MEMORY) {
		exchange_problem(x, error, NULL);
		return false;
	}
	if (error)
		snprintf(why, sizeof(why), "line %d, column %d: %s", where.line, where.column, where.what);
	else if (!json_is_object(body))
		snprintf(why, sizeof(why), "the body is a JSON object");
	json_object_foreach (body, name, value) {
		char all[WHY_TEXT] = "";
		struct members members = {name, false, all};
		answer_each(x->route->takes, look_at_member, &members);
		if (!members.found)
			snprintf(why, sizeof(why), "the body has no member '%.40s'; it takes%.200s", name,
				 all);
		if (json_is_string(value))
			sodium_memzero((char *)(uintptr_t)json_string_value(value),
				       json_string_length(value));
	}
	json_decref(body);
	if (why[0])
		exchange_problem(x, E_BAD_REQUEST, why);
	return !why[0];
}

/* Those of changes are many, and read by change_read; a file is no JSON. */
static bool is_plain_json(const struct exchange *x)
{
	return *x->route->takes && strcmp(x->route->takes, "file") != 0 &&
	       strcmp(x->route->takes, "changes") != 0 && x->body.used;
}

static bool body_passes(struct exchange *x)
{
	const char *type = header(x, "Content-Type");
	const char *packed = header(x, "Content-Encoding");
	if (*x->route->takes && type && !media_known(type))
		exchange_problem(x, E_MEDIA_TYPE,
				 "send the file or the JSON itself, as application/json or text/plain");
	else if (packed && strcasecmp(packed, "identity") != 0)
		exchange_problem(x, E_MEDIA_TYPE, "send it without Content-Encoding");
	else
		return !is_plain_json(x) || json_passes(x);
	return false;
}

/* --- Idempotency-Key --- */

static enum MHD_Result hash_query(void *context, enum MHD_ValueKind kind, const char *key, const char *value)
{
	(void)kind;
	crypto_generichash_update(context, (const uint8_t *)key, strlen(key) + 1);
	crypto_generichash_update(context, (const uint8_t *)value, strlen(value) + 1);
	return MHD_YES;
}

static bool key_passes(struct exchange *x)
{
	const struct host_key *host = x->admin->settings.broker->key;
	const char *key = header(x, "Idempotency-Key");
	char actor[ACTOR_TEXT];
	crypto_generichash_state hash;
	if (!key || strcmp(x->method, "GET") == 0)
		return true;
	if (!*key || strlen(key) > REPLAY_KEY_MAX) {
		exchange_problem(x, E_BAD_REQUEST, "an Idempotency-Key has 1 to 128 characters");
		return false;
	}
	if (!route_remembers(x->route))
		return true;
	x->replay = malloc(sizeof(*x->replay));
	if (!x->replay) {
		exchange_problem(x, E_NO_MEMORY, NULL);
		return false;
	}
	replay_init(x->replay, host->ratchet, RATCHET_SECRET, exchange_actor(x, actor), key);
	crypto_generichash_init(&hash, NULL, 0, REPLAY_HASH);
	crypto_generichash_update(&hash, (const uint8_t *)x->path, strlen(x->path) + 1);
	MHD_get_connection_values(x->connection, MHD_GET_ARGUMENT_KIND, hash_query, &hash);
	crypto_generichash_update(&hash, x->body.bytes, x->body.used);
	crypto_generichash_final(&hash, x->replay->request, REPLAY_HASH);
	return true;
}

bool guard_passes(struct exchange *x)
{
	struct queries q = {.x = x};
	MHD_get_connection_values(x->connection, MHD_GET_ARGUMENT_KIND, check_query, &q);
	if (!q.why[0])
		return body_passes(x) && key_passes(x);
	exchange_problem(x, E_BAD_REQUEST, q.why);
	return false;
}
