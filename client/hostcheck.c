/* SPDX-License-Identifier: Apache-2.0 */
#include "hostcheck.h"

#include <sodium.h>
#include <string.h>

#include "error.h"
#include "rfc3339.h"

#define EARLY_MAX                                                                                            \
	86400 /* a certificate just made by a machine whose clock is ahead is in force for us too            \
	       */

static int find_signed(const struct hostcheck *h, const wire_server_hello *hello, struct certificate *ret)
{
	int error = hello->certificates_count ? E_HOST_UNTRUSTED : E_UNKNOWN_VENDOR;
	for (size_t i = 0; i < hello->certificates_count; i++) {
		const char *token = hello->certificates[i];
		int opened = certificate_open(token, strlen(token), h->vendor, ret, NULL);
		if (opened == 0)
			return 0;
		/* Signed by the vendor, but not to be understood: that is the better reason. */
		if (opened != E_SIGNATURE_INVALID && opened != E_MALFORMED)
			error = opened;
	}
	return error;
}

static int check_term(const struct certificate *cert, int64_t now, struct fault *f)
{
	char end[RFC3339_TEXT];
	char today[RFC3339_TEXT];
	int error = certificate_at(cert, now);
	if (error == E_NOT_YET_VALID && certificate_at(cert, now + EARLY_MAX) == 0)
		error = 0;
	if (!error)
		return 0;
	rfc3339_write(error == E_NOT_YET_VALID ? cert->nbf : cert->exp, end);
	rfc3339_write(now, today);
	return fault_set(f, error, "its term %s at %s, and by this machine it is %s",
			 error == E_NOT_YET_VALID ? "begins" : "ended", end, today);
}

static bool covers_any(const struct hostcheck *h, const struct certificate *cert)
{
	for (size_t i = 0; i < h->n_products; i++)
		if (certificate_covers(cert, h->products[i]))
			return true;
	return false;
}

bool hostcheck_revoked(const struct revocations *list, const struct certificate *cert)
{
	char pid[PASERK_ID_TEXT];
	if (!list)
		return false;
	paserk_pid_write(cert->sign, pid);
	return revocations_certificate(list, pid, &cert->chain) || revocations_license(list, cert->license);
}

int hostcheck_run(const struct hostcheck *h, const wire_server_hello *hello, struct certificate *ret,
		  struct fault *f)
{
	int error = find_signed(h, hello, ret);
	if (error)
		return fault_set(f, error, "%s", error_text(error));
	error = check_term(ret, h->now, f);
	if (error)
		return error;
	if (hostcheck_revoked(h->revoked, ret))
		return fault_set(f, E_CERTIFICATE_REVOKED, "the vendor has revoked the certificate of %s",
				 ret->name);
	if (h->n_products && !covers_any(h, ret))
		return fault_set(f, E_PRODUCT_UNKNOWN, "its certificate does not cover %s", h->products[0]);
	if (h->org[0] && strcmp(h->org, ret->org) != 0)
		return fault_set(f, E_WRONG_ORG, "it belongs to %s, this machine to %s", ret->org, h->org);
	if (sodium_memcmp(ret->fixed, h->remote, NOISE_KEY) != 0)
		return fault_set(f, E_WRONG_HOST, "it shows the certificate of %s without having its key",
				 ret->name);
	return 0;
}
