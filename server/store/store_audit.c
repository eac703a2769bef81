/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log of any store, shown row by row to the one check that there is for it. */
#include <string.h>

#include "error.h"
#include "store.h"

struct walk {
	struct store *store;
	struct audit_check *check;
	uint8_t ledger[LEDGER_ID];
	int64_t cursor; /* of the last checkpoint that was looked at */
	int64_t before; /* show checkpoints of rows before this one */
	bool waits;     /* the next checkpoint is behind that */
	int64_t next;   /* the row that it covers */
};

static int take_meta(const struct row *row, void *context)
{
	struct walk *w = context;
	const size_t n = sizeof(SIGNER_KEY) - 1;
	if (strcmp(row->u.meta.key, LEDGER_KEY) == 0 && row->u.meta.n == LEDGER_ID) {
		memcpy(w->ledger, row->u.meta.bytes, LEDGER_ID);
		w->check->ledger = w->ledger;
	} else if (strncmp(row->u.meta.key, SIGNER_KEY, n) == 0 && row->u.meta.n == PASETO_PUBLIC) {
		audit_check_signer(w->check, row->u.meta.bytes);
	}
	return 0;
}

static int show_point(const struct row *row, void *context)
{
	struct walk *w = context;
	const struct record *r = &row->u.record;
	w->next = r->u.checkpoint.seq;
	w->waits = w->next >= w->before;
	if (w->waits)
		return 1;
	w->cursor = r->num;
	return audit_check_point(w->check, r->u.checkpoint.seq, r->u.checkpoint.at, r->u.checkpoint.token)
		       ? 0
		       : 1;
}

/* The checkpoints that stand before a row; most rows have none, and cost nothing. */
static int show_points(struct walk *w, int64_t before)
{
	struct record any = {.kind = RECORD_CHECKPOINT};
	struct listing l = {.kind = LIST_RECORD, .like = &any, .after = {w->cursor}};
	if (w->waits && w->next >= before)
		return 0;
	w->before = before;
	w->waits = true; /* when there is none any more */
	w->next = INT64_MAX;
	int error = store_page(w->store, &l, show_point, w);
	return error < 0 ? error : 0;
}

static int show_row(const struct row *row, void *context)
{
	struct walk *w = context;
	int error = show_points(w, row->u.audit.seq);
	if (error)
		return error;
	return audit_check_row(w->check, row->u.audit.seq, &row->u.audit.audit, row->u.audit.hash) ? 0 : 1;
}

int store_audit(struct store *store, struct audit_check *ret)
{
	struct walk w = {.store = store, .check = ret};
	struct listing meta = {.kind = LIST_META};
	struct listing all = {.kind = LIST_AUDIT};
	int error = store_page(store, &meta, take_meta, &w);
	if (!error)
		error = store_page(store, &all, show_row, &w);
	if (error >= 0)
		error = show_points(&w, INT64_MAX);
	ret->ledger = NULL;
	audit_check_end(ret);
	return error < 0 ? error : ret->code == E_NO_MEMORY ? E_NO_MEMORY : 0;
}
