/* SPDX-License-Identifier: Apache-2.0 */
/* One exchange with the daemon: HTTP over its Unix socket, blocking, bounded in time and size. Main thread.
 */
#ifndef CTL_REQUEST_H
#define CTL_REQUEST_H

#include <curl/curl.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "buffer.h"
#include "command.h"
#include "failure.h"

#define REQUEST_QUERY 12
#define REQUEST_TIMEOUT_MS 10000L
#define REQUEST_LONG_TIMEOUT_MS 600000L /* for what walks through the whole database */
#define REQUEST_ANSWER_MAX ((size_t)64 << 20)
#define REQUEST_SCHEMA 1
#define REQUEST_JSON "application/json"

/* What the program keeps between exchanges; the context of every invocation. */
struct ctl {
	CURL *curl; /* NULL before the first exchange */
};

struct request {
	const char *method; /* NULL: GET */
	const char *path;   /* "/v1/devices" */
	const char *id;     /* its last segment as the user typed it, or NULL */
	struct {
		const char *key;
		const char *value; /* NULL: leave it out */
	} query[REQUEST_QUERY];
	const void *body; /* NULL: none */
	size_t n_body;
	const char *type;     /* the body's media type; NULL: text/plain */
	bool plain;           /* the answer must be text/plain, not JSON */
	bool unread;          /* the answer must be JSON, and stays bytes: it may be long */
	bool any_status;      /* a JSON document is an answer even with an error status */
	FILE *sink;           /* the answer is bytes, which go there; NULL: it is none */
	size_t answer_max;    /* 0: REQUEST_ANSWER_MAX */
	long timeout_ms;      /* 0: REQUEST_TIMEOUT_MS */
	const char *progress; /* say so on a terminal while it lasts; NULL: stay silent */
};

struct reply {
	long status;        /* HTTP; 0: no whole answer came */
	json_t *json;       /* an object with "schema": 1, owned; NULL for a plain or unread answer */
	struct buffer body; /* the bytes, with a NUL behind them */
	struct failure failure;
};

/* The socket's path of this invocation. Borrowed. */
const char *request_socket(const struct invocation *);

/*
 * Send and receive. *ret is set in any case: reply_fini it. After an error ret->failure says what happened:
 * E_USAGE (an empty or impossible value), E_NOT_REACHABLE, E_NOT_PERMITTED, E_TIMEOUT, E_CLOSED, E_TOO_LARGE,
 * E_MALFORMED, E_VERSION_UNSUPPORTED, E_NO_MEMORY, or what the daemon answered (E_INTERNAL when its code is
 * not in our table).
 */
int request_exchange(const struct invocation *, const struct request *, struct reply *ret);

/* Exchange, and on a failure tell the user. Returns 0, or the exit code, when ret needs no reply_fini. */
int request_run(const struct invocation *, const struct request *, struct reply *ret);

/* The same for an answer of which only the document is wanted. *ret: the caller's reference. */
int request_json(const struct invocation *, const struct request *, json_t **ret);

void reply_fini(struct reply *);

/* End what request_exchange has kept open. */
void request_close(struct ctl *);

#endif
