/* SPDX-License-Identifier: Apache-2.0 */
#include "srv.h"

#include <stdlib.h>
#include <string.h>

/* By priority, and records of weight 0 before the others, so that they have a very small chance instead of
 * none. */
static int compare(const void *left, const void *right)
{
	const struct srv *a = left;
	const struct srv *b = right;
	if (a->priority != b->priority)
		return a->priority < b->priority ? -1 : 1;
	return (b->weight == 0) - (a->weight == 0);
}

/* Move row `from` to the front of the rows; the ones between keep their order. */
static void bring_forward(struct srv *rows, size_t from)
{
	struct srv chosen = rows[from];
	memmove(rows + 1, rows, from * sizeof(rows[0]));
	rows[0] = chosen;
}

static void order_equals(struct srv *rows, size_t n, srv_draw *draw, void *context)
{
	uint32_t sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += rows[i].weight;
	for (; n > 1; rows++, n--) {
		uint32_t chosen = draw(context, sum + 1);
		uint32_t running = 0;
		size_t i = 0;
		while (i < n - 1 && (running += rows[i].weight) < chosen)
			i++;
		sum -= rows[i].weight;
		bring_forward(rows, i);
	}
}

void srv_order(struct srv *rows, size_t n, srv_draw *draw, void *context)
{
	qsort(rows, n, sizeof(rows[0]), compare);
	for (size_t from = 0; from < n;) {
		size_t to = from;
		while (to < n && rows[to].priority == rows[from].priority)
			to++;
		order_equals(rows + from, to - from, draw, context);
		from = to;
	}
}
