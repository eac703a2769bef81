/* SPDX-License-Identifier: Apache-2.0 */
/* Discovery for people: every step that an activation would take, with its result. */
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "error.h"
#include "muster.h"
#include "verb.h"
#include "visit.h"

/* Hosts of one source are all tried; the next source only when none of them serves, as an activation would
 * do. */
static bool walk(struct work *w, struct visit *v, struct discover *d, const struct visit_terms *terms,
		 struct deadline deadline)
{
	struct candidate c;
	const char *served = NULL;
	while (deadline_left(deadline) > 0 && discover_next(d, &c)) {
		struct fault f;
		if (served && served != c.source)
			break;
		fault_clear(&f);
		struct step *step = steps_add(&w->m->steps, c.source, c.host.host, c.host.port);
		if (visit_open(v, w, &c, terms, visit_share(deadline, d), step, &f) == 0)
			served = c.source;
		visit_close(v);
	}
	return served != NULL;
}

/* The products of the folder that this key signed. */
static size_t products_of(const struct work *w, const struct trust_key *key, char (*out)[LIMIT_ID + 1])
{
	size_t n = 0;
	for (size_t i = 0; i < w->trust.n_products; i++)
		if (w->trust.products[i].vendor == key)
			memcpy(out[n++], w->trust.products[i].file.product.id, LIMIT_ID + 1);
	return n;
}

static bool walk_vendor(struct work *w, const struct trust_key *key, struct visit *v, struct discover *d)
{
	char products[LIMIT_PRODUCTS][LIMIT_ID + 1];
	const char *org = options_text(&w->m->options, OPTION_ORG);
	const struct pin pin = *state_pin(w->state, key->pid);
	struct visit_terms terms = {
		.vendor = key,
		.org = org ? org : pin.org,
		.products = (const char(*)[LIMIT_ID + 1]) products,
		.n_products = products_of(w, key, products),
	};
	visit_discover(d, w, &pin, w->deadline);
	return walk(w, v, d, &terms, w->deadline);
}

static int where(struct work *w, const struct verb *unused)
{
	struct visit *v = malloc(sizeof(*v));
	struct discover *d = malloc(sizeof(*d));
	bool served = false;
	(void)unused;
	int error = v && d ? 0 : fault_code(&w->m->fault, E_NO_MEMORY);
	for (size_t i = 0; !error && i < w->trust.n_keys; i++)
		served |= walk_vendor(w, &w->trust.keys[i], v, d);
	free(v);
	free(d);
	if (error || served)
		return error;
	if (w->trust.n_keys == 0)
		return fault_set(&w->m->fault, E_NO_PRODUCT_FILE, "%s",
				 options_text(&w->m->options, OPTION_PRODUCTS));
	if (deadline_cancelled(w->deadline))
		return fault_code(&w->m->fault, E_CANCELLED);
	return fault_set(
		&w->m->fault, E_NO_HOST, "%s",
		w->m->steps.n ? "no step below led to a host that serves"
			      : "no host and no domain is configured, and this machine is in no DNS domain");
}

int muster_where(struct muster *m, int deadline_ms)
{
	const struct verb v = {.run = where, .mode = WORK_PEEK};
	return verb_run(m, &v, deadline_ms);
}
