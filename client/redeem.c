/* SPDX-License-Identifier: Apache-2.0 */
/* The verb that redeems a product key for the organisation. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "errand.h"
#include "error.h"
#include "muster.h"
#include "verb.h"

/* The product that is meant: the one named, or the only one that there is. */
static int choose(struct work *w, const char *named, const char **ret)
{
	if (!named && w->trust.n_products > 1)
		return fault_set(&w->m->fault, E_BAD_REQUEST, "name the product: the folder has %zu of them",
				 w->trust.n_products);
	*ret = named ? named : w->trust.n_products ? w->trust.products[0].file.product.id : "no product";
	return 0;
}

static int redeem_with(struct work *w, const char *named, const char *key)
{
	const char *product = NULL;
	const struct trust_product *p;
	struct record *r;
	int error = choose(w, named, &product);
	if (!error)
		error = errand_product(w, product, &p, &r);
	if (error)
		return error;
	struct call *call = calloc(1, sizeof(*call));
	if (!call)
		return fault_code(&w->m->fault, E_NO_MEMORY);
	call->kind = CALL_REDEEM;
	call->n = 1;
	memcpy(call->wants[0].product, p->file.product.id, sizeof(call->wants[0].product));
	memcpy(call->secret, key, sizeof(call->secret));
	error = flow_run(w, p->vendor, call, w->deadline);
	sodium_memzero(call, sizeof(*call));
	free(call);
	return error;
}

static int redeem(struct work *w, const struct verb *v)
{
	char bare[KEYCODE_KEY + 1] = "";
	int error = 0;
	if (keycode_read(v->text, KEYCODE_KEY, bare))
		error = fault_code(&w->m->fault, E_KEY_MALFORMED);
	if (!error)
		error = redeem_with(w, v->product, bare);
	sodium_memzero(bare, sizeof(bare));
	return error;
}

int muster_redeem(struct muster *m, const char *product, const char *key, int deadline_ms)
{
	const struct verb v = {.run = redeem, .mode = WORK_WRITE, .product = product, .text = verb_text(key)};
	return verb_run(m, &v, deadline_ms);
}
