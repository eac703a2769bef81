/* SPDX-License-Identifier: Apache-2.0 */
/* The DNS watchdog tied to the host: whom it trusts comes from the catalog, what it notices goes into the
 * audit log. */
#ifndef SERVER_DNS_SERVICE_H
#define SERVER_DNS_SERVICE_H

#include "broker.h"
#include "lane.h"
#include "store.h"
#include "watch.h"

struct dns_service;

/*
 * Start the watchdog with these settings, whose trust, note and context are filled in. Everything else is
 * borrowed and outlives it. E_NO_MEMORY, E_INTERNAL, errors of the store.
 */
int dns_service_start(struct watch_settings *, struct broker *, struct lane *, struct store *,
		      struct dns_service **ret);

/* End the thread; orders are refused from then on. Before the API sockets and the lane stop. NULL is allowed.
 */
void dns_service_stop(struct dns_service *);

/* After the API sockets have stopped. NULL is allowed. */
void dns_service_free(struct dns_service *);

/* The watchdog; borrowed. */
struct watch *dns_service_watch(struct dns_service *);

#endif
