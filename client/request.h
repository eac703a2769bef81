/* SPDX-License-Identifier: Apache-2.0 */
/* A call as a request on the wire: who asks, what for, and the tags of this machine. Not shared between
 * threads. */
#ifndef CLIENT_REQUEST_H
#define CLIENT_REQUEST_H

#include "client.h"
#include "message.h"
#include "parts.h"

/* What a request says besides its call. */
struct request_terms {
	const struct options *options;
	const struct device *device;
	const struct parts *parts;      /* without any: the identity was chosen */
	const struct certificate *host; /* whose salt and organisation make the tags */
	int64_t wall;                   /* this machine's clock */
	const uint8_t *forked_from;     /* the device that this was a copy of; NULL: of none */
	const char *folder;             /* the state directory */
	bool shown;                     /* our leases were shown already */
};

/* The machine's parts as tags under the certificate's salt, the scope last; returns how many. product: "" for
 * the device itself. */
struct request_tag {
	uint32_t kind;
	uint32_t tag;
};
size_t request_tags(const struct parts *, const struct certificate *, const char *product,
		    struct request_tag out[LIMIT_COMPONENTS]);

/* This machine's name ("": it has none that may be told), and its system, for people. */
void request_hostname(const struct options *, char out[LIMIT_HOSTNAME + 1]);
#define REQUEST_OS 64
void request_os(char out[REQUEST_OS]);

/* Show the lease and the certificate behind it, with the ledger's token and ratchet. */
void request_show(wire_request *ret, const struct ledger *, const struct request_terms *, const char *product,
		  const char *lease, const char *certificate);

/* Fill the request from a ledger's call, token and ratchet. */
void request_fill(wire_request *ret, const struct ledger *, const struct request_terms *);

#endif
