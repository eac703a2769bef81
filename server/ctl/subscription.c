/* SPDX-License-Identifier: Apache-2.0 */
/* musterctl subscription: the life of each grant, and what an owner can do about it. */
#include <stdio.h>

#include "change.h"
#include "commands.h"
#include "confirm.h"
#include "key_arg.h"
#include "listing.h"
#include "print.h"
#include "show.h"

static const struct column list_columns[] = {{"grant", "GRANT", NULL, 0},
					     {"license", "LICENSE", NULL, COLUMN_CSV},
					     {"vendor", "VENDOR", NULL, COLUMN_CSV},
					     {"product", "PRODUCT", NULL, 0},
					     {"model", "MODEL", NULL, 0},
					     {"quantity", "QUANTITY", NULL, COLUMN_RIGHT},
					     {"assigned", "ASSIGNED", NULL, COLUMN_RIGHT},
					     {"in_use", "IN USE", NULL, COLUMN_RIGHT},
					     {"waiting", "WAITING", NULL, COLUMN_RIGHT},
					     {"state", "STATE", NULL, COLUMN_STATE},
					     {"next_state", "NEXT", NULL, COLUMN_STATE},
					     {"next_at", "AT", NULL, 0},
					     {"loses", "WILL BE LOST", NULL, COLUMN_CUT},
					     {"recurring", "RECURRING", NULL, COLUMN_CSV},
					     {"self_service", "SELF-SERVICE", NULL, COLUMN_CSV},
					     {"taken_over", "TAKEN OVER", NULL, COLUMN_CSV},
					     {"cancel_until", "CANCEL UNTIL", NULL, COLUMN_CSV},
					     {"cancelled", "CANCELLED", NULL, COLUMN_CSV},
					     {"over_until", "OVER UNTIL", NULL, COLUMN_CSV},
					     {"expires", "EXPIRES", NULL, COLUMN_CSV},
					     {NULL, NULL, NULL, 0}};

static const struct column fields[] = {{"grant", "grant", NULL, 0},
				       {"license", "license", NULL, 0},
				       {"vendor", "vendor", NULL, 0},
				       {"product", "product", NULL, 0},
				       {"model", "model", NULL, 0},
				       {"state", "state", NULL, COLUMN_STATE},
				       {"next_state", "next state", NULL, 0},
				       {"next_at", "from", NULL, 0},
				       {"loses", "will be lost then", NULL, 0},
				       {"quantity", "quantity", NULL, 0},
				       {"assigned", "assigned", NULL, 0},
				       {"in_use", "in use", NULL, 0},
				       {"waiting", "waiting", NULL, 0},
				       {"over_until", "too many until", NULL, 0},
				       {"recurring", "renews by itself", NULL, 0},
				       {"self_service", "bought by", NULL, 0},
				       {"taken_over", "taken over", NULL, 0},
				       {"cancel_until", "can be cancelled until", NULL, 0},
				       {"cancelled", "cancelled", NULL, 0},
				       {"expires", "expires", NULL, 0},
				       {NULL, NULL, NULL, 0}};

/* --- list and show --- */

int subscription_list_run(struct invocation *inv)
{
	struct listing listing = {.path = "/v1/subscriptions", .columns = list_columns};
	return listing_run(inv, &listing);
}

static int print_subscription(json_t *subscription)
{
	return print_fields(fields, subscription);
}

int subscription_show_run(struct invocation *inv)
{
	struct request req = {.path = "/v1/subscriptions",
			      .id = inv->args[0],
			      .query = {{"license", invocation_value(inv, "license")}}};
	return show_answer(inv, &req, print_subscription);
}

/* --- changes --- */

/* Do it to the grant on the line, then show how it stands. key: a product key, or NULL. */
static int change(struct invocation *inv, struct changes *c, const char *kind, const char *key)
{
	int code = changes_run_one(c, json_pack("{s:s, s:s, s:s*, s:s*}", "do", kind, "grant", inv->args[0],
						"license", invocation_value(inv, "license"), "key", key));
	if (code || invocation_has(inv, "json") || invocation_has(inv, "dry-run"))
		return code;
	putchar('\n');
	return subscription_show_run(inv);
}

int subscription_cancel_run(struct invocation *inv)
{
	struct changes c;
	changes_init(&c, inv, "cancelled");
	c.question = "Cancel the subscription?";
	/* Whoever is asked sees first what it is about. */
	if (confirm_possible(inv) && !confirm_given(inv)) {
		int code = subscription_show_run(inv);
		if (code)
			return code;
	}
	return change(inv, &c, "subscription.cancel", NULL);
}

int subscription_takeover_run(struct invocation *inv)
{
	struct changes c;
	changes_init(&c, inv, "taken over");
	return change(inv, &c, "subscription.takeover", NULL);
}

int subscription_reactivate_run(struct invocation *inv)
{
	struct changes c;
	char key[KEYCODE_KEY + 1];
	const char *given = invocation_value(inv, "key");
	int code = given ? key_arg_read(inv, given, key) : 0;
	if (code)
		return code;
	changes_init(&c, inv, "reactivated");
	return change(inv, &c, "subscription.reactivate", given ? key : NULL);
}

/* What the key gave, in the daemon's words. */
static void show_redeemed(json_t *item)
{
	fputs("redeemed", stdout);
	if (json_is_string(json_object_get(item, "detail"))) {
		fputs(": ", stdout);
		print_member(stdout, item, "detail");
	}
	putchar('\n');
}

int subscription_redeem_run(struct invocation *inv)
{
	struct changes c;
	char key[KEYCODE_KEY + 1];
	int code = key_arg_read(inv, inv->args[0], key);
	if (code)
		return code;
	changes_init(&c, inv, "redeemed");
	c.show = show_redeemed;
	return changes_run_one(&c, json_pack("{s:s, s:s, s:s*}", "do", "subscription.redeem", "key", key,
					     "product", invocation_value(inv, "product")));
}
