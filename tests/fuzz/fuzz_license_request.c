/* SPDX-License-Identifier: Apache-2.0 */
/* The input as the claims of a license request that a host signed. What can be read can be signed, and reads
 * the same again. */
#include "fuzz.h"
#include "license_request.h"

static void check(const struct license_request *request)
{
	fuzz_require(request->serial > 0 && slug_ok(request->license) && slug_ok(request->org));
	fuzz_require(request->n_wants > 0 && request->n_wants <= LIMIT_GRANTS);
	for (size_t i = 0; i < request->n_wants; i++) {
		const struct license_want *want = &request->wants[i];
		fuzz_require(slug_ok(want->grant) && want->quantity > want->has);
		fuzz_require(want->has >= 0 && want->used >= 0);
		for (size_t j = 0; j < i; j++)
			fuzz_require(strcmp(request->wants[j].grant, want->grant) != 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct license_request request;
	static struct license_request again;
	uint8_t public[PASETO_PUBLIC];
	uint8_t secret[PASETO_SECRET];
	struct claims fault;
	char *copy = NULL;
	fuzz_keys('h', public, secret);
	char *token = fuzz_sign(data, n, "muster.license-request", secret);
	if (!token)
		return 0;
	if (license_request_open(token, strlen(token), public, &request, &fault) == 0) {
		fuzz_accepted(license_request_open);
		check(&request);
		fuzz_require(license_request_sign(&request, secret, &copy) == 0);
		fuzz_require(license_request_open(copy, strlen(copy), public, &again, NULL) == 0);
		fuzz_require(request.n_wants == again.n_wants && request.serial == again.serial);
		fuzz_require(memcmp(request.wants, again.wants, sizeof(request.wants)) == 0);
		free(copy);
	} else {
		fuzz_use_text(fault.where);
	}
	free(token);
	return 0;
}
