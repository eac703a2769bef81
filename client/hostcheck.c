/* SPDX-License-Identifier: Apache-2.0 */
#include "hostcheck.h"

#include <sodium.h>
#include <string.h>

#include "error.h"
#include "rfc3339.h"

#define EARLY_MAX                                                                                            \
	86400 /* a certificate just made by a machine whose clock is ahead is in force for us too            \
	       */

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

/* Is it ours, and is it who the certificate says? */
static int check_host(const struct hostcheck *h, const struct certificate *cert, struct fault *f)
{
	if (h->org[0] && strcmp(h->org, cert->org) != 0)
		return fault_set(f, E_WRONG_ORG, "it belongs to %s, this machine to %s", cert->org, h->org);
	if (sodium_memcmp(cert->fixed, h->remote, NOISE_KEY) != 0)
		return fault_set(f, E_WRONG_HOST, "it shows the certificate of %s without having its key",
				 cert->name);
	return 0;
}

/* All that is judged of a certificate that the vendor signed. */
static int check_one(const struct hostcheck *h, const struct certificate *cert, struct fault *f)
{
	int error = check_term(cert, h->now, f);
	if (error)
		return error;
	if (hostcheck_revoked(h->revoked, cert))
		return fault_set(f, E_CERTIFICATE_REVOKED, "the vendor has revoked the certificate of %s",
				 cert->name);
	if (h->n_products && !covers_any(h, cert))
		return fault_set(f, E_PRODUCT_UNKNOWN, "its certificate does not cover %s", h->products[0]);
	return check_host(h, cert, f);
}

/* How much a certificate's fault tells: that of one which is for the product tells most. */
enum telling {
	TELLING_NOTHING,
	TELLING_FOREIGN, /* not the vendor's */
	TELLING_STRANGE, /* signed by the vendor, but not to be understood */
	TELLING_OTHER,   /* for other products */
	TELLING_COVERS,
};

static enum telling telling(const struct hostcheck *h, const struct certificate *cert, int opened)
{
	if (opened)
		return opened == E_SIGNATURE_INVALID || opened == E_MALFORMED ? TELLING_FOREIGN
									      : TELLING_STRANGE;
	return h->n_products && !covers_any(h, cert) ? TELLING_OTHER : TELLING_COVERS;
}

static int try_one(const struct hostcheck *h, const char *token, struct certificate *ret, enum telling *told,
		   struct fault *f)
{
	struct fault own = {0};
	int opened = certificate_open(token, strlen(token), h->vendor, ret, NULL);
	int error = opened ? opened : check_one(h, ret, &own);
	enum telling now = telling(h, ret, opened);
	if (!error || now <= *told)
		return error;
	*told = now;
	if (now == TELLING_FOREIGN)
		opened = E_HOST_UNTRUSTED;
	if (opened)
		fault_set(&own, opened, "%s", error_text(opened));
	*f = own;
	return error;
}

/* A host has one certificate for each license, so that any of them may be for the product; one that has more
 * than it could show may have it among those. */
int hostcheck_run(const struct hostcheck *h, const wire_server_hello *hello, struct certificate *ret,
		  struct fault *f)
{
	enum telling told = TELLING_NOTHING;
	struct certificate other; /* right, but for other products */
	bool may_serve = false;
	fault_set(f, E_UNKNOWN_VENDOR, "%s", error_text(E_UNKNOWN_VENDOR));
	for (size_t i = 0; i < hello->certificates_count; i++) {
		struct fault ignored;
		int error = try_one(h, hello->certificates[i], ret, &told, f);
		if (!error) {
			fault_clear(f);
			return 0;
		}
		if (error == E_PRODUCT_UNKNOWN && hello->more && check_host(h, ret, &ignored) == 0) {
			may_serve = true;
			other = *ret;
		}
	}
	if (!may_serve)
		return f->code;
	fault_clear(f);
	*ret = other;
	return 0;
}
