/* SPDX-License-Identifier: Apache-2.0 */
/* Signed files on their way to the daemon. The daemon judges them; here they are only read. Main thread. */
#ifndef CTL_UPLOAD_H
#define CTL_UPLOAD_H

#include "command.h"
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

/*
 * Refuse a file that is clearly of another kind than the command takes; what is not clear is left to the
 * daemon. Returns 0, or the exit code after telling the failure.
 */
int upload_expect(const struct invocation *, const struct upload *, const struct token_kind *want);

/* Send it as a license and print what was installed. Returns the exit code. */
int upload_license(const struct invocation *, const struct upload *);

/* Send it as a host certificate, with --vendor-key's key, and print whose it is. Returns the exit code. */
int upload_certificate(const struct invocation *, const struct upload *);

#endif
