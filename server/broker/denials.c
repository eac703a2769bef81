/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who was refused what, why, and how often: one row for a device, user, product and code. What bounds it: the
 * devices on record, the products of the licenses, and the codes. A product that no license has is what
 * anybody may make up, so a device has one row for all of these, with the name that it asked for last, and
 * strangers have one without a name.
 */
#include <string.h>

#include "broker.h"
#include "error.h"
#include "store.h"

#define BY_DEVICE (BY(denial, device) | BY(denial, user) | BY(denial, code))
#define BY_ALL (BY_DEVICE | BY(denial, product))

/* The first row of the same device, user and code whose product no license has. */
struct made_up {
	const struct broker *b;
	int64_t num;
	struct record_denial row;
};

static int find_made_up(const struct row *row, void *context)
{
	struct made_up *m = context;
	if (catalog_product(&m->b->catalog, row->u.record.u.denial.product))
		return 0;
	m->num = row->u.record.num;
	m->row = row->u.record.u.denial;
	return 1;
}

int broker_deny(struct broker *b, const struct refusal *refusal, int64_t now)
{
	struct record_copy old;
	struct made_up made_up = {.b = b};
	bool ours = catalog_product(&b->catalog, refusal->product) != NULL;
	struct record r = {.kind = RECORD_DENIAL,
			   .u.denial = {.device = refusal->device,
					.user = refusal->user,
					.product = ours || refusal->device ? refusal->product : "",
					.code = -refusal->code,
					.began = now,
					.latest = now,
					.n = 1}};
	int error = store_find(b->store, &r, BY_ALL, &old);
	if (!error) {
		made_up.num = old.record.num;
		made_up.row = old.record.u.denial;
	} else if (error == E_NOT_FOUND && !ours) {
		struct listing l = {.kind = LIST_RECORD, .like = &r, .by = BY_DEVICE};
		error = store_page(b->store, &l, find_made_up, &made_up);
	}
	if (error < 0 && error != E_NOT_FOUND)
		return error;
	if (made_up.num) {
		r.num = made_up.num;
		r.u.denial.began = made_up.row.began;
		r.u.denial.n = made_up.row.n + 1;
	}
	return store_put(b->store, &r);
}
