/* SPDX-License-Identifier: Apache-2.0 */
/* This host's own record: as zone lines, and against what DNS has. Pure; any thread. */
#ifndef SERVER_DNS_OWN_H
#define SERVER_DNS_OWN_H

#include "dns.h"

#define OWN_LINES 2048

/* "_muster._tcp.DOMAIN", without a dot at the end. Returns out. */
char *own_name(const char *domain, char out[DNS_RECORD_NAME]);

/*
 * The zone lines of one domain: the SRV record, whole names with their dots, so that they stand in any zone
 * file; and as comments what else the target needs. Returns out.
 */
char *own_lines(const char *domain, const struct dns_srv *, char out[OWN_LINES]);

/* Is the record this host's: does it have its target? */
bool own_is(const struct dns_srv *own, const struct dns_srv *row);

/* Is it as this host wants it? ttl: that, too. */
bool own_same(const struct dns_srv *own, const struct dns_srv *row, bool ttl);

/* Is the own record, as it is wanted, among the rows? */
bool own_present(const struct dns_srv *own, const struct dns_srv *rows, size_t n);

#endif
