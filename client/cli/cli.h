/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs of the muster command share: the handle, how to speak, and how to end. Main thread. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <jansson.h>
#include <stdbool.h>

#include "command.h"
#include "muster.h"

struct cli {
	struct muster *m;
	bool json;
};

/* --- settings.c --- */

/*
 * Make the handle and hand it every setting: of the command line, else of the environment, else of
 * muster.conf. Returns 0, or the exit code after saying what is wrong.
 */
int settings_apply(struct cli *, const struct invocation *);

/* --- print.c --- */

/* Seconds since 1970 as "2027-05-22T10:00:00Z" or as "2027-05-22". Returns out. */
#define TIME_TEXT 24
char *print_time(long long time, char out[TIME_TEXT]);
char *print_day(long long time, char out[TIME_TEXT]);

/* The handle's last error on standard error, two lines; with --json also {"schema":1,"error":...}. Returns
 * its exit code. */
int print_error(const struct cli *);

/* The same for an error of the command itself. detail: may be "". */
int print_own_error(const struct cli *, const char *code, const char *detail);

/* The handle's last error as a JSON object; NULL when there is none. The caller's reference. */
json_t *print_error_json(const struct cli *);

/* One line about a product of a status. */
void print_product(const struct muster_status *, int index);

/* The same as a JSON object. The caller's reference. */
json_t *print_product_json(const struct muster_status *, int index);

/* Write a document with "schema": 1 on standard output and let go of it. */
void print_json(json_t *document);

/* --- the verbs: each returns the exit code --- */

int verb_activate(struct invocation *);
int verb_renew(struct invocation *);
int verb_release(struct invocation *);
int verb_status(struct invocation *);
int verb_where(struct invocation *);
int verb_explain(struct invocation *);
int verb_agent(struct invocation *);

#endif
