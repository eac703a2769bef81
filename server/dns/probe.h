/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handshakes with hosts as an anonymous client would begin them: connect, offer the vendors, read and judge
 * the certificate that is shown, and leave before anything is told. All at once, so that dead hosts cost
 * their time only once. Any thread.
 */
#ifndef SERVER_DNS_PROBE_H
#define SERVER_DNS_PROBE_H

#include "dns.h"
#include "patience.h"
#include "verdict.h"

#define PROBE_MAX 128 /* at once */
#define PROBE_MS 4000 /* for connection and handshake */

struct probe {
	struct dns_address address;
	enum dns_verdict verdict;
	char detail[VERDICT_DETAIL];
	int ms; /* until the verdict */
};

/* Set verdict, detail and time of each; n up to PROBE_MAX. E_STOPPING, E_NO_MEMORY; else 0. */
int probe_run(struct probe *, size_t n, const struct trust *, struct patience);

#endif
