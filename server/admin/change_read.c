/* SPDX-License-Identifier: Apache-2.0 */
#include "change_read.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "jsontext.h"
#include "lease.h"

#define CHANGES_MAX 200000

static const struct change_member members[] = {
	{"user", MEMBER_TEXT, offsetof(struct change, user)},
	{"group", MEMBER_TEXT, offsetof(struct change, group)},
	{"device", MEMBER_TEXT, offsetof(struct change, device)},
	{"device_group", MEMBER_TEXT, offsetof(struct change, device_group)},
	{"member", MEMBER_TEXT, offsetof(struct change, member)},
	{"product", MEMBER_TEXT, offsetof(struct change, product)},
	{"with", MEMBER_TEXT, offsetof(struct change, with)},
	{"plans", MEMBER_LIST, offsetof(struct change, plans)},
	{"groups", MEMBER_LIST, offsetof(struct change, groups)},
	{"grant", MEMBER_TEXT, offsetof(struct change, grant)},
	{"license", MEMBER_TEXT, offsetof(struct change, license)},
	{"key", MEMBER_TEXT, offsetof(struct change, key)},
	{"name", MEMBER_TEXT, offsetof(struct change, name)},
	{"pattern", MEMBER_TEXT, offsetof(struct change, pattern)},
	{"if_match", MEMBER_TEXT, offsetof(struct change, if_match)},
	{"id", MEMBER_NUMBER, offsetof(struct change, id)},
	{"uses", MEMBER_NUMBER, offsetof(struct change, uses)},
	{"days", MEMBER_NUMBER, offsetof(struct change, days)},
	{"guest", MEMBER_FLAG, offsetof(struct change, guest)},
	{"force", MEMBER_FLAG, offsetof(struct change, force)},
};

#define MEMBERS (sizeof(members) / sizeof(members[0]))

/* A least role for each kind. */
static const enum role roles[] = {
#define CHANGE(id, name, role, function, needs, verbs) ROLE_##role,
#include "changes.def"
#undef CHANGE
};

/* A list of changes being read. */
struct reading {
	const struct change_reader *reader;
	struct orders *orders;
	char *room; /* what is left of the orders' own */
	char why[CHANGE_WHY];
};

static int refuse(struct reading *r, size_t row, const char *what)
{
	snprintf(r->why, sizeof(r->why), "changes[%zu]: %.120s", row, what);
	return E_BAD_REQUEST;
}

static int read_json(struct reading *r, json_t **ret)
{
	struct jsontext_fault where;
	if (!r->reader->n)
		return refuse(r, 0, "the body is empty");
	int error = jsontext_read(r->reader->body, r->reader->n, ret, &where);
	if (!error || error == E_NO_MEMORY)
		return error;
	snprintf(r->why, sizeof(r->why), "line %d, column %d: %s", where.line, where.column, where.what);
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

#define TEXT_MAX 255
#define LIST_MAX 4096
#define VALUES_A_CHANGE                                                                                      \
	24 /* commas of a whole body: an array of millions of numbers is no list of changes                  \
	    */

/* Texts of people come from a terminal or a file: what is no clean text is no name. */
static bool is_clean(const char *text, size_t n)
{
	for (size_t i = 0; text[i]; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			return false;
	return n <= TEXT_MAX;
}

/* A number, or its digits as text: ids come from command lines. */
static bool take_number(const json_t *value, int64_t *ret)
{
	const char *text = json_string_value(value);
	char *end = NULL;
	*ret = text ? strtoll(text, &end, 10) : json_integer_value(value);
	return *ret >= 0 && (text ? *text && *end == 0 : json_is_integer(value));
}

static bool is_clean_list(const char *text)
{
	return strlen(text) <= LIST_MAX && is_clean(text, strlen(text) > TEXT_MAX ? TEXT_MAX : strlen(text));
}

static bool take_member(struct reading *r, const struct change_member *m, const json_t *value,
			struct change *c)
{
	char *at = (char *)c + m->at;
	switch (m->type) {
	case MEMBER_TEXT:
		if (!json_is_string(value) || !is_clean(json_string_value(value), json_string_length(value)))
			return false;
		*(const char **)at = keep(r, json_string_value(value), json_string_length(value));
		return true;
	case MEMBER_LIST:
		if (!json_is_string(value) && !json_is_array(value))
			return false;
		*(const char **)at = keep_list(r, value);
		return *(const char **)at && is_clean_list(*(const char **)at);
	case MEMBER_NUMBER:
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
	const char *why = NULL;
	if (!c->device || strlen(c->device) == DEVICE_ID_TEXT - 1)
		return 0;
	int error = r->reader->resolve(r->reader->context, c->device, id, &why);
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
	if ((needs & ORDER_LICENSE) && !c->license)
		return refuse(r, row, "license is missing");
	return (needs & ORDER_ID) && !c->id ? refuse(r, row, "id is missing") : 0;
}

static int take_kind(struct reading *r, size_t row, const json_t *object, struct change *c)
{
	const char *kind = json_string_value(json_object_get(object, "do"));
	const char *circle = json_string_value(json_object_get(object, "kind"));
	if (!kind || !change_by_name(kind, &c->kind))
		return refuse(r, row, "do is no change that is known");
	if (r->reader->role < roles[c->kind])
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

/* A mistyped dry_run would change something. */
static int check_members(struct reading *r, json_t *document)
{
	static const char *const known[] = {"changes", "dry_run", "confirm"};
	const char *name;
	json_t *value;
	json_object_foreach (document, name, value) {
		bool fits = false;
		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			fits |= strcmp(name, known[i]) == 0 && (i == 0 || json_is_boolean(value));
		if (fits)
			continue;
		snprintf(r->why, sizeof(r->why),
			 "%.40s: beside changes there are dry_run and confirm, true or false", name);
		return E_BAD_REQUEST;
	}
	return 0;
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
	r->orders = orders_new(n, r->reader->n + n * DEVICE_ID_TEXT + 1);
	if (!r->orders)
		return E_NO_MEMORY;
	r->room = r->orders->room;
	r->orders->dry_run = json_is_true(json_object_get(document, "dry_run"));
	r->orders->confirm = json_is_true(json_object_get(document, "confirm"));
	r->orders->may_guests = r->reader->role >= ROLE_OWNER;
	json_array_foreach (changes, i, object) {
		error = take_change(r, i, object, &r->orders->changes[i]);
		if (error)
			break;
	}
	return error;
}

const struct change_member *change_members(size_t *ret_count)
{
	*ret_count = MEMBERS;
	return members;
}

int change_read(const struct change_reader *reader, struct orders **ret, char why[CHANGE_WHY])
{
	json_t *document = NULL;
	struct reading r = {.reader = reader};
	size_t commas = 0;
	for (size_t i = 0; i < reader->n; i++)
		commas += reader->body[i] == ',';
	int error = 0;
	if (commas > (size_t)CHANGES_MAX * VALUES_A_CHANGE)
		error = refuse(&r, 0, "too many values");
	if (!error)
		error = read_json(&r, &document);
	if (!error)
		error = check_members(&r, document);
	if (!error)
		error = take_changes(&r, document);
	json_decref(document);
	memcpy(why, r.why, CHANGE_WHY);
	if (error)
		orders_free(r.orders);
	else
		*ret = r.orders;
	return error;
}
