/* SPDX-License-Identifier: Apache-2.0 */
/* "HOST:PORT" and "[V6]:PORT" in two; neither part is judged. Pure; any thread. */
#ifndef PROTOCOL_HOSTPORT_H
#define PROTOCOL_HOSTPORT_H

#include <stdbool.h>
#include <stddef.h>

/* Cut at the last colon. host: without its brackets; *ret_port: borrowed from text. False: there is no colon
 * or no host, or the host does not fit into room. */
bool hostport_split(const char *text, char *host, size_t room, const char **ret_port);

#endif
