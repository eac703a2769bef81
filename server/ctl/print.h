/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How answers are shown: tables for people, CSV (RFC 4180) and JSON for programs. What comes from the daemon
 * is never sent to the terminal as it is: control characters print as \x1b, in JSON as \u001b. Times stay as
 * they are. Main thread.
 */
#ifndef CTL_PRINT_H
#define CTL_PRINT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define PRINT_TEXT 2048  /* room for one value as text; longer ones are cut */
#define PRINT_COLUMNS 24 /* most columns of a table */

enum column_flags {
	COLUMN_RIGHT = 1, /* numbers: flush right */
	COLUMN_CUT = 2,   /* may be cut to the terminal's width */
	COLUMN_STATE = 4, /* coloured by what it says */
	COLUMN_CSV = 8,   /* too wide for a table: only in CSV */
	COLUMN_ALL = 16,  /* an empty list means all, and is shown so */
	COLUMN_ERROR = 32 /* an error object: "CODE: what it is about"; in CSV only the code */
};

/* One column of a table, or one line of a list of fields. */
struct column {
	const char *key;     /* of the JSON object; NULL ends the list */
	const char *heading; /* for people; CSV has the key */
	const char
		*of; /* a second key, shown as "24/25" when it is a number above 0; NULL: none. Not in CSV */
	unsigned flags; /* column_flags */
};

/* What the pages of one table share, so that they line up. Zeroed before the first page. */
struct table {
	bool headed;
	size_t widths[PRINT_COLUMNS];
};

/* Print one page: objects of an array as rows. The headings come with the first page that has rows.
 * E_NO_MEMORY. */
int print_table(struct table *, const struct column *, json_t *rows);

/* The same in one page, after an empty line; nothing at all when there are no rows. E_NO_MEMORY. */
int print_section(const struct column *, json_t *rows);

/* Print the members of an object, one on a line with its heading; absent and null ones are left out.
 * E_NO_MEMORY. */
int print_fields(const struct column *, json_t *object);

/* CSV: the row of keys, and one row for each object. */
void print_csv_head(const struct column *);
void print_csv_rows(const struct column *, json_t *rows);

/* Print a document, indented, its keys in their order; json_new is taken over and may be NULL (no memory:
 * says so). */
void print_json(const json_t *);
void print_json_new(json_t *json_new);

/* Print a value on one line, without a line end. */
void print_json_line(const json_t *);

/* A JSON string of text that may not be UTF-8: bytes that are not become '?'. NULL without memory. */
json_t *print_json_string(const char *text);

/* Memory ran out for something that was printed: it is not whole, and the program must not say that it is. */
bool print_starved(void);

/* A value as text: "-" for null and absent, lists joined by commas, objects in a list by their id. Returns
 * out. */
const char *print_value(const json_t *, char out[PRINT_TEXT]);

/* "SEATS_EXHAUSTED: 50 of 50 are taken" of an error object; "-" when it is none. Returns out. */
const char *print_error(const json_t *error, char out[PRINT_TEXT]);

/* Print text with what is not printable as \xNN. */
void print_safe(FILE *, const char *text);

/* print_safe of a member: "-" when it is not there. */
void print_member(FILE *, const json_t *object, const char *key);

#endif
