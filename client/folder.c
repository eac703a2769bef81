/* SPDX-License-Identifier: Apache-2.0 */
#include "folder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "error.h"

#define LOCK_POLL_MS 10

bool folder_private(const struct stat *st)
{
	bool owner = st->st_uid == 0 || st->st_uid == geteuid();
	return owner && (st->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

int folder_path(const char *folder, const char *name, char *out, size_t room)
{
	int n = snprintf(out, room, "%s/%s", folder, name);
	return n < 0 || (size_t)n >= room ? E_TOO_LARGE : 0;
}

/* Every missing directory of the path, from the top. */
static int make_all(char *path, struct fault *f)
{
	for (char *at = path + 1;; at++) {
		char kept = *at;
		if (kept != '/' && kept != 0)
			continue;
		*at = 0;
		if (mkdir(path, 0700) && errno != EEXIST && errno != EROFS)
			return fault_system(f, E_CANNOT_CREATE, path);
		*at = kept;
		if (kept == 0)
			return 0;
	}
}

int folder_make(const char *path, struct fault *f)
{
	char copy[PATH_MAX];
	struct stat st;
	if ((size_t)snprintf(copy, sizeof(copy), "%s", path) >= sizeof(copy))
		return fault_set(f, E_CANNOT_CREATE, "%s: the path is too long", path);
	if (stat(path, &st) && errno == ENOENT) {
		int error = make_all(copy, f);
		if (error)
			return error;
	}
	if (stat(path, &st))
		return fault_system(f, E_IO, path);
	if (!S_ISDIR(st.st_mode))
		return fault_set(f, E_CANNOT_CREATE, "%s: it is not a directory", path);
	if (!folder_private(&st))
		return fault_set(f, E_INSECURE, "%s: others may write it, or own it", path);
	return 0;
}

int folder_lock(const char *path, struct deadline deadline, int *ret_fd, struct fault *f)
{
	char name[PATH_MAX];
	if (folder_path(path, "lock", name, sizeof(name)))
		return fault_set(f, E_CANNOT_CREATE, "%s: the path is too long", path);
	int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return fault_system(f, E_CANNOT_CREATE, name);
	while (flock(fd, LOCK_EX | LOCK_NB)) {
		int error = 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			error = fault_system(f, E_IO, name);
		else if (deadline_left(deadline) == 0)
			error = fault_set(f, deadline_cancelled(deadline) ? E_CANCELLED : E_STATE_LOCKED,
					  "%s", path);
		if (error) {
			close(fd);
			return error;
		}
		deadline_poll(deadline_within(deadline, LOCK_POLL_MS), NULL, 0);
	}
	*ret_fd = fd;
	return 0;
}

void folder_unlock(int fd)
{
	close(fd);
}
