/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange.h"

#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64url.h"
#include "error.h"
#include "jsontext.h"
#include "log.h"
#include "page.h"
#include "replay.h"
#include "rfc3339.h"
#include "stream.h"

#define PREFIX_MIN 6 /* characters of a shortened device id */

const char *exchange_query(const struct exchange *x, const char *key)
{
	if (x->fixed.key && strcmp(x->fixed.key, key) == 0)
		return x->fixed.value;
	return MHD_lookup_connection_value(x->connection, MHD_GET_ARGUMENT_KIND, key);
}

int64_t exchange_time(const struct exchange *x, const char *key)
{
	const char *text = exchange_query(x, key);
	int64_t time = 0;
	if (text)
		rfc3339_read_date(text, &time);
	return time;
}

int exchange_page(struct exchange *x, struct listing *l)
{
	const char *limit = exchange_query(x, "limit");
	const char *after = exchange_query(x, "after");
	if (x->stream)
		return stream_page(x, l);
	l->now = x->now;
	l->limit = limit ? strtoll(limit, NULL, 10) : PAGE_USUAL;
	if (l->limit < 1 || l->limit > PAGE_MAX)
		return E_BAD_REQUEST;
	return after && !page_cursor(after, l->after) ? E_BAD_REQUEST : 0;
}

void exchange_text(struct exchange *x, const char *content_type, char *text)
{
	free(x->reply);
	x->status = text ? MHD_HTTP_OK : error_row(E_NO_MEMORY)->http;
	x->content_type = content_type;
	x->reply = text;
}

void exchange_file(struct exchange *x, int fd, int64_t n)
{
	x->status = MHD_HTTP_OK;
	x->content_type = "application/octet-stream";
	x->file = fd;
	x->file_n = n;
}

/* Whether jansson could not make a part of the answer at hand; of the socket's thread. */
static _Thread_local bool incomplete;

static void *take_memory(size_t n)
{
	void *p = malloc(n);
	incomplete |= !p;
	return p;
}

void exchange_watch_memory(void)
{
	json_set_alloc_funcs(take_memory, free);
}

void exchange_fresh(void)
{
	incomplete = false;
}

bool exchange_whole(void)
{
	return !incomplete;
}

void exchange_json(struct exchange *x, int status, json_t *object)
{
	char *text = exchange_whole() ? jsontext_write(object, JSON_INDENT(1)) : NULL;
	if (text && status == MHD_HTTP_OK && x->route && strchr(x->route->path, '*'))
		answer_tag(x->route->gives, object, x->tag);
	json_decref(object);
	if (!exchange_whole()) { /* also of the tag */
		free(text);
		text = NULL;
		x->tag[0] = 0;
	}
	exchange_text(x, "application/json", text);
	if (text)
		x->status = status;
	exchange_fresh();
}

static json_t *numbers_json(const struct numbers *n)
{
	json_t *object = json_object();
	char until[RFC3339_TEXT];
	const struct {
		const char *name;
		int64_t value;
	} all[] = {{"have", n->have}, {"need", n->need}, {"used", n->used}, {"quantity", n->quantity}};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i].value >= 0)
			json_object_set_new(object, all[i].name, json_integer(all[i].value));
	if (n->until > 0)
		json_object_set_new(object, "until", json_string(rfc3339_write(n->until, until)));
	return object;
}

json_t *exchange_error(int code, const char *detail, const struct numbers *numbers)
{
	const struct error_row *row = error_row(code);
	return json_pack("{s:s, s:s, s:s, s:o, s:s*}", "code", row->name, "text", row->text, "remedy",
			 row->remedy, "numbers", numbers_json(numbers), "detail",
			 detail && *detail ? detail : NULL);
}

void exchange_refuse(struct exchange *x, int code, const char *detail, const struct numbers *numbers)
{
	const struct error_row *row = error_row(code);
	char type[96];
	snprintf(type, sizeof(type), "urn:muster:error:%s", row->name);
	json_t *problem = json_pack("{s:i, s:s, s:s, s:i, s:s*, s:s, s:o, s:s, s:s}", "schema", 1, "type",
				    type, "title", row->text, "status", row->http, "detail", detail, "code",
				    row->name, "numbers", numbers_json(numbers), "remedy", row->remedy,
				    "request_id", x->request_id);
	exchange_json(x, row->http, problem);
	x->content_type = "application/problem+json";
}

const char *exchange_actor(const struct exchange *x, char out[ACTOR_TEXT])
{
	snprintf(out, ACTOR_TEXT, "uid:%u", (unsigned)x->peer.uid);
	return out;
}

/* What the lane refuses it tells itself. */
void exchange_problem(struct exchange *x, int code, const char *detail)
{
	char text[160];
	char actor[ACTOR_TEXT];
	exchange_request_text(x, text, sizeof(text));
	if (code != E_NOT_PERMITTED) /* which has a line of its own */
		log_event(EVENT_API_REFUSED, LOG_TEXT(REQUEST, x->request_id), LOG_CODE(code),
			  LOG_TEXT(ACTOR, exchange_actor(x, actor)), LOG_TEXT(OBJECT, text),
			  LOG_TEXT(DETAIL, detail));
	exchange_refuse(x, code, detail, &NUMBERS_NONE);
}

int exchange_catalog(struct exchange *x, const struct catalog **ret)
{
	struct admin *a = x->admin;
	unsigned long long generation = atomic_load(&a->settings.broker->generation);
	if (generation != a->generation && !x->borrowed) {
		struct catalog fresh;
		int error = catalog_load(a->reader, a->settings.broker->key->public, &fresh);
		if (error)
			return error;
		catalog_free(&a->catalog);
		a->catalog = fresh;
		a->generation = generation;
	}
	*ret = &a->catalog;
	return 0;
}

const struct catalog *exchange_need_catalog(struct exchange *x)
{
	const struct catalog *catalog = NULL;
	int error = exchange_catalog(x, &catalog);
	if (error)
		exchange_problem(x, error, NULL);
	return error ? NULL : catalog;
}

int exchange_call(struct exchange *x, struct job *job)
{
	exchange_actor(x, job->actor);
	memcpy(job->correlation, x->request_id, sizeof(job->correlation));
	job->numbers = NUMBERS_NONE;
	job->replay = x->replay;
	int error = lane_call(x->admin->settings.lane, job);
	if (!error)
		error = job->code;
	if (!error && x->replay && x->replay->found && job->kind != JOB_CHANGE)
		replay_restore(x->replay, job);
	if (error)
		exchange_refuse(x, error, job->fault[0] ? job->fault : NULL, &job->numbers);
	return error;
}

/* --- names --- */

static int exchange_find(struct exchange *x, const struct record *like, uint32_t by, int64_t *ret)
{
	int error = store_find_num(x->admin->reader, like, by, ret);
	return error ? error : *ret ? 0 : E_NOT_FOUND;
}

int exchange_user(struct exchange *x, const char *name, int64_t *ret)
{
	struct record like = {.kind = RECORD_USER, .u.user.name = name};
	return exchange_find(x, &like, BY(user, name), ret);
}

int exchange_circle(struct exchange *x, enum circle_kind kind, const char *name, int64_t *ret)
{
	struct record like = {.kind = RECORD_CIRCLE, .u.circle = {.kind = (int64_t)kind, .name = name}};
	return exchange_find(x, &like, BY(circle, kind) | BY(circle, name), ret);
}

int exchange_grant(struct exchange *x, const char *id, int64_t *ret)
{
	const struct catalog *catalog;
	struct catalog_grant g;
	int error = exchange_catalog(x, &catalog);
	if (!error && !catalog_grant_named(catalog, exchange_query(x, "license"), id, &g))
		error = E_NOT_FOUND;
	if (!error)
		*ret = catalog_number(&g);
	return error;
}

/* The tags that an id's prefix can begin with: each character is six bits of it, most significant first. */
static bool tag_range(const char *prefix, int64_t *ret_from, int64_t *ret_to)
{
	size_t n = strlen(prefix);
	uint8_t low[DEVICE_ID];
	uint8_t high[DEVICE_ID];
	char text[DEVICE_ID_TEXT];
	if (n < PREFIX_MIN || n >= DEVICE_ID_TEXT)
		return false;
	/* Pad with the least and the greatest characters; the last one holds only four bits, so its low ones
	 * are zero. */
	memset(text, 'A', sizeof(text) - 1);
	memcpy(text, prefix, n);
	text[sizeof(text) - 1] = 0;
	if (base64url_read_exact(text, sizeof(text) - 1, low, sizeof(low)))
		return false;
	memset(text + n, '_', sizeof(text) - 1 - n);
	text[sizeof(text) - 2] = n == DEVICE_ID_TEXT - 1 ? prefix[n - 1] : '8';
	if (base64url_read_exact(text, sizeof(text) - 1, high, sizeof(high)))
		return false;
	*ret_from = store_tag(low);
	*ret_to = store_tag(high);
	return true;
}

int exchange_device_prefix(const char *prefix, struct listing *l)
{
	return tag_range(prefix, &l->tag_from, &l->tag_to) ? 0 : E_BAD_REQUEST;
}

struct device_search {
	const char *prefix;
	char id[DEVICE_ID_TEXT];
	int64_t num;
	int found;
};

static int find_device(const struct row *row, void *context)
{
	struct device_search *s = context;
	char id[DEVICE_ID_TEXT];
	device_id_write(row->u.device.id, id);
	if (strncmp(id, s->prefix, strlen(s->prefix)) != 0)
		return 0;
	memcpy(s->id, id, sizeof(s->id));
	s->num = row->u.device.num;
	return ++s->found > 1;
}

int exchange_device(struct exchange *x, const char *text, char *ret_id, int64_t *ret_num,
		    const char **ret_detail)
{
	struct device_search s = {.prefix = text};
	struct listing l = {.kind = LIST_DEVICE, .now = x->now};
	if (!tag_range(text, &l.tag_from, &l.tag_to)) {
		*ret_detail = "a device id, or at least its first 6 characters";
		return E_BAD_REQUEST;
	}
	int error = store_page(x->admin->reader, &l, find_device, &s);
	if (error < 0)
		return error;
	if (s.found > 1)
		*ret_detail = "more than one device id begins so";
	if (s.found != 1)
		return s.found ? E_BAD_REQUEST : E_NOT_FOUND;
	if (ret_id)
		memcpy(ret_id, s.id, sizeof(s.id));
	*ret_num = s.num;
	return 0;
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
