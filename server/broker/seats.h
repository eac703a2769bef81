/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seats follow from assignments: whatever changes a source, a group or a grant settles the holders it touches
 * anew, each by the same function of all its sources. So the order of changes does not matter, and a seat
 * that two sources give is taken once. Lane only, inside a transaction.
 */
#ifndef SERVER_SEATS_H
#define SERVER_SEATS_H

#include "change.h"
#include "facts.h"
#include "seat.h"

struct broker;

#define OFFERS_MAX 64

/* The grants of a product that give seats to one kind of holder, counted on while the transaction runs. */
struct offers {
	char product[LIMIT_ID + 1]; /* "": nothing is known */
	enum member_kind kind;
	struct seat_offer all[OFFERS_MAX];
	size_t n;
};

/* What one change does to seats, product by product. */
struct round {
	struct change_effect effects[LIMIT_PRODUCTS];
	size_t n;
};

/* The product's line in the round, made when there is none; the last one's when there is no room. */
struct change_effect *round_effect(struct round *, const char *product);

/* Who has a seat, or is a member of a group. */
struct holder {
	enum member_kind kind; /* of a seat: MEMBER_USER or MEMBER_DEVICE */
	int64_t num;
};

/* Whose seat of what. */
struct seat_key {
	struct holder holder;
	char product[LIMIT_ID + 1];
};

/* Who lost a seat while orders run, to be looked at again at their end: moving is not losing. */
struct losers {
	struct seat_key *all; /* owned by the broker */
	size_t n;
	size_t room;
};

/* What came of it. */
struct settled {
	int code;   /* 0, or why the holder has not all that its sources want */
	int passed; /* 0, or why the weightiest source was passed over for another */
	struct numbers numbers;
	char detail[LIMIT_DETAIL + 1];
	bool changed;
};

/* Settle one seat anew. audit: write a row of its own when it changed. ret may be NULL. */
int seats_settle(struct broker *, int64_t now, struct holder, const char *product, bool audit,
		 struct settled *ret);

/* Settle it without keeping the seat that it has of this grant: more are taken than there are, and the cure
 * is over. */
int seats_evict(struct broker *, int64_t now, struct holder, const char *product, int64_t grant);

/* The same for many holders and products, for everybody below a group, and for a new or former member of a
 * group (or all below it) with every product that reaches the group. */
int seats_settle_all(struct broker *, int64_t now, const struct holder *, size_t n,
		     char (*products)[LIMIT_ID + 1], size_t n_products);
int seats_settle_group(struct broker *, int64_t now, int64_t group, const char *product);
int seats_settle_member(struct broker *, int64_t now, struct holder member, int64_t group);

/* Give what is free of a product to those who wait, the oldest first, 1,000 of them; the sweeper goes on when
 * there may be more. */
int seats_retry(struct broker *, int64_t now, const char *product);

/* Forget what is known of offers: after an undo, or when marks or licenses changed. */
void seats_forget(struct broker *);

/* As people know the holder: the user's name, the device's id; empty when there is none. */
int seats_name(struct broker *, struct holder, char out[LIMIT_USER + 1]);

/* The holder's seat of a product as it stands, num 0 when there is none. */
int seats_find(struct broker *, struct holder, const char *product, struct record_copy *ret);

/* Who is below a group: *ret is freed by the caller. */
int seats_holders(struct broker *, int64_t group, struct holder **ret, size_t *ret_n);

/* The products that reach a holder, or a group (MEMBER_GROUP): *ret is freed by the caller. */
int seats_products(struct broker *, enum member_kind, int64_t num, char (**ret)[LIMIT_ID + 1], size_t *ret_n);

#endif
