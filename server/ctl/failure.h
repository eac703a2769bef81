/* SPDX-License-Identifier: Apache-2.0 */
/* What went wrong with a command, and how it is told: two lines on standard error, with --json also an
 * object. Main thread. */
#ifndef CTL_FAILURE_H
#define CTL_FAILURE_H

#include <jansson.h>

#include "command.h"
#include "error.h"

#define FAILURE_DETAIL 512
#define FAILURE_REMEDY 256

struct failure {
	int code;                    /* E_...; E_INTERNAL also stands for a code that only the daemon knows */
	json_t *problem;             /* the daemon's problem document, owned, or NULL */
	char detail[FAILURE_DETAIL]; /* "" when the code says it all */
	char remedy[FAILURE_REMEDY]; /* "": the problem's, or else the table's */
};

/* Note a failure that was found here. format: the detail. Returns code. */
int failure_set(struct failure *, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Note what the daemon says of one row of a request: {"code","text","remedy","numbers","detail"}. */
void failure_take(struct failure *, json_t *error);

/* Drop the problem document. */
void failure_fini(struct failure *);

/* The failure as {"code","text","remedy","numbers",...}; the caller's reference, NULL without memory. */
json_t *failure_json(const struct failure *);

/* Tell it on standard error only. Returns the exit code that belongs to it. */
int failure_tell(const struct failure *);

/* The same of one row among others. where: "users.csv:12", put in front; NULL: nothing. */
int failure_tell_at(const char *where, const struct failure *);

/* Tell it, and with --json print {"schema":1,"error":{...}} on standard output. Returns the exit code. */
int failure_print(const struct invocation *, const struct failure *);

/* failure_print of something found here. format: the detail. */
int failure_say(const struct invocation *, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
