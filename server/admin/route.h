/* SPDX-License-Identifier: Apache-2.0 */
/* The route table and the query parameters of each route. Lives for ever; any thread. */
#ifndef SERVER_ROUTE_H
#define SERVER_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

#include "role.h"

struct exchange;

struct route {
	const char *method;
	const char *path;
	void (*handle)(struct exchange *);
	enum role role;
	bool open;         /* also on the status socket */
	const char *takes; /* the body */
	const char *gives; /* the answer */
	const char *verbs; /* of musterctl, with commas between */
	const char *summary;
};

/* A query parameter. */
struct query {
	void (*handle)(struct exchange *); /* of the route; NULL: of every list */
	const char *name;
	const char *type;
	const char *meaning;
};

const struct route *route_all(size_t *ret_n);
const struct query *query_all(size_t *ret_n);

/* Methods of one path as the Allow header has them. */
#define ROUTE_ALLOW 32

/*
 * The route of a request, a literal path before a pattern; ret_id: its last segment, where the route has one.
 * NULL: there is none, and ret_allow has the methods that the path takes, "" when there is no such path.
 */
const struct route *route_find(const char *method, const char *path, bool open_only, const char **ret_id,
			       char ret_allow[ROUTE_ALLOW]);

/* The path that is written most alike, for whoever mistyped one; NULL: none is. */
const char *route_nearest(const char *path, bool open_only);

/* Is its answer a list? */
bool route_lists(const struct route *);

/* Is its work one job of the lane, which keeps the answer under the caller's Idempotency-Key? */
bool route_remembers(const struct route *);

/* Does the route take this parameter? */
const struct query *query_find(const struct route *, const char *name);

/* Is the text of the parameter's type? */
bool query_fits(const struct query *, const char *value);

/* Does the text fit the pattern with * and ?, whatever its case? In time of their product. */
bool glob_fits(const char *pattern, const char *text);

#endif
