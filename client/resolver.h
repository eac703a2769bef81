/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to DNS, each within a deadline, by c-ares with its own descriptors: no thread, no global state.
 * What comes back is believed no further than a stranger's word. Any thread.
 */
#ifndef CLIENT_RESOLVER_H
#define CLIENT_RESOLVER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "deadline.h"
#include "srv.h"

#define RESOLVER_ADDRESSES 8 /* of one host that are tried */
#define ADDRESS_TEXT 64

struct address {
	struct sockaddr_storage at;
	socklen_t n;
};

/*
 * The SRV records of _muster._tcp.DOMAIN, at most SRV_MAX, in the answer's order; records with an unusable
 * name or port are left out. dns: "ADDRESS:PORT" of the resolver, or NULL for the system's. E_DNS_NO_RECORD;
 * E_DNS_NOT_OFFERED (the only target is "."); E_DNS_FAILED; E_NO_MEMORY.
 */
int resolver_srv(const char *dns, const char *domain, struct deadline, struct srv *rows, size_t *ret_n);

/* The addresses of a host's name or numeric address, with the port set, best first. Errors as resolver_srv.
 */
int resolver_addresses(const char *dns, const char *host, uint16_t port, struct deadline,
		       struct address rows[RESOLVER_ADDRESSES], size_t *ret_n);

/* An address without its port, as text. Returns out. */
char *address_write(const struct address *, char out[ADDRESS_TEXT]);

#endif
