/* SPDX-License-Identifier: Apache-2.0 */
/* The state folder, and the lock in it that one process holds. */
#ifndef SERVER_STATE_DIR_H
#define SERVER_STATE_DIR_H

#include <limits.h>

/*
 * Make the folder (0700) where there is none, and take its lock: *ret_lock is closed to give it back. what:
 * the path that an error is about; errno holds the system's reason. E_CANNOT_CREATE; E_INSECURE: others may
 * write there; E_STORE_BUSY: another process holds it.
 */
int state_dir_open(const char *dir, int *ret_lock, char what[PATH_MAX]);

#endif
