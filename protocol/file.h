/* SPDX-License-Identifier: Apache-2.0 */
/* Whole small files: read with a limit, replace atomically. errno holds the system's reason after an error.
 * Any thread. */
#ifndef PROTOCOL_FILE_H
#define PROTOCOL_FILE_H

#include <stddef.h>

/* Read all of a file, "-" being standard input, with a NUL behind it. *ret: freed by the caller. E_IO,
 * E_TOO_LARGE, E_NO_MEMORY. */
int file_read(const char *path, size_t max, char **ret, size_t *ret_n);

/*
 * Replace a file: write a temporary one beside it, sync it, rename it, sync the folder; a crash leaves the
 * old or the new content, never a part. "-" is standard output; a device or pipe is written to. mode: of the
 * new file. E_CANNOT_CREATE, E_IO, E_STORE_FULL.
 */
int file_replace(const char *path, const void *bytes, size_t n, unsigned mode);

/* The code of a write that failed for this reason of the system: E_STORE_FULL or E_IO. */
int file_write_code(int reason);

/* Sync the folder that a file is in, so that its new name survives a power cut. E_IO. */
int file_sync_folder(const char *path);

#endif
