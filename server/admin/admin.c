/* SPDX-License-Identifier: Apache-2.0 */
#include "admin.h"

#include <microhttpd.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "error.h"
#include "exchange.h"
#include "guard.h"
#include "limit.h"
#include "log.h"
#include "replay.h"
#include "status.h"
#include "stream.h"
#include "watch.h"

#define CONNECTIONS_MAX 128u
#define IDLE_SECONDS 10u
#define LAST_ANSWERS_MS 500 /* at a stop */
#define MEMORY_MAX ((size_t)32768)
#define REFUSALS_A_MINUTE 30
#define CHANGES_PATH "/v1/changes"
#define LARGE_BODIES_MAX 2 /* at once; others may send what fits into LIMIT_TOKEN */
#define OFFLINE_PATH "/v1/offline/answer"
#define CHANGES_BODY ((size_t)48 << 20) /* 200,000 changes */

/* A refused person may try without end: so many refusals a minute are audited, the rest are only logged. */
static bool worth_auditing(struct admin *a, int64_t now)
{
	if (now / 60 != a->refusal_minute) {
		a->refusal_minute = now / 60;
		a->refusals = 0;
	}
	return a->refusals++ < REFUSALS_A_MINUTE;
}

void exchange_request_text(const struct exchange *x, char *out, size_t room)
{
	snprintf(out, room, "%s %s", x->method, x->path);
	for (char *at = out; *at; at++)
		if (*at < 0x20 || *at > 0x7e)
			*at = '?';
}

void exchange_audit_refusal(struct exchange *x)
{
	char text[160];
	char actor[ACTOR_TEXT];
	exchange_request_text(x, text, sizeof(text));
	exchange_actor(x, actor);
	log_event(EVENT_ACCESS_REFUSED, LOG_TEXT(REQUEST, x->request_id), LOG_TEXT(ACTOR, actor),
		  LOG_TEXT(OBJECT, text));
	struct job *job = worth_auditing(x->admin, x->now) ? job_new(JOB_AUDIT, 0) : NULL;
	if (!job)
		return;
	snprintf(job->actor, sizeof(job->actor), "%s", actor);
	memcpy(job->correlation, x->request_id, sizeof(job->correlation));
	snprintf(job->installed, sizeof(job->installed), "%s", role_name(x->peer.role));
	job->text = strdup(text);
	if (lane_call(x->admin->settings.lane, job) || job->code)
		log_event(EVENT_ACCESS_UNAUDITED, LOG_TEXT(REQUEST, x->request_id), LOG_TEXT(ACTOR, actor),
			  LOG_TEXT(OBJECT, text));
	job_free(job);
}

void exchange_suspend(struct exchange *x, void (*resume)(struct exchange *))
{
	x->resume = resume;
	MHD_suspend_connection(x->connection);
}

void exchange_resume(struct exchange *x)
{
	MHD_resume_connection(x->connection);
}

static bool may_use(const struct exchange *x)
{
	return (x->admin->status_only && x->route->open) || x->peer.role >= x->route->role;
}

static void dispatch(struct exchange *x)
{
	x->route = route_find(x->method, x->path, x->admin->status_only, &x->id, x->allow);
	if (!x->route) {
		guard_refuse_path(x);
	} else if (!may_use(x)) {
		exchange_audit_refusal(x);
		exchange_problem(x, E_NOT_PERMITTED, role_name(x->peer.role));
	} else if (guard_passes(x)) {
		enum stream_format format = stream_wanted(x);
		if (format)
			stream_begin(x, format);
		else
			x->route->handle(x);
	}
}

/* --- one request --- */

static int socket_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	return info ? info->connect_fd : -1;
}

static struct exchange *begin(struct admin *admin, struct MHD_Connection *connection, const char *path,
			      const char *method)
{
	struct exchange *x = calloc(1, sizeof(*x));
	if (!x)
		return NULL;
	x->admin = admin;
	x->connection = connection;
	x->path = path;
	x->method = strcmp(method, "HEAD") == 0 ? "GET" : method;
	x->peer = role_of_socket(socket_of(connection));
	x->now = clock_wall(&admin->settings.clock);
	correlation_make(x->request_id);
	x->begun_us = clock_us();
	/* Only whoever may change something may send so much. */
	bool takes_much = strcmp(path, CHANGES_PATH) == 0 || strcmp(path, OFFLINE_PATH) == 0;
	bool large = x->peer.role >= ROLE_HELPDESK && takes_much && admin->large_bodies < LARGE_BODIES_MAX;
	admin->large_bodies += large;
	x->large = large;
	buffer_init(&x->body, large ? CHANGES_BODY : LIMIT_TOKEN);
	return x;
}

/* Both lengths at once is how requests are smuggled past a proxy. */
static bool ambiguous(struct MHD_Connection *connection)
{
	return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length") &&
	       MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Transfer-Encoding");
}

/* Counted by class; a slow reading is told of here, a slow change by the lane, which knows its parts. */
static void note_answer(const struct exchange *x)
{
	struct counters *counters = x->admin->settings.counters;
	int64_t took = clock_us() - x->begun_us;
	int64_t slow = (int64_t)atomic_load(&x->admin->settings.broker->slow_ms) * 1000;
	char actor[ACTOR_TEXT];
	char text[160];
	counter_add(x->status < 300   ? &counters->http_ok
		    : x->status < 400 ? &counters->http_moved
		    : x->status < 500 ? &counters->http_refused
				      : &counters->http_failed,
		    1);
	if (!slow || took < slow || strcmp(x->method, "GET") != 0)
		return;
	exchange_request_text(x, text, sizeof(text));
	counter_add(&counters->slow, 1);
	log_event(EVENT_REQUEST_SLOW, LOG_TEXT(REQUEST, x->request_id), LOG_TEXT(OPERATION, text),
		  LOG_TEXT(ACTOR, exchange_actor(x, actor)), LOG_NUMBER(DURATION, took));
}

/* What is said when there is no memory to say it with. */
static struct MHD_Response *last_words(struct exchange *x)
{
	static char text[] =
		"{\"schema\": 1, \"type\": \"urn:muster:error:NO_MEMORY\", \"title\": \"memory ran out\", "
		"\"status\": 503, \"code\": \"NO_MEMORY\", \"numbers\": {}, "
		"\"remedy\": \"Free memory, then try again.\"}";
	x->content_type = "application/problem+json";
	return MHD_create_response_from_buffer(sizeof(text) - 1, text, MHD_RESPMEM_PERSISTENT);
}

/* False: a header was not taken, for want of memory; without it the answer would be another one. */
static bool put_headers(const struct exchange *x, struct MHD_Response *response)
{
	const char *const headers[][2] = {
		{"Allow", x->status == MHD_HTTP_METHOD_NOT_ALLOWED ? x->allow : NULL},
		{"Content-Type", x->content_type},
		{"X-Request-Id", x->request_id},
		{"Cache-Control", "no-store"},
		{"ETag", x->tag[0] ? x->tag : NULL},
		{"Idempotency-Replayed", x->replay && x->replay->found ? "true" : NULL},
	};
	for (size_t i = 0; i < sizeof(headers) / sizeof(*headers); i++)
		if (headers[i][1] &&
		    MHD_add_response_header(response, headers[i][0], headers[i][1]) != MHD_YES)
			return false;
	return true;
}

/* MHD_NO: the connection ends without an answer, since there is no memory for one. */
static enum MHD_Result queue_reply(struct exchange *x)
{
	size_t n = x->reply ? strlen(x->reply) : 0;
	bool mute = !x->reply && !x->stream && !x->file_n && x->status == error_row(E_NO_MEMORY)->http;
	struct MHD_Response *response =
		x->stream   ? stream_response(x)
		: x->file_n ? MHD_create_response_from_fd64((uint64_t)x->file_n, x->file)
		: mute      ? last_words(x)
			    : MHD_create_response_from_buffer(n, x->reply, MHD_RESPMEM_MUST_FREE);
	if (response) {
		x->reply = NULL; /* all of these are the response's now */
		x->file_n = 0;
	}
	if (!response || !put_headers(x, response)) {
		if (response)
			MHD_destroy_response(response);
		log_event(EVENT_API_REFUSED, LOG_TEXT(REQUEST, x->request_id), LOG_CODE(E_NO_MEMORY));
		return MHD_NO;
	}
	note_answer(x);
	enum MHD_Result result = MHD_queue_response(x->connection, (unsigned)x->status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *path,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_n, void **state)
{
	struct exchange *x = *state;
	if (!x) {
		x = *state = begin(context, connection, path, method);
		if (x)
			x->http_1_0 = strcmp(version, "HTTP/1.0") == 0;
		return *state ? MHD_YES : MHD_NO;
	}
	if (*upload_n) {
		if (!x->body_error)
			x->body_error = buffer_append(&x->body, upload, *upload_n);
		*upload_n = 0;
		return MHD_YES;
	}
	if (x->status)
		return MHD_YES;
	if (!x->answering) {
		x->answering = true;
		atomic_fetch_add(&x->admin->answering, 1);
	}
	exchange_fresh();
	if (x->resume) {
		void (*resume)(struct exchange *) = x->resume;
		x->resume = NULL;
		resume(x);
		return queue_reply(x);
	}
	if (ambiguous(connection))
		exchange_problem(x, E_BAD_REQUEST, "both Content-Length and Transfer-Encoding");
	else if (x->body_error)
		exchange_problem(x, x->body_error, NULL);
	else
		dispatch(x);
	return x->resume ? MHD_YES : queue_reply(x);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **state,
			 enum MHD_RequestTerminationCode code)
{
	struct exchange *x = *state;
	(void)context;
	(void)code;
	if (!x)
		return;
	if (x->stream)
		MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, IDLE_SECONDS);
	stream_free(x);
	if (x->replay)
		replay_fini(x->replay);
	free(x->replay);
	x->admin->large_bodies -= x->large;
	atomic_fetch_sub(&x->admin->answering, x->answering);
	buffer_fini(&x->body);
	watch_order_free(x->order);
	free(x->reply);
	if (x->file_n)
		close(x->file);
	free(x);
	*state = NULL;
}

/* --- start and stop --- */

void admin_prepare(void)
{
	exchange_watch_memory();
}

int admin_start(const struct admin_settings *settings, int fd, bool status_only, struct admin **ret)
{
	struct admin *a = calloc(1, sizeof(*a));
	if (!a)
		return E_NO_MEMORY;
	a->settings = *settings;
	a->status_only = status_only;
	a->started = clock_wall(&settings->clock);
	a->doctor = doctor_new(settings->counters);
	int error = a->doctor ? store_reader(settings->store, &a->reader) : E_NO_MEMORY;
	if (!error) {
		a->daemon = MHD_start_daemon(
			MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request,
			a, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
			MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS, MHD_OPTION_CONNECTION_LIMIT,
			CONNECTIONS_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT, MEMORY_MAX,
			MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
		error = a->daemon ? 0 : E_INTERNAL;
	}
	if (error) {
		admin_stop(a);
		return error;
	}
	*ret = a;
	return 0;
}

/* Whoever has asked is told what came of it, if it is only that the host stops: MHD just hangs up. */
static void let_answers_go(struct admin *a)
{
	for (int i = 0; i < LAST_ANSWERS_MS && atomic_load(&a->answering); i++)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

void admin_stop(struct admin *a)
{
	if (!a)
		return;
	doctor_stop(a->doctor);
	if (a->reader)
		store_interrupt(a->reader); /* a long check would keep the thread beyond the promise of a
					       quick stop */
	if (a->daemon) {
		let_answers_go(a);
		MHD_stop_daemon(a->daemon);
	}
	doctor_free(a->doctor);
	store_close(a->reader);
	catalog_free(&a->catalog);
	free(a);
}
