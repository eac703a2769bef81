/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A long file that is written bit by bit and is whole or not there: it has another name until it is on disk.
 * A device or pipe is written to, never replaced. Main thread.
 */
#ifndef CTL_OUTFILE_H
#define CTL_OUTFILE_H

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

struct invocation;

struct outfile {
	FILE *file;
	const char *path; /* borrowed */
	bool direct;      /* a device or pipe: there is no other name */
	char part[PATH_MAX];
};

/* Begin, readable by the caller alone. Returns 0, or the exit code of a failure that was told. */
int outfile_open(const struct invocation *, struct outfile *, const char *path);

/*
 * End. code: 0, or the exit code of what failed meanwhile, and then nothing is left of the file. Returns it,
 * or the exit code of a failure to write, which was told.
 */
int outfile_close(const struct invocation *, struct outfile *, int code);

#endif
