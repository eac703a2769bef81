/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread that talks to DNS, so that neither the loop nor an API socket ever waits for it: it looks at the
 * configured domains every so often, keeps this host's record published when that is wished, and carries out
 * what administrators order. Nothing that goes wrong ends it but watch_stop.
 */
#ifndef SERVER_DNS_WATCH_H
#define SERVER_DNS_WATCH_H

#include "check.h"
#include "update.h"

/* Acts that are noted. */
#define WATCH_PUBLISHED "dns.published"
#define WATCH_WITHDRAWN "dns.withdrawn"
#define WATCH_ROGUE "dns.rogue"
#define WATCH_ROGUE_GONE "dns.rogue-gone"

struct watch_settings {
	char domains[DNS_DOMAINS_MAX][LIMIT_HOSTNAME + 1];
	size_t n_domains;
	struct dns_srv own;
	struct dns_servers server;   /* that takes updates; none: each zone's primary */
	struct dns_servers resolver; /* none: the system's */
	struct tsig_key key;
	bool has_key;
	bool publish; /* keep the record published */
	int minutes;  /* between two looks; 0: none */

	/* By what hosts are judged, filled in; borrowed until the next call. On the thread. Errors of the
	 * store. */
	int (*trust)(void *context, struct trust *ret);
	/* Something that administrators should find in the audit log and in the log; on the thread. */
	void (*note)(void *context, const char *actor, const char *act, const char *domain, const char *text);
	void *context;
};

/* What is known of one configured domain. */
struct watch_domain {
	struct check check;
	int64_t published_at; /* wall clock of the last success of the thread's own publishing; 0: none */
	int publish_error;    /* of its last try; 0: none */
	char publish_detail[UPDATE_DETAIL];
};

struct watch_report {
	size_t n;
	struct watch_domain domains[DNS_DOMAINS_MAX];
};

enum watch_do { WATCH_CHECK, WATCH_PUBLISH, WATCH_WITHDRAW };

#define WATCH_ACTOR 64

/* What an administrator orders, for one domain or for all that are configured. */
struct watch_order {
	struct watch_order *next;
	enum watch_do what;
	char domain[LIMIT_HOSTNAME + 1]; /* "": all */
	char actor[WATCH_ACTOR];
	void (*finished)(struct watch_order *); /* on the thread; takes it over */
	void *waiter;                           /* for `finished` */

	/* what came of it, a row for each domain */
	size_t n;
	struct watch_outcome {
		char domain[LIMIT_HOSTNAME + 1];
		int error;
		struct update_result update;
		struct check check; /* owned by the order */
	} rows[DNS_DOMAINS_MAX];
};

struct watch;

/* Start the thread. The settings are copied. E_NO_MEMORY, E_INTERNAL. */
int watch_start(const struct watch_settings *, struct watch **ret);

/* End it at once: what is under way is given up, and what was ordered finishes with E_STOPPING. Later orders
 * are refused. NULL is allowed. */
void watch_stop(struct watch *);

/* Free it after watch_stop, when nobody orders any more. */
void watch_free(struct watch *);

/* The settings; borrowed. */
const struct watch_settings *watch_settings(const struct watch *);

/* Order. Any thread. E_STOPPING: the order stays the caller's. */
int watch_submit(struct watch *, struct watch_order *);
void watch_order_free(struct watch_order *);

/* What was last found, copied: freed with watch_report_free. Any thread. E_NO_MEMORY. */
int watch_report(struct watch *, struct watch_report **ret);
void watch_report_free(struct watch_report *);

#endif
