/* SPDX-License-Identifier: Apache-2.0 */
/* What time alone changes: counts fall as devices stay silent, so that a grant's grace begins without any
 * request. */
#include <stdlib.h>

#include "broker.h"
#include "error.h"
#include "store.h"

struct mark {
	int64_t grant;
	const char *id;
	int64_t have;
	int64_t need;
	struct threshold_mark before;
	struct threshold_mark after;
};

struct sweep {
	struct broker *b;
	int64_t now;
	struct mark marks[LIMIT_GRANTS];
	size_t n;
};

static int watch(const struct row *row, void *context)
{
	struct sweep *s = context;
	struct catalog_grant g;
	if (!catalog_grant(&s->b->catalog, row->u.grant.num, &g) || g.grant->model != MODEL_VOLUME)
		return 0;
	struct threshold_mark before = {row->u.grant.reached, row->u.grant.below_since};
	struct threshold_mark after = before;
	policy_watch(row->u.grant.count, g.grant->policy.threshold, s->now, &after.reached,
		     &after.below_since);
	bool changed = after.reached != before.reached || after.below_since != before.below_since;
	if (changed && s->n < LIMIT_GRANTS)
		s->marks[s->n++] = (struct mark){row->u.grant.num,          g.grant->id, row->u.grant.count,
						 g.grant->policy.threshold, before,      after};
	return 0;
}

int sweep_run(struct broker *b, struct job *job, int64_t now)
{
	struct sweep *s = calloc(1, sizeof(*s));
	struct listing grants = {.kind = LIST_GRANT, .now = now};
	(void)job;
	if (!s)
		return E_NO_MEMORY;
	s->b = b;
	s->now = now;
	int error = store_page(b->store, &grants, watch, s);
	for (size_t i = 0; i < s->n && !error; i++) {
		const struct mark *m = &s->marks[i];
		error = broker_threshold(b, now, m->grant, m->id, &m->before, &m->after, m->have, m->need);
	}
	free(s);
	return error;
}
