/* SPDX-License-Identifier: Apache-2.0 */
/* What a dry run has looked at, for an administrator who asks why: plain values that outlive the batch. */
#ifndef SERVER_WHY_H
#define SERVER_WHY_H

#include "policy.h"

/* One grant that could serve, with what the ledger knows of it and of the device. */
struct why_grant {
	int64_t grant;
	struct holding holding;
	int64_t count;        /* devices in the window, this one apart or not */
	int64_t active;       /* leases in force */
	int64_t devices_used; /* other devices of the user */
	size_t parts;         /* hardware parts on record; of pools */
};

struct why {
	struct policy_trace trace; /* its candidates are indices of grants */
	struct why_grant grants[CANDIDATES_MAX];
	size_t n;
	bool known;
	bool blocked;
	bool shared;
	bool approved;
	bool bound;       /* the user who is named has signed in on the device */
	int64_t answered; /* the last answer to the device; 0: none */
	struct seat device_seat;
	struct seat user_seat;
	int64_t expires;     /* of the lease that it would get; 0: for ever, or none */
	int64_t renew_after; /* 0: never, or none */
};

#endif
