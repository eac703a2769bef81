/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A SQLite store as a file of its own: what backups are made of, and restored from. Any thread, each with a
 * handle of its own. Errors as store.h has them.
 */
#ifndef SERVER_STORE_FILE_H
#define SERVER_STORE_FILE_H

#include "store.h"

/* What a database holds, in short. */
struct store_file {
	int64_t schema; /* of the file as it was opened, brought up to date */
	int64_t audit;  /* number of the last row of the audit log; 0: none */
	uint8_t hash[AUDIT_HASH];
	int64_t devices;
	int64_t activations;
	int64_t certificates;
};

/*
 * Open a finished file for looking: nothing of it is changed, and one of an older schema is brought up to
 * date in a temporary copy. Closed with store_close. E_IO: cannot be read; E_STORE_NEWER; E_STORE_CORRUPT.
 */
int store_file_open(const char *path, struct store **ret);

/* Of a handle of a SQLite file. */
int store_file_facts(struct store *, struct store_file *ret);

/* Put rows into the meta table of a file that nobody has open. The file is not synced. */
struct file_note {
	const char *key;
	const void *bytes;
	size_t n;
};
int store_file_put(const char *path, const struct file_note *notes, size_t n);

/* Bring a database that nobody has open into its one file, without the log beside it. */
int store_file_settle(const char *path);

#endif
