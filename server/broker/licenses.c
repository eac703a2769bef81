/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A license that an administrator takes out. Its grants give nothing from then on: leases run out, seats are
 * settled anew by the sweeps. What is held of them stays on record, so that a license that comes again finds
 * it; and an older serial does not come in by this way.
 */
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "order.h"

/* The license that is named; refuses when there is none, or two vendors have one of that id. */
static const struct catalog_license *find(struct order *o)
{
	const struct catalog *catalog = &o->b->catalog;
	const struct catalog_license *found = NULL;
	size_t n = 0;
	for (size_t i = 0; i < catalog->n_licenses; i++) {
		if (strcmp(catalog->licenses[i].license.id, o->c->license) != 0)
			continue;
		found = &catalog->licenses[i];
		n++;
	}
	if (n == 1)
		return found;
	order_refuse(o->c, n ? E_BAD_REQUEST : E_NOT_FOUND,
		     n ? "two vendors have licenses of that id" : o->c->license);
	return NULL;
}

static int count_losses(struct order *o, const struct catalog_license *l)
{
	int error = 0;
	for (size_t i = 0; i < l->license.n_grants && !error; i++) {
		struct row row;
		if (!l->numbers[i])
			continue;
		error = store_grant(o->b->store, l->numbers[i], o->now, &row);
		if (!error)
			order_lose(o, &l->license.grants[i], &row);
	}
	return error;
}

void license_removed_meta(const char *vendor, const char *license, char out[META_REMOVED_TEXT])
{
	snprintf(out, META_REMOVED_TEXT, META_REMOVED "%s.%s", vendor, license);
}

int license_remove(struct order *o)
{
	const struct catalog_license *l = find(o);
	char meta[META_REMOVED_TEXT];
	if (!l)
		return 0;
	struct effect effect = {.kind = EFFECT_LICENSE,
				.at = o->now,
				.u.signed_file = {.vendor = l->vendor, .license = l->license.id}};
	int error = count_losses(o, l);
	license_removed_meta(l->vendor, l->license.id, meta);
	if (!error)
		error = broker_note(o->b, meta, l->license.serial);
	if (!error)
		error = store_apply(o->b->store, &effect);
	snprintf(o->c->detail, sizeof(o->c->detail), "serial %lld", (long long)l->license.serial);
	o->b->catalog_stale = true;
	return error;
}
