/* SPDX-License-Identifier: Apache-2.0 */
/* Subscriptions and products: both totals, a row for each grant and the sum over them (DESIGN 3, Totals). */
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "page.h"
#include "status.h"

static json_t *subscription(const struct grant_now *g)
{
	json_t *row = overview_grant(g);
	if (model_seats(g->grant.grant->model))
		json_set_number(row, "waiting", g->waiting);
	return row;
}

/* The overview, or a problem that was replied. */
static struct overview *gather(struct exchange *x)
{
	struct overview *o = NULL;
	int error = overview_gather(x, &o);
	if (!error)
		return o;
	exchange_problem(x, error, NULL);
	return NULL;
}

void subscription_list(struct exchange *x)
{
	const char *product = exchange_query(x, "product");
	const char *state = exchange_query(x, "state");
	struct overview *o = gather(x);
	json_t *items = json_array();
	for (size_t i = 0; o && i < o->n_grants; i++) {
		const struct grant_now *g = &o->grants[i];
		if ((!product || strcmp(product, g->grant.grant->product) == 0) &&
		    (!state || strcmp(state, g->terms.state) == 0))
			json_array_append_new(items, subscription(g));
	}
	if (o)
		page_reply_whole(x, items);
	else
		json_decref(items);
	free(o);
}

/* ?license= tells grants of one name apart. */
void subscription_show(struct exchange *x)
{
	const char *license = exchange_query(x, "license");
	struct overview *o = gather(x);
	const struct grant_now *found = NULL;
	size_t n = 0;
	if (!o)
		return;
	for (size_t i = 0; i < o->n_grants; i++) {
		const struct grant_now *g = &o->grants[i];
		if (strcmp(g->grant.grant->id, x->id) != 0 ||
		    (license && strcmp(g->grant.license->license.id, license) != 0))
			continue;
		found = g;
		n++;
	}
	if (n == 1) {
		json_t *row = subscription(found);
		json_set_number(row, "schema", 1);
		exchange_json(x, MHD_HTTP_OK, row);
	} else {
		exchange_problem(x, n ? E_BAD_REQUEST : E_NOT_FOUND,
				 n ? "several licenses have such a grant: name one with license=" : x->id);
	}
	free(o);
}

static json_t *product_row(const struct overview *o, const struct product *product)
{
	json_t *row = overview_product(o, product);
	json_t *grants = json_array();
	int64_t waiting = 0;
	for (size_t i = 0; i < o->n_grants; i++) {
		if (strcmp(o->grants[i].grant.grant->product, product->id) != 0)
			continue;
		json_array_append_new(grants, overview_grant(&o->grants[i]));
		waiting = o->grants[i].waiting;
	}
	json_set_number(row, "waiting", waiting);
	json_object_set_new(row, "grants", grants);
	return row;
}

static bool first_of_product(const struct overview *o, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (strcmp(o->grants[j].grant.grant->product, o->grants[i].grant.grant->product) == 0)
			return false;
	return true;
}

void product_list(struct exchange *x)
{
	struct overview *o = gather(x);
	json_t *items = json_array();
	for (size_t i = 0; o && i < o->n_grants; i++)
		if (first_of_product(o, i))
			json_array_append_new(items, product_row(o, o->grants[i].grant.product));
	if (o)
		page_reply_whole(x, items);
	else
		json_decref(items);
	free(o);
}

void product_show(struct exchange *x)
{
	struct overview *o = gather(x);
	const struct product *product = NULL;
	if (!o)
		return;
	for (size_t i = 0; i < o->n_grants; i++)
		if (strcmp(o->grants[i].grant.grant->product, x->id) == 0)
			product = o->grants[i].grant.product;
	if (product) {
		json_t *row = product_row(o, product);
		json_set_number(row, "schema", 1);
		exchange_json(x, MHD_HTTP_OK, row);
	} else {
		exchange_problem(x, E_NOT_FOUND, x->id);
	}
	free(o);
}
