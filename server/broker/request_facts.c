/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of a request: the licenses' part, the store's, and machines that look like this one. */
#include <string.h>

#include "bucket.h"
#include "error.h"
#include "hardware.h"
#include "likeness.h"
#include "request.h"

#define TWINS_LOOKED_AT 16 /* those with the most parts in common */

struct twin_search {
	struct work *w;
	struct candidate *c;
	int64_t devices[TWINS_LOOKED_AT];
	size_t n;
};

static int take_tagged(const struct row *row, void *context)
{
	struct twin_search *t = context;
	if (row->u.device_num != t->w->device.device)
		t->devices[t->n++] = row->u.device_num;
	return t->n == sizeof(t->devices) / sizeof(t->devices[0]);
}

/* One that holds a place goes before one that held it once. */
static int take_twin(const struct row *row, void *context)
{
	struct twin_search *t = context;
	if (row->u.activation.grant != t->c->grant || row->u.activation.user)
		return 0;
	if (!t->c->twin.device || bucket_leased(&row->u.activation.holding, t->w->now))
		t->c->twin = (struct twin){row->u.activation.num, row->u.activation.holding};
	return 1;
}

int work_load_hardware(struct work *w, int64_t device, int64_t grant, struct hardware *ret)
{
	struct record_copy found;
	struct record like = {.kind = RECORD_HARDWARE,
			      .u.hardware = {.device = device, .entitlement = grant}};
	*ret = (struct hardware){0};
	int error = store_find(w->b->store, &like, BY(hardware, device) | BY(hardware, entitlement), &found);
	if (!error && !likeness_read(found.record.u.hardware.parts.at, found.record.u.hardware.parts.n, ret))
		*ret = (struct hardware){0};
	return error == E_NOT_FOUND ? 0 : error;
}

/* A device that looks like this one, and holds an activation of the pool. */
static int find_twin(struct work *w, const struct hardware *machine, struct candidate *c)
{
	struct twin_search t = {.w = w, .c = c};
	uint32_t tags[LIMIT_COMPONENTS];
	struct listing l = {
		.kind = LIST_TAGGED, .grant = c->grant, .tags = tags, .limit = TWINS_LOOKED_AT + 1};
	for (size_t i = 0; i < machine->n; i++)
		if (hardware_strong(machine->parts[i].kind))
			tags[l.n_tags++] = (uint32_t)machine->parts[i].kind << 16 | machine->parts[i].tag;
	int error = l.n_tags ? store_page(w->b->store, &l, take_tagged, &t) : 0;
	for (size_t i = 0; i < t.n && error >= 0 && !bucket_leased(&c->twin.holding, w->now); i++) {
		struct hardware other;
		struct listing held = {.kind = LIST_ACTIVATION, .device = t.devices[i], .now = w->now};
		error = work_load_hardware(w, t.devices[i], c->grant, &other);
		if (!error && other.n && likeness_twin(&other, machine, c->policy.hardware_percent))
			error = store_page(w->b->store, &held, take_twin, &t);
	}
	return error < 0 ? error : 0;
}

/* Hardware matters to pools alone. */
static int load_machines(struct work *w, struct line_facts *line)
{
	int error = 0;
	for (size_t i = 0; i < line->n_candidates && !error; i++) {
		struct candidate *c = &line->candidates[i];
		if (c->model != MODEL_POOL || !line->machine.n)
			continue;
		if (c->holding.state == HOLDING_ACTIVE)
			error = work_load_hardware(w, w->device.device, c->grant, &c->hardware);
		else
			error = find_twin(w, &line->machine, c);
	}
	return error;
}

/* With more grants than are looked at, those of the seats must be among them. */
static int load_seats(struct work *w, size_t i, const struct wish *wish)
{
	struct line_facts *line = &w->lines[i].facts;
	catalog_candidates(&w->b->catalog, wish, line);
	catalog_candidate_add(&w->b->catalog, wish, line->device_seat.grant, line);
	catalog_candidate_add(&w->b->catalog, wish, line->user_seat.grant, line);
	return store_facts(w->b->store, &w->asker, w->now, &w->lines[i].person, line, 1);
}

static int load_line(struct work *w, size_t i)
{
	const struct job_line *asked = &w->job->lines[i];
	struct line_facts *line = &w->lines[i].facts;
	const struct wish wish = {.product = asked->product,
				  .version = asked->version,
				  .plans = (const char(*)[LIMIT_ID + 1]) asked->plans,
				  .n_plans = asked->n_plans,
				  .key = asked->key,
				  .host = w->b->key->id};
	*line = (struct line_facts){.reinstalled = asked->reinstalled,
				    .lease_serial = asked->lease_serial,
				    .machine = asked->machine};
	catalog_candidates(&w->b->catalog, &wish, line);
	w->asker.user = asked->user;
	int error = store_facts(w->b->store, &w->asker, w->now, &w->lines[i].person, line, 1);
	if (!error && line->n_candidates == CANDIDATES_MAX && line->seats)
		error = load_seats(w, i, &wish);
	if (!error && i == 0)
		w->device = w->lines[0].person;
	return error ? error : load_machines(w, line);
}

int work_load(struct work *w)
{
	int error = 0;
	for (size_t i = 0; i < w->job->n_lines && !error; i++)
		error = load_line(w, i);
	return error;
}
