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

/* --- what can still be read of a damaged one --- */

/* What a table is for a repair. */
enum table_part {
	PART_FACTS,   /* nothing can make a row of it anew */
	PART_LOG,     /* the audit log: a hole in it stays a hole, that is told for ever */
	PART_HISTORY, /* statistics, and answers remembered for a day */
	PART_DERIVED, /* follows from the others */
};

struct table_found {
	const char *name;
	enum table_part part;
	bool damaged;
	bool end_lost; /* nobody knows what came last */
	int64_t read;  /* rows */
	int64_t lost;  /* -1: nobody knows how many */
};

#define SALVAGE_TABLES 40
#define SALVAGE_LINES 20

struct salvage {
	struct table_found tables[SALVAGE_TABLES];
	size_t n_tables;
	char lines[SALVAGE_LINES][200]; /* what SQLite's own check says */
	size_t n_lines;                 /* that are told here */
	int64_t faults;                 /* of these all */
	int64_t index_faults;           /* indexes that are damaged, or do not fit */
	bool unplaced;                  /* damage of which nobody knows what it belongs to */
};

/*
 * Read what can be read of a database that nobody has open, table by table and around what is damaged, into a
 * new file `to` of the same schema, without any index of the old one. The old file is not changed, nor the
 * log beside it. The new one is not synced, and the caller's to remove. E_STORE_CORRUPT: not even the list of
 * tables can be read; E_STORE_NEWER; E_STORE_BUSY: somebody has it open; E_IO: it cannot be opened.
 */
int store_salvage(const char *from, const char *to, struct salvage *ret);

/* May the copy serve in the old file's place? All facts were read, and the end of the audit log. */
bool salvage_whole(const struct salvage *);

/* A part's name: facts, log, history, derived. */
const char *salvage_part(enum table_part);

#endif
