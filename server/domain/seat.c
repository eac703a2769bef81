/* SPDX-License-Identifier: Apache-2.0 */
#include "seat.h"

#include <string.h>

#include "error.h"

static bool fits(const struct seat_offer *o, int64_t pinned)
{
	return !pinned || o->grant == pinned;
}

/* Latest end first, then the id (DESIGN 15). */
static bool better(const struct seat_offer *a, const struct seat_offer *b)
{
	if (!b)
		return true;
	return a->end != b->end ? a->end > b->end : strcmp(a->id, b->id) < 0;
}

/* A seat that is held needs no room. */
static const struct seat_offer *best_open(int64_t before, int64_t pinned, const struct seat_offer *all,
					  size_t n)
{
	const struct seat_offer *best = NULL;
	for (size_t i = 0; i < n; i++) {
		bool room =
			all[i].used < all[i].quantity || (before && all[i].grant == before && all[i].keeps);
		if (fits(&all[i], pinned) && all[i].open && room && better(&all[i], best))
			best = &all[i];
	}
	return best;
}

static struct seat_choice none(int64_t pinned, const struct seat_offer *all, size_t n)
{
	struct seat_choice c = {.code = E_ASSIGN_MODEL, .numbers = NUMBERS_NONE};
	for (size_t i = 0; i < n; i++) {
		const struct seat_offer *o = &all[i];
		if (!fits(o, pinned))
			continue;
		if (o->open && c.code != E_SEATS_EXHAUSTED) {
			c.code = E_SEATS_EXHAUSTED;
			c.numbers.used = c.numbers.quantity = 0;
		}
		if (o->open) {
			c.numbers.used += o->used;
			c.numbers.quantity += o->quantity;
		} else if (c.code != E_SEATS_EXHAUSTED) {
			c.code = o->self_service ? E_SELF_SERVICE : E_GRANT_ENDED;
		}
	}
	return c;
}

struct seat_choice seat_choose(int64_t before, int64_t pinned, const struct seat_offer *all, size_t n)
{
	const struct seat_offer *chosen = best_open(before, pinned, all, n);
	for (size_t i = 0; i < n && !chosen; i++)
		if (before && all[i].grant == before && fits(&all[i], pinned) && all[i].keeps)
			chosen = &all[i];
	if (!chosen)
		return none(pinned, all, n);
	return (struct seat_choice){.grant = chosen->grant, .numbers = NUMBERS_NONE};
}
