/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A page of a listing under construction. One row more than asked for tells whether there is a next one. A
 * filter that the store does not know looks at a slice of rows at most: a page may be short, or empty, and
 * not the last.
 */
#ifndef SERVER_PAGE_H
#define SERVER_PAGE_H

#include "exchange.h"

#define CURSOR_TEXT 72
#define PAGE_WRONG "limit is 1 to 1000, and after a cursor that a page has given"

struct page;

/* Is the row wanted? */
typedef bool page_filter(const struct page *, const struct row *);

struct page {
	struct exchange *x;
	const struct catalog *catalog;
	json_t *items;
	int64_t limit;
	int64_t n;
	char cursor[CURSOR_TEXT]; /* of the last row that was looked at */
	bool more;
	row_function *add;
	page_filter *wants; /* NULL: every row is */
	int64_t looked_at;
	const void *context; /* the filter's */
};

/* Read a cursor: one to three numbers, "17", "17.3" or "17.3.1". False: it is none. */
bool page_cursor(const char *text, int64_t out[3]);

/* Count a row in; false when the page is full. */
bool page_take(struct page *, const struct row *);

/* Run a listing into a page and reply with it. add: page_take first, 1 when that is false. */
void page_reply(struct exchange *, struct listing *, row_function *add);

/* The same with a filter. */
void page_reply_filtered(struct exchange *, struct listing *, row_function *add, page_filter *,
			 const void *context);

/* Reply with the part of a short list that is asked for; items, all of them, is taken over. */
void page_reply_whole(struct exchange *, json_t *items);

#endif
