/* SPDX-License-Identifier: Apache-2.0 */
/* Signed files on their way to the daemon. The daemon judges them; here they are only read. Main thread. */
#ifndef CTL_UPLOAD_H
#define CTL_UPLOAD_H

#include "command.h"
#include "roots.h"
#include "token.h"

struct upload {
	const char *path; /* "-": standard input */
	char *text;       /* owned */
	size_t n;
};

/* Read a file of at most LIMIT_TOKEN bytes. Returns 0, or the exit code after telling the failure. */
int upload_read(const struct invocation *, const char *path, struct upload *ret);

void upload_fini(struct upload *);

/* The kind of file by the label of its armour, or of a bare token by its typ. E_ARMOUR_INVALID; E_WRONG_TYPE:
 * unknown. */
int upload_kind(const struct upload *, const struct token_kind **ret);

/* POST it to a path, with --vendor-key's key when that was given, and print the answer as show_answer does.
 * Returns the exit code. */
int upload_send(const struct invocation *, const struct upload *, const char *path,
		int (*print)(json_t *answer));

/* Read the file on the command line, refuse it when it is clearly of another kind than want (the daemon
 * judges what is not clear), and upload_send it. Returns the exit code. */
int upload_install(const struct invocation *, const struct token_kind *want, const char *path,
		   int (*print)(json_t *answer));

/* --vendor-key's keys as text, "" when the option was not given. Returns 0, or the exit code. */
int upload_vendor_key(const struct invocation *, char out[ROOTS_TEXT]);

#endif
