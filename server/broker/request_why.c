/* SPDX-License-Identifier: Apache-2.0 */
/* Why a device is told what it is told: the facts of a dry run, copied for whoever asked. Reads only. */
#include "why.h"

#include "request.h"

int work_why(struct work *w)
{
	struct why *why = w->job->why;
	const struct work_line *line = &w->lines[0];
	int error = 0;
	why->known = line->person.known;
	why->blocked = line->person.blocked;
	why->shared = line->person.shared;
	why->approved = line->person.approved;
	why->bound = line->person.bound;
	why->answered = line->person.ratchet.at;
	why->device_seat = line->facts.device_seat;
	why->user_seat = line->facts.user_seat;
	why->expires = line->verdict.code ? 0 : line->verdict.holding.expires;
	why->renew_after = line->verdict.code ? 0 : line->verdict.renew_after;
	why->n = line->facts.n_candidates;
	for (size_t i = 0; i < why->n && !error; i++) {
		const struct candidate *c = &line->facts.candidates[i];
		struct hardware known = {0};
		if (c->model == MODEL_POOL && line->person.known)
			error = work_load_hardware(w, line->person.device, c->grant, &known);
		why->grants[i] = (struct why_grant){.grant = c->grant,
						    .holding = c->holding,
						    .count = c->count,
						    .active = c->active,
						    .devices_used = c->devices_used,
						    .parts = known.n};
	}
	return error;
}
