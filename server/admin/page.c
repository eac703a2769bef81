/* SPDX-License-Identifier: Apache-2.0 */
#include "page.h"

#include <inttypes.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>

#include "error.h"
#include "stream.h"

#define SLICE 10000 /* rows that one page looks at */

bool page_cursor(const char *text, int64_t out[3])
{
	char *end;
	for (size_t i = 0; i < 3; i++) {
		out[i] = strtoll(text, &end, 10);
		if (end == text || out[i] < 0)
			return false;
		if (*end == 0)
			return true;
		text = end + 1;
		if (*end != '.')
			return false;
	}
	return false;
}

static void go_behind(struct page *p, const struct row *row)
{
	const int64_t *c = row->cursor;
	if (c[2])
		snprintf(p->cursor, sizeof(p->cursor), "%" PRId64 ".%" PRId64 ".%" PRId64, c[0], c[1], c[2]);
	else if (c[1])
		snprintf(p->cursor, sizeof(p->cursor), "%" PRId64 ".%" PRId64, c[0], c[1]);
	else
		snprintf(p->cursor, sizeof(p->cursor), "%" PRId64, c[0]);
}

bool page_take(struct page *p, const struct row *row)
{
	if (p->n == p->limit) {
		p->more = true;
		return false;
	}
	p->n++;
	go_behind(p, row);
	return true;
}

static int look_at(const struct row *row, void *context)
{
	struct page *p = context;
	p->looked_at++;
	if (!p->wants || p->wants(p, row))
		return p->add(row, p);
	go_behind(p, row);
	return 0;
}

static void answer_with(struct exchange *x, json_t *items, const char *next)
{
	if (x->stream)
		stream_take(x, items, next);
	else
		exchange_json(x, MHD_HTTP_OK,
			      json_pack("{s:i, s:o, s:s?}", "schema", 1, "items", items, "next", next));
}

static void reply(struct exchange *x, struct listing *l, struct page *p)
{
	p->x = x;
	p->items = json_array();
	int error = exchange_catalog(x, &p->catalog);
	if (!error)
		error = store_page(x->admin->reader, l, look_at, p);
	if (error < 0) {
		json_decref(p->items);
		exchange_problem(x, error, NULL);
		return;
	}
	p->more |= p->wants && p->looked_at == l->limit;
	answer_with(x, p->items, p->more ? p->cursor : NULL);
}

void page_reply(struct exchange *x, struct listing *l, row_function *add)
{
	struct page p = {.limit = l->limit++, .add = add};
	reply(x, l, &p);
}

void page_reply_filtered(struct exchange *x, struct listing *l, row_function *add, page_filter *wants,
			 const void *context)
{
	struct page p = {.limit = l->limit, .add = add, .wants = wants, .context = context};
	l->limit = SLICE;
	reply(x, l, &p);
}

void page_reply_whole(struct exchange *x, json_t *items)
{
	struct listing l = {0};
	char next[24];
	if (exchange_page(x, &l)) {
		json_decref(items);
		exchange_problem(x, E_BAD_REQUEST, PAGE_WRONG);
		return;
	}
	size_t all = json_array_size(items);
	size_t from = (uint64_t)l.after[0] < all ? (size_t)l.after[0] : all;
	size_t n = all - from < (size_t)l.limit ? all - from : (size_t)l.limit;
	json_t *part = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append(part, json_array_get(items, from + i));
	json_decref(items);
	snprintf(next, sizeof(next), "%zu", from + n);
	answer_with(x, part, from + n < all ? next : NULL);
}
