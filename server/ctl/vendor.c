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

static int get_items(const struct invocation *inv, const char *path, json_t **ret)
{
	struct request req = {.path = path};
	struct reply reply;
	int code = request_run(inv, &req, &reply);
	if (code)
		return code;
	*ret = json_incref(json_object_get(reply.json, "items"));
	reply_fini(&reply);
	return 0;
}

static json_int_t list_number(json_t *vendors, const char *vendor)
{
	json_t *row;
	size_t i;
	json_array_foreach (vendors, i, row)
		if (json_is_string(json_object_get(row, "vendor")) &&
		    strcmp(json_string_value(json_object_get(row, "vendor")), vendor) == 0)
			return json_integer_value(json_object_get(row, "revocations"));
	return 0;
}

/* What 'vendor call' says besides the request, for each license. *ret: the caller's. */
static int read_calls(const struct invocation *inv, json_t **ret)
{
	json_t *licenses = NULL;
	json_t *vendors = NULL;
	json_t *row;
	size_t i;
	int code = get_items(inv, "/v1/licenses", &licenses);
	if (!code)
		code = get_items(inv, "/v1/vendors", &vendors);
	*ret = json_array();
	json_array_foreach (licenses, i, row) {
		const char *vendor = json_string_value(json_object_get(row, "vendor"));
		json_array_append_new(*ret,
				      json_pack("{s:O, s:O, s:I}", "license", json_object_get(row, "id"),
						"serial", json_object_get(row, "serial"), "revocations",
						list_number(vendors, vendor ? vendor : "")));
	}
	json_decref(licenses);
	json_decref(vendors);
	return code;
}

/* The whole of it, for no part is hidden from whoever sends it. calls: NULL for a file. */
static void show(const struct invocation *inv, const char *label, json_t *claims, json_t *calls)
{
	if (invocation_has(inv, "json")) {
		print_json_new(json_pack("{s:i, s:s, s:O, s:O*}", "schema", 1, "kind", label, "claims",
					 claims, "calls", calls));
		return;
	}
	fputs("This is all that the vendor is told, signed by this host. Nothing is sent by itself.\n",
	      stdout);
	print_json(claims);
	if (!json_array_size(calls))
		return;
	fputs("'vendor call' says besides, for the license that it is about:\n", stdout);
	print_json(calls);
}

int vendor_show_request_run(struct invocation *inv)
{
	char label[LABEL] = "";
	char *text = NULL;
	char *token = NULL;
	json_t *claims = NULL;
	json_t *calls = NULL;
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
		code = read_calls(inv, &calls);
	if (!error && !code)
		show(inv, label, claims, calls);
	json_decref(calls);
	json_decref(claims);
	free(token);
	free(text);
	return code;
}
