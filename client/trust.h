/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this machine trusts: the vendors' public keys and the products they signed, as the administrator's
 * folder (and the application) has them. Read anew for each call; any thread, not shared.
 */
#ifndef CLIENT_TRUST_H
#define CLIENT_TRUST_H

#include <stdbool.h>
#include <stddef.h>

#include "certificate.h"
#include "fault.h"
#include "paserk.h"
#include "product.h"

#define TRUST_KEYS 32

struct revocations;

struct trust_key {
	struct roots roots;
	char pid[PASERK_ID_TEXT];    /* of the first root: the vendor's name */
	struct revocations *revoked; /* the newest list that is known; owned by the trust; NULL: none */
	bool revoked_read;           /* also the one that a host has given */
};

struct trust_product {
	struct product_file file;
	const struct trust_key *vendor; /* borrowed from the trust */
};

#define TRUST_HOSTS 16

/* A host that a vendor has certified, of which the certificate was put into the folder. */
struct trust_host {
	struct certificate certificate;
	const struct trust_key *vendor;
};

struct trust {
	struct trust_key keys[TRUST_KEYS];
	size_t n_keys;
	struct trust_product *products; /* sorted by id */
	size_t n_products;
	struct trust_host *hosts; /* for confirmations in words; TRUST_HOSTS at most */
	size_t n_hosts;
	char ignored[256]; /* why a product file or a list was left out; "": none was */
};

/*
 * Trust a key that the application gave as k4.public text. Call it before trust_load. E_KEY_INVALID,
 * E_TOO_LARGE.
 */
int trust_add_key(struct trust *, const char *text, struct fault *);

/*
 * Read a folder's *.pub, *.product, *.certificate and *.revocations files into a trust that is zero but for
 * added keys; freed with trust_fini, also after an error. A missing folder holds nothing. What no key signed
 * is left out, and so is a list of revocations that is too long or cannot be read. E_INSECURE: the folder or
 * one of the files is owned or writable by others; E_DUPLICATE: two files for one product; E_KEY_INVALID;
 * E_IO; E_NO_MEMORY; E_TOO_LARGE: more than LIMIT_PRODUCTS or TRUST_KEYS.
 */
int trust_load(struct trust *, const char *folder, struct fault *);
void trust_fini(struct trust *);

/* A product by its id, borrowed, or NULL. */
const struct trust_product *trust_find(const struct trust *, const char *product);

/* The latest date that a vendor has signed into a product file: the clock cannot be before it. 0: none. */
int64_t trust_floor(const struct trust *);

#endif
