/* SPDX-License-Identifier: Apache-2.0 */
/* The list commands: what the vendor's ledger holds of one kind, as a table or JSON. Main thread. */
#ifndef ISSUER_LISTING_H
#define ISSUER_LISTING_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "command.h"
#include "ledger.h"
#include "print.h"

/* A list under construction: a ledger's callback appends to it. */
struct listing {
	const struct invocation *inv;
	json_t *items;
	int64_t now;
	bool json;
};

/*
 * Open the vendor of the command line, gather its rows, print them. gather walks one table of the ledger; its
 * errors are the ledger's. Returns the exit code.
 */
int listing_run(struct invocation *, const struct print_column *columns,
		int (*gather)(struct ledger *, struct listing *));

#endif
