/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a request means whose ratchet is neither the current one nor the last (DESIGN 5.4,
 * reliability.md 3.8): a late session, a machine that was put back to an older state, or a copy of a machine.
 * Pure; any thread.
 */
#ifndef SERVER_SUSPECT_H
#define SERVER_SUSPECT_H

#include "facts.h"

#define ROLLBACKS_MAX 4 /* a year */
#define ROLLBACK_SECONDS (365LL * 86400)
#define SAME_MACHINE_PERCENT 60

enum suspicion {
	SUSPECT_LATE,      /* the request may have waited on the way: ask again, and accuse nobody */
	SUSPECT_ROLLBACK,  /* the same machine in an older state: go on */
	SUSPECT_ABANDONED, /* a branch that was left lives on, so there are two machines */
	SUSPECT_MACHINE,   /* another machine has this identity */
	SUSPECT_TOO_OFTEN, /* put back more often than a machine is */
};

struct suspect_facts {
	bool late;        /* the device was answered since the session greeted it */
	bool abandoned;   /* the ratchet shown is the end of a branch that was left */
	size_t rollbacks; /* within ROLLBACK_SECONDS */
	const struct hardware *stored;
	const struct hardware *shown;
};

enum suspicion suspect_judge(const struct suspect_facts *);

/* The word for it in the audit log and the API. */
const char *suspect_word(enum suspicion);

#endif
