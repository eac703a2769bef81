/* SPDX-License-Identifier: Apache-2.0 */
/* One call to a vendor's clearing house. Main thread. */
#ifndef CTL_CLEARING_H
#define CTL_CLEARING_H

#include "failure.h"
#include "message.h"
#include "roots.h"

/*
 * Connect to "name:port", see that it is the clearing house of the vendor with these roots, send the call,
 * take the response, all within 20 seconds. Nothing of this host is sent before the other side has proved
 * itself. E_USAGE: the server's name; E_DNS_FAILED, E_CONNECT_FAILED, E_TIMEOUT, E_CLOSED;
 * E_CLEARING_UNTRUSTED; the server's refusal, also that of the call.
 */
int clearing_call(const char *server, const struct roots *vendor, wire_request *, wire_response *ret,
		  struct failure *);

#endif
