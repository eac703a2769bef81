/* SPDX-License-Identifier: Apache-2.0 */
/* Why not, for people: the devices, plans and assignments behind a refusal. */
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "request.h"
#include "rfc3339.h"

struct names {
	int64_t grant; /* whose devices are counted */
	char *out;
	size_t n;
};

static int add_name(const struct row *row, void *context)
{
	struct names *list = context;
	char when[RFC3339_TEXT];
	if (row->u.activation.shared || row->u.activation.grant != list->grant ||
	    strcmp(row->u.activation.state, "active") != 0)
		return 0;
	rfc3339_write(row->u.activation.holding.contacted, when);
	int n = snprintf(list->out + list->n, LIMIT_DETAIL + 1 - list->n, "%s%.60s (last used %.10s)",
			 list->n ? ", " : "least recently used: ",
			 *row->u.activation.hostname ? row->u.activation.hostname : "unnamed", when);
	if (n < 0 || list->n + (size_t)n > LIMIT_DETAIL) {
		list->out[list->n] = 0;
		return 1;
	}
	list->n += (size_t)n;
	return 0;
}

/* The user's devices, the one used least recently first. */
static int name_devices(struct work *w, size_t i)
{
	struct names list = {work_chosen(w, i)->grant, w->job->lines[i].detail, 0};
	struct listing l = {.kind = LIST_USER_DEVICES, .user = w->lines[i].person.user, .now = w->now};
	int error = store_page(w->b->store, &l, add_name, &list);
	return error < 0 ? error : 0;
}

static void name_plans(const struct candidate *c, const struct plan_trouble *t, char *out)
{
	snprintf(out, LIMIT_DETAIL + 1,
		 t->code == E_PLAN_CONFLICT ? "plan %.63s excludes plan %.63s"
					    : "plan %.63s needs plan %.63s",
		 c->product->plans[t->plan].id, c->product->plans[t->other].id);
}

/* What the assignments of the holder have run into. */
static int name_seat(struct work *w, size_t i)
{
	const struct candidate *c = work_chosen(w, i);
	bool user = model_of_users(c->model);
	struct record_copy found;
	struct holder holder = {user ? MEMBER_USER : MEMBER_DEVICE,
				user ? w->lines[i].person.user : w->device.device};
	int error = seats_find(w->b, holder, w->job->lines[i].product, &found);
	if (error)
		return error;
	snprintf(w->job->lines[i].detail, LIMIT_DETAIL + 1, "%s", found.record.u.seat.detail);
	return 0;
}

int work_explain(struct work *w, size_t i)
{
	const struct verdict *v = &w->lines[i].verdict;
	const struct candidate *c = work_chosen(w, i);
	if (!c)
		return 0;
	if (v->code == E_DEVICE_LIMIT)
		return name_devices(w, i);
	if (v->trouble.code && v->code == v->trouble.code)
		name_plans(c, &v->trouble, w->job->lines[i].detail);
	else if (v->code && v->code != E_NOT_ASSIGNED && model_seats(c->model) &&
		 (!model_of_users(c->model) || w->lines[i].person.bound))
		return name_seat(w, i); /* a stranger is told nothing of a user whom it names */
	return 0;
}
