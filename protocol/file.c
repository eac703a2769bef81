/* SPDX-License-Identifier: Apache-2.0 */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"

int file_read(const char *path, size_t max, char **ret, size_t *ret_n)
{
	int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return E_IO;
	char *bytes = malloc(max + 2);
	size_t used = 0;
	int error = bytes ? 0 : E_NO_MEMORY;
	while (!error) {
		ssize_t got = read(fd, bytes + used, max + 1 - used);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			error = E_IO;
		if (got <= 0)
			break;
		used += (size_t)got;
		if (used > max)
			error = E_TOO_LARGE;
	}
	int saved = errno;
	close(fd);
	errno = saved;
	if (error) {
		free(bytes);
		return error;
	}
	bytes[used] = 0;
	*ret = bytes;
	*ret_n = used;
	return 0;
}

int file_write_code(int reason)
{
	return reason == ENOSPC || reason == EDQUOT ? E_STORE_FULL : E_IO;
}

static int write_all(int fd, const char *bytes, size_t n)
{
	while (n) {
		ssize_t put = write(fd, bytes, n);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return file_write_code(errno);
		bytes += put;
		n -= (size_t)put;
	}
	return 0;
}

int file_sync_folder(const char *path)
{
	char copy[PATH_MAX];
	snprintf(copy, sizeof(copy), "%s", path);
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return E_IO;
	int error = fsync(fd) ? E_IO : 0;
	close(fd);
	return error;
}

/* A device or pipe is written to, not replaced. */
static int write_through(const char *path, const void *bytes, size_t n)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return E_CANNOT_CREATE;
	int error = write_all(fd, bytes, n);
	return close(fd) && !error ? E_IO : error;
}

int file_replace(const char *path, const void *bytes, size_t n, unsigned mode)
{
	char temporary[PATH_MAX];
	struct stat st;
	if (strcmp(path, "-") == 0)
		return write_all(STDOUT_FILENO, bytes, n);
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return write_through(path, bytes, n);
	if ((size_t)snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path) >= sizeof(temporary))
		return E_CANNOT_CREATE;
	int fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return E_CANNOT_CREATE;
	int error = write_all(fd, bytes, n);
	if (!error && (fchmod(fd, mode) || fsync(fd)))
		error = E_IO;
	if (close(fd) && !error)
		error = E_IO;
	if (!error && rename(temporary, path))
		error = E_CANNOT_CREATE;
	if (error) {
		int saved = errno;
		unlink(temporary);
		errno = saved;
		return error;
	}
	return file_sync_folder(path);
}
