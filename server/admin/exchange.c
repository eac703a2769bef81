/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange.h"

#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "rfc3339.h"

const char *exchange_query(const struct exchange *x, const char *key)
{
	return MHD_lookup_connection_value(x->connection, MHD_GET_ARGUMENT_KIND, key);
}

/* A cursor is one or two numbers: "17" or "17.3". */
static bool read_cursor(const char *text, int64_t out[2])
{
	char *end;
	out[0] = strtoll(text, &end, 10);
	out[1] = 0;
	if (end == text || out[0] < 0)
		return false;
	if (*end == '.') {
		text = end + 1;
		out[1] = strtoll(text, &end, 10);
		if (end == text || out[1] < 0)
			return false;
	}
	return *end == 0;
}

int exchange_page(const struct exchange *x, struct listing *l)
{
	const char *limit = exchange_query(x, "limit");
	const char *after = exchange_query(x, "after");
	char *end;
	l->now = x->now;
	l->limit = limit ? strtoll(limit, &end, 10) : PAGE_USUAL;
	if ((limit && (end == limit || *end)) || l->limit < 1 || l->limit > PAGE_MAX)
		return E_BAD_REQUEST;
	return after && !read_cursor(after, l->after) ? E_BAD_REQUEST : 0;
}

void exchange_text(struct exchange *x, const char *content_type, char *text)
{
	free(x->reply);
	x->status = MHD_HTTP_OK;
	x->content_type = content_type;
	x->reply = text;
}

void exchange_json(struct exchange *x, int status, json_t *object)
{
	char *text = object ? json_dumps(object, JSON_INDENT(1)) : NULL;
	json_decref(object);
	exchange_text(x, "application/json", text);
	x->status = text ? status : MHD_HTTP_INTERNAL_SERVER_ERROR;
}

void exchange_problem(struct exchange *x, int code, const char *detail)
{
	const struct error_row *row = error_row(code);
	char type[96];
	snprintf(type, sizeof(type), "urn:muster:error:%s", row->name);
	json_t *problem = json_pack("{s:i, s:s, s:s, s:i, s:s*, s:s, s:{}, s:s, s:s}", "schema", 1, "type",
				    type, "title", row->text, "status", row->http, "detail", detail, "code",
				    row->name, "numbers", "remedy", row->remedy, "request_id", x->request_id);
	exchange_json(x, row->http, problem);
	x->content_type = "application/problem+json";
}

int exchange_catalog(struct exchange *x, const struct catalog **ret)
{
	struct admin *a = x->admin;
	unsigned long long generation = atomic_load(&a->settings.broker->generation);
	if (generation != a->generation) {
		struct catalog fresh;
		int error = catalog_load(a->reader, &fresh);
		if (error)
			return error;
		catalog_free(&a->catalog);
		a->catalog = fresh;
		a->generation = generation;
	}
	*ret = &a->catalog;
	return 0;
}

int exchange_call(struct exchange *x, struct job *job)
{
	snprintf(job->actor, sizeof(job->actor), "uid:%u", (unsigned)x->peer.uid);
	memcpy(job->correlation, x->request_id, sizeof(job->correlation));
	int error = lane_call(x->admin->settings.lane, job);
	if (!error)
		error = job->code;
	if (error)
		exchange_problem(x, error, job->fault[0] ? job->fault : NULL);
	return error;
}

void json_set_time(json_t *object, const char *key, int64_t time)
{
	char text[RFC3339_TEXT];
	json_object_set_new(object, key, time ? json_string(rfc3339_write(time, text)) : json_null());
}

void json_set_text(json_t *object, const char *key, const char *text)
{
	json_object_set_new(object, key, text ? json_string(text) : json_null());
}

void json_set_number(json_t *object, const char *key, int64_t number)
{
	json_object_set_new(object, key, json_integer(number));
}

json_t *json_page(json_t *items, const char *next)
{
	return json_pack("{s:i, s:o, s:s?}", "schema", 1, "items", items, "next", next);
}
