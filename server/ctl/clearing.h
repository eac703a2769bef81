/* SPDX-License-Identifier: Apache-2.0 */
/* One call to a vendor's clearing house. Main thread. */
#ifndef CTL_CLEARING_H
#define CTL_CLEARING_H

#include "failure.h"
#include "message.h"
#include "roots.h"

struct clearing_answer {
	wire_response response;
	char *list;     /* of revocations, signed, when it is newer than the known one; else NULL */
	int list_error; /* why it could not be had, although the call was done */
};

/*
 * Connect to "name:port", see that it is the clearing house of the vendor with these roots, send the call,
 * take the response, and the vendor's list of revocations when its number is above the known one (0: none is
 * known), all within 20 seconds. Nothing of this host is sent before the other side has proved itself. *ret:
 * zeroed before; freed with clearing_fini. E_USAGE: the server's name; E_DNS_FAILED, E_CONNECT_FAILED,
 * E_TIMEOUT, E_CLOSED; E_CLEARING_UNTRUSTED; E_MALFORMED: it answers something else; the server's refusal,
 * also that of the call.
 */
int clearing_call(const char *server, const struct roots *vendor, wire_request *, int64_t known,
		  struct clearing_answer *ret, struct failure *);

/* NULL is allowed. */
void clearing_fini(struct clearing_answer *);

#endif
