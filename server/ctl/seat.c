/* SPDX-License-Identifier: Apache-2.0 */
/* musterctl seat and assignment: who has what, who waits, and why. */
#include "commands.h"
#include "listing.h"
#include "print.h"

static const struct column seat_columns[] = {{"product", "PRODUCT", NULL, 0},
					     {"grant", "GRANT", NULL, 0},
					     {"kind", "KIND", NULL, 0},
					     {"holder", "HOLDER", NULL, COLUMN_CUT},
					     {"plans", "PLANS", NULL, COLUMN_CUT | COLUMN_ALL},
					     {"state", "STATE", NULL, COLUMN_STATE},
					     {"since", "SINCE", NULL, 0},
					     {"error", "WHY", NULL, COLUMN_CUT | COLUMN_ERROR},
					     {NULL, NULL, NULL, 0}};

static const struct column assignment_columns[] = {{"product", "PRODUCT", NULL, 0},
						   {"kind", "KIND", NULL, 0},
						   {"subject", "SUBJECT", NULL, COLUMN_CUT},
						   {"plans", "PLANS", NULL, COLUMN_CUT | COLUMN_ALL},
						   {"grant", "GRANT", NULL, 0},
						   {"at", "ASSIGNED", NULL, 0},
						   {NULL, NULL, NULL, 0}};

int seat_list_run(struct invocation *inv)
{
	struct listing listing = {.path = "/v1/seats", .columns = seat_columns};
	return listing_run(inv, &listing);
}

int assignment_list_run(struct invocation *inv)
{
	struct listing listing = {.path = "/v1/assignments", .columns = assignment_columns};
	return listing_run(inv, &listing);
}
