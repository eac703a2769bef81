/* SPDX-License-Identifier: Apache-2.0 */
#include "plans.h"

#include "error.h"

static void note(struct plan_trouble *t, int code, size_t plan, size_t other, int wish)
{
	if (t->code)
		return;
	*t = (struct plan_trouble){
		.code = code, .plan = (int)plan, .other = (int)other, .wish = wish, .other_wish = wish};
}

/* A vendor may have said it of one of the two only. */
static bool exclude(const struct product *p, size_t a, size_t b)
{
	return (p->plans[a].conflicts & 1u << b) || (p->plans[b].conflicts & 1u << a);
}

/* Does a plan of the mask exclude one of the others? */
static bool excluded(const struct product *p, uint32_t mask, uint32_t others, int wish,
		     struct plan_trouble *t)
{
	for (size_t a = 0; a < p->n_plans; a++) {
		for (size_t b = 0; b < p->n_plans; b++) {
			if (a == b || !(mask & 1u << a) || !(others & 1u << b) || !exclude(p, a, b))
				continue;
			note(t, E_PLAN_CONFLICT, a, b, wish);
			return true;
		}
	}
	return false;
}

/* Take away, until nothing changes, what needs a plan that is not there. */
static uint32_t with_needs(const struct product *p, uint32_t mask, struct plan_trouble *t)
{
	uint32_t before;
	do {
		before = mask;
		for (size_t a = 0; a < p->n_plans; a++) {
			uint32_t missing = mask & 1u << a ? p->plans[a].requires & ~mask : 0;
			for (size_t b = 0; missing && b < p->n_plans; b++)
				if (missing & 1u << b)
					note(t, E_PLAN_DEPENDENCY, a, b, -1);
			if (missing)
				mask &= ~(1u << a);
		}
	} while (mask != before);
	return mask;
}

/* The wish before this one that brought a plan in. */
static int owner(uint32_t granted, const uint32_t *wishes, int n, int plan)
{
	for (int i = 0; i < n; i++)
		if ((wishes[i] ? wishes[i] & granted : granted) & 1u << plan)
			return i;
	return n;
}

uint32_t plans_union(const struct product *p, uint32_t granted, const uint32_t *wishes, size_t n,
		     struct plan_trouble *ret)
{
	uint32_t all = 0;
	*ret = (struct plan_trouble){.wish = -1, .other_wish = -1};
	for (size_t i = 0; i < n; i++) {
		uint32_t mask = wishes[i] ? wishes[i] & granted : granted;
		bool known = ret->code != 0;
		if (excluded(p, mask, mask, (int)i, ret))
			continue;
		if (!excluded(p, mask, all, (int)i, ret))
			all |= mask;
		else if (!known)
			ret->other_wish = owner(granted, wishes, (int)i, ret->other);
	}
	return with_needs(p, all, ret);
}
