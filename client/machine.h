/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a product is on this machine and when it is due, computed from plain values: no files, no clock, no
 * chance. Pure; any thread. Times are seconds since 1970.
 *
 *     never leased:  grace ----- grace_days ----> unlicensed
 *     leased:        licensed -- one whole renew interval beyond renew_after --> overdue -- end --> expired
 * or reduced
 */
#ifndef CLIENT_MACHINE_H
#define CLIENT_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "model.h"

#define MACHINE_NEVER INT64_MAX

/* In the order of a status command's exit codes, best first (machine_exit). */
enum machine_state {
	MACHINE_LICENSED,
	MACHINE_GRACE,
	MACHINE_OVERDUE,
	MACHINE_UNLICENSED,
	MACHINE_EXPIRED, /* the lease ended; the vendor's program shows notices */
	MACHINE_REDUCED, /* the lease ended; the vendor's program does less */
	MACHINE_TAMPERED,
	MACHINE_STATES,
};

struct machine_clock {
	int64_t wall; /* this machine's clock */
	int64_t now;  /* the time to judge by */
	bool suspect; /* they differ because the clock cannot be right */
};

struct machine {
	bool tampered;
	bool wanted;        /* somebody has asked to activate it */
	int64_t first_call; /* the library's first call for the product */
	uint32_t grace_days;
	uint32_t prompt_days;

	bool spoken; /* the lease was confirmed by telephone */
	bool leased; /* the rest up to on_expiry is the lease's */
	enum model model;
	int64_t iat;
	int64_t exp;         /* 0: perpetual */
	int64_t renew_after; /* 0: never */
	enum on_expiry on_expiry;

	uint32_t retry_minutes; /* as the host said; 0: the usual two hours */
	int64_t tried;          /* this machine's clock at the last try */
	uint32_t failures;      /* tries since the last success */
	bool answered;          /* the last try reached a host that it trusts */
	uint32_t retry_after;   /* seconds the host asked for; 0: the usual */
	uint64_t seed;          /* spreads machines over time: a hash of device and product */
};

/*
 * Which clock to judge by. mark: the authenticated time, 0 for none. floor: the latest date that a
 * vendor has signed, below which the clock cannot be, 0 for none. reached: the mark, or the first call where
 * there is none, and how long the machine was up since: by that time goes on while its clock cannot be
 * believed. 0: not known.
 */
struct machine_clock machine_clock(int64_t wall, int64_t mark, int64_t floor, int64_t reached);

/*
 * The mark after a host has told the time in a session of its own, by a certificate of that term. It goes
 * back, too, when it is more than a day ahead of what was told: then it came from a host whose clock was
 * wrong, and if it stayed, the leases of those that are right would count as over. A time outside of the
 * certificate's term is not believed, so that no mark is beyond the end of every certificate.
 */
int64_t machine_mark(int64_t mark, int64_t told, int64_t nbf, int64_t exp);

enum machine_state machine_state(const struct machine *, const struct machine_clock *);

/* The end of the first grace; 0 when there is none any more. */
int64_t machine_grace_end(const struct machine *);

/* Seconds until a renewal or another request is due; 0: now; MACHINE_NEVER. */
int64_t machine_wait(const struct machine *, const struct machine_clock *);

/*
 * Which notice of the lease's end is due: how many days before the end it began (30; for a seat of the device
 * 30, 10 and 1; fewer when the lease is short). 0: none, or the lease has ended.
 */
unsigned machine_notice(const struct machine *, const struct machine_clock *);

/* Should a person be told? */
bool machine_prompt(const struct machine *, const struct machine_clock *);

/* The state's name, and the exit code of a status command. */
const char *machine_name(enum machine_state);
int machine_exit(enum machine_state);

#endif
