/* SPDX-License-Identifier: Apache-2.0 */
#include "page.h"

#include <inttypes.h>
#include <microhttpd.h>
#include <stdio.h>

bool page_take(struct page *p, const struct row *row)
{
	const int64_t *c = row->cursor;
	if (p->n == p->limit) {
		p->more = true;
		return false;
	}
	p->n++;
	if (c[2])
		snprintf(p->cursor, sizeof(p->cursor), "%" PRId64 ".%" PRId64 ".%" PRId64, c[0], c[1], c[2]);
	else if (c[1])
		snprintf(p->cursor, sizeof(p->cursor), "%" PRId64 ".%" PRId64, c[0], c[1]);
	else
		snprintf(p->cursor, sizeof(p->cursor), "%" PRId64, c[0]);
	return true;
}

static void reply(struct exchange *x, struct listing *l, int64_t limit, row_function *add)
{
	struct page p = {.x = x, .items = json_array(), .limit = limit};
	int error = exchange_catalog(x, &p.catalog);
	if (!error)
		error = store_page(x->admin->reader, l, add, &p);
	if (error < 0) {
		json_decref(p.items);
		exchange_problem(x, error, NULL);
		return;
	}
	exchange_json(x, MHD_HTTP_OK, json_page(p.items, p.more ? p.cursor : NULL));
}

void page_reply(struct exchange *x, struct listing *l, row_function *add)
{
	int64_t limit = l->limit++;
	reply(x, l, limit, add);
}

void page_reply_filtered(struct exchange *x, struct listing *l, row_function *add)
{
	int64_t limit = l->limit;
	l->limit = 0;
	reply(x, l, limit, add);
}
