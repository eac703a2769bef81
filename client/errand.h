/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the verbs have in common: the calls for one or many products, and what came of each. Not shared
 * between threads.
 */
#ifndef CLIENT_ERRAND_H
#define CLIENT_ERRAND_H

#include "client.h"
#include "flow.h"

/* One product that is to be asked for. */
struct item {
	struct record *record;
	const struct trust_key *vendor;
	enum call_kind kind;
	bool sent;
};

/* What an activation tells besides its wishes. */
struct shown {
	const char *key; /* in keycode_read's form; "": none */
	bool reinstalled;
};

struct items {
	struct item rows[STATE_RECORDS];
	size_t n;
	const struct shown *shown; /* NULL: nothing */
};

/*
 * Run all items, as many in one call as go together. A host that does not know what it should renew is asked
 * to activate it. Returns 0 when the hosts were asked, whatever they said; errors as flow_run.
 */
int errand_run(struct work *, struct items *);

/* The same for one product. */
int errand_one(struct work *, struct record *, const struct trust_product *, enum call_kind,
	       const struct shown *);

/* A call for one record: its wishes and its user. */
void errand_call(struct call *ret, enum call_kind, const struct record *);

/* The trusted product, and the record of it, made where there is none. E_NO_PRODUCT_FILE, E_TOO_LARGE. */
int errand_product(struct work *, const char *product, const struct trust_product **ret,
		   struct record **ret_record);

/*
 * Take what the options wish for into the record. Without a lease it is all a new wish; with one, what is not
 * said stays as it was.
 */
void errand_wishes(struct work *, struct record *);

/* Outcomes that need no call. */
void errand_note(struct muster *, const char *product, const char *what);
void errand_fail(struct muster *, const char *product, int code, const char *detail);

/* Did the product's outcome go wrong? 0 or its code. */
int errand_code(struct muster *, const char *product);

/* The verb's own result: an error of this machine, or the first product's that is not well. */
int errand_conclude(struct muster *, int error);

#endif
