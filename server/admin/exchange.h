/* SPDX-License-Identifier: Apache-2.0 */
/* One request of the API and its reply, between the server and the handlers. Belongs to one socket's thread.
 */
#ifndef SERVER_EXCHANGE_H
#define SERVER_EXCHANGE_H

#include <jansson.h>
#include <stdatomic.h>

#include "admin.h"
#include "answer.h"
#include "buffer.h"
#include "catalog.h"
#include "role.h"
#include "route.h"
#include "store.h"

#define PAGE_MAX 1000
#define PAGE_USUAL 100

struct doctor;
struct watch_order;

/* One socket's server. */
struct admin {
	struct admin_settings settings;
	struct MHD_Daemon *daemon;
	struct store *reader;
	struct doctor *doctor;
	struct catalog catalog; /* this thread's own */
	unsigned long long generation;
	bool status_only;
	int64_t started;
	unsigned large_bodies;
	unsigned streams;
	atomic_int answering;   /* requests that were read, and whose answer is not sent yet */
	int64_t refusal_minute; /* of the wall clock, and how many refusals were in it */
	unsigned refusals;
};

struct exchange {
	struct admin *admin;
	struct MHD_Connection *connection;
	struct peer peer;
	const char *method;
	const char *path;
	const struct route *route;
	const char *id;          /* the last segment, for routes that have one */
	char allow[ROUTE_ALLOW]; /* methods of the path, when it has no such route */
	bool http_1_0;
	struct {
		const char *key;
		const char *value;
	} fixed;               /* a parameter that takes the place of the request's */
	bool borrowed;         /* the catalog is not loaded again: it belongs to who lent it */
	char tag[ANSWER_TAG];  /* ETag of the answer; "": none */
	struct replay *replay; /* of the caller's Idempotency-Key; owned; NULL: none */
	struct stream *stream; /* NULL: the answer is one document */
	struct buffer body;
	int64_t now;
	char request_id[CORRELATION_TEXT];
	int64_t begun_us; /* clock_us */
	bool large;       /* its body may be large */
	bool answering;   /* counted in admin->answering */
	int body_error;   /* why the body was thrown away; 0: it was not */

	void (*resume)(
		struct exchange *); /* goes on when what it waits for is done; NULL: it waits for nothing */
	struct watch_order *order;  /* what it waits for; owned */

	int status;
	const char *content_type;
	char *reply; /* owned */
	int file;    /* instead, when file_n is not 0: owned */
	int64_t file_n;
};

/* A query parameter, or NULL. Borrowed. */
const char *exchange_query(const struct exchange *, const char *key);

/* A parameter that is a time by queries.def; 0: it was not given. */
int64_t exchange_time(const struct exchange *, const char *key);

/* Method and path as printable ASCII: they come percent-decoded, and may hold any byte. */
void exchange_request_text(const struct exchange *, char *out, size_t room);

/* The request's limit and cursor. E_BAD_REQUEST. */
int exchange_page(struct exchange *, struct listing *);

/* Reply with JSON, which is taken over. NULL, or memory that ran out since exchange_fresh, is the problem
 * NO_MEMORY: an answer that lacks a part would be taken for the whole one. */
void exchange_json(struct exchange *, int status, json_t *);

/* Once, before there are threads: notice when jansson gets no memory. Then, for the thread that asks: forget
 * it, and tell whether all that was built since is whole. */
void exchange_watch_memory(void);
void exchange_fresh(void);
bool exchange_whole(void);

/* Reply with text, which is taken over; NULL is the problem NO_MEMORY. */
void exchange_text(struct exchange *, const char *content_type, char *);

/* Reply with a file of n bytes, which is taken over. */
void exchange_file(struct exchange *, int fd, int64_t n);

/* Who asks, as the log and the audit log name them: "uid:0". Returns out. */
#define ACTOR_TEXT 24
const char *exchange_actor(const struct exchange *, char out[ACTOR_TEXT]);

/* Reply with a problem (RFC 9457). detail: may be NULL. */
void exchange_problem(struct exchange *, int code, const char *detail);

/* The same with the numbers behind it. */
void exchange_refuse(struct exchange *, int code, const char *detail, const struct numbers *);

/* A problem with the numbers behind it as a member of another answer. */
json_t *exchange_error(int code, const char *detail, const struct numbers *);

/* Numbers of a user and of a group by name. E_NOT_FOUND; errors of the store. */
int exchange_user(struct exchange *, const char *name, int64_t *ret);
int exchange_circle(struct exchange *, enum circle_kind, const char *name, int64_t *ret);

/* A device by its id or the first characters of it. ret_id: its whole text (may be NULL). E_NOT_FOUND;
 * E_BAD_REQUEST, with *ret_detail telling why. */
int exchange_device(struct exchange *, const char *text, char *ret_id, int64_t *ret_num,
		    const char **ret_detail);

/* List only devices whose ids begin so. E_BAD_REQUEST: fewer than 6 characters, or not of an id. */
int exchange_device_prefix(const char *prefix, struct listing *);

/* The number of a grant by its id and ?license=. E_NOT_FOUND; errors of the store. */
int exchange_grant(struct exchange *, const char *id, int64_t *ret);

/* The catalog as the store has it now. Errors of the store. exchange_need_catalog replies with the problem
 * itself, and returns NULL then. */
int exchange_catalog(struct exchange *, const struct catalog **ret);
const struct catalog *exchange_need_catalog(struct exchange *);

/* Put the job on the lane as this peer and wait. Replies with a problem itself and returns non-zero when it
 * was refused. */
int exchange_call(struct exchange *, struct job *);

/*
 * Wait for something that another thread does, without holding up the socket's other requests: the handler
 * returns after it, and `resume` goes on with the same exchange once exchange_resume was called. That is
 * called exactly once, by any thread, also when the daemon stops.
 */
void exchange_suspend(struct exchange *, void (*resume)(struct exchange *));
void exchange_resume(struct exchange *);

/* Audit that this peer was refused for its role; so many a minute, the rest are only logged. */
void exchange_audit_refusal(struct exchange *);

/* Members for JSON rows. A time of 0 is null. */
void json_set_time(json_t *object, const char *key, int64_t time);
void json_set_text(json_t *object, const char *key, const char *text);
void json_set_number(json_t *object, const char *key, int64_t number);

/* The handlers of routes.def. */
#define ROUTE(method, path, handler, role, open, takes, gives, verbs, summary)                               \
	void handler(struct exchange *);
#include "routes.def"
#undef ROUTE

#endif
