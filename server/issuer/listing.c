/* SPDX-License-Identifier: Apache-2.0 */
#include "listing.h"

#include "commands.h"
#include "failure.h"
#include "vendor.h"

int listing_run(struct invocation *inv, const struct print_column *columns,
		int (*gather)(struct ledger *, struct listing *))
{
	struct listing listing = {.inv = inv,
				  .items = json_array(),
				  .now = issuer_now(inv),
				  .json = invocation_has(inv, "json")};
	struct vendor vendor;
	struct failure f = {0};
	int error = vendor_open(inv, &vendor, &f);
	if (!error && (error = gather(vendor.ledger, &listing)))
		ledger_explain(vendor.ledger, error, &f);
	vendor_close(&vendor);
	if (error) {
		json_decref(listing.items);
		return failure_print(inv, &f);
	}
	print_list(inv, columns, listing.items);
	return 0;
}
