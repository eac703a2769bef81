/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v1/changes: a JSON list of changes becomes one job, and its outcomes a JSON list in the same order.
 */
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "change.h"
#include "error.h"
#include "exchange.h"

#define CHANGES_MAX 200000

/* Members of a change as JSON: where each goes, and what it must be. */
enum member_type { TEXT, LIST, NUMBER, FLAG };

static const struct member {
	const char *name;
	enum member_type type;
	size_t at;
} members[] = {
	{"user", TEXT, offsetof(struct change, user)},
	{"group", TEXT, offsetof(struct change, group)},
	{"device", TEXT, offsetof(struct change, device)},
	{"device_group", TEXT, offsetof(struct change, device_group)},
	{"member", TEXT, offsetof(struct change, member)},
	{"product", TEXT, offsetof(struct change, product)},
	{"with", TEXT, offsetof(struct change, with)},
	{"plans", LIST, offsetof(struct change, plans)},
	{"groups", LIST, offsetof(struct change, groups)},
	{"grant", TEXT, offsetof(struct change, grant)},
	{"license", TEXT, offsetof(struct change, license)},
	{"key", TEXT, offsetof(struct change, key)},
	{"name", TEXT, offsetof(struct change, name)},
	{"pattern", TEXT, offsetof(struct change, pattern)},
	{"id", NUMBER, offsetof(struct change, id)},
	{"uses", NUMBER, offsetof(struct change, uses)},
	{"days", NUMBER, offsetof(struct change, days)},
	{"guest", FLAG, offsetof(struct change, guest)},
	{"force", FLAG, offsetof(struct change, force)},
};

#define MEMBERS (sizeof(members) / sizeof(members[0]))

/* A least role for each kind. */
static const enum role roles[] = {
#define CHANGE(id, name, role, function, needs) ROLE_##role,
#include "changes.def"
#undef CHANGE
};

/* A list of changes being read. */
struct reading {
	struct exchange *x;
	struct orders *orders;
	char *room; /* what is left of the orders' own */
	char why[176];
};

static int refuse(struct reading *r, size_t row, const char *what)
{
	snprintf(r->why, sizeof(r->why), "changes[%zu]: %.120s", row, what);
	return E_BAD_REQUEST;
}

/* --- reading --- */

static const char *keep(struct reading *r, const char *text, size_t n)
{
	char *at = r->room;
	memcpy(at, text, n);
	at[n] = 0;
	r->room += n + 1;
	return at;
}

/* An array of texts, or one text, as names with commas between. */
static const char *keep_list(struct reading *r, const json_t *value)
{
	size_t i;
	json_t *one;
	char *at = r->room;
	if (json_is_string(value))
		return keep(r, json_string_value(value), json_string_length(value));
	json_array_foreach ((json_t *)value, i, one) {
		if (!json_is_string(one) || strchr(json_string_value(one), ','))
			return NULL;
		if (i)
			r->room[-1] = ',';
		keep(r, json_string_value(one), json_string_length(one));
	}
	if (json_array_size(value) == 0)
		keep(r, "", 0);
	return at;
}

/* Texts of people come from a terminal or a file: what is no clean text is no name. */
static bool is_clean(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			return false;
	return n <= 255;
}

/* A number, or its digits as text: ids come from command lines. */
static bool take_number(const json_t *value, int64_t *ret)
{
	const char *text = json_string_value(value);
	char *end = NULL;
	*ret = text ? strtoll(text, &end, 10) : json_integer_value(value);
	return *ret >= 0 && (text ? *text && *end == 0 : json_is_integer(value));
}

static bool take_member(struct reading *r, const struct member *m, const json_t *value, struct change *c)
{
	char *at = (char *)c + m->at;
	switch (m->type) {
	case TEXT:
		if (!json_is_string(value) || !is_clean(json_string_value(value), json_string_length(value)))
			return false;
		*(const char **)at = keep(r, json_string_value(value), json_string_length(value));
		return true;
	case LIST:
		if (!json_is_string(value) && !json_is_array(value))
			return false;
		return (*(const char **)at = keep_list(r, value)) != NULL;
	case NUMBER:
		return take_number(value, (int64_t *)at);
	default:
		*(bool *)at = json_is_true(value);
		return json_is_boolean(value);
	}
}

/* A device may be named by the first characters of its id, where it is on record. */
static int take_whole_id(struct reading *r, size_t row, struct change *c)
{
	char id[DEVICE_ID_TEXT];
	int64_t num;
	const char *why = NULL;
	if (!c->device || strlen(c->device) == DEVICE_ID_TEXT - 1)
		return 0;
	int error = exchange_device(r->x, c->device, id, &num, &why);
	if (error == E_NOT_FOUND)
		return refuse(r, row, "no device id begins so");
	if (error)
		return refuse(r, row, why ? why : error_text(error));
	c->device = keep(r, id, strlen(id));
	return 0;
}

static int check_needs(struct reading *r, size_t row, const struct change *c)
{
	unsigned needs = change_needs(c->kind);
	int subjects = !!c->user + !!c->group + !!c->device + !!c->device_group;
	static const char both[] = "one of user, group, device and device_group";
	if ((needs & ORDER_SUBJECT) && subjects != 1)
		return refuse(r, row, both);
	if ((needs & ORDER_MEMBER) && !!c->user + !!c->device + !!c->member != 1)
		return refuse(r, row, "one of user, device and member");
	if ((needs & ORDER_USER) && !c->user)
		return refuse(r, row, "user is missing");
	if ((needs & ORDER_GROUP) && !c->group)
		return refuse(r, row, "group is missing");
	if ((needs & ORDER_DEVICE) && !c->device)
		return refuse(r, row, "device is missing");
	if ((needs & ORDER_PRODUCT) && !c->product)
		return refuse(r, row, "product is missing");
	if ((needs & ORDER_WITH) && !c->with)
		return refuse(r, row, "with is missing");
	if ((needs & ORDER_GRANT) && !c->grant)
		return refuse(r, row, "grant is missing");
	if ((needs & ORDER_KEY) && !c->key)
		return refuse(r, row, "key is missing");
	return (needs & ORDER_ID) && !c->id ? refuse(r, row, "id is missing") : 0;
}

static int take_kind(struct reading *r, size_t row, const json_t *object, struct change *c)
{
	const char *kind = json_string_value(json_object_get(object, "do"));
	const char *circle = json_string_value(json_object_get(object, "kind"));
	if (!kind || !change_by_name(kind, &c->kind))
		return refuse(r, row, "do is no change that is known");
	if (r->x->peer.role < roles[c->kind])
		return E_NOT_PERMITTED;
	if (circle && strcmp(circle, "users") != 0 && strcmp(circle, "devices") != 0)
		return refuse(r, row, "kind is users or devices");
	c->devices = circle && strcmp(circle, "devices") == 0;
	return 0;
}

static int take_change(struct reading *r, size_t row, json_t *object, struct change *c)
{
	const char *name;
	json_t *value;
	if (!json_is_object(object))
		return refuse(r, row, "it is no object");
	int error = take_kind(r, row, object, c);
	json_object_foreach (object, name, value) {
		size_t i = 0;
		if (error || strcmp(name, "do") == 0 || strcmp(name, "kind") == 0 || json_is_null(value))
			continue;
		while (i < MEMBERS && strcmp(members[i].name, name) != 0)
			i++;
		if (i == MEMBERS || !take_member(r, &members[i], value, c)) {
			char why[96];
			snprintf(why, sizeof(why), "%.40s is %s", name,
				 i == MEMBERS ? "no member" : "of another type");
			error = refuse(r, row, why);
		}
	}
	if (!error)
		error = take_whole_id(r, row, c);
	return error ? error : check_needs(r, row, c);
}

static int take_changes(struct reading *r, json_t *document)
{
	size_t i;
	json_t *object;
	json_t *changes = json_object_get(document, "changes");
	size_t n = json_array_size(changes);
	int error = 0;
	if (!json_is_array(changes) || n == 0 || n > CHANGES_MAX)
		return refuse(r, 0, "1 to 200000 changes are taken at once");
	/* Texts take no more than the body; a shortened device id may grow to its whole length. */
	r->orders = orders_new(n, r->x->body.used + n * DEVICE_ID_TEXT + 1);
	if (!r->orders)
		return E_NO_MEMORY;
	r->room = r->orders->room;
	r->orders->dry_run = json_is_true(json_object_get(document, "dry_run"));
	r->orders->confirm = json_is_true(json_object_get(document, "confirm"));
	r->orders->may_guests = r->x->peer.role >= ROLE_OWNER;
	json_array_foreach (changes, i, object) {
		error = take_change(r, i, object, &r->orders->changes[i]);
		if (error)
			break;
	}
	return error;
}

/* --- writing --- */

static json_t *outcome(const struct change *c)
{
	json_t *item = json_object();
	json_set_text(item, "do", change_name(c->kind));
	for (size_t i = 0; i < MEMBERS; i++) {
		const char *text = members[i].type == TEXT || members[i].type == LIST
					   ? *(const char *const *)((const char *)c + members[i].at)
					   : NULL;
		if (text && strcmp(members[i].name, "key") != 0)
			json_set_text(item, members[i].name, text);
	}
	json_object_set_new(item, "ok", json_boolean(c->code == 0));
	if (c->code) {
		json_object_set_new(item, "error", exchange_error(c->code, c->detail, &c->numbers));
		return item;
	}
	if (c->id)
		json_set_number(item, "id", c->id);
	if (c->output[0])
		json_set_text(item, "code", c->output);
	if (c->output[0] || c->until)
		json_set_time(item, "expires", c->until);
	if (c->detail[0])
		json_set_text(item, "detail", c->detail);
	return item;
}

static json_t *effect_row(const struct change_effect *e)
{
	return json_pack("{s:s, s:I, s:I, s:I, s:I}", "product", e->product, "gained", (json_int_t)e->gained,
			 "lost", (json_int_t)e->lost, "waiting", (json_int_t)e->waiting, "seats",
			 (json_int_t)e->seats);
}

static json_t *outcomes(const struct orders *o)
{
	json_t *items = json_array();
	json_t *effects = json_array();
	for (size_t i = 0; i < o->n; i++)
		json_array_append_new(items, outcome(&o->changes[i]));
	for (size_t i = 0; i < o->n_effects; i++)
		json_array_append_new(effects, effect_row(&o->effects[i]));
	return json_pack("{s:i, s:b, s:o, s:o}", "schema", 1, "dry_run", o->dry_run, "items", items, "effect",
			 effects);
}

void change_apply(struct exchange *x)
{
	json_error_t where;
	struct reading r = {.x = x};
	json_t *document =
		json_loadb((const char *)x->body.bytes, x->body.used, JSON_REJECT_DUPLICATES, &where);
	int error = 0;
	if (!document)
		error = refuse(&r, 0, where.text);
	else
		error = take_changes(&r, document);
	json_decref(document);
	struct job *job = error ? NULL : job_new(JOB_CHANGE, 0);
	if (!error && !job)
		error = E_NO_MEMORY;
	if (error) {
		orders_free(r.orders);
		exchange_problem(x, error,
				 error == E_NOT_PERMITTED ? role_name(x->peer.role)
				 : r.why[0]               ? r.why
							  : NULL);
		return;
	}
	job->orders = r.orders;
	if (exchange_call(x, job) == 0)
		exchange_json(x, MHD_HTTP_OK, outcomes(job->orders));
	job_free(job);
}
