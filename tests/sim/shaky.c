/* SPDX-License-Identifier: Apache-2.0 */
/* The store of a host that may be killed at any of its calls; and the wrong variants. */
#include <stdlib.h>

#include "error.h"
#include "world.h"

static struct shaky *shaky_of(struct store *s)
{
	return (struct shaky *)s;
}

/* Is this call still made? */
static bool lives(struct shaky *s)
{
	if (s->dead)
		return false;
	if (s->death == DEATH_CALL && s->calls-- == 0) {
		s->dead = true;
		store_rollback(s->inner);
	}
	return !s->dead;
}

static int settle(struct shaky *s)
{
	int error = s->owes_commit ? store_commit(s->inner) : 0;
	s->owes_commit = false;
	return error;
}

/* A disk that is nearly full takes one change and not the next. */
static bool is_full(const struct shaky *s)
{
	return s->full > world.now && chance_in(3);
}

static int begin(struct store *store)
{
	struct shaky *s = shaky_of(store);
	int error = settle(s);
	if (error || !lives(s))
		return error ? error : E_STORE_UNKNOWN;
	return is_full(s) ? E_STORE_FULL : store_begin(s->inner);
}

static void miscount(struct line_facts *line)
{
	for (size_t i = 0; i < line->n_candidates; i++) {
		if (world.variant == VARIANT_COUNT_MANY)
			line->candidates[i].count += 10;
		if (world.variant == VARIANT_COUNT_PLACES)
			line->candidates[i].active += 10;
	}
}

static int facts(struct store *store, const struct asker *asker, int64_t now, struct device_facts *device,
		 struct line_facts *lines, size_t n)
{
	struct shaky *s = shaky_of(store);
	if (!lives(s))
		return E_STORE_UNKNOWN;
	int error = store_facts(s->inner, asker, now, device, lines, n);
	for (size_t i = 0; i < n && !error; i++)
		miscount(&lines[i]);
	return error;
}

static int apply_without_parts(struct shaky *s, const struct effect *e)
{
	struct effect without = *e;
	struct ratchet r = *e->u.ratchet;
	r.machine.n = 0;
	without.u.ratchet = &r;
	return store_apply(s->inner, &without);
}

static int apply(struct store *store, const struct effect *e)
{
	struct shaky *s = shaky_of(store);
	if (!lives(s))
		return E_STORE_UNKNOWN;
	if (is_full(s) && chance_in(4))
		return E_STORE_FULL;
	if (world.variant == VARIANT_FORGET_RATCHET && e->kind == EFFECT_RATCHET)
		return 0;
	return world.variant == VARIANT_FORGET_PARTS && e->kind == EFFECT_RATCHET ? apply_without_parts(s, e)
										  : store_apply(s->inner, e);
}

static int commit(struct store *store)
{
	struct shaky *s = shaky_of(store);
	if (!lives(s))
		return E_STORE_UNKNOWN;
	if (world.variant == VARIANT_SKIP_COMMIT && chance_in(20)) {
		store_rollback(s->inner);
		return 0;
	}
	if (is_full(s) && world.variant != VARIANT_ANSWER_FIRST) {
		store_rollback(s->inner);
		return E_STORE_FULL;
	}
	s->owes_commit = true;
	return 0;
}

/* What is not synced is lost with the process: the power is gone, too. */
static int sync(struct store *store)
{
	struct shaky *s = shaky_of(store);
	if (!s->owes_commit || world.variant == VARIANT_ANSWER_FIRST)
		return 0;
	s->owes_commit = false;
	if (s->death == DEATH_BEFORE_COMMIT)
		store_rollback(s->inner);
	else if (store_commit(s->inner))
		abort();
	s->dead = s->death != DEATH_NONE;
	s->unheard = s->dead && s->death != DEATH_BEFORE_COMMIT;
	return s->dead ? E_STORE_UNKNOWN : 0;
}

static void rollback(struct store *store)
{
	struct shaky *s = shaky_of(store);
	if (!s->dead)
		store_rollback(s->inner);
}

static int mark(struct store *store)
{
	struct shaky *s = shaky_of(store);
	return lives(s) ? store_mark(s->inner) : E_STORE_UNKNOWN;
}

static int keep(struct store *store)
{
	struct shaky *s = shaky_of(store);
	return lives(s) ? store_keep(s->inner) : E_STORE_UNKNOWN;
}

static int undo(struct store *store)
{
	struct shaky *s = shaky_of(store);
	return lives(s) ? store_undo(s->inner) : E_STORE_UNKNOWN;
}

static int page(struct store *store, const struct listing *l, row_function *row, void *context)
{
	struct shaky *s = shaky_of(store);
	return lives(s) ? store_page(s->inner, l, row, context) : E_STORE_UNKNOWN;
}

static int check(struct store *store, int64_t now, finding_function *finding, void *context)
{
	return store_check(shaky_of(store)->inner, now, finding, context);
}

static int devices(struct store *store, int64_t *ret)
{
	return store_devices(shaky_of(store)->inner, ret);
}

static void close_shaky(struct store *store)
{
	(void)store;
}

static const struct store_ops ops = {
	.version = 4,
	.name = "shaky",
	.close = close_shaky,
	.begin = begin,
	.facts = facts,
	.apply = apply,
	.commit = commit,
	.sync = sync,
	.rollback = rollback,
	.mark = mark,
	.keep = keep,
	.undo = undo,
	.page = page,
	.check = check,
	.devices = devices,
};

void shaky_open(struct shaky *s, const char *url)
{
	*s = (struct shaky){.store = {.ops = &ops}};
	if (store_open(url, &s->inner))
		abort();
}

/* After the process was killed: what was not committed is gone. A host does not start on a full disk, so that
 * there is room again. */
void shaky_reopen(struct shaky *s, const char *url)
{
	struct store *inner = s->inner;
	if (s->owes_commit)
		store_rollback(inner);
	if (*url) {
		store_close(inner);
		shaky_open(s, url);
		return;
	}
	*s = (struct shaky){.store = {.ops = &ops}, .inner = inner};
}
