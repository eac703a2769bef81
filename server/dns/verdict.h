/* SPDX-License-Identifier: Apache-2.0 */
/* Who answers behind a record? Decided from what it showed in a handshake. Pure; any thread. */
#ifndef SERVER_DNS_VERDICT_H
#define SERVER_DNS_VERDICT_H

#include "certificate.h"
#include "dns.h"
#include "paserk.h"
#include "revocations.h"

enum dns_verdict {
#define VERDICT(id, name, code, rogue, meaning) VERDICT_##id,
#include "verdict.def"
#undef VERDICT
	VERDICT_COUNT
};

#define TRUST_VENDORS_MAX 16
#define VERDICT_DETAIL 160

/* A vendor that this host trusts. */
struct trust_vendor {
	struct roots roots;
	uint8_t id[PASERK_ID];
	const struct revocations *revocations; /* NULL: none. Borrowed */
	char org[LIMIT_ID + 1];                /* as which it has certified this host */
};

/* By what hosts are judged. */
struct trust {
	struct trust_vendor vendors[TRUST_VENDORS_MAX];
	size_t n;
	uint8_t self[NOISE_KEY]; /* this host's static key */
	int64_t now;
};

/* The verdict on a host that proved the static key `remote` and showed these certificates. detail: its name,
 * or what is wrong. */
enum dns_verdict verdict_of_host(const struct trust *, const uint8_t remote[NOISE_KEY],
				 const char *const *certificates, size_t n, char detail[VERDICT_DETAIL]);

/* The verdict on a host with which the handshake ended so. connected: it accepted the connection. */
enum dns_verdict verdict_of_error(const struct trust *, int error, bool connected);

const char *verdict_name(enum dns_verdict);
const char *verdict_meaning(enum dns_verdict);
int verdict_code(enum dns_verdict); /* 0: nothing is wrong */
bool verdict_rogue(enum dns_verdict);

#endif
