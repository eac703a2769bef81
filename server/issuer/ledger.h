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
#include "revocations.h"

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
	int64_t revoked;              /* when; 0: it is not */
	char reason[LIMIT_NAME + 1];  /* of that; "": none given */
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
	int64_t revoked;      /* when its key was; 0: it is not */
	char reason[LIMIT_NAME + 1];
};

/* A key that the vendor gave out: enrols devices into a pool, or gives something when it is redeemed. The key
 * itself is not kept. */
struct ledger_key {
	char license[LIMIT_ID + 1];
	char grant[LIMIT_ID + 1];
	bool pool;
	struct redemption gives; /* of a pool key only the hash */
	int64_t made;
	int64_t blocked; /* when; 0: it is not */
};

/* A key with which a host certifies itself at the clearing house, once. The key itself is not kept. */
struct ledger_host_key {
	char license[LIMIT_ID + 1];
	int64_t used; /* when; 0: it is not */
	uint8_t sign[PASETO_PUBLIC];
};

/* A key that signs in the vendor's name. */
struct ledger_signer {
	char pid[PASERK_ID_TEXT];
	char statement[ISSUING_TOKEN]; /* "": a root */
	int64_t made;
	int64_t revoked; /* when; 0: it is not */
	char reason[LIMIT_NAME + 1];
};

#define LEDGER_KEY_ID 12 /* characters by which a key is named: the first of its hash in hexadecimal */

/* How many other hosts a license has, revoked ones left out. */
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

/* One writer at a time, from begin to commit. After a commit nothing is lost, whatever happens; without one
 * nothing is kept. */
int ledger_begin(struct ledger *);
int ledger_commit(struct ledger *);

/* Products. add: E_DUPLICATE. get: E_NOT_FOUND. each: by id; a non-zero answer of the visitor ends it and is
 * returned. */
int ledger_product_add(struct ledger *, const struct ledger_product *);
int ledger_product_change(struct ledger *, const struct product *);
int ledger_product_get(struct ledger *, const char *id, struct ledger_product *ret);
int ledger_product_each(struct ledger *, int (*visit)(const struct ledger_product *, void *), void *);

/* Licenses. add: the first serial of a new license, with its token; renew: a further serial. E_DUPLICATE. */
int ledger_license_add(struct ledger *, const struct license *, const uint8_t fp_salt[LEDGER_SALT],
		       const char *token);
int ledger_license_renew(struct ledger *, const struct license *, const char *token);

/* Newest serial. ret_token: freed by the caller; NULL when not wanted. E_NOT_FOUND. */
int ledger_license_get(struct ledger *, const char *id, struct ledger_license *ret, char **ret_token);
int ledger_license_each(struct ledger *, int (*visit)(const struct ledger_license *, void *), void *);

/* Hosts. add: E_DUPLICATE only for a repeated jti. others: those of the license that have another key than
 * sign. */
int ledger_host_add(struct ledger *, const struct certificate *, int64_t serial, const char *token);
int ledger_host_others(struct ledger *, const char *license, const uint8_t sign[PASETO_PUBLIC], int64_t now,
		       struct ledger_others *ret);
/* A host's place went over to another with the same ledger. replaced: when; 0: it did not. */
int ledger_host_replace(struct ledger *, const char *license, const uint8_t sign[PASETO_PUBLIC],
			const uint8_t by[PASETO_PUBLIC], int64_t now);
int ledger_host_replaced(struct ledger *, const char *license, const uint8_t sign[PASETO_PUBLIC],
			 int64_t *ret_at);
int ledger_host_each(struct ledger *, int (*visit)(const struct ledger_host *, void *), void *);

/* Keys. salt: that of a grant's keys, made when there is none yet. by_code: what was typed, its bare
 * characters; by_id: the first characters of the hash, E_DUPLICATE when they fit several. each: license NULL
 * for all. */
int ledger_key_salt(struct ledger *, const char *license, const char *grant, uint8_t ret[KEYCODE_SALT]);
int ledger_key_add(struct ledger *, const struct ledger_key *);
int ledger_key_by_code(struct ledger *, const char *bare, struct ledger_key *ret);
int ledger_key_by_id(struct ledger *, const char *id, struct ledger_key *ret);
int ledger_key_block(struct ledger *, const struct ledger_key *, int64_t now);
int ledger_key_each(struct ledger *, const char *license, int (*visit)(const struct ledger_key *, void *),
		    void *);
void ledger_key_id(const struct ledger_key *, char out[LEDGER_KEY_ID + 1]);

/* What the vendor no longer stands for. E_DUPLICATE: revoked already. reason: "" for none. host_revoked:
 * *ret_at is 0 when it is not. */
int ledger_license_revoke(struct ledger *, const char *license, int64_t now, const char *reason);
int ledger_host_revoke(struct ledger *, const uint8_t sign[PASETO_PUBLIC], int64_t now, const char *reason);
int ledger_host_revoked(struct ledger *, const uint8_t sign[PASETO_PUBLIC], int64_t *ret_at);

/* Host keys, by their hash. get: E_NOT_FOUND. */
int ledger_host_key_add(struct ledger *, const uint8_t hash[KEYCODE_HASH], const char *license, int64_t now);
int ledger_host_key_get(struct ledger *, const uint8_t hash[KEYCODE_HASH], struct ledger_host_key *ret);
int ledger_host_key_use(struct ledger *, const uint8_t hash[KEYCODE_HASH], const uint8_t sign[PASETO_PUBLIC],
			int64_t now);

/* Keys that sign in the vendor's name. add: statement "" for a root; E_DUPLICATE. get: E_NOT_FOUND. */
int ledger_signer_add(struct ledger *, const char *pid, const char *statement, int64_t now);
int ledger_signer_get(struct ledger *, const char *pid, struct ledger_signer *ret);
int ledger_signer_revoke(struct ledger *, const char *pid, int64_t now, const char *reason);
int ledger_signer_each(struct ledger *, int (*visit)(const struct ledger_signer *, void *), void *);

/* All of it, in the order of revoking; keys go with their license; head and number stay empty. *ret: freed
 * with revocations_fini, also after an error. E_TOO_LARGE: more than a list holds. */
int ledger_revoked(struct ledger *, struct revocations *ret);

/* Signed lists. last: *ret_number 0 and *ret_token NULL when there is none; the token is freed by the caller;
 * ret_token may be NULL. */
int ledger_list_last(struct ledger *, int64_t *ret_number, char **ret_token);
int ledger_list_add(struct ledger *, const struct revocations *, const char *token);

#endif
