/* SPDX-License-Identifier: Apache-2.0 */
#include "route.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exchange.h"
#include "rfc3339.h"

#define PATH_MAX_LIKE 48 /* longer ones are like nothing */
#define STEPS_MAX 3      /* letters that may differ */

static const struct route routes[] = {
#define ROUTE(method, path, handler, role, open, takes, gives, verbs, summary)                               \
	{method, path, handler, role, open, takes, gives, verbs, summary},
#include "routes.def"
#undef ROUTE
};

static const struct query queries[] = {
#define QUERY(handler, name, type, meaning) {handler, name, type, meaning},
#define PAGING(name, type, meaning) {NULL, name, type, meaning},
#include "queries.def"
#undef QUERY
#undef PAGING
};

#define ROUTES (sizeof(routes) / sizeof(routes[0]))
#define QUERIES (sizeof(queries) / sizeof(queries[0]))

const struct route *route_all(size_t *ret_n)
{
	*ret_n = ROUTES;
	return routes;
}

const struct query *query_all(size_t *ret_n)
{
	*ret_n = QUERIES;
	return queries;
}

bool route_remembers(const struct route *route)
{
	return strcmp(route->method, "POST") == 0 &&
	       (strcmp(route->takes, "changes") == 0 || strcmp(route->takes, "file") == 0 ||
		strncmp(route->path, "/v1/host/", 9) == 0);
}

bool route_lists(const struct route *route)
{
	size_t n = strlen(route->gives);
	return n > 2 && strcmp(route->gives + n - 2, "[]") == 0;
}

/* --- finding a route --- */

/* Does the path fit? *ret_id: its last segment, for a route that ends in one. */
static bool path_fits(const char *pattern, const char *path, const char **ret_id)
{
	size_t n = strlen(pattern);
	*ret_id = NULL;
	if (pattern[n - 1] != '*')
		return strcmp(pattern, path) == 0;
	if (strncmp(pattern, path, n - 1) != 0 || !path[n - 1] || strchr(path + n - 1, '/'))
		return false;
	*ret_id = path + n - 1;
	return true;
}

static void allow(char text[ROUTE_ALLOW], const char *method)
{
	size_t n = strlen(text);
	if (!strstr(text, method))
		snprintf(text + n, ROUTE_ALLOW - n, "%s%s%s", n ? ", " : "", method,
			 strcmp(method, "GET") == 0 ? ", HEAD" : "");
}

const struct route *route_find(const char *method, const char *path, bool open_only, const char **ret_id,
			       char ret_allow[ROUTE_ALLOW])
{
	const struct route *found = NULL;
	ret_allow[0] = 0;
	*ret_id = NULL;
	for (size_t i = 0; i < ROUTES; i++) {
		const char *id;
		if (!path_fits(routes[i].path, path, &id) || (open_only && !routes[i].open))
			continue;
		if (strcmp(routes[i].method, method) != 0) {
			allow(ret_allow, routes[i].method);
		} else if (!found || !id) {
			found = &routes[i];
			*ret_id = id;
		}
	}
	return found;
}

/* Letters to be put in, taken out or changed to make one of the other: the usual table, a row at a time. */
static int steps_between(const char *a, const char *b)
{
	int row[PATH_MAX_LIKE + 1];
	int n = (int)strlen(b);
	for (int j = 0; j <= n; j++)
		row[j] = j;
	for (int i = 1; a[i - 1]; i++) {
		int before = row[0];
		row[0] = i;
		for (int j = 1; j <= n; j++) {
			int changed = before + (a[i - 1] != b[j - 1]);
			int least = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
			before = row[j];
			row[j] = changed < least ? changed : least;
		}
	}
	return row[n];
}

const char *route_nearest(const char *path, bool open_only)
{
	const char *nearest = NULL;
	int least = STEPS_MAX + 1;
	if (strlen(path) > PATH_MAX_LIKE)
		return NULL;
	for (size_t i = 0; i < ROUTES; i++) {
		if (open_only && !routes[i].open)
			continue;
		int steps = steps_between(path, routes[i].path);
		if (steps < least) {
			least = steps;
			nearest = routes[i].path;
		}
	}
	return nearest;
}

/* --- query parameters --- */

const struct query *query_find(const struct route *route, const char *name)
{
	for (size_t i = 0; i < QUERIES; i++) {
		bool here = queries[i].handle ? queries[i].handle == route->handle : route_lists(route);
		if (here && strcmp(queries[i].name, name) == 0)
			return &queries[i];
	}
	return NULL;
}

static bool is_word_of(const char *words, const char *value)
{
	size_t n = strlen(value);
	while (*words) {
		size_t word = strcspn(words, "|");
		if (word == n && strncmp(words, value, n) == 0)
			return true;
		words += word + (words[word] == '|');
	}
	return false;
}

bool query_fits(const struct query *q, const char *value)
{
	int64_t time;
	size_t n = strlen(value);
	if (strchr(q->type, '|'))
		return is_word_of(q->type, value);
	if (strcmp(q->type, "time") == 0)
		return rfc3339_read_date(value, &time) == 0;
	if (strcmp(q->type, "number") == 0)
		return n && n < 19 && strspn(value, "0123456789") == n;
	return n > 0; /* a filter for nothing is a mistake in a script */
}

bool glob_fits(const char *pattern, const char *text)
{
	const char *star = NULL;
	const char *from = NULL; /* where the text behind the last * begins to be tried */
	while (*text) {
		if (*pattern == '*') {
			star = pattern++;
			from = text;
		} else if (*pattern == '?' ||
			   (*pattern && tolower((unsigned char)*pattern) == tolower((unsigned char)*text))) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star + 1;
			text = ++from;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}
