/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Putting right what follows from the rest of the ledger, and telling of it: on the lane for a host that runs
 * (JOB_HOST, HOST_MENDED), and for the repair of a file.
 */
#ifndef SERVER_MEND_H
#define SERVER_MEND_H

#include <jansson.h>

#include "facts.h"

struct broker;
struct job;
struct mended;

#define MEND_LINES 20 /* of counts, told one by one */
#define MEND_TABLES 16

/* What was put right, or would be. Zeroed at first. */
struct mending {
	bool indexes;
	int64_t counts; /* that were wrong */
	struct {
		char text[160];
	} lines[MEND_LINES];
	size_t n_lines;
	struct {
		char table[24];
		int64_t rows;
	} orphans[MEND_TABLES];
	size_t n_orphans;
};

/* A mend_function; context: struct mending. */
void mend_take(const struct mended *, void *context);

/* Nothing was to be put right. */
bool mend_empty(const struct mending *);

/* Rows of "repairs": what, table, before, after, message, details. before: faults of the indexes; done: it
 * was done, and not only looked at. NULL without memory. */
json_t *mend_json(const struct mending *, int64_t before, bool done);

/* The host's event: within the job's transaction, and undone when it is a dry run. On the lane. */
int mend_run(struct broker *, struct job *, int64_t now);

/* It is durable: what the broker remembers of counts is old. */
void mend_done(struct broker *);

#endif
