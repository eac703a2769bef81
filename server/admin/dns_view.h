/* SPDX-License-Identifier: Apache-2.0 */
/* What the DNS watchdog knows, as rows, health and metrics. On an API socket's thread. */
#ifndef SERVER_DNS_VIEW_H
#define SERVER_DNS_VIEW_H

#include <jansson.h>
#include <stdio.h>

#include "status.h"
#include "watch.h"

/*
 * Append a row for each address of each record of the domain, and one for whatever is missing: each has a
 * verdict and, when something is wrong, an error with its remedy.
 */
void dns_view_rows(json_t *items, const struct watch_settings *, const struct check *);

/* Append the row of a domain that could not be looked at. */
void dns_view_failed(json_t *items, const char *domain, int error);

/* Tell what is wrong of one configured domain, worst first; at most DNS_FINDINGS_MAX. */
#define DNS_FINDINGS_MAX 8
typedef void dns_finding(void *context, int code, enum severity, const char *message);
void dns_view_findings(const struct watch_settings *, const struct watch_domain *, dns_finding *,
		       void *context);

/* The gauges of all configured domains. */
void dns_view_metrics(FILE *, const struct watch_settings *, const struct watch_report *);

#endif
