/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the daemon's log knows of the audit log: each checkpoint was a line of it. A log that was kept
 * elsewhere tells when rows were cut together with their checkpoints, or an older database was put back. Main
 * thread.
 */
#ifndef CTL_AUDIT_LOG_H
#define CTL_AUDIT_LOG_H

#include <jansson.h>

#include "command.h"
#include "failure.h"

/* With --log FILE or --journal: compare with the database that the verdict of /v1/audit/verify is about, and
 * put what came of it into the verdict as "log". *ret: set where it does not agree (code not 0). Returns 0,
 * or the exit code of what stopped the comparison and was told. */
int audit_log_compare(struct invocation *, json_t *verdict, struct failure *ret);

/* Was a comparison asked for? */
bool audit_log_wanted(const struct invocation *);

#endif
