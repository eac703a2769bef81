/* SPDX-License-Identifier: Apache-2.0 */
/* GET /v1/openapi.json: the API as OpenAPI 3.1, made from routes.def, queries.def, answers.def and
 * changes.def. */
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>

#include "answer.h"
#include "change_read.h"
#include "error.h"
#include "exchange.h"
#include "route.h"

#define NAME_TEXT 64

/* Words with a separator between as a list. */
static json_t *words_of(const char *text, const char *separator)
{
	json_t *words = json_array();
	while (*text) {
		size_t n = strcspn(text, separator);
		json_array_append_new(words, json_stringn(text, n));
		text += n + (text[n] != 0);
	}
	return words;
}

static json_t *reference(const char *object)
{
	char text[NAME_TEXT + 24];
	snprintf(text, sizeof(text), "#/components/schemas/%s", object);
	return json_pack("{s:s}", "$ref", text);
}

/* --- schemas --- */

static json_t *schema_of(const struct answer_field *f)
{
	switch (f->type) {
	case VALUE_TIME:
		return json_pack("{s:[s,s], s:s}", "type", "string", "null", "format", "date-time");
	case VALUE_NUMBER:
		return json_pack("{s:[s,s]}", "type", "integer", "null");
	case VALUE_FLAG:
		return json_pack("{s:s}", "type", "boolean");
	case VALUE_WORDS:
		return json_pack("{s:s, s:{s:s}}", "type", "array", "items", "type", "string");
	case VALUE_ROW:
		return reference(f->of);
	case VALUE_ROWS:
		return json_pack("{s:s, s:o}", "type", "array", "items", reference(f->of));
	case VALUE_ERROR:
		return json_pack("{s:[o, {s:s}]}", "anyOf", reference("error"), "type", "null");
	case VALUE_ANY:
		return json_object();
	default:
		return json_pack("{s:[s,s]}", "type", "string", "null");
	}
}

static void add_property(const struct answer_field *f, void *context)
{
	json_t *schema = context;
	if (f->type == VALUE_REST) {
		json_object_set_new(schema, "additionalProperties", json_true());
		return;
	}
	json_t *property = schema_of(f);
	if (*f->meaning && f->type != VALUE_ROW)
		json_object_set_new(property, "description", json_string(f->meaning));
	json_object_set_new(json_object_get(schema, "properties"), f->key, property);
	if (f->kind == KIND_FIXED || f->kind == KIND_MOVES)
		json_array_append_new(json_object_get(schema, "required"), json_string(f->key));
}

static json_t *object_schema(const char *object)
{
	json_t *schema = json_pack("{s:s, s:{}, s:[], s:b}", "type", "object", "properties", "required",
				   "additionalProperties", 0);
	answer_each(object, add_property, schema);
	return schema;
}

/* As a whole answer it says of which schema it is. */
static json_t *document_schema(const char *object)
{
	json_t *schema = object_schema(object);
	json_object_set_new(json_object_get(schema, "properties"), "schema", json_pack("{s:i}", "const", 1));
	return schema;
}

static json_t *page_schema(const char *object)
{
	return json_pack(
		"{s:s, s:{s:{s:i}, s:{s:s, s:o}, s:{s:[s,s], s:s}}, s:[s,s,s]}", "type", "object",
		"properties", "schema", "const", 1, "items", "type", "array", "items", reference(object),
		"next", "type", "string", "null", "description",
		"the cursor for after; null at the end. A page may be short, or empty, and not the last",
		"required", "schema", "items", "next");
}

static json_t *error_schema(void)
{
	return json_pack("{s:s, s:{s:{s:s}, s:{s:s}, s:{s:s}, s:{s:s}, s:{s:s}}, s:[s,s,s]}", "type",
			 "object", "properties", "code", "type", "string", "text", "type", "string", "remedy",
			 "type", "string", "numbers", "type", "object", "detail", "type", "string",
			 "required", "code", "text", "remedy");
}

static json_t *problem_schema(void)
{
	json_t *codes = json_array();
	size_t n;
	const struct error_row *rows = error_table(&n);
	for (size_t i = 0; i < n; i++)
		json_array_append_new(codes, json_string(rows[i].name));
	return json_pack("{s:s, s:{s:{s:i}, s:{s:s}, s:{s:s}, s:{s:s}, s:{s:s}, s:{s:o}, s:{s:s}, s:{s:s}, "
			 "s:{s:s}}, s:[s,s,s,s,s,s,s]}",
			 "type", "object", "properties", "schema", "const", 1, "type", "type", "string",
			 "title", "type", "string", "status", "type", "integer", "detail", "type", "string",
			 "code", "enum", codes, "numbers", "type", "object", "remedy", "type", "string",
			 "request_id", "type", "string", "required", "type", "title", "status", "code",
			 "numbers", "remedy", "request_id");
}

/* A change: what it may be, and its members. */
static json_t *change_schema(void)
{
	json_t *kinds = json_array();
	json_t *properties =
		json_pack("{s:{s:o}, s:{s:[s,s]}}", "do", "enum", kinds, "kind", "enum", "users", "devices");
	size_t n;
	const struct change_member *members = change_members(&n);
	for (int i = 0; i < CHANGE_KINDS; i++)
		json_array_append_new(kinds, json_string(change_name((enum change_kind)i)));
	for (size_t i = 0; i < n; i++) {
		json_t *type = members[i].type == MEMBER_LIST
				       ? json_pack("{s:[s,s], s:{s:s}}", "type", "string", "array", "items",
						   "type", "string")
			       : members[i].type == MEMBER_NUMBER
				       ? json_pack("{s:[s,s]}", "type", "integer", "string")
				       : json_pack("{s:s}", "type",
						   members[i].type == MEMBER_FLAG ? "boolean" : "string");
		json_object_set_new(properties, members[i].name, type);
	}
	return json_pack("{s:s, s:o, s:[s], s:b}", "type", "object", "properties", properties, "required",
			 "do", "additionalProperties", 0);
}

static json_t *schemas(void)
{
	size_t n;
	const struct answer_field *fields = answer_all(&n);
	json_t *all = json_object();
	for (size_t i = 0; i < n; i++)
		if (!json_object_get(all, fields[i].object))
			json_object_set_new(all, fields[i].object, object_schema(fields[i].object));
	json_object_set_new(all, "error", error_schema());
	json_object_set_new(all, "problem", problem_schema());
	json_object_set_new(all, "change", change_schema());
	return all;
}

/* What each change needs to be: its role, and the commands that order it. */
static json_t *change_rows(void)
{
	static const struct {
		const char *name;
		enum role role;
		const char *verbs;
	} all[] = {
#define CHANGE(id, name, role, function, needs, verbs) {name, ROLE_##role, verbs},
#include "changes.def"
#undef CHANGE
	};
	json_t *object = json_object();
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		json_object_set_new(object, all[i].name,
				    json_pack("{s:s, s:o}", "role", role_name(all[i].role), "musterctl",
					      words_of(all[i].verbs, ",")));
	return object;
}

/* --- routes --- */

static json_t *query_schema(const struct query *q)
{
	if (strcmp(q->type, "number") == 0)
		return json_pack("{s:s}", "type", "integer");
	if (!strchr(q->type, '|'))
		return json_pack("{s:s}", "type", "string");
	return json_pack("{s:s, s:o}", "type", "string", "enum", words_of(q->type, "|"));
}

static void add_header(json_t *all, const char *name, const char *meaning)
{
	json_array_append_new(all, json_pack("{s:s, s:s, s:s, s:{s:s}}", "name", name, "in", "header",
					     "description", meaning, "schema", "type", "string"));
}

static json_t *parameters(const struct route *route)
{
	size_t n;
	const struct query *queries = query_all(&n);
	json_t *all = json_array();
	if (strchr(route->path, '*'))
		json_array_append_new(all, json_pack("{s:s, s:s, s:b, s:{s:s}}", "name", "id", "in", "path",
						     "required", 1, "schema", "type", "string"));
	if (route_remembers(route))
		add_header(all, "Idempotency-Key",
			   "the same one only to repeat the same request: it is done once");
	if (strcmp(route->takes, "changes") == 0)
		add_header(all, "If-Match", "the ETag that the resource of a single change must have");
	for (size_t i = 0; i < n; i++)
		if (query_find(route, queries[i].name) == &queries[i])
			json_array_append_new(all, json_pack("{s:s, s:s, s:s, s:o}", "name", queries[i].name,
							     "in", "query", "description", queries[i].meaning,
							     "schema", query_schema(&queries[i])));
	return all;
}

static json_t *content(const struct route *route)
{
	char object[NAME_TEXT];
	if (strcmp(route->gives, "text") == 0)
		return json_pack("{s:{s:{s:s}}}", "text/plain", "schema", "type", "string");
	if (strcmp(route->gives, "bytes") == 0)
		return json_pack("{s:{s:{}}}", "application/octet-stream", "schema");
	snprintf(object, sizeof(object), "%s", route->gives);
	if (!route_lists(route))
		return json_pack("{s:{s:o}}", "application/json", "schema", document_schema(object));
	object[strlen(object) - 2] = 0;
	return json_pack("{s:{s:o}, s:{s:{s:s}}, s:{s:o}}", "application/json", "schema", page_schema(object),
			 "text/csv", "schema", "type", "string", "application/x-ndjson", "schema",
			 reference(object));
}

static json_t *body(const struct route *route)
{
	if (strcmp(route->takes, "file") == 0)
		return json_pack("{s:b, s:{s:{s:{s:s}}}}", "required", 1, "content", "text/plain", "schema",
				 "type", "string");
	return json_pack("{s:b, s:{s:{s:o}}}", "required", 1, "content", "application/json", "schema",
			 reference(route->takes));
}

static json_t *operation(const struct route *route)
{
	bool changes = strcmp(route->method, "POST") == 0;
	json_t *problem = json_pack("{s:s, s:{s:{s:o}}}", "description", "what is wrong, and what to do",
				    "content", "application/problem+json", "schema", reference("problem"));
	json_t *answers =
		json_pack("{s:{s:s, s:o}, s:o}", changes && *route->takes == 'f' ? "201" : "200",
			  "description", route->summary, "content", content(route), "default", problem);
	json_t *all = json_pack("{s:s, s:o, s:o, s:s, s:b, s:o}", "summary", route->summary, "parameters",
				parameters(route), "responses", answers, "x-role", role_name(route->role),
				"x-status-socket", route->open, "x-musterctl", words_of(route->verbs, ","));
	if (strcmp(route->takes, "changes") == 0)
		json_object_set_new(all, "x-changes", change_rows());
	if (*route->takes)
		json_object_set_new(all, "requestBody", body(route));
	return all;
}

/* "/v1/devices/ *" as OpenAPI writes it. */
static void write_path(const struct route *route, char out[NAME_TEXT])
{
	size_t n = strcspn(route->path, "*");
	snprintf(out, NAME_TEXT, "%.*s%s", (int)n, route->path, route->path[n] ? "{id}" : "");
}

static json_t *paths(void)
{
	size_t n;
	const struct route *routes = route_all(&n);
	json_t *all = json_object();
	for (size_t i = 0; i < n; i++) {
		char path[NAME_TEXT];
		write_path(&routes[i], path);
		if (!json_object_get(all, path))
			json_object_set_new(all, path, json_object());
		json_object_set_new(json_object_get(all, path),
				    strcmp(routes[i].method, "GET") == 0 ? "get" : "post",
				    operation(&routes[i]));
	}
	return all;
}

void openapi_show(struct exchange *x)
{
	exchange_json(x, MHD_HTTP_OK,
		      json_pack("{s:s, s:{s:s, s:s, s:s, s:{s:s, s:s}}, s:[{s:s, s:s}], s:o, s:{s:o}}",
				"openapi", "3.1.0", "info", "title", "Muster management API", "version",
				MUSTER_VERSION, "description",
				"HTTP on the Unix socket of musterd; the caller's groups are its role.",
				"license", "name", "Apache-2.0", "identifier", "Apache-2.0", "servers", "url",
				"http://localhost", "description",
				"curl --unix-socket /run/muster/admin.sock", "paths", paths(), "components",
				"schemas", schemas()));
}
