/* SPDX-License-Identifier: Apache-2.0 */
/* Connect to the first of a host's addresses that answers. Any thread. */
#ifndef CLIENT_DIAL_H
#define CLIENT_DIAL_H

#include <stddef.h>

#include "deadline.h"
#include "resolver.h"

/*
 * Try the addresses in order, a quarter of a second apart and without giving up the earlier ones, until one
 * connection stands. *ret_fd: non-blocking, close-on-exec, closed by the caller; *ret_index: its address.
 * E_CONNECT_FAILED: all refused, errno has the last reason; E_TIMEOUT, E_CANCELLED: some still silent then;
 * E_IO.
 */
int dial(const struct address *rows, size_t n, struct deadline, int *ret_fd, size_t *ret_index);

#endif
