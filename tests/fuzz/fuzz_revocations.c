/* SPDX-License-Identifier: Apache-2.0 */
/* The input as the claims of a revocation list that the vendor signed. What can be read can be signed, and
 * reads the same again. */
#include "fuzz.h"
#include "revocations.h"

static void check(const struct revocations *list)
{
	fuzz_require(list->number > 0);
	fuzz_require(list->n_hosts <= LIMIT_REVOCATIONS && list->n_licenses <= LIMIT_REVOCATIONS &&
		     list->n_keys <= LIMIT_REVOCATIONS);
	for (size_t i = 0; i < list->n_hosts; i++)
		fuzz_require(revocations_host(list, list->hosts[i]));
	for (size_t i = 0; i < list->n_licenses; i++)
		fuzz_require(slug_ok(list->licenses[i]) && revocations_license(list, list->licenses[i]));
	for (size_t i = 0; i < list->n_keys; i++)
		fuzz_require(revocations_key(list, list->keys[i]));
}

static void same(const struct revocations *a, const struct revocations *b)
{
	fuzz_require(a->number == b->number && a->n_hosts == b->n_hosts && a->n_licenses == b->n_licenses &&
		     a->n_keys == b->n_keys);
	fuzz_require(!a->n_keys || memcmp(a->keys, b->keys, a->n_keys * KEYCODE_HASH) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	uint8_t public[PASETO_PUBLIC];
	uint8_t secret[PASETO_SECRET];
	struct revocations list;
	struct revocations again;
	struct claims fault;
	char *copy = NULL;
	fuzz_keys('v', public, secret);
	char *token = fuzz_sign(data, n, "muster.revocations", secret);
	if (!token)
		return 0;
	if (revocations_open(token, strlen(token), ROOTS_OF(public), &list, &fault) == 0) {
		fuzz_accepted(revocations_open);
		check(&list);
		if (revocations_sign(&list, secret, &copy) == 0) {
			fuzz_require(revocations_open(copy, strlen(copy), ROOTS_OF(public), &again, NULL) ==
				     0);
			same(&list, &again);
			revocations_fini(&again);
		}
		free(copy);
	} else {
		fuzz_use_text(fault.where);
	}
	revocations_fini(&list);
	free(token);
	return 0;
}
