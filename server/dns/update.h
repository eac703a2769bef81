/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This host's record in DNS: published and withdrawn by dynamic update (RFC 2136), signed with TSIG (RFC
 * 8945). Only this host's own record is ever touched: several hosts stand side by side. Any thread.
 */
#ifndef SERVER_DNS_UPDATE_H
#define SERVER_DNS_UPDATE_H

#include "dns.h"
#include "patience.h"
#include "tsig_key.h"

/* What is to be changed, and where. Everything is borrowed. */
struct update {
	const char *domain;
	const struct dns_srv *own;
	const struct dns_servers *server;    /* that takes updates; none: the zone's primary */
	const struct dns_servers *resolvers; /* with which that is found */
	const struct tsig_key *key;          /* NULL: the update is not signed */
};

#define UPDATE_DETAIL 768

struct update_result {
	bool changed; /* false: it was so already */
	char zone[LIMIT_HOSTNAME + 1];
	char server[DNS_ADDRESS_TEXT];
	char detail[UPDATE_DETAIL]; /* of an error: who said what */
};

/*
 * Publish: the own record as it is wanted stands in the set afterwards, read back from the server; an own
 * record with another port, priority or weight is replaced. Withdraw: no own record stands there afterwards.
 *
 * Errors: E_DNS_FAILED, E_DNS_NO_ADDRESS: the zone or its primary cannot be found; E_CONNECT_FAILED,
 * E_TIMEOUT, E_CLOSED; E_DNS_NOT_ITS_ZONE, E_DNS_UPDATE_REFUSED, E_DNS_KEY_WRONG, E_DNS_CLOCK,
 * E_DNS_UPDATE_FAILED: what the server answered; E_SIGNATURE_INVALID: its answer is not signed with the key;
 * E_DNS_NOT_READ_BACK; E_STOPPING; E_NO_MEMORY.
 */
int update_publish(const struct update *, struct patience, struct update_result *ret);
int update_withdraw(const struct update *, struct patience, struct update_result *ret);

/* The code of an answer to an update, by its response code and TSIG error; 0: done. Pure. */
int update_code(int rcode, int tsig_error);

#endif
