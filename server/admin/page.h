/* SPDX-License-Identifier: Apache-2.0 */
/* A page of a listing under construction. One row more than asked for tells whether there is a next one. */
#ifndef SERVER_PAGE_H
#define SERVER_PAGE_H

#include "exchange.h"

#define CURSOR_TEXT 72

struct page {
	struct exchange *x;
	const struct catalog *catalog;
	json_t *items;
	int64_t limit;
	int64_t n;
	char cursor[CURSOR_TEXT];
	bool more;
};

/* Count a row in; false when the page is full. */
bool page_take(struct page *, const struct row *);

/* Run a listing into a page and reply with it. add: page_take first, 1 when that is false. */
void page_reply(struct exchange *, struct listing *, row_function *add);

/* The same for a filter that the store does not know: its callback passes rows over, and the listing goes on
 * until the page is full. */
void page_reply_filtered(struct exchange *, struct listing *, row_function *add);

#endif
