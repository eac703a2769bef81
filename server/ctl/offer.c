/* SPDX-License-Identifier: Apache-2.0 */
#include "offer.h"

#include <stdio.h>
#include <string.h>

#include "request.h"

#define PATIENCE_MS 300
#define AT_MOST "500"       /* names: nobody reads more */
#define DEVICE_PREFIX_MIN 6 /* characters of an id by which the daemon finds devices */

/* Where the names of a placeholder are listed. */
struct source {
	const char *placeholder;
	const char *path;
	const char *name; /* the member that is the name */
	const char *help; /* a member that says more, or NULL */
	const char *key;  /* a filter that is always on, or NULL */
	const char *value;
	const char *suffix; /* behind each name */
};

static const struct source sources[] = {
	{"PRODUCT", "/v1/products", "product", "name", NULL, NULL, ""},
	{"DEVICE", "/v1/devices", "device", "hostname", NULL, NULL, ""},
	{"USER", "/v1/users", "user", "name", NULL, NULL, ""},
	{"GROUP", "/v1/groups", "group", NULL, "kind", "users", ""},
	{"DEVICE-GROUP", "/v1/groups", "group", NULL, "kind", "devices", ""},
	{"GRANT", "/v1/subscriptions", "grant", "product", NULL, NULL, ""},
	{"GRANT=N", "/v1/subscriptions", "grant", "product", NULL, NULL, "="},
	{"LICENSE", "/v1/licenses", "id", "org_name", NULL, NULL, ""},
	{"HOLDER", "/v1/users", "user", "name", NULL, NULL, ""},
	{"HOLDER", "/v1/devices", "device", "hostname", NULL, NULL, ""},
};

/* A name that a shell's line or a terminal cannot take as it is, is left out. */
static bool is_plain(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 127)
			return false;
	return true;
}

static void offer_items(const struct source *s, json_t *items, const struct completion *c)
{
	size_t i;
	json_t *item;
	json_array_foreach (items, i, item) {
		char word[512];
		const char *name = json_string_value(json_object_get(item, s->name));
		const char *help = s->help ? json_string_value(json_object_get(item, s->help)) : NULL;
		if (!name || !is_plain(name))
			continue;
		snprintf(word, sizeof(word), "%s%s", name, s->suffix);
		completion_offer(c, word, help && is_plain(help) ? help : NULL);
	}
}

static void offer_source(const struct invocation *inv, const struct source *s, const struct completion *c)
{
	char glob[256];
	bool devices = strcmp(s->name, "device") == 0;
	bool users = strcmp(s->name, "user") == 0;
	struct request req = {.path = s->path, .timeout_ms = PATIENCE_MS};
	struct reply reply;
	/* Of very many, the daemon picks those that begin so. */
	snprintf(glob, sizeof(glob), "%.250s*", c->begun);
	req.query[0].key = "limit";
	req.query[0].value = AT_MOST;
	req.query[1].key = s->key;
	req.query[1].value = s->value;
	req.query[2].key = devices ? "device" : "user";
	if (devices && strlen(c->begun) >= DEVICE_PREFIX_MIN)
		req.query[2].value = c->begun;
	if (users)
		req.query[2].value = glob;
	if (request_exchange(inv, &req, &reply) == 0)
		offer_items(s, json_object_get(reply.json, "items"), c);
	reply_fini(&reply);
}

void offer_names(const struct invocation *inv, const char *placeholder, const struct completion *c)
{
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++)
		if (strcmp(sources[i].placeholder, placeholder) == 0)
			offer_source(inv, &sources[i], c);
}
