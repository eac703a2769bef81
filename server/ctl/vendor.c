/* SPDX-License-Identifier: Apache-2.0 */
/* musterctl vendor: whose word this host takes, and what a vendor is told. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "armour.h"
#include "commands.h"
#include "failure.h"
#include "input.h"
#include "listing.h"
#include "print.h"
#include "request.h"
#include "standing.h"
#include "token.h"

#define FILE_MOST ((size_t)1 << 20)
#define LABEL 64

static const struct column columns[] = {{"vendor", "VENDOR", NULL, 0},
					{"org", "ORGANISATION", NULL, 0},
					{"licenses", "LICENSES", NULL, COLUMN_RIGHT},
					{"certified_until", "CERTIFIED UNTIL", NULL, 0},
					{"revocations", "REVOCATION LIST", NULL, COLUMN_RIGHT},
					{"vendor_key", "KEY", NULL, COLUMN_CSV},
					{NULL, NULL, NULL, 0}};

int vendor_list_run(struct invocation *inv)
{
	struct listing listing = {.path = "/v1/vendors", .columns = columns};
	return listing_run(inv, &listing);
}

/* --- what a vendor is told --- */

/* The request that this host would write now; or the file that is meant. */
static int read_text(const struct invocation *inv, char **ret, size_t *ret_n)
{
	struct request req = {.path = "/v1/host/request", .plain = true};
	struct reply reply;
	if (inv->n_args)
		return input_read(inv, inv->args[0], FILE_MOST, ret, ret_n);
	int code = request_run(inv, &req, &reply);
	if (code)
		return code;
	*ret_n = reply.body.used - 1;
	*ret = strndup((const char *)reply.body.bytes, *ret_n);
	reply_fini(&reply);
	return *ret ? 0 : failure_say(inv, E_NO_MEMORY, "the request");
}

/* The whole of it, for no part is hidden from whoever sends it. standing: NULL for a file. */
static void show(const struct invocation *inv, const char *label, json_t *claims, json_t *standing)
{
	json_t *calls = standing ? standing_told(standing) : NULL;
	if (invocation_has(inv, "json")) {
		print_json_new(json_pack("{s:i, s:s, s:O, s:o*}", "schema", 1, "kind", label, "claims",
					 claims, "calls", calls));
		return;
	}
	fputs("This is all that the vendor is told, signed by this host. Nothing is sent by itself.\n",
	      stdout);
	print_json(claims);
	if (json_array_size(calls)) {
		fputs("'vendor call' says besides, for the license that it is about:\n", stdout);
		print_json(calls);
	}
	json_decref(calls);
}

int vendor_show_request_run(struct invocation *inv)
{
	char label[LABEL] = "";
	char *text = NULL;
	char *token = NULL;
	json_t *claims = NULL;
	json_t *standing = NULL;
	size_t n = 0;
	int code = read_text(inv, &text, &n);
	if (code)
		return code;
	int error = armour_label(text, n, label, sizeof(label));
	if (!error)
		error = armour_read(label, text, n, &token);
	if (!error)
		error = token_peek(token, strlen(token), &claims);
	if (error)
		code = failure_say(inv, error, "%s", inv->n_args ? inv->args[0] : "the request");
	else if (!inv->n_args)
		code = standing_read(inv, &standing);
	if (!error && !code)
		show(inv, label, claims, standing);
	json_decref(standing);
	json_decref(claims);
	free(token);
	free(text);
	return code;
}
