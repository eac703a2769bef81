/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exports of the audit log: JSON lines. The first says whose log it is; then each row with its hash and,
 * behind the row that it covers, each checkpoint; the last says how many rows there were. What is in it can
 * be checked without any host. Main thread.
 */
#ifndef CTL_AUDIT_FILE_H
#define CTL_AUDIT_FILE_H

#include <jansson.h>

#include "command.h"

/*
 * Check an export, "-" being standard input. *ret: the verdict, as /v1/audit/verify gives it; the caller's
 * reference. Returns 0, or the exit code when it could not be read, which was told.
 */
int audit_file_check(const struct invocation *, const char *path, json_t **ret);

#endif
