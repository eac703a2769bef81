/* SPDX-License-Identifier: Apache-2.0 */
/* Secret lines (keys, passphrases) in locked memory that is wiped when it is freed. Main thread. */
#ifndef ISSUER_SECRET_H
#define ISSUER_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "failure.h"

#define SECRET_ROOM 1024 /* longest secret line with its NUL */

/* Memory for one line, all zero; freed with sodium_free. NULL without memory. */
char *secret_new(void);

/*
 * The first line of a file, without its line end. must_be_private: refuse a file that group or others can use
 * (E_INSECURE); otherwise that is only warned of. *ret: freed with sodium_free. E_IO, E_NOT_FOUND,
 * E_TOO_LARGE.
 */
int secret_read_file(const char *path, bool must_be_private, char **ret, struct failure *);

/* Write a line to a file of this mode, durably and as a whole. E_NO_MEMORY, E_TOO_LARGE; otherwise as
 * file_replace. */
int secret_write_line(const char *path, const char *line, unsigned mode, struct failure *);

/* One line of an open file; name: what to call it in an error. Bytes after the line stay unread. */
int secret_read_line(int fd, const char *name, char **ret, struct failure *);

#endif
