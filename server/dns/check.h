/* SPDX-License-Identifier: Apache-2.0 */
/* One look at a domain: its SRV set, the addresses of each target, and who answers there. Any thread. */
#ifndef SERVER_DNS_CHECK_H
#define SERVER_DNS_CHECK_H

#include "dns.h"
#include "patience.h"
#include "verdict.h"

#define CHECK_ROWS_MAX 128 /* addresses of one domain that are probed */
#define CHECK_MS 15000     /* for the whole of one domain */

/* What one address of one record leads to. */
struct check_row {
	struct dns_srv srv;
	char address[DNS_ADDRESS_TEXT]; /* "": the target has none */
	enum dns_verdict verdict;
	char detail[VERDICT_DETAIL];
	int ms; /* how long it took to tell */
};

struct check {
	char domain[LIMIT_HOSTNAME + 1];
	int64_t at;             /* wall clock; 0: never */
	int error;              /* why there are no rows: E_DNS_FAILED, E_DNS_NO_RECORD, E_DNS_NOT_OFFERED */
	bool present;           /* the own record stands there as it should */
	struct check_row *rows; /* owned */
	size_t n;
};

/* Look. *ret: freed with check_fini, also after an error. E_STOPPING, E_NO_MEMORY; what DNS says goes into
 * ret.
 */
int check_run(const struct dns_servers *, const char *domain, const struct dns_srv *own, const struct trust *,
	      struct patience, struct check *ret);

void check_fini(struct check *);

/* A copy with rows of its own. E_NO_MEMORY: *ret is empty. */
int check_copy(const struct check *, struct check *ret);

/* How many rows have this verdict. */
size_t check_count(const struct check *, enum dns_verdict);

/* Does the check hold this row's place (target, port, address) with a verdict on a rogue? */
bool check_rogue(const struct check *, const struct check_row *);

#endif
