/* SPDX-License-Identifier: Apache-2.0 */
/* One DNS message to one server and its answer, as bytes. Any thread. */
#ifndef SERVER_DNS_WIRE_H
#define SERVER_DNS_WIRE_H

#include "buffer.h"
#include "dns.h"
#include "patience.h"

#define WIRE_MESSAGE_MAX 65535

/*
 * Send n bytes and wait for the answer with the same id, which is appended to an empty buffer. tcp: else by
 * UDP, where foreign datagrams are passed over. E_CONNECT_FAILED, E_CLOSED, E_TIMEOUT, E_STOPPING,
 * E_NO_MEMORY, E_IO.
 */
int wire_exchange(const struct dns_address *server, bool tcp, const uint8_t *bytes, size_t n, struct patience,
		  struct buffer *ret);

/* A TCP connection that is under way, or UDP towards one peer: non-blocking. The file, or E_CONNECT_FAILED,
 * E_IO. */
int wire_connect(const struct dns_address *, bool tcp);

/* What became of a TCP connection that is ready for writing: 0 or E_CONNECT_FAILED. */
int wire_connected(int fd);

#endif
