/* SPDX-License-Identifier: Apache-2.0 */
/* What an administrator sees first: one gathering of facts that status, health, doctor and metrics share. */
#ifndef SERVER_STATUS_H
#define SERVER_STATUS_H

#include "exchange.h"
#include "surroundings.h"

#define GRANT_ROWS_MAX 1024
#define HEALTH_MAX 64

enum severity { SEVERITY_INFO, SEVERITY_WARNING, SEVERITY_ERROR };

/* One grant now: what the license says and what the store counts. */
struct grant_now {
	struct catalog_grant grant;
	int64_t count;
	int64_t active;  /* leases in force; of a pool: activations */
	int64_t seats;   /* assigned */
	int64_t waiting; /* for a seat of its product */
	struct {
		int64_t active;
		int64_t count;
		int64_t seats;
	} today, month;  /* the most of today and of 30 days; after overview_peaks */
	int64_t granted; /* in 30 days; after overview_peaks */
	int64_t renewed;
	int64_t released;
	int64_t refused;
	struct grant_marks marks;
	struct grant_terms terms;
};

/* One finding, for people and programs. */
struct health_item {
	int code;
	enum severity severity;
	char message[240];
	char remedy[200];
	const char *next; /* the command to type; NULL: none. Lives for ever */
};

struct overview {
	const struct catalog *catalog;
	struct grant_now grants[GRANT_ROWS_MAX];
	size_t n_grants;
	int64_t devices;
	int64_t backup_at;  /* the last good backup; 0: none */
	int64_t audit_rows; /* number of the last one */
	struct {
		int64_t ahead;  /* devices whose clock is; counted up to 10,000 */
		int64_t behind; /* with the next two as in the store's LIST_SKEW */
		int64_t most_ahead;
		int64_t most_behind;
	} skew;
	int64_t contact_at; /* a device was served last; 0: not since the start */
	struct surroundings surroundings;
	struct health_item health[HEALTH_MAX];
	size_t n_health;
	const char *host;  /* this host's key id */
	const char *state; /* ok, degraded, unlicensed */
};

/* Gather. *ret: freed by the caller with free(). Errors of the store. */
int overview_gather(struct exchange *, struct overview **ret);

/* Add what the days tell of each grant: peaks and sums of PEAK_DAYS with today. Errors of the store. */
#define PEAK_DAYS 30
int overview_peaks(struct exchange *, struct overview *);

/* A grant as a row of status and of the subscriptions: what it is, what comes next and what will be lost. */
json_t *overview_grant(const struct grant_now *);

/* A product's totals over all its grants, from the same counts that decide: total null when one is open. */
json_t *overview_product(const struct overview *, const struct product *);

/* The health items as a JSON array. */
json_t *overview_health(const struct overview *);

/*
 * The deep checks of one socket. doctor_stop ends a check under way and lets no other begin, before the
 * socket's thread ends; doctor_free after that. NULL is allowed for both.
 */
struct doctor *doctor_new(struct counters *);
void doctor_stop(struct doctor *);
void doctor_free(struct doctor *);

const char *severity_name(enum severity);

#endif
