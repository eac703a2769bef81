/* SPDX-License-Identifier: Apache-2.0 */
/* A host's name or address with its port, as people write it. Pure; any thread. */
#ifndef CLIENT_ENDPOINT_H
#define CLIENT_ENDPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "limit.h"

#define ENDPOINT_PORT 6878
#define ENDPOINT_TEXT (LIMIT_HOSTNAME + 10) /* "[...]:65535" and NUL */

struct endpoint {
	char host[LIMIT_HOSTNAME + 1];
	uint16_t port;
};

/*
 * Read "name", "name:port", "1.2.3.4:port", "[v6]", "[v6]:port" or a bare v6 address; without a port it is
 * ENDPOINT_PORT. E_CONFIG_INVALID: none of these.
 */
int endpoint_read(const char *text, struct endpoint *ret);

/* Write it so that it can be read again. Returns out. */
char *endpoint_write(const struct endpoint *, char out[ENDPOINT_TEXT]);

/* Is the host a numeric address? */
bool endpoint_is_address(const struct endpoint *);

/* Is it a DNS name: 1 to 253 letters, digits, '-', '_' and single dots between them (one more at the end is
 * allowed)? */
bool endpoint_name_ok(const char *name);

#endif
