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
	int64_t reached;
	int64_t below_since;
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
	struct mark m = {row->u.grant.num,          g.grant->id,          row->u.grant.count,
			 g.grant->policy.threshold, row->u.grant.reached, row->u.grant.below_since};
	policy_watch(m.have, g.grant->policy.threshold, s->now, &m.reached, &m.below_since);
	if (m.reached != row->u.grant.reached || m.below_since != row->u.grant.below_since)
		if (s->n < LIMIT_GRANTS)
			s->marks[s->n++] = m;
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
		struct effect effect = {.kind = EFFECT_THRESHOLD,
					.grant = m->grant,
					.at = now,
					.u.threshold = {m->reached, m->below_since}};
		error = store_apply(b->store, &effect);
		if (!error)
			error = broker_audit(b, now, "host",
					     m->below_since ? "threshold.below" : "threshold.recovered",
					     m->id,
					     json_pack("{s:I, s:I}", "have", (json_int_t)m->have, "need",
						       (json_int_t)m->need));
	}
	free(s);
	return error;
}
