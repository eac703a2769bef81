/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to DNS, answered as plain values. Each server is asked in turn, by UDP and, when the answer was
 * cut, by TCP. Any thread.
 *
 * Errors of all: E_DNS_NO_RECORD: there is no such record; E_DNS_FAILED: no server gave a usable answer;
 * E_STOPPING; E_NO_MEMORY.
 */
#ifndef SERVER_DNS_QUERY_H
#define SERVER_DNS_QUERY_H

#include "dns.h"
#include "patience.h"

/* The servers that this machine uses (/etc/resolv.conf). *ret is empty when there are none. */
void query_system_servers(struct dns_servers *ret);

/* The SRV set of a domain, at most DNS_TARGETS_MAX rows. E_DNS_NOT_OFFERED: its only target is ".". */
int query_srv(const struct dns_servers *, const char *domain, struct patience,
	      struct dns_srv rows[DNS_TARGETS_MAX], size_t *ret_n);

/* IPv4 and IPv6 addresses of a host, with this port. */
int query_addresses(const struct dns_servers *, const char *host, uint16_t port, struct patience,
		    struct dns_address rows[DNS_ADDRESSES_MAX], size_t *ret_n);

/* The zone that a name lies in, and the name of its primary server. E_DNS_NOT_ITS_ZONE: the server refuses to
 * say. */
int query_zone(const struct dns_servers *, const char *name, struct patience, char zone[LIMIT_HOSTNAME + 1],
	       char primary[LIMIT_HOSTNAME + 1]);

#endif
