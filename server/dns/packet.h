/* SPDX-License-Identifier: Apache-2.0 */
/* What query and update share of the DNS library; no other file includes this. Any thread. */
#ifndef SERVER_DNS_PACKET_H
#define SERVER_DNS_PACKET_H

#include <ldns/ldns.h>

#include "dns.h"
#include "patience.h"

/* A name as the library's; NULL: it is none, or no memory. */
ldns_rdf *packet_name(const char *);

/* The library's name as text without the ending dot; false: it does not fit, or is no host name. */
bool packet_name_text(const ldns_rdf *, char out[LIMIT_HOSTNAME + 1]);

/*
 * Send a packet to one server and read the answer. *ret_wire and *ret_n: its bytes, freed by the caller;
 * NULL: not wanted. Errors as wire_exchange, and E_MALFORMED.
 */
int packet_exchange(const struct dns_address *server, bool tcp, const ldns_pkt *, struct patience,
		    ldns_pkt **ret, uint8_t **ret_wire, size_t *ret_n);

/* Read an SRV record; false: its target is no host name. */
bool packet_srv(const ldns_rr *, struct dns_srv *ret);

#endif
