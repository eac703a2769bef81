/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the vendor has signed: one SQLite file in the vendor's folder. Functions return 0 or an error;
 * ledger_explain turns that into words. Main thread.
 */
#ifndef ISSUER_LEDGER_H
#define ISSUER_LEDGER_H

#include <stdint.h>

#include "certificate.h"
#include "failure.h"
#include "license.h"
#include "product.h"

#define LEDGER_SALT 32

struct ledger;

/* A product as the vendor described it. head stays empty: it is signed anew with every export. */
struct ledger_product {
	struct product_file file;
	int64_t added;
};

/* A license by its newest serial. */
struct ledger_license {
	char id[LIMIT_ID + 1];
	char org[LIMIT_ID + 1];
	char org_name[LIMIT_NAME + 1];
	int64_t serial;
	int64_t nbf;
	int64_t exp;
	int64_t hosts_max;
	int64_t issued;
	int64_t hosts;                /* certified for it, ever */
	uint8_t fp_salt[LEDGER_SALT]; /* of every certificate of this license */
};

/* A host by its newest certificate for one license. */
struct ledger_host {
	uint8_t sign[PASETO_PUBLIC];
	uint8_t ledger[LEDGER_ID];
	char name[LIMIT_HOSTNAME + 1];
	char license[LIMIT_ID + 1];
	char org[LIMIT_ID + 1];
	char jti[CLAIMS_JTI];
	int64_t serial; /* of the license */
	int64_t certified;
	int64_t exp;
	int64_t certificates; /* made for it, all in all */
};

/* How many other hosts a license has. */
struct ledger_others {
	int64_t ever;
	int64_t in_force; /* with a certificate that has not ended */
};

/* Make a new ledger file, which must not exist, and close it again. */
int ledger_create(const char *path, const char *vendor_name, const uint8_t public[PASETO_PUBLIC], int64_t now,
		  struct failure *);

/*
 * Open one, with the vendor's name and key. *ret: closed with ledger_close. E_NOT_FOUND; E_STORE_NEWER: made
 * by a later version; E_STORE_CORRUPT: no ledger, or damaged; E_STORE_BUSY, E_STORE_IO, E_IO.
 */
int ledger_open(const char *path, struct ledger **ret, char name[LIMIT_NAME + 1],
		uint8_t public[PASETO_PUBLIC], struct failure *);

/* Close; an open transaction is undone. NULL is allowed. */
void ledger_close(struct ledger *);

/* Set the failure to what a ledger function returned, with the store's own words. Returns the code. */
int ledger_explain(const struct ledger *, int error, struct failure *);

/* One writer at a time, from begin to commit or rollback. After a commit nothing is lost, whatever happens.
 */
int ledger_begin(struct ledger *);
int ledger_commit(struct ledger *);
void ledger_rollback(struct ledger *);

/* Products. add: E_DUPLICATE. get: E_NOT_FOUND. each: by id; a non-zero answer of the visitor ends it and is
 * returned. */
int ledger_product_add(struct ledger *, const struct ledger_product *);
int ledger_product_get(struct ledger *, const char *id, struct ledger_product *ret);
int ledger_product_each(struct ledger *, int (*visit)(const struct ledger_product *, void *), void *);

/* Licenses. add: the first serial of a new license, with its token; E_DUPLICATE. */
int ledger_license_add(struct ledger *, const struct license *, const uint8_t fp_salt[LEDGER_SALT],
		       const char *token);

/* Newest serial. ret_token: freed by the caller; NULL when not wanted. E_NOT_FOUND. */
int ledger_license_get(struct ledger *, const char *id, struct ledger_license *ret, char **ret_token);
int ledger_license_each(struct ledger *, int (*visit)(const struct ledger_license *, void *), void *);

/* Hosts. add: E_DUPLICATE only for a repeated jti. others: those of the license that have another key than
 * sign. */
int ledger_host_add(struct ledger *, const struct certificate *, int64_t serial, const char *token);
int ledger_host_others(struct ledger *, const char *license, const uint8_t sign[PASETO_PUBLIC], int64_t now,
		       struct ledger_others *ret);
int ledger_host_each(struct ledger *, int (*visit)(const struct ledger_host *, void *), void *);

#endif
