/* SPDX-License-Identifier: Apache-2.0 */
/* Copying one table of a damaged database, around what cannot be read of it. */
#ifndef SERVER_SQLITE_WALK_H
#define SERVER_SQLITE_WALK_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

struct walked {
	int64_t read; /* rows, each once */
	int64_t bad;  /* rows that were read, and cannot be right */
	bool holes;
	bool start_lost; /* the first hole is before all rows, */
	bool end_lost;   /* and the last one behind all of them */
};

/*
 * Copy all that can be read; the table is there in `to`, and empty. number, keys: as in tables.def.
 * E_NO_MEMORY, E_STORE_FULL, E_STORE_IO (of `to`), E_STORE_BUSY; that rows cannot be read is no error.
 */
int sqlite_walk(sqlite3 *from, sqlite3 *to, const char *table, const char *number, const char *keys,
		struct walked *ret);

#endif
