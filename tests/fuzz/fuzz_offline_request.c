/* SPDX-License-Identifier: Apache-2.0 */
/* The input as the claims of a request that a device signed. What can be read can be signed, and reads the
 * same again. */
#include "fuzz.h"
#include "offline_request.h"

static void same(const struct offline_request *a, const struct offline_request *b)
{
	fuzz_require(memcmp(a->device, b->device, DEVICE_ID) == 0);
	fuzz_require(memcmp(a->token, b->token, OFFLINE_TOKEN) == 0);
	fuzz_require(strcmp(a->product, b->product) == 0 && strcmp(a->user, b->user) == 0);
	fuzz_require(a->serial == b->serial && a->n_plans == b->n_plans);
	fuzz_require(a->n_components == b->n_components && a->reinstalled == b->reinstalled);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	uint8_t public[PASETO_PUBLIC];
	uint8_t secret[PASETO_SECRET];
	static struct offline_request r;
	static struct offline_request again;
	struct claims fault;
	char *copy = NULL;
	fuzz_keys('d', public, secret);
	char *token = fuzz_sign(data, n, "muster.request", secret);
	if (!token)
		return 0;
	if (offline_request_open(token, strlen(token), &r, &fault) == 0) {
		fuzz_accepted(offline_request_open);
		fuzz_require(slug_ok(r.product) && r.n_plans <= LIMIT_PLANS);
		fuzz_require(r.n_components <= LIMIT_COMPONENTS && r.serial >= 0);
		fuzz_require(memcmp(r.sign, public, sizeof(public)) == 0); /* of no other device */
		if (offline_request_sign(&r, secret, &copy) == 0) {
			fuzz_require(offline_request_open(copy, strlen(copy), &again, NULL) == 0);
			same(&r, &again);
		}
		free(copy);
	} else {
		fuzz_use_text(fault.where);
	}
	free(token);
	return 0;
}
