/* SPDX-License-Identifier: Apache-2.0 */
/* What musterd does while it does not serve: restore a backup, tell whether one is good, repair a database.
 */
#ifndef SERVER_OFFLINE_H
#define SERVER_OFFLINE_H

#include <stdbool.h>

#include "config.h"

struct offline {
	const char *restore; /* a file; NULL: not asked for */
	const char *verify;
	const char *repair; /* a database */
	bool force;
	bool dry_run;
	bool with_key; /* the passphrase is the first line of standard input */
};

/* Do it, and print one JSON document: what was done, or {"schema":1,"error":{...}}. Returns the exit code. */
int offline_run(const struct offline *, const struct config *);

#endif
