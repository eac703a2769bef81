/* SPDX-License-Identifier: Apache-2.0 */
/* A directory that only its owner may write, and its lock between processes. Any thread. */
#ifndef CLIENT_FOLDER_H
#define CLIENT_FOLDER_H

#include <stdbool.h>
#include <sys/stat.h>

#include "deadline.h"
#include "fault.h"

/* Is a file or directory owned by root or the caller, and not writable by group or others? */
bool folder_private(const struct stat *);

/*
 * Make sure that the directory is there (0700 when it must be made, its parents too) and private.
 * E_CANNOT_CREATE, E_INSECURE, E_IO.
 */
int folder_make(const char *path, struct fault *);

/*
 * Take the lock file of a directory for this handle alone, waiting up to the deadline. *ret_fd: give it to
 * folder_unlock. E_STATE_LOCKED, E_CANCELLED; E_CANNOT_CREATE, E_IO and what fault_system makes of them.
 */
int folder_lock(const char *path, struct deadline, int *ret_fd, struct fault *);
void folder_unlock(int fd);

/* "FOLDER/NAME" into out. E_TOO_LARGE: it does not fit. */
int folder_path(const char *folder, const char *name, char *out, size_t room);

#endif
