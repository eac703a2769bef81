/* SPDX-License-Identifier: Apache-2.0 */
/* The vendors that this host has pinned, each with what it has signed for it. */
#include <microhttpd.h>
#include <string.h>

#include "page.h"

static bool shown_before(const struct catalog *c, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(c->certificates[i].vendor, c->certificates[n].vendor) == 0)
			return true;
	return false;
}

static int64_t licenses_of(const struct catalog *c, const char *vendor)
{
	int64_t n = 0;
	for (size_t i = 0; i < c->n_licenses; i++)
		n += strcmp(c->licenses[i].vendor, vendor) == 0;
	return n;
}

/* The first end of a certificate that is this host's own; 0: there is none. */
static int64_t certified_until(const struct catalog *c, const char *vendor)
{
	int64_t until = 0;
	for (size_t i = 0; i < c->n_certificates; i++) {
		const struct catalog_certificate *cert = &c->certificates[i];
		if (cert->former || strcmp(cert->vendor, vendor) != 0)
			continue;
		if (!until || cert->certificate.exp < until)
			until = cert->certificate.exp;
	}
	return until;
}

static json_t *vendor_row(const struct catalog *c, const struct catalog_certificate *cert)
{
	const struct revocations *list = catalog_revocations(c, cert->vendor);
	char key[ROOTS_TEXT];
	json_t *row = json_object();
	roots_write(&cert->roots, key);
	json_set_text(row, "vendor", cert->vendor);
	json_set_text(row, "vendor_key", key);
	json_set_text(row, "org", cert->certificate.org);
	json_set_number(row, "licenses", licenses_of(c, cert->vendor));
	json_set_time(row, "certified_until", certified_until(c, cert->vendor));
	json_set_number(row, "revocations", list ? list->number : 0);
	return row;
}

void vendor_list(struct exchange *x)
{
	const struct catalog *catalog = exchange_need_catalog(x);
	if (!catalog)
		return;
	json_t *items = json_array();
	for (size_t i = 0; i < catalog->n_certificates; i++)
		if (!shown_before(catalog, i))
			json_array_append_new(items, vendor_row(catalog, &catalog->certificates[i]));
	page_reply_whole(x, items);
}
