/* SPDX-License-Identifier: Apache-2.0 */
/* Codes, texts and remedies of everything that can go wrong; all made from errors.def. */
#ifndef PROTOCOL_ERROR_H
#define PROTOCOL_ERROR_H

#include <stdbool.h>
#include <stddef.h>

/* Functions return 0 or one of these negative values; the wire and the API carry the positive number. */
enum error {
#define ERR(number, name, retry, http, exit, text, remedy) E_##name = -(number),
#include "errors.def"
#undef ERR
};

enum error_retry { RETRY_NEVER, RETRY_LATER, RETRY_NEXT };

/* One row of the table. Everything is borrowed and lives for ever. */
struct error_row {
	int number;
	const char *name;
	enum error_retry retry;
	int http;
	int exit;
	const char *text;
	const char *remedy;
};

/* The row of an error. code: negative or positive. Never NULL: an unknown code gives INTERNAL's row. Any
 * thread. */
const struct error_row *error_row(int code);

/* The same request may succeed later, or at another host, though nobody who asks does anything. Not 0. */
bool error_is_temporary(int code);

/* The row of a name such as "BUSY", or NULL. Any thread. */
const struct error_row *error_by_name(const char *name);

/* All rows in the table's order. Any thread. */
const struct error_row *error_table(size_t *ret_count);

/* Shorthands for the row's members. Any thread. */
const char *error_name(int code);
const char *error_text(int code);

#endif
