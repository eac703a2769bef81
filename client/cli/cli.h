/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs of the muster command share: the handle, how to speak, and how to end. Main thread. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

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

/* A refusal: the handle's error, or the last one of a product of a status. */
struct refused {
	const struct muster *m; /* NULL: the status's */
	const struct muster_status *s;
	int index;
};

/* " (24 of 25)" for a count, " (100 of 100 taken)" for places, " (until 2026-12-01)"; and the same as a JSON
 * object, the caller's reference. */
void print_numbers(FILE *, const struct refused *);
json_t *print_numbers_json(const struct refused *);

/* --- product.c --- */

/* One line about a product of a status. */
void print_product(const struct muster_status *, int index);

/* All that is to be said of it: who holds it, until when, what then, and why not. */
void print_whole_product(const struct muster_status *, int index);

/* The same as a JSON object. The caller's reference. */
json_t *print_product_json(const struct muster_status *, int index);

/* Write a document with "schema": 1 on standard output and let go of it. */
void print_json(json_t *document);

/* --- outcome.c --- */

/*
 * Say what the handle's last verb did, and its error. more: what else is to stand in the JSON document, may
 * be NULL; the reference is taken. Returns the exit code.
 */
int finish(struct cli *, json_t *more);

/* --- secret.c --- */

#define SECRET_ROOM 256

/*
 * Take a key or code as the command line has it: "-" is a line of standard input (asked for without echo on a
 * terminal),
 * "@FILE" the first line of a file, anything else the secret itself, with a warning. Returns 0, or the exit
 * code after saying what is wrong.
 */
int secret_take(const struct cli *, const char *given, const char *what, char out[SECRET_ROOM]);

/* Ask for it without echo when standard input is a terminal; otherwise, or when just Enter is pressed, it is
 * "". */
int secret_ask(const struct cli *, const char *prompt, char out[SECRET_ROOM]);

/* --- offer.c --- */

struct completion;

/* For completion: the products of the products folder, where PRODUCT may stand. */
void offer_names(const struct invocation *, const char *placeholder, const struct completion *);

/* --- the verbs: each returns the exit code --- */

/* A verb's parts: settings first, and the handle is let go whatever happened. */
int with_handle(struct invocation *, int (*run)(struct cli *, struct invocation *));

int verb_activate(struct invocation *);
int verb_renew(struct invocation *);
int verb_release(struct invocation *);
int verb_status(struct invocation *);
int verb_generalize(struct invocation *);
int verb_where(struct invocation *);
int verb_agent(struct invocation *);
int verb_signin(struct invocation *);
int verb_signout(struct invocation *);
int verb_redeem(struct invocation *);
int verb_reset(struct invocation *);
int verb_request(struct invocation *);
int verb_import(struct invocation *);

#endif
