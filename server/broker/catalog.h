/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The licenses and certificates of a store, verified and parsed: what this host may grant. A value: load a
 * new one after a change. Any thread may load its own from its own store handle.
 */
#ifndef SERVER_CATALOG_H
#define SERVER_CATALOG_H

#include "certificate.h"
#include "facts.h"
#include "license.h"

struct store;

#define LEDGER_KEY "ledger" /* meta key of the ledger id */

/* A vendor's certificate of this host. */
struct catalog_certificate {
	struct certificate certificate;
	char vendor[PASERK_ID_TEXT];
	char *token;
	int64_t installed;
};

struct catalog_license {
	struct license license;
	char vendor[PASERK_ID_TEXT];
	int64_t installed;
	const struct catalog_certificate *certificate; /* NULL: this host is not certified for it */
	int64_t *numbers; /* of its grants, in their order; 0: not in the ledger */
};

/* One grant, found by its number. */
struct catalog_grant {
	const struct catalog_license *license;
	const struct grant *grant;
	const struct product *product;
};

struct catalog {
	struct catalog_license *licenses;
	size_t n_licenses;
	struct catalog_certificate *certificates;
	size_t n_certificates;
	int64_t next_number; /* for a new grant */
	size_t damaged;      /* stored files that no longer verify: left out */
};

/* Load. Errors of the store, or E_NO_MEMORY; *ret is then empty. */
int catalog_load(struct store *, struct catalog *ret);
void catalog_free(struct catalog *);

/* The pinned key of a vendor (k4.pid), or NULL. Borrowed. */
const uint8_t *catalog_vendor(const struct catalog *, const char *vendor);

/* Find a license or certificate, or NULL. Borrowed. */
const struct catalog_license *catalog_license(const struct catalog *, const char *vendor, const char *id);
const struct catalog_certificate *catalog_certificate(const struct catalog *, const char *vendor,
						      const char *license);

/* A grant by its number; false when no license has it. */
bool catalog_grant(const struct catalog *, int64_t number, struct catalog_grant *ret);

/* The end of what a grant's leases may reach: its end and the license's grace. */
int64_t catalog_grace_end(const struct catalog_license *, const struct grant *);

/* Fill in the candidates for a product, those that end last if there are too many: the part that licenses
 * know. */
void catalog_candidates(const struct catalog *, const char *product, const char *version,
			const char (*plans)[LIMIT_ID + 1], size_t n_plans, struct line_facts *ret);

/* "pending", "active", "expired" (in grace), "disabled" or "deleted" for a term (DESIGN 3, subscription
 * life). */
const char *catalog_term_state(int64_t nbf, int64_t end, int64_t grace_end, int64_t now);

#endif
