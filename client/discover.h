/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which hosts to try, in the fixed order of DESIGN 6.5: the configured hosts; the SRV records of the
 * configured domains; those of the machine's own domain and search list, when neither host nor domain is
 * configured; and, when DNS gave no host at all, the last good one. One after the other, so that DNS is asked
 * only when it is needed. Not shared between threads.
 */
#ifndef CLIENT_DISCOVER_H
#define CLIENT_DISCOVER_H

#include <stdbool.h>
#include <stddef.h>

#include "deadline.h"
#include "endpoint.h"
#include "options.h"
#include "resolver.h"
#include "srv.h"

#define STEPS_MAX 64
#define STEP_REASON 160
#define DISCOVER_DOMAINS 8 /* of the machine that are asked */

/* One thing that was tried. */
struct step {
	const char *source;
	char target[LIMIT_HOSTNAME + 16];
	char address[ADDRESS_TEXT];
	uint16_t port;
	int result; /* 0 or E_... */
	char reason[STEP_REASON];
	int ms;
};

struct steps {
	struct step rows[STEPS_MAX];
	size_t n; /* what goes beyond STEPS_MAX is not kept */
};

/* The last host that served this machine. host.host "": none. */
struct good_host {
	struct endpoint host;
	char address[ADDRESS_TEXT];
};

struct candidate {
	const char *source;
	struct endpoint host;
	char address[ADDRESS_TEXT]; /* use this address instead of asking DNS; "": ask */
};

enum discover_stage { DISCOVER_HOSTS, DISCOVER_DOMAINS_SET, DISCOVER_SEARCH, DISCOVER_CACHE, DISCOVER_END };

struct discover {
	const struct options *options;
	const struct good_host *last;
	struct steps *steps;
	struct deadline deadline;
	srv_draw *draw;
	void *context;
	enum discover_stage stage;
	size_t index; /* of the next host or domain of the stage */
	char domains[DISCOVER_DOMAINS][LIMIT_HOSTNAME + 1];
	size_t n_domains;
	struct srv rows[SRV_MAX]; /* of the domain asked last */
	size_t n_rows;
	size_t next_row;
	bool asked_dns;
	bool found_in_dns;
	bool not_offered;
};

/* Begin. Everything given must outlive it. domains: the machine's own, at most DISCOVER_DOMAINS are taken. */
void discover_init(struct discover *, const struct options *, const struct good_host *last, struct steps *,
		   struct deadline, srv_draw *, void *context);
void discover_search(struct discover *, const char *domain);

/* The next host to try; false: there is none left. DNS questions become steps. */
bool discover_next(struct discover *, struct candidate *ret);

/* May there be another one? Good for sharing out the time. */
bool discover_more(const struct discover *);

/* Append a step. Returns it, or NULL when there is no room. */
struct step *steps_add(struct steps *, const char *source, const char *target, uint16_t port);

/*
 * The machine's own domains: of its host name, then the domain and search lines of a resolv.conf text. They
 * are handed to discover_search one by one.
 */
void discover_machine(struct discover *, const char *hostname, const char *resolv_conf);

#endif
