/* SPDX-License-Identifier: Apache-2.0 */
#include "secret.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"

char *secret_new(void)
{
	char *line = sodium_malloc(SECRET_ROOM);
	if (line)
		sodium_memzero(line, SECRET_ROOM);
	return line;
}

/* Fill line up to a line end or the end of the file, byte by byte: what follows belongs to somebody else. */
static int fill(int fd, char *line)
{
	size_t used = 0;
	for (;;) {
		ssize_t got = read(fd, line + used, 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return E_IO;
		if (got == 0 || line[used] == '\n')
			break;
		if (++used == SECRET_ROOM)
			return E_TOO_LARGE;
	}
	line[used] = 0;
	if (used && line[used - 1] == '\r')
		line[used - 1] = 0;
	return 0;
}

int secret_read_line(int fd, const char *name, char **ret, struct failure *f)
{
	char *line = secret_new();
	if (!line)
		return failure_set(f, E_NO_MEMORY, "%s", name);
	int error = fill(fd, line);
	if (error) {
		failure_system(f, error, name);
		sodium_free(line);
		return error;
	}
	*ret = line;
	return 0;
}

static int check_mode(int fd, const char *path, bool must_be_private, struct failure *f)
{
	struct stat st;
	if (fstat(fd, &st))
		return failure_system(f, E_IO, path);
	if (S_ISDIR(st.st_mode))
		return failure_set(f, E_IO, "%s: is a folder", path);
	if (!S_ISREG(st.st_mode) || !(st.st_mode & 077))
		return 0;
	if (must_be_private) {
		failure_set(f, E_INSECURE, "%s has mode %04o", path, st.st_mode & 07777);
		return failure_remedy(
			f, "Make it readable by its owner only (chmod 600), and consider who has read it.");
	}
	fprintf(stderr, "warning: others may read the passphrase in %s\n", path);
	return 0;
}

int secret_read_file(const char *path, bool must_be_private, char **ret, struct failure *f)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return failure_system(f, errno == ENOENT ? E_NOT_FOUND : E_IO, path);
	int error = check_mode(fd, path, must_be_private, f);
	if (!error)
		error = secret_read_line(fd, path, ret, f);
	close(fd);
	return error;
}

int secret_write_line(const char *path, const char *line, unsigned mode, struct failure *f)
{
	char *with_end = secret_new();
	if (!with_end)
		return failure_set(f, E_NO_MEMORY, "%s", path);
	int n = snprintf(with_end, SECRET_ROOM, "%s\n", line);
	int error = n < SECRET_ROOM ? file_replace(path, with_end, (size_t)n, mode) : E_TOO_LARGE;
	sodium_free(with_end);
	return error ? failure_system(f, error, path) : 0;
}
