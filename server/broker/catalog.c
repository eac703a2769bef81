/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog.h"

#include <stdlib.h>
#include <string.h>

#include "day.h"
#include "error.h"
#include "log.h"
#include "store.h"

#define DISABLED_DAYS 90 /* after the grace (domain.md 5.1) */

/* --- loading --- */

static int add_certificate(const struct row *row, void *context)
{
	struct catalog *c = context;
	uint8_t vendor[PASETO_PUBLIC];
	struct catalog_certificate *all = realloc(c->certificates, (c->n_certificates + 1) * sizeof(*all));
	if (!all)
		return E_NO_MEMORY;
	c->certificates = all;
	struct catalog_certificate *cert = &all[c->n_certificates];
	memset(cert, 0, sizeof(*cert));
	const char *key = row->u.signed_file.vendor_key;
	const char *token = row->u.signed_file.token;
	int error = paserk_public_read(key, strlen(key), vendor);
	if (!error)
		error = certificate_open(token, strlen(token), vendor, &cert->certificate, NULL);
	if (error) {
		log_error("stored certificate does not verify vendor=%s code=%s", row->u.signed_file.vendor,
			  error_name(error));
		c->damaged++;
		return 0;
	}
	paserk_pid_write(vendor, cert->vendor);
	cert->installed = row->u.signed_file.installed;
	cert->token = strdup(token);
	if (!cert->token)
		return E_NO_MEMORY;
	c->n_certificates++;
	return 0;
}

static int add_license(const struct row *row, void *context)
{
	struct catalog *c = context;
	const char *token = row->u.signed_file.token;
	const uint8_t *vendor = catalog_vendor(c, row->u.signed_file.vendor);
	struct catalog_license *all = realloc(c->licenses, (c->n_licenses + 1) * sizeof(*all));
	if (!all)
		return E_NO_MEMORY;
	c->licenses = all;
	struct catalog_license *l = &all[c->n_licenses];
	memset(l, 0, sizeof(*l));
	int error =
		vendor ? license_open(token, strlen(token), vendor, &l->license, NULL) : E_VENDOR_NOT_PINNED;
	if (error) {
		license_fini(&l->license);
		log_error("stored license does not verify license=%s code=%s", row->u.signed_file.license,
			  error_name(error));
		c->damaged++;
		return 0;
	}
	paserk_pid_write(vendor, l->vendor);
	l->installed = row->u.signed_file.installed;
	l->numbers = calloc(l->license.n_grants + 1, sizeof(*l->numbers));
	c->n_licenses++;
	return l->numbers ? 0 : E_NO_MEMORY;
}

static int add_number(const struct row *row, void *context)
{
	struct catalog *c = context;
	if (row->u.grant.num >= c->next_number)
		c->next_number = row->u.grant.num + 1;
	for (size_t i = 0; i < c->n_licenses; i++) {
		struct catalog_license *l = &c->licenses[i];
		if (strcmp(l->vendor, row->u.grant.vendor) != 0 ||
		    strcmp(l->license.id, row->u.grant.license) != 0)
			continue;
		for (size_t j = 0; j < l->license.n_grants; j++)
			if (strcmp(l->license.grants[j].id, row->u.grant.id) == 0)
				l->numbers[j] = row->u.grant.num;
	}
	return 0;
}

int catalog_load(struct store *store, struct catalog *ret)
{
	struct catalog c = {.next_number = 1};
	struct listing certificates = {.kind = LIST_CERTIFICATE};
	struct listing licenses = {.kind = LIST_LICENSE};
	struct listing grants = {.kind = LIST_GRANT};
	*ret = (struct catalog){0};
	int error = store_page(store, &certificates, add_certificate, &c);
	if (!error)
		error = store_page(store, &licenses, add_license, &c);
	if (!error)
		error = store_page(store, &grants, add_number, &c);
	if (error) {
		catalog_free(&c);
		return error;
	}
	for (size_t i = 0; i < c.n_licenses; i++)
		c.licenses[i].certificate =
			catalog_certificate(&c, c.licenses[i].vendor, c.licenses[i].license.id);
	*ret = c;
	return 0;
}

void catalog_free(struct catalog *c)
{
	for (size_t i = 0; i < c->n_licenses; i++) {
		license_fini(&c->licenses[i].license);
		free(c->licenses[i].numbers);
	}
	for (size_t i = 0; i < c->n_certificates; i++)
		free(c->certificates[i].token);
	free(c->licenses);
	free(c->certificates);
	*c = (struct catalog){0};
}

/* --- looking up --- */

const uint8_t *catalog_vendor(const struct catalog *c, const char *vendor)
{
	for (size_t i = 0; i < c->n_certificates; i++)
		if (strcmp(c->certificates[i].vendor, vendor) == 0)
			return c->certificates[i].certificate.vendor;
	return NULL;
}

const struct catalog_license *catalog_license(const struct catalog *c, const char *vendor, const char *id)
{
	for (size_t i = 0; i < c->n_licenses; i++)
		if (strcmp(c->licenses[i].vendor, vendor) == 0 && strcmp(c->licenses[i].license.id, id) == 0)
			return &c->licenses[i];
	return NULL;
}

const struct catalog_certificate *catalog_certificate(const struct catalog *c, const char *vendor,
						      const char *license)
{
	for (size_t i = 0; i < c->n_certificates; i++)
		if (strcmp(c->certificates[i].vendor, vendor) == 0 &&
		    strcmp(c->certificates[i].certificate.license, license) == 0)
			return &c->certificates[i];
	return NULL;
}

bool catalog_grant(const struct catalog *c, int64_t number, struct catalog_grant *ret)
{
	for (size_t i = 0; i < c->n_licenses; i++) {
		const struct catalog_license *l = &c->licenses[i];
		for (size_t j = 0; j < l->license.n_grants; j++) {
			if (number == 0 || l->numbers[j] != number)
				continue;
			ret->license = l;
			ret->grant = &l->license.grants[j];
			ret->product = license_product(&l->license, ret->grant->product);
			return true;
		}
	}
	return false;
}

int64_t catalog_grace_end(const struct catalog_license *l, const struct grant *grant)
{
	return grant_end(&l->license, grant) + (int64_t)l->license.grace_days * DAY_SECONDS;
}

const char *catalog_term_state(int64_t nbf, int64_t end, int64_t grace_end, int64_t now)
{
	if (now < nbf)
		return "pending";
	if (now < end)
		return "active";
	if (now < grace_end)
		return "expired";
	return now < grace_end + (int64_t)DISABLED_DAYS * DAY_SECONDS ? "disabled" : "deleted";
}

/* --- candidates --- */

/* What is asked of one product; plans go by name, for two licenses may list them differently. */
struct wish {
	const char *product;
	const char *version;
	const char (*plans)[LIMIT_ID + 1];
	size_t n_plans;
};

static void want_plans(const struct product *product, const struct wish *wish, struct candidate *c)
{
	for (size_t i = 0; i < wish->n_plans; i++) {
		int index = product_plan(product, wish->plans[i]);
		if (index < 0)
			c->plan_unknown = true;
		else
			c->plans_wanted |= 1u << index;
	}
}

/* The place for one more candidate: a free one, or that of the one which ends first, if it ends before this
 * one. */
static struct candidate *find_place(struct line_facts *line, int64_t end)
{
	struct candidate *first = &line->candidates[0];
	if (line->n_candidates < CANDIDATES_MAX)
		return &line->candidates[line->n_candidates++];
	for (size_t i = 1; i < line->n_candidates; i++)
		if (line->candidates[i].end < first->end)
			first = &line->candidates[i];
	return first->end < end ? first : NULL;
}

static void add_candidate(const struct catalog_license *l, size_t index, const struct wish *wish,
			  struct line_facts *line)
{
	const struct grant *grant = &l->license.grants[index];
	const struct product *product = license_product(&l->license, grant->product);
	if (!l->certificate || !l->numbers[index] ||
	    !certificate_covers(&l->certificate->certificate, grant->product))
		return;
	struct candidate *c = find_place(line, grant_end(&l->license, grant));
	if (!c)
		return;
	*c = (struct candidate){
		.grant = l->numbers[index],
		.id = grant->id,
		.model = grant->model,
		.policy = grant->policy,
		.nbf = grant->nbf,
		.end = grant_end(&l->license, grant),
		.grace_end = catalog_grace_end(l, grant),
		.quantity = grant->quantity,
		.plans = grant_plans(&l->license, grant),
		.lease_days_max = l->certificate->certificate.lease_days_max,
		.certified_until = l->certificate->certificate.exp,
		.covers_version = product_covers(product, wish->version),
	};
	want_plans(product, wish, c);
}

void catalog_candidates(const struct catalog *c, const char *product, const char *version,
			const char (*plans)[LIMIT_ID + 1], size_t n_plans, struct line_facts *ret)
{
	const struct wish wish = {product, version, plans, n_plans};
	ret->n_candidates = 0;
	for (size_t i = 0; i < c->n_licenses; i++) {
		const struct catalog_license *l = &c->licenses[i];
		for (size_t j = 0; j < l->license.n_grants; j++)
			if (strcmp(l->license.grants[j].product, product) == 0)
				add_candidate(l, j, &wish, ret);
	}
}
