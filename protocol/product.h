/* SPDX-License-Identifier: Apache-2.0 */
/* What is activated: id, name, versions, plans; and the product file that ships with the product. Any thread.
 */
#ifndef PROTOCOL_PRODUCT_H
#define PROTOCOL_PRODUCT_H

#include "chain.h"
#include "claims.h"
#include "model.h"
#include "token.h"

/* A separately switchable part of a product. conflicts and requires are bit masks over the product's plans.
 */
struct plan {
	char id[LIMIT_ID + 1];
	char name[LIMIT_NAME + 1];
	uint32_t conflicts;
	uint32_t requires;
};

struct product {
	char id[LIMIT_ID + 1];
	char name[LIMIT_NAME + 1];
	char version_from[LIMIT_VERSION + 1]; /* "" : any; first version covered */
	char version_to[LIMIT_VERSION + 1];   /* "" : any; last version covered, "7" covers 7.9 */
	struct plan plans[LIMIT_PLANS];
	size_t n_plans;
};

/* The signed product file (typ muster.product). */
struct product_file {
	struct claims_head head;
	struct product product;
	uint32_t grace_days;  /* from the first call to the end of the first grace (domain.md 1.3: 30) */
	uint32_t prompt_days; /* from the first call until the user is told (domain.md 1.3: 25) */
	enum on_expiry on_expiry;
};

/* Read and write one product as claims. */
void product_read(struct claims *, json_t *object, struct product *ret);
json_t *product_write(const struct product *);

/* The index of a plan, or -1. */
int product_plan(const struct product *, const char *plan_id);

/* Does the product's range cover a version? Compared number by number; "" is covered. */
bool product_covers(const struct product *, const char *version);

/* Sign and open a product file. fault: which claim, for E_CLAIM_INVALID (may be NULL). Errors as token_sign,
 * token_open. */
int product_file_sign(const struct product_file *, const uint8_t vendor_secret[PASETO_SECRET],
		      char **ret_token);
int product_file_open(const char *token, size_t n, const struct roots *vendor, struct product_file *ret,
		      struct claims *fault);

#endif
