/* SPDX-License-Identifier: Apache-2.0 */
#include "verdict.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "rfc3339.h"

static const struct {
	const char *name;
	const char *meaning;
	int code;
	bool rogue;
} rows[] = {
#define VERDICT(id, name, code, rogue, meaning) {name, meaning, code, rogue},
#include "verdict.def"
#undef VERDICT
};

const char *verdict_name(enum dns_verdict v)
{
	return rows[v].name;
}

const char *verdict_meaning(enum dns_verdict v)
{
	return rows[v].meaning;
}

int verdict_code(enum dns_verdict v)
{
	return rows[v].code;
}

bool verdict_rogue(enum dns_verdict v)
{
	return rows[v].rogue;
}

/* --- what it showed --- */

static enum dns_verdict judge(const struct trust *t, const struct trust_vendor *v,
			      const struct certificate *cert, const uint8_t remote[NOISE_KEY],
			      char detail[VERDICT_DETAIL])
{
	char pid[PASERK_ID_TEXT];
	char end[RFC3339_TEXT];
	paserk_pid_write(cert->sign, pid);
	if (sodium_memcmp(cert->fixed, remote, NOISE_KEY) != 0) {
		snprintf(detail, VERDICT_DETAIL, "it shows the certificate of %.60s without having its key",
			 cert->name);
		return VERDICT_UNTRUSTED;
	}
	if (v->revocations && revocations_certificate(v->revocations, pid, &cert->chain)) {
		snprintf(detail, VERDICT_DETAIL, "%.100s", cert->name);
		return VERDICT_REVOKED;
	}
	if (strcmp(cert->org, v->org) != 0) {
		snprintf(detail, VERDICT_DETAIL, "%.60s of %s", cert->name, cert->org);
		return VERDICT_OTHER_ORG;
	}
	int error = certificate_at(cert, t->now);
	if (error) {
		rfc3339_write(error == E_NOT_YET_VALID ? cert->nbf : cert->exp, end);
		snprintf(detail, VERDICT_DETAIL, "%.60s: its certificate %s %s", cert->name,
			 error == E_NOT_YET_VALID ? "begins" : "ended", end);
		return VERDICT_EXPIRED;
	}
	snprintf(detail, VERDICT_DETAIL, "%.100s", cert->name);
	return VERDICT_OK;
}

/* The better of two: what clients would take. The table has them in no such order, but OK and SELF lead. */
static enum dns_verdict better(enum dns_verdict a, enum dns_verdict b)
{
	return a < b ? a : b;
}

enum dns_verdict verdict_of_host(const struct trust *t, const uint8_t remote[NOISE_KEY],
				 const char *const *certificates, size_t n, char detail[VERDICT_DETAIL])
{
	struct certificate cert;
	enum dns_verdict best = VERDICT_UNTRUSTED;
	bool judged = false;
	snprintf(detail, VERDICT_DETAIL, "no certificate of our vendors");
	if (sodium_memcmp(t->self, remote, NOISE_KEY) == 0) {
		detail[0] = 0;
		return VERDICT_SELF;
	}
	for (size_t i = 0; i < n; i++) {
		const char *token = certificates[i];
		for (size_t k = 0; k < t->n; k++) {
			char what[VERDICT_DETAIL];
			if (certificate_open(token, strlen(token), &t->vendors[k].roots, &cert, NULL))
				continue;
			enum dns_verdict v = judge(t, &t->vendors[k], &cert, remote, what);
			if (!judged || better(v, best) != best) {
				best = v;
				memcpy(detail, what, sizeof(what));
			}
			judged = true;
		}
	}
	return best;
}

/* --- an error --- */

enum dns_verdict verdict_of_error(const struct trust *t, int error, bool connected)
{
	if (error == E_IO || error == E_NO_MEMORY)
		return VERDICT_UNKNOWN; /* it is we who cannot */
	if (!connected)
		return VERDICT_DEAD;
	switch (error) {
	case E_BUSY:
	case E_STOPPING:
		return VERDICT_BUSY;
	case E_UNKNOWN_VENDOR:
		return t->n ? VERDICT_UNTRUSTED : VERDICT_UNKNOWN;
	case E_HANDSHAKE_FAILED:
		return VERDICT_UNTRUSTED;
	default:
		return VERDICT_NOT_MUSTER;
	}
}
