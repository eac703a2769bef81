/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which grant gives a holder the seat that its assignments ask for. Pure: any thread. Lifecycle of a grant:
 * DESIGN 3, Subscription life.
 */
#ifndef SERVER_SEAT_H
#define SERVER_SEAT_H

#include "facts.h"

#define SEAT_DISABLED_DAYS 90 /* after the grace, before a grant is deleted (domain.md 5.1) */
#define SEAT_CURE_DAYS 90     /* to cure more seats taken than there are (domain.md 5.2) */

/* A grant of the product that could give the seat. */
struct seat_offer {
	int64_t grant;
	const char *id;
	int64_t end;
	int64_t quantity;
	int64_t used;
	bool open;         /* takes new seats: active or in its grace, and the organisation's to assign */
	bool keeps;        /* those who have a seat of it keep it */
	bool self_service; /* not taken over */
};

struct seat_choice {
	int64_t grant; /* 0: none */
	int code;      /* 0, or why none */
	struct numbers numbers;
};

/*
 * before: the grant that gives the seat now, 0 for none. pinned: the only one that an assignment allows, 0
 * for any. Of the grants that take new seats and have room (a seat that is held needs none) the one that ends
 * last gives it, then the first by id: what was before decides nothing, so that the order of changes does
 * not. One whose grant takes no new ones is kept when no other gives it.
 */
struct seat_choice seat_choose(int64_t before, int64_t pinned, const struct seat_offer *, size_t n);

#endif
