/* SPDX-License-Identifier: Apache-2.0 */
/* musterctl product: both totals, the sum over all grants of a product and the row of each grant. */
#include "commands.h"
#include "listing.h"
#include "print.h"
#include "show.h"

#define EVERY_GRANT "(all)"

static const struct column list_columns[] = {{"product", "PRODUCT", NULL, 0},
					     {"grant", "GRANT", NULL, 0},
					     {"model", "MODEL", NULL, 0},
					     {"state", "STATE", NULL, COLUMN_STATE},
					     {"total", "TOTAL", NULL, COLUMN_RIGHT},
					     {"assigned", "ASSIGNED", NULL, COLUMN_RIGHT},
					     {"in_use", "IN USE", NULL, COLUMN_RIGHT},
					     {"waiting", "WAITING", NULL, COLUMN_RIGHT},
					     {"available", "AVAILABLE", NULL, COLUMN_RIGHT},
					     {"name", "NAME", NULL, COLUMN_CUT},
					     {NULL, NULL, NULL, 0}};

static const struct column fields[] = {{"product", "product", NULL, 0},     {"name", "name", NULL, 0},
				       {"total", "total", NULL, 0},         {"assigned", "assigned", NULL, 0},
				       {"in_use", "in use", NULL, 0},       {"waiting", "waiting", NULL, 0},
				       {"available", "available", NULL, 0}, {NULL, NULL, NULL, 0}};

static const struct column grant_columns[] = {{"grant", "GRANT", NULL, 0},
					      {"model", "MODEL", NULL, 0},
					      {"state", "STATE", NULL, COLUMN_STATE},
					      {"quantity", "QUANTITY", NULL, COLUMN_RIGHT},
					      {"assigned", "ASSIGNED", NULL, COLUMN_RIGHT},
					      {"in_use", "IN USE", NULL, COLUMN_RIGHT},
					      {"waiting", "WAITING", NULL, COLUMN_RIGHT},
					      {"next_state", "NEXT", NULL, COLUMN_STATE},
					      {"next_at", "AT", NULL, 0},
					      {"loses", "WILL BE LOST", NULL, COLUMN_CUT},
					      {NULL, NULL, NULL, 0}};

/* A product's row, its sum over all grants. */
static int append_sum(json_t *rows, json_t *product)
{
	json_t *row = json_copy(product);
	if (!row || json_object_set_new(row, "grant", json_string(EVERY_GRANT))) {
		json_decref(row);
		return -1;
	}
	return json_array_append_new(rows, row);
}

/* A grant's row below its product's. */
static int append_grant(json_t *rows, json_t *product, json_t *grant)
{
	json_t *row = json_copy(grant);
	json_t *quantity = json_object_get(grant, "quantity");
	if (!row || json_object_set(row, "product", json_object_get(product, "product")) ||
	    (quantity && json_object_set(row, "total", quantity))) {
		json_decref(row);
		return -1;
	}
	return json_array_append_new(rows, row);
}

static json_t *rows_of(json_t *products)
{
	size_t i;
	size_t j;
	json_t *product;
	json_t *grant;
	json_t *rows = json_array();
	int error = rows ? 0 : -1;
	json_array_foreach (products, i, product) {
		if (!error)
			error = append_sum(rows, product);
		json_array_foreach (json_object_get(product, "grants"), j, grant)
			if (!error)
				error = append_grant(rows, product, grant);
	}
	if (!error)
		return rows;
	json_decref(rows);
	return NULL;
}

int product_list_run(struct invocation *inv)
{
	struct listing listing = {.path = "/v1/products", .columns = list_columns, .rows = rows_of};
	return listing_run(inv, &listing);
}

static int print_product(json_t *product)
{
	int error = print_fields(fields, product);
	return error ? error : print_section(grant_columns, json_object_get(product, "grants"));
}

int product_show_run(struct invocation *inv)
{
	struct request req = {.path = "/v1/products", .id = inv->args[0]};
	return show_answer(inv, &req, print_product);
}
