/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exact counts without a sweeper or an expiry index: a holding stands in one bucket for the day of its last
 * contact and, with a lease, in one for the day the lease ends. The sum of the last window_days buckets is
 * the count; the sum from today on is the number of leases in force. Pure; any thread.
 */
#ifndef SERVER_BUCKET_H
#define SERVER_BUCKET_H

#include "facts.h"

enum bucket_kind { BUCKET_CONTACT, BUCKET_LEASE, BUCKET_DEVICES, BUCKET_SEATS };

#define BUCKET_FOREVER INT32_MAX /* the "day" on which a perpetual lease ends */

struct bucket_change {
	enum bucket_kind kind;
	int32_t day;
	int change;
};

/* The changes (at most 4) that turn one holding into another; returns how many. */
size_t bucket_changes(const struct holding *before, const struct holding *after, struct bucket_change out[4]);

/* The first day that still counts in a window that ends today. */
int32_t bucket_window_start(int64_t now, uint32_t window_days);

/* Does a holding stand in the window, or hold a lease in force? The recount's rule. */
bool bucket_counts(const struct holding *, int64_t now, uint32_t window_days);
bool bucket_leased(const struct holding *, int64_t now);

#endif
