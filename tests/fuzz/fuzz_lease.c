/* SPDX-License-Identifier: Apache-2.0 */
/* The input as the claims of a lease that the host signed, then verified together with a good certificate. */
#include "fuzz.h"
#include "lease.h"

/* A certificate of the vendor for the host, in force at all times. */
static char *certificate(const uint8_t vendor[PASETO_PUBLIC], const uint8_t vendor_secret[PASETO_SECRET],
			 const uint8_t host[PASETO_PUBLIC])
{
	static struct certificate cert = {.head = {.iat = 1, .jti = "c"},
					  .name = "h",
					  .org = "fjord",
					  .license = "fjord-1",
					  .exp = INT64_MAX};
	char *token = NULL;
	paserk_pid_write(vendor, cert.head.iss);
	memcpy(cert.vendor, vendor, sizeof(cert.vendor));
	memcpy(cert.sign, host, sizeof(cert.sign));
	fuzz_require(certificate_sign(&cert, vendor_secret, &token) == 0);
	return token;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct lease lease;
	static struct lease again;
	static struct certificate cert;
	uint8_t vendor[PASETO_PUBLIC];
	uint8_t vendor_secret[PASETO_SECRET];
	uint8_t host[PASETO_PUBLIC];
	uint8_t host_secret[PASETO_SECRET];
	struct claims fault;
	char *copy = NULL;
	fuzz_keys('v', vendor, vendor_secret);
	fuzz_keys('h', host, host_secret);
	char *token = fuzz_sign(data, n, "muster.lease", host_secret);
	if (!token)
		return 0;
	char *cert_token = certificate(vendor, vendor_secret, host);
	if (lease_open(token, strlen(token), host, &lease, &fault) == 0) {
		fuzz_accepted(lease_open);
		fuzz_require(lease.serial > 0 && slug_ok(lease.product) && lease.n_plans <= LIMIT_PLANS);
		if (lease_sign(&lease, host_secret, &copy) == 0)
			fuzz_require(lease_open(copy, strlen(copy), host, &again, NULL) == 0);
		free(copy);
		int error =
			lease_verify(token, cert_token, ROOTS_OF(vendor), "acme-cad", NULL, &again, &cert);
		if (!error)
			fuzz_accepted(lease_verify);
		fuzz_require(error || strcmp(again.product, "acme-cad") == 0);
	} else {
		fuzz_use_text(fault.where);
	}
	free(cert_token);
	free(token);
	return 0;
}
