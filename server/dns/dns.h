/* SPDX-License-Identifier: Apache-2.0 */
/* The words of this module: records, servers and addresses as plain values. Nothing here, or in any header of
 * this module, shows the DNS library. */
#ifndef SERVER_DNS_H
#define SERVER_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "limit.h"

#define DNS_PORT 53
#define DNS_DOMAINS_MAX 16  /* that are configured */
#define DNS_TARGETS_MAX 64  /* records of one domain that are looked at */
#define DNS_ADDRESSES_MAX 4 /* of one target */
#define DNS_SERVERS_MAX 4   /* that are asked one after the other */
#define DNS_ADDRESS_TEXT 60 /* "[v6]:65535", also with a zone, and NUL */
#define DNS_LABEL "_muster._tcp"
#define DNS_RECORD_NAME (LIMIT_HOSTNAME + 14) /* DNS_LABEL, a dot, a domain, NUL */

/* One SRV record. */
struct dns_srv {
	char target[LIMIT_HOSTNAME + 1]; /* without the ending dot; "": "not offered here" */
	uint16_t port;
	uint16_t priority;
	uint16_t weight;
	uint32_t ttl; /* seconds */
};

/* An address with a port. */
struct dns_address {
	struct sockaddr_storage at;
	socklen_t n;
};

/* Name servers, in the order in which they are asked. */
struct dns_servers {
	struct dns_address all[DNS_SERVERS_MAX];
	size_t n;
};

#endif
