/* SPDX-License-Identifier: Apache-2.0 */
/* The input as the claims of a host certificate that the vendor signed, and of a request that the host
 * signed. */
#include "certificate.h"
#include "fuzz.h"

static void try_certificate(const uint8_t *data, size_t n)
{
	static struct certificate cert;
	static struct certificate again;
	uint8_t public[PASETO_PUBLIC];
	uint8_t secret[PASETO_SECRET];
	uint8_t named[PASETO_PUBLIC];
	char *copy = NULL;
	fuzz_keys('v', public, secret);
	char *token = fuzz_sign(data, n, "muster.certificate", secret);
	if (!token)
		return;
	if (certificate_open(token, strlen(token), ROOTS_OF(public), &cert, NULL) == 0) {
		fuzz_accepted(certificate_open);
		fuzz_require(certificate_vendor(token, strlen(token), named) == 0);
		fuzz_require(memcmp(named, public, sizeof(named)) == 0);
		fuzz_use((size_t)-certificate_at(&cert, 1700000000));
		fuzz_require(cert.n_products == 0 || certificate_covers(&cert, cert.products[0]));
		if (certificate_sign(&cert, secret, &copy) == 0)
			fuzz_require(certificate_open(copy, strlen(copy), ROOTS_OF(public), &again, NULL) ==
				     0);
		free(copy);
	}
	free(token);
}

static void try_request(const uint8_t *data, size_t n)
{
	static struct host_request request;
	static struct host_request again;
	uint8_t public[PASETO_PUBLIC];
	uint8_t secret[PASETO_SECRET];
	struct claims fault;
	char *copy = NULL;
	fuzz_keys('h', public, secret);
	char *token = fuzz_sign(data, n, "muster.host-request", secret);
	if (!token)
		return;
	if (host_request_open(token, strlen(token), &request, &fault) == 0) {
		fuzz_accepted(host_request_open);
		fuzz_require(memcmp(request.sign, public, sizeof(public)) == 0);
		fuzz_require(host_request_sign(&request, secret, &copy) == 0);
		fuzz_require(host_request_open(copy, strlen(copy), &again, NULL) == 0);
		free(copy);
	} else {
		fuzz_use_text(fault.where);
	}
	free(token);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	try_certificate(data, n);
	try_request(data, n);
	return 0;
}
