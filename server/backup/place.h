/* SPDX-License-Identifier: Apache-2.0 */
/* Putting one whole database in another's place, so that at no instant there is none, and the old one is
 * kept. The caller holds the state folder's lock. */
#ifndef BACKUP_PLACE_H
#define BACKUP_PLACE_H

#include <stddef.h>
#include <stdint.h>

/* A name for what was there before: "PATH.WORD-20260131T120000Z", with a number behind it when it is taken.
 */
void place_dated(const char *path, const char *word, int64_t now, char *out, size_t room);

/* Remove a database with all that lies beside it. */
void place_remove(const char *database);

/*
 * The old file and its log get second names (aside; "": there is no old one), and then lose their first to
 * the new one, which is whole and on the disk. Broken off, it is done by place_finish, or it was not begun.
 * E_IO.
 */
int place_swap(const char *fresh, const char *path, const char *aside);

/* Before a database is opened: go on where place_swap was broken off. E_IO. */
int place_finish(const char *path);

/* A file or folder is on the disk. E_IO. */
int place_sync(const char *path);

/* What root does for the daemon's user belongs to whom the folder belongs. "": passed over. */
void place_give(const char *folder, const char *const *paths, size_t n);

#endif
