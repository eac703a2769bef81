/* SPDX-License-Identifier: Apache-2.0 */
/* What the system says about this process, its database's files and the disk they are on. Any thread. */
#ifndef SERVER_SURROUNDINGS_H
#define SERVER_SURROUNDINGS_H

#include <stdint.h>

/* -1: not known. */
struct surroundings {
	double cpu_seconds;
	double started; /* Unix time of the process */
	int64_t resident_bytes;
	int64_t open_fds;
	int64_t max_fds;
	int64_t store_bytes;
	int64_t wal_bytes;
	int64_t disk_free_bytes; /* for us, not for root */
	int64_t disk_size_bytes;
};

/* Look. state_dir: the state folder; store: path of the database, NULL when it is in memory. */
void surroundings_look(const char *state_dir, const char *store, struct surroundings *ret);

#endif
