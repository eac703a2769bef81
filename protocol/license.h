/* SPDX-License-Identifier: Apache-2.0 */
/* The vendor's volume license for one organisation: its products and grants (DESIGN 4). Any thread. */
#ifndef PROTOCOL_LICENSE_H
#define PROTOCOL_LICENSE_H

#include "chain.h"
#include "claims.h"
#include "keycode.h"
#include "model.h"
#include "product.h"
#include "token.h"

/* What a product key of a grant gives when it is redeemed (domain.md 5.3). */
struct redemption {
	uint8_t hash[KEYCODE_HASH];
	int64_t quantity; /* added; 0: none */
	int64_t days;     /* by which the end moves on; 0: none */
	int64_t exp;      /* until when it may be redeemed; 0: for ever */
};

/* One entitlement. */
struct grant {
	char id[LIMIT_ID + 1];
	char product[LIMIT_ID + 1];
	enum model model;
	int64_t quantity; /* 0: none set */
	int64_t nbf;
	int64_t exp;                             /* 0: the license's */
	int64_t cancel_until;                    /* 0: no cancel window */
	bool recurring;                          /* the vendor renews it by itself; shown, nothing more */
	char self_service_owner[LIMIT_USER + 1]; /* "": the organisation's own */
	int64_t quantity_max;                    /* what redeemed keys may raise it to; 0: no such limit */
	bool redeem_from_device;
	uint8_t key_salt[KEYCODE_SALT];
	uint8_t (*pool_keys)[KEYCODE_HASH]; /* with which unknown devices enrol; owned */
	size_t n_pool_keys;
	struct redemption *redemptions; /* owned */
	size_t n_redemptions;
	char plans[LIMIT_PLANS][LIMIT_ID + 1]; /* none: all of the product's */
	size_t n_plans;
	struct grant_policy policy;
};

struct license {
	struct claims_head head;
	struct chain chain;    /* of a license that was opened */
	char id[LIMIT_ID + 1]; /* stays the same when the license is renewed */
	int64_t serial;        /* rises with every renewal; a higher one replaces a lower one */
	char org[LIMIT_ID + 1];
	char org_name[LIMIT_NAME + 1];
	int64_t nbf;
	int64_t exp;
	uint32_t hosts_max;
	uint32_t grace_days; /* after exp, while leases may still be renewed */
	struct grant *grants;
	size_t n_grants;
	struct product *products;
	size_t n_products;
};

/* Free what a license holds; it may be all zero. */
void license_fini(struct license *);

/* Sign. Errors as token_sign. */
int license_sign(const struct license *, const uint8_t secret[PASETO_SECRET], char **ret_token);

/*
 * Verify and read; times are not judged here. *ret: freed with license_fini, also after an error. fault:
 * which claim, for E_CLAIM_INVALID (may be NULL). Errors as token_open.
 */
int license_open(const char *token, size_t n, const struct roots *vendor, struct license *ret,
		 struct claims *fault);

/* A product or grant of the license by its id, borrowed, or NULL. */
const struct product *license_product(const struct license *, const char *id);
const struct grant *license_grant(const struct license *, const char *id);

/* The end of a grant: its own or the license's, whichever is sooner. */
int64_t grant_end(const struct license *, const struct grant *);

/* The grant's plans as a bit mask over its product's plans. */
uint32_t grant_plans(const struct license *, const struct grant *);

#endif
