/* SPDX-License-Identifier: Apache-2.0 */
/* What people and programs read on standard output: JSON documents, tables and claims. Main thread. */
#ifndef ISSUER_PRINT_H
#define ISSUER_PRINT_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "command.h"

/* A column of a table: its head, and the member of each item that it shows. */
struct print_column {
	const char *head; /* NULL ends the list */
	const char *key;
};

/* Write text that may come from a stranger on one line: nothing in it can steer a terminal. */
void print_safe(FILE *, const char *text);

/* A JSON string of any bytes: what is not UTF-8 becomes '?'. The caller's reference, NULL without memory. */
json_t *print_json_text(const char *text);

/* A JSON string of a time, or null for 0. The caller's reference. */
json_t *print_json_time(int64_t time);

/* Print a document and take its reference. NULL (no memory) is told on standard error. Returns 0 or
 * E_NO_MEMORY, E_IO. */
int print_json(json_t *document);

/* Print items (an array, whose reference is taken) as a table, or with --json as {"schema":1,"items":[...]}.
 */
void print_list(const struct invocation *, const struct print_column *, json_t *items);

/* Print the members of an object line by line, nested ones indented. indent: blanks before the outermost. */
void print_claims(FILE *, json_t *claims, int indent);

#endif
