/* SPDX-License-Identifier: Apache-2.0 */
#include "state_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"

int state_dir_open(const char *dir, int *ret_lock, char what[PATH_MAX])
{
	struct stat st;
	snprintf(what, PATH_MAX, "%s", dir);
	if (mkdir(dir, 0700) && errno != EEXIST)
		return E_CANNOT_CREATE;
	if (stat(dir, &st) || !S_ISDIR(st.st_mode))
		return E_CANNOT_CREATE;
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return E_INSECURE;
	snprintf(what, PATH_MAX, "%s/lock", dir);
	int fd = open(what, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return E_CANNOT_CREATE;
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		close(fd);
		snprintf(what, PATH_MAX, "%s", dir);
		return E_STORE_BUSY;
	}
	*ret_lock = fd;
	return 0;
}
