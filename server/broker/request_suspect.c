/* SPDX-License-Identifier: Apache-2.0 */
/* A request whose ratchet does not fit (DESIGN 5.4): what is known about it, and what becomes of it. */
#include "suspect.h"

#include <string.h>

#include "error.h"
#include "request.h"

static unsigned long long *turned_slot(struct work *w)
{
	return &w->b->turned[(uint64_t)w->device.device % TURNED_MAX];
}

void work_turned(struct work *w)
{
	*turned_slot(w) = atomic_load(&w->b->board.batches) + 1;
}

/* The branches that the device has left: how many within a year, the oldest, and is one's end shown? */
struct branches {
	uint8_t ratchet[BRANCH_MARK]; /* shown */
	uint8_t token[BRANCH_MARK];
	int64_t since;
	size_t n;
	size_t recent;
	int64_t oldest;
	int64_t oldest_at;
	bool abandoned;
};

static bool is_mark(const struct bytes *kept, const uint8_t shown[BRANCH_MARK])
{
	return kept->n == BRANCH_MARK && memcmp(kept->at, shown, BRANCH_MARK) == 0;
}

static int take_branch(const struct row *row, void *context)
{
	struct branches *b = context;
	const struct record_branch *r = &row->u.record.u.branch;
	b->abandoned |= is_mark(&r->mark, b->ratchet) || is_mark(&r->token, b->token);
	b->recent += r->at > b->since;
	if (b->n++ == 0 || r->at < b->oldest_at) {
		b->oldest = row->u.record.num;
		b->oldest_at = r->at;
	}
	return 0;
}

static int look_at_branches(struct work *w, struct branches *ret)
{
	struct record like = {.kind = RECORD_BRANCH, .u.branch = {.device = w->device.device}};
	struct listing l = {.kind = LIST_RECORD, .like = &like, .by = BY(branch, device)};
	*ret = (struct branches){.since = w->now - ROLLBACK_SECONDS};
	branch_mark(w->job->shown.ratchet, ret->ratchet);
	branch_mark(w->job->shown.token, ret->token);
	return store_page(w->b->store, &l, take_branch, ret);
}

static json_t *detail(const struct work *w, enum suspicion s)
{
	return json_pack("{s:s, s:s, s:I, s:I, s:s}", "kind", suspect_word(s), "hostname", w->job->hostname,
			 "shown", (json_int_t)w->job->shown.counter, "expected",
			 (json_int_t)w->device.ratchet.counter, "request", w->job->correlation);
}

/* What the device had since is left; its end is kept, and of the ends the newest. */
static int leave_branch(struct work *w, const struct branches *b)
{
	uint8_t current[RATCHET];
	uint8_t mark[BRANCH_MARK];
	uint8_t token[BRANCH_MARK];
	struct record r = {.kind = RECORD_BRANCH, .u.branch = {.device = w->device.device, .at = w->now}};
	ratchet_current(w->b->secret, w->job->device, &w->device.ratchet, current);
	branch_mark(current, mark);
	branch_mark(w->device.ratchet.token, token);
	r.u.branch.mark = (struct bytes){mark, BRANCH_MARK};
	r.u.branch.token = (struct bytes){token, BRANCH_MARK};
	/* One that a restored ledger gave twice is there already. */
	int error = store_find_num(w->b->store, &r, BY(branch, device) | BY(branch, mark), &r.num);
	if (!error && !r.num && b->n >= ROLLBACKS_MAX)
		error = store_drop(w->b->store, RECORD_BRANCH, b->oldest);
	if (!error)
		error = store_put(w->b->store, &r);
	if (!error)
		error = broker_audit(w->b, w->now, "host", "device.rolled-back", w->id,
				     detail(w, SUSPECT_ROLLBACK));
	return error;
}

/* The copy is to take an identity of its own. Told once a day: it may ask often. */
static int accuse(struct work *w, enum suspicion s)
{
	int error = 0;
	w->job->code = E_IDENTITY_FORKED;
	for (size_t i = 0; i < w->job->n_lines && !error; i++)
		error = work_deny(w, i, E_IDENTITY_FORKED, 0);
	if (error || broker_told_today(w->b, w->job->device, w->now))
		return error;
	return broker_audit(w->b, w->now, "host", "device.forked", w->id, detail(w, s));
}

int work_suspect(struct work *w, bool *ret_go)
{
	struct branches branches;
	const struct ratchet *stored = &w->device.ratchet;
	*ret_go = true;
	/* What was answered after the backup is not on record, so nobody can be accused of it. */
	if (stored->at <= w->b->restored && w->job->shown.counter > stored->counter) {
		broker_tally(w->b, "ratchet.restored", 0);
		return 0;
	}
	int error = look_at_branches(w, &branches);
	if (error)
		return error;
	enum suspicion s = suspect_judge(&(struct suspect_facts){
		.late = *turned_slot(w) > w->job->greeted,
		.abandoned = branches.abandoned,
		.rollbacks = branches.recent,
		.stored = &stored->machine,
		.shown = &w->job->machine,
	});
	if (s == SUSPECT_ROLLBACK) {
		w->job->mismatched = true;
		return leave_branch(w, &branches);
	}
	*ret_go = false;
	if (s == SUSPECT_LATE) {
		w->job->code = E_RETRY;
		broker_tally(w->b, "ratchet.late", 0);
		return 0;
	}
	w->job->mismatched = true;
	return accuse(w, s);
}
