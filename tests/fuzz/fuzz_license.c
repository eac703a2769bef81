/* SPDX-License-Identifier: Apache-2.0 */
/* The input as the claims of a license that the vendor signed. What can be read can be signed, and reads the
 * same again. */
#include "fuzz.h"
#include "license.h"

static void check(const struct license *license)
{
	fuzz_require(license->exp > license->nbf && license->serial > 0);
	fuzz_require(license->n_grants <= LIMIT_GRANTS && license->n_products <= LIMIT_PRODUCTS);
	for (size_t i = 0; i < license->n_grants; i++) {
		const struct grant *grant = &license->grants[i];
		fuzz_require(license_grant(license, grant->id) == grant);
		fuzz_require(license_product(license, grant->product) != NULL);
		fuzz_require(grant->policy.threshold > 0 && grant->policy.window_days > 0);
		fuzz_require(slug_ok(grant->id));
		fuzz_use((size_t)grant_end(license, grant) + grant_plans(license, grant));
		fuzz_use_text(model_name(grant->model));
		fuzz_require(grant->n_pool_keys <= LIMIT_KEYS && grant->n_redemptions <= LIMIT_KEYS);
		for (size_t j = 0; j < grant->n_redemptions; j++)
			fuzz_require(grant->redemptions[j].quantity >= 0 && grant->redemptions[j].days >= 0);
	}
}

static void same(const struct license *a, const struct license *b)
{
	fuzz_require(a->n_grants == b->n_grants && a->serial == b->serial);
	for (size_t i = 0; i < a->n_grants; i++) {
		const struct grant *x = &a->grants[i];
		const struct grant *y = &b->grants[i];
		fuzz_require(x->n_pool_keys == y->n_pool_keys && x->n_redemptions == y->n_redemptions);
		fuzz_require(!x->n_pool_keys ||
			     memcmp(x->pool_keys, y->pool_keys, x->n_pool_keys * KEYCODE_HASH) == 0);
		for (size_t j = 0; j < x->n_redemptions; j++)
			fuzz_require(memcmp(&x->redemptions[j], &y->redemptions[j],
					    sizeof(struct redemption)) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	uint8_t public[PASETO_PUBLIC];
	uint8_t secret[PASETO_SECRET];
	struct license license;
	struct license again;
	struct claims fault;
	char *copy = NULL;
	fuzz_keys('v', public, secret);
	char *token = fuzz_sign(data, n, "muster.license", secret);
	if (!token)
		return 0;
	if (license_open(token, strlen(token), ROOTS_OF(public), &license, &fault) == 0) {
		fuzz_accepted(license_open);
		check(&license);
		if (license_sign(&license, secret, &copy) == 0) {
			fuzz_require(license_open(copy, strlen(copy), ROOTS_OF(public), &again, NULL) == 0);
			same(&license, &again);
			license_fini(&again);
		}
		free(copy);
	} else {
		fuzz_use_text(fault.where);
	}
	license_fini(&license);
	free(token);
	return 0;
}
