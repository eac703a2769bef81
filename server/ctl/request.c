/* SPDX-License-Identifier: Apache-2.0 */
#include "request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#include "file.h"
#include "jsontext.h"
#include "progress.h"

#define SOCKET_DEFAULT "/run/muster/admin.sock"
#define BASE_URL "http://localhost"
#define CONNECT_TIMEOUT_MS 2000L

const char *request_socket(const struct invocation *inv)
{
	const char *path = invocation_value(inv, "socket");
	const char *variable = getenv("MUSTERCTL_SOCKET");
	if (path)
		return path;
	return variable && *variable ? variable : SOCKET_DEFAULT;
}

void reply_fini(struct reply *r)
{
	json_decref(r->json);
	r->json = NULL;
	buffer_fini(&r->body);
	failure_fini(&r->failure);
}

void request_close(struct ctl *ctl)
{
	if (ctl->curl)
		curl_easy_cleanup(ctl->curl);
	ctl->curl = NULL;
}

/* --- the address --- */

static int add_text(struct buffer *url, const char *text)
{
	return buffer_append(url, text, strlen(text));
}

static int add_escaped(CURL *curl, struct buffer *url, const char *text)
{
	char *escaped = curl_easy_escape(curl, text, (int)strlen(text));
	int error = escaped ? add_text(url, escaped) : E_NO_MEMORY;
	curl_free(escaped);
	return error;
}

static int add_query(CURL *curl, struct buffer *url, const struct request *req)
{
	const char *before = "?";
	int error = 0;
	for (size_t i = 0; i < REQUEST_QUERY && !error; i++) {
		if (!req->query[i].value)
			continue;
		error = add_text(url, before);
		if (!error)
			error = add_text(url, req->query[i].key);
		if (!error)
			error = add_text(url, "=");
		if (!error)
			error = add_escaped(curl, url, req->query[i].value);
		before = "&";
	}
	return error;
}

static int make_url(CURL *curl, const struct request *req, struct buffer *url)
{
	int error = add_text(url, BASE_URL);
	if (!error)
		error = add_text(url, req->path);
	if (!error && req->id)
		error = add_text(url, "/");
	if (!error && req->id)
		error = add_escaped(curl, url, req->id);
	if (!error)
		error = add_query(curl, url, req);
	return error ? error : buffer_append(url, "", 1);
}

/* --- the transfer --- */

/* Where the bytes of an answer go. */
struct taking {
	CURL *curl;
	struct reply *reply;
	FILE *sink;
};

static size_t take_bytes(char *bytes, size_t one, size_t n, void *context)
{
	struct taking *t = context;
	struct reply *r = t->reply;
	long status = 0;
	curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
	bool sinks = t->sink && status == 200;
	int error = sinks ? fwrite(bytes, one, n, t->sink) == n ? 0 : file_write_code(errno)
			  : buffer_append(&r->body, bytes, one * n);
	if (error)
		failure_set(&r->failure, error, "%s", sinks ? strerror(errno) : "the answer");
	return error ? 0 : n;
}

static void set_transport(CURL *curl, const char *socket, const struct request *req)
{
	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, req->timeout_ms ? req->timeout_ms : REQUEST_TIMEOUT_MS);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "musterctl/" MUSTER_VERSION);
}

static void set_body(CURL *curl, const struct request *req)
{
	if (req->method && strcmp(req->method, "POST") == 0) {
		curl_easy_setopt(curl, CURLOPT_POST, 1L);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)req->n_body);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, req->body ? req->body : "");
	}
}

/* curl calls about once a second while nothing moves. */
static int tick(void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total, curl_off_t up)
{
	(void)down_total;
	(void)down;
	(void)up_total;
	(void)up;
	progress_show(context);
	return 0;
}

static void set_progress(CURL *curl, const struct request *req, struct progress *p)
{
	progress_begin(p, req->progress);
	if (!progress_wanted(p))
		return;
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, tick);
	curl_easy_setopt(curl, CURLOPT_XFERINFODATA, p);
}

/* The system's reason for a connection that did not come about. */
static int refused(CURL *curl, const char *socket, struct failure *f)
{
	long number = 0;
	curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &number);
	int code = number == EACCES || number == EPERM ? E_NOT_PERMITTED : E_NOT_REACHABLE;
	return failure_set(f, code, "%s: %s", socket, number ? strerror((int)number) : "no connection");
}

static int timed_out(CURL *curl, const char *socket, struct failure *f)
{
	curl_off_t connected = 0;
	curl_easy_getinfo(curl, CURLINFO_CONNECT_TIME_T, &connected);
	return failure_set(f, connected ? E_TIMEOUT : E_NOT_REACHABLE, "%s", socket);
}

/* Why a transfer failed, in our codes. */
static int transfer_failed(CURL *curl, CURLcode result, const char *socket, struct failure *f)
{
	switch (result) {
	case CURLE_COULDNT_CONNECT:
		return refused(curl, socket, f);
	case CURLE_OPERATION_TIMEDOUT:
		return timed_out(curl, socket, f);
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
		return failure_set(f, E_CLOSED, "%s", socket);
	case CURLE_WRITE_ERROR:
		return f->code == E_IO || f->code == E_STORE_FULL
			       ? f->code
			       : failure_set(f, f->code ? f->code : E_MALFORMED, "the answer of %s", socket);
	case CURLE_OUT_OF_MEMORY:
		return failure_set(f, E_NO_MEMORY, "%s", socket);
	default:
		return failure_set(f, E_MALFORMED, "%s: %s", socket, curl_easy_strerror(result));
	}
}

static int transfer(CURL *curl, const char *socket, const struct request *req, struct reply *r)
{
	struct buffer url;
	struct progress progress;
	struct taking taking = {curl, r, req->sink};
	char type[96];
	buffer_init(&url, 65536);
	/* No "Expect: 100-continue": what is sent is small. */
	struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
	if (headers && req->body) {
		snprintf(type, sizeof(type), "Content-Type: %.64s", req->type ? req->type : "text/plain");
		curl_slist_append(headers, type);
	}
	int error = headers ? make_url(curl, req, &url) : E_NO_MEMORY;
	if (error) {
		failure_set(&r->failure, error, "the request");
		goto out;
	}
	set_transport(curl, socket, req);
	set_body(curl, req);
	curl_easy_setopt(curl, CURLOPT_URL, (const char *)url.bytes);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_bytes);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &taking);
	set_progress(curl, req, &progress);
	CURLcode result = curl_easy_perform(curl);
	progress_end(&progress);
	if (result != CURLE_OK)
		error = transfer_failed(curl, result, socket, &r->failure);
	else
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &r->status);
out:
	curl_slist_free_all(headers);
	buffer_fini(&url);
	return error;
}

/* --- the answer --- */

/* Is the answer's media type this one, whatever its parameters? */
static bool is_type(CURL *curl, const char *type)
{
	char *got = NULL;
	curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &got);
	return got && strcspn(got, "; \t") == strlen(type) && strncasecmp(got, type, strlen(type)) == 0;
}

static int read_json(struct reply *r, json_t **ret)
{
	struct jsontext_fault where;
	json_t *document = NULL;
	int error = jsontext_read(r->body.bytes, r->body.used - 1, &document, &where);
	if (error)
		return failure_set(&r->failure, error, "the answer is not JSON: %s", where.what);
	json_t *schema = json_object_get(document, "schema");
	if (!json_is_integer(schema))
		error = failure_set(&r->failure, E_MALFORMED, "the answer is not an object with a schema");
	else if (json_integer_value(schema) != REQUEST_SCHEMA)
		error = failure_set(&r->failure, E_VERSION_UNSUPPORTED,
				    "the answer has another schema than %d", REQUEST_SCHEMA);
	if (error)
		json_decref(document);
	else
		*ret = document;
	return error;
}

/* A problem document: its code says what to do. */
static int read_problem(struct reply *r)
{
	int error = read_json(r, &r->failure.problem);
	if (error)
		return error;
	const char *name = json_string_value(json_object_get(r->failure.problem, "code"));
	const struct error_row *row = name ? error_by_name(name) : NULL;
	if (!name)
		return failure_set(&r->failure, E_MALFORMED, "a problem of HTTP status %ld without a code",
				   r->status);
	r->failure.code = row ? -row->number : E_INTERNAL;
	return r->failure.code;
}

static int strange_answer(CURL *curl, struct reply *r)
{
	char *type = NULL;
	curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type);
	return failure_set(&r->failure, E_MALFORMED, "an answer of HTTP status %ld and type %.100s",
			   r->status, type ? type : "unknown");
}

static int read_answer(CURL *curl, const struct request *req, struct reply *r)
{
	bool fine = r->status >= 200 && r->status < 300;
	int error = buffer_append(&r->body, "", 1);
	if (error)
		return failure_set(&r->failure, error, "the answer");
	if (is_type(curl, "application/problem+json"))
		return read_problem(r);
	if (req->sink && fine && is_type(curl, "application/octet-stream"))
		return 0;
	if (req->plain && fine && is_type(curl, "text/plain"))
		return 0;
	if (req->unread && fine && is_type(curl, REQUEST_JSON))
		return 0;
	if (!req->plain && !req->unread && (fine || req->any_status) && is_type(curl, REQUEST_JSON))
		return read_json(r, &r->json);
	return strange_answer(curl, r);
}

int request_exchange(const struct invocation *inv, const struct request *req, struct reply *ret)
{
	struct ctl *ctl = inv->context;
	const char *socket = request_socket(inv);
	*ret = (struct reply){0};
	/* One byte more for the NUL. */
	buffer_init(&ret->body, (req->answer_max ? req->answer_max : REQUEST_ANSWER_MAX) + 1);
	if (strlen(socket) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return failure_set(&ret->failure, E_USAGE, "%s: longer than a socket's path may be", socket);
	if (!*socket || (req->id && !*req->id))
		return failure_set(&ret->failure, E_USAGE, "an empty value");
	/* Options of the last exchange must not stay; the connection does. */
	if (ctl->curl)
		curl_easy_reset(ctl->curl);
	else
		ctl->curl = curl_easy_init();
	if (!ctl->curl)
		return failure_set(&ret->failure, E_NO_MEMORY, "the HTTP client");
	int error = transfer(ctl->curl, socket, req, ret);
	return error ? error : read_answer(ctl->curl, req, ret);
}

int request_run(const struct invocation *inv, const struct request *req, struct reply *ret)
{
	if (request_exchange(inv, req, ret) == 0)
		return 0;
	int code = failure_print(inv, &ret->failure);
	reply_fini(ret);
	return code;
}

int request_json(const struct invocation *inv, const struct request *req, json_t **ret)
{
	struct reply reply;
	int code = request_run(inv, req, &reply);
	if (code)
		return code;
	*ret = json_incref(reply.json);
	reply_fini(&reply);
	return 0;
}
