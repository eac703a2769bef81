/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's answer to changes, shown: refused rows on standard error, and what is gained and lost. Main
 * thread. */
#ifndef CTL_OUTCOME_H
#define CTL_OUTCOME_H

#include "change.h"
#include "request.h"

/* What to do when there is no answer that can be read. */
#define OUTCOME_UNKNOWN "It is not known whether the changes were saved: look before you send them again."

/* Check the whole answer, then print it and note how many rows were done. Returns the exit code. */
int outcome_print(struct changes *, const struct reply *, bool dry_run);

/* Print the code that a row made, alone on standard output for whoever passes it on; on standard error for
 * whom it is (a member of the row), and until when. */
void outcome_print_code(json_t *item, const char *whose);

/* Print what no rows at all come to. Returns 0. */
int outcome_print_nothing(const struct changes *);

#endif
