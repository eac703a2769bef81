/* SPDX-License-Identifier: Apache-2.0 */
#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "error.h"

#define STAMP 16
#define READY ".ready"

static const char *const logs[] = {"-wal", "-shm", "-journal"};

#define LOGS (sizeof(logs) / sizeof(logs[0]))

void place_dated(const char *path, const char *word, int64_t now, char *out, size_t room)
{
	char stamp[STAMP + 1];
	time_t seconds = (time_t)now;
	struct tm tm;
	gmtime_r(&seconds, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
	snprintf(out, room, "%s.%s-%s", path, word, stamp);
	for (int i = 2; access(out, F_OK) == 0 && i < 100; i++)
		snprintf(out, room, "%s.%s-%s-%d", path, word, stamp, i);
}

static void remove_logs(const char *database)
{
	char path[PATH_MAX + 16];
	for (size_t i = 0; i < LOGS; i++) {
		snprintf(path, sizeof(path), "%s%s", database, logs[i]);
		unlink(path);
	}
}

void place_remove(const char *database)
{
	unlink(database);
	remove_logs(database);
}

static int keep_old(const char *path, const char *aside)
{
	char from[PATH_MAX + 16];
	char to[PATH_MAX + 16];
	if (link(path, aside))
		return E_IO;
	for (size_t i = 0; i < LOGS; i++) {
		snprintf(from, sizeof(from), "%s%s", path, logs[i]);
		snprintf(to, sizeof(to), "%s%s", aside, logs[i]);
		if (strcmp(logs[i], "-shm") != 0 && link(from, to) && errno != ENOENT)
			return E_IO;
	}
	return 0;
}

static int sync_folder_of(const char *path)
{
	char folder[PATH_MAX];
	snprintf(folder, sizeof(folder), "%s", path);
	char *slash = strrchr(folder, '/');
	if (slash)
		slash[slash == folder] = 0;
	return place_sync(slash ? folder : ".");
}

/* The log beside the old database must neither be lost while that is in place, nor be taken for the new
 * one's. So the new one first gets a name that says that it is whole; from then on every start puts it in
 * place. */
int place_swap(const char *fresh, const char *path, const char *aside)
{
	char ready[PATH_MAX + 16];
	int error = aside[0] ? keep_old(path, aside) : 0;
	snprintf(ready, sizeof(ready), "%s" READY, path);
	if (!error)
		error = sync_folder_of(path);
	if (!error && rename(fresh, ready))
		error = E_IO;
	if (!error)
		error = sync_folder_of(path);
	return error ? error : place_finish(path);
}

int place_finish(const char *path)
{
	char ready[PATH_MAX + 16];
	snprintf(ready, sizeof(ready), "%s" READY, path);
	if (access(ready, F_OK))
		return errno == ENOENT ? 0 : E_IO;
	remove_logs(path);
	if (rename(ready, path))
		return E_IO;
	return sync_folder_of(path);
}

int place_sync(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int error = fd < 0 || fsync(fd) ? E_IO : 0;
	if (fd >= 0)
		close(fd);
	return error;
}

void place_give(const char *folder, const char *const *paths, size_t n)
{
	struct stat st;
	if (geteuid() != 0 || stat(folder, &st))
		return;
	for (size_t i = 0; i < n; i++) {
		int ignored = paths[i][0] ? lchown(paths[i], st.st_uid, st.st_gid) : 0;
		(void)ignored;
	}
}
