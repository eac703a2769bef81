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
#include "revocations.h"

struct store;

/* A vendor's certificate of this host. */
struct catalog_certificate {
	struct certificate certificate;
	struct roots roots; /* of its vendor, as they are pinned */
	char vendor[PASERK_ID_TEXT];
	char *token;
	int64_t installed;
	bool former; /* of the host whose ledger this was before: it pins the vendor and serves nothing */
};

struct catalog_license {
	struct license license;
	char vendor[PASERK_ID_TEXT];
	int64_t installed;
	const struct catalog_certificate *certificate; /* NULL: this host is not certified for it */
	int64_t *numbers; /* of its grants, in their order; 0: not in the ledger */
};

/* A vendor's revocation list. */
struct catalog_revocations {
	char vendor[PASERK_ID_TEXT];
	struct revocations list;
	char *token;
	int64_t installed;
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
	struct catalog_revocations *revocations;
	size_t n_revocations;
	const uint8_t *host; /* whose certificates count; only while loading */
	int64_t next_number; /* for a new grant */
	size_t damaged;      /* stored files that no longer verify: left out */
};

/* Load, for the host with this signing key. Errors of the store, or E_NO_MEMORY; *ret is then empty. */
int catalog_load(struct store *, const uint8_t host[PASETO_PUBLIC], struct catalog *ret);
void catalog_free(struct catalog *);

/* The pinned roots of a vendor (k4.pid), or NULL. Borrowed. */
const struct roots *catalog_vendor(const struct catalog *, const char *vendor);

/* Find a license, or this host's certificate for one; NULL: there is none. Borrowed. */
const struct catalog_license *catalog_license(const struct catalog *, const char *vendor, const char *id);
const struct catalog_certificate *catalog_certificate(const struct catalog *, const char *vendor,
						      const char *license);

/* A product of any license by its id, as the first one has it; NULL: no license has it. Borrowed. */
const struct product *catalog_product(const struct catalog *, const char *id);

/* A grant by its number; false when no license has it. */
bool catalog_grant(const struct catalog *, int64_t number, struct catalog_grant *ret);

/* A grant by its license's id and its own; license: NULL for any, if only one has such a grant. false: none,
 * or several. */
bool catalog_grant_named(const struct catalog *, const char *license, const char *grant,
			 struct catalog_grant *ret);

/* The number of a grant in the ledger. */
int64_t catalog_number(const struct catalog_grant *);

/* The revocation list of a vendor, or NULL. Borrowed. */
const struct revocations *catalog_revocations(const struct catalog *, const char *vendor);

/* Has the vendor revoked the license, or who signed it? And this host's certificate (host: its k4.pid)? */
bool catalog_license_revoked(const struct catalog *, const struct catalog_license *);
bool catalog_certificate_revoked(const struct catalog *, const struct catalog_certificate *,
				 const char *host);

/* The stages of a subscription's life (DESIGN 3). */
enum grant_stage { STAGE_PENDING, STAGE_ACTIVE, STAGE_EXPIRED, STAGE_DISABLED, STAGE_DELETED };

/* What a grant is at an instant, with what the ledger adds to it. */
struct grant_terms {
	enum grant_stage stage;
	const char *state; /* its name */
	const char *next;  /* the stage after it; NULL: none */
	int64_t next_at;
	int64_t end;
	int64_t grace_end;
	int64_t quantity; /* 0: none */
	bool open;        /* takes new seats */
	bool keeps;       /* those who have one keep it */
};
struct grant_terms catalog_terms(const struct catalog *, const struct catalog_grant *,
				 const struct grant_marks *, int64_t now);

/* What is asked of one product; plans go by name, for two licenses may list them differently. */
struct wish {
	const char *product;
	const char *version;
	const char (*plans)[LIMIT_ID + 1];
	size_t n_plans;
	const char *key;  /* bare; "": none */
	const char *host; /* k4.pid of this host's key; NULL: its revocation does not matter */
};

/* Fill in the candidates for a product, those that end last if there are too many: the part that licenses
 * know. */
void catalog_candidates(const struct catalog *, const struct wish *, struct line_facts *ret);

/* Put one grant among the candidates, in place of the one that ends first: a seat's grant must be looked at.
 */
void catalog_candidate_add(const struct catalog *, const struct wish *, int64_t number, struct line_facts *);

/* The bits of plans that are named with commas between; "" or NULL: 0, which is all. false: one is unknown,
 * and *ret has the others. */
bool catalog_plans(const struct product *, const char *names, uint32_t *ret);

/* The stage of a term without marks, for licenses. */
const char *catalog_term_state(int64_t nbf, int64_t end, int64_t grace_end, int64_t now);

#endif
