/* SPDX-License-Identifier: Apache-2.0 */
/* Names and addresses as people write them. Pure; any thread. */
#ifndef SERVER_DNS_NAME_H
#define SERVER_DNS_NAME_H

#include "dns.h"

/* Is it a DNS name: labels of 1 to 63 letters, digits, '-' and '_', dots between them and perhaps one at the
 * end, 253 characters at most, and not an address? */
bool dns_name_ok(const char *);

/* Is it the whole name of a host: a DNS name of two labels or more? */
bool dns_host_ok(const char *);

/* Are they the same name? Case and a dot at the end do not matter. */
bool dns_name_same(const char *, const char *);

/* Read "1.2.3.4", "1.2.3.4:53", "[v6]:53" or "v6"; without a port it is `port`. No names. E_CONFIG_INVALID.
 */
int dns_address_read(const char *text, uint16_t port, struct dns_address *ret);

/* "1.2.3.4:53" or "[v6]:53". Returns out. */
char *dns_address_write(const struct dns_address *, char out[DNS_ADDRESS_TEXT]);

void dns_address_set_port(struct dns_address *, uint16_t port);

#endif
