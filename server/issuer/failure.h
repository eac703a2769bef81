/* SPDX-License-Identifier: Apache-2.0 */
/* What went wrong with a command, and how it is told: two lines on standard error, with --json also an
 * object. Main thread. */
#ifndef ISSUER_FAILURE_H
#define ISSUER_FAILURE_H

#include <jansson.h>
#include <stdint.h>

#include "command.h"
#include "error.h"

#define FAILURE_DETAIL 512
#define FAILURE_REMEDY 256
#define FAILURE_NUMBERS 2

struct failure {
	int code;                    /* E_... */
	char detail[FAILURE_DETAIL]; /* "" when the code says it all */
	char remedy[FAILURE_REMEDY]; /* "": the table's */
	struct {
		const char *name;
		int64_t value;
	} numbers[FAILURE_NUMBERS];
	size_t n_numbers;
};

/* Note a failure; an earlier remedy is dropped. format: the detail. Returns code. */
int failure_set(struct failure *, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same about a path, with the system's reason from errno. Returns code. */
int failure_system(struct failure *, int code, const char *path);

/* A remedy that fits better than the table's. Returns the code of the failure. */
int failure_remedy(struct failure *, const char *remedy);

/* A number behind the failure; name lives for ever. */
void failure_number(struct failure *, const char *name, int64_t value);

/* The failure as {"code","text","detail","remedy","numbers"}; the caller's reference, NULL without memory. */
json_t *failure_json(const struct failure *);

/* Tell it on standard error. Returns the exit code that belongs to it. */
int failure_tell(const struct failure *);

/* Tell it, and with --json print {"schema":1,"error":{...}} on standard output. Returns the exit code. */
int failure_print(const struct invocation *, const struct failure *);

#endif
