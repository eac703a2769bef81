/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CSV files as RFC 4180 has them: a header, then records; fields in quotes may hold commas, quotes (doubled)
 * and line ends. CRLF and LF end a line, a byte order mark and empty lines are passed over, the text must be
 * UTF-8. Whatever is wrong is told as FILE:LINE. Main thread.
 */
#ifndef CTL_CSV_H
#define CTL_CSV_H

#include <stdbool.h>
#include <stddef.h>

#include "command.h"

#define CSV_FIELDS 8 /* most fields of a record */
#define CSV_FILE_MAX ((size_t)64 << 20)

/* A column that may stand in the header, in any order. */
struct csv_column {
	const char *name; /* NULL ends the list */
	bool needed;
};

struct csv {
	const struct invocation *inv;
	const char *path; /* "-": standard input */
	const char *shape;
	const struct csv_column *columns;
	char *text; /* owned; fields are cut out of it in place */
	size_t n;
	size_t at;
	unsigned line;   /* where reading stands */
	unsigned record; /* the line on which the current record began */
	char *fields[CSV_FIELDS];
	size_t n_fields;
	int order[CSV_FIELDS]; /* of each column: its place in a record, -1 when it is not in the header */
	size_t n_header;
};

/* Read the file and its header. shape: the header for people, "user,name[,groups]". Returns 0, or the exit
 * code after telling the failure. csv_close it in any case. */
int csv_open(struct csv *, const struct invocation *, const char *path, const char *shape,
	     const struct csv_column *columns);

/* Read the header of a text that is there already, with a NUL behind it: what csv_open does behind the file.
 */
int csv_begin(struct csv *);

/* Visit each record; row returns 0, or an exit code that ends it. Returns that, or the exit code after
 * telling what is wrong with a record, or 0. */
int csv_each(struct csv *, int (*row)(const struct csv *, void *context), void *context);

/* A field of the current record, by the column's index; NULL when the header lacks the column. Borrowed until
 * csv_close. */
const char *csv_field(const struct csv *, size_t column);

/* Refuse the current record: "FILE:LINE: what", and what to do. Returns the exit code. */
int csv_refuse(const struct csv *, const char *what, const char *remedy);

/* Refuse the header for a name that is missing or one too many. Returns the exit code. */
int csv_refuse_header(const struct csv *, const char *name);

void csv_close(struct csv *);

#endif
