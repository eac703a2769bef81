/* SPDX-License-Identifier: Apache-2.0 */
/*
 * courier: activation of a machine without network, by files that somebody carries.
 *
 *   courier [NAME=VALUE]... request PRODUCT FILE    add this machine's request to FILE
 *   courier [NAME=VALUE]... import FILE             take in the answer
 *
 * NAME=VALUE is an option of muster_set(3). A FILE is replaced as a whole or not at all.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <muster.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
enum { FILE_MAX = 16 << 20 };
/* The whole file as a string; NULL with errno. */
static char *read_text(const char *path)
{
	FILE *f = fopen(path, "rb");
	char *text = f ? calloc(1, (size_t)FILE_MAX + 2) : NULL;
	size_t n = text ? fread(text, 1, (size_t)FILE_MAX + 1, f) : 0;
	int error = !text || ferror(f) ? errno : n > FILE_MAX ? EFBIG : memchr(text, '\0', n) ? EILSEQ : 0;
	if (f)
		fclose(f);
	if (error)
		free(text);
	errno = error;
	return error ? NULL : text;
}
/* Write text beside path and move it over it. Returns 0, or -1 with errno. */
static int write_text(const char *path, const char *text)
{
	size_t size = strlen(path) + 8, left = strlen(text);
	char *temporary = malloc(size), *copy = strdup(path);
	struct stat old;
	mode_t mode;
	int fd = -1, dir = -1, error = 0;
	if (!temporary || !copy)
		goto failed;
	mode = umask(0);
	umask(mode);
	mode = stat(path, &old) ? 0666 & ~mode : old.st_mode & 0777;
	snprintf(temporary, size, "%s.XXXXXX", path);
	fd = mkstemp(temporary);
	if (fd < 0)
		goto failed;
	while (left) {
		ssize_t n = write(fd, text, left);
		if (n < 0 && errno != EINTR)
			goto failed;
		text += n > 0 ? n : 0;
		left -= n > 0 ? (size_t)n : 0;
	}
	/* a stick may know no modes */
	if ((fchmod(fd, mode) && errno != EPERM) || fsync(fd) || rename(temporary, path))
		goto failed;
	dir = open(dirname(copy), O_RDONLY | O_DIRECTORY);
	if (dir >= 0)
		fsync(dir);
	goto end;
failed:
	error = errno;
	if (fd >= 0)
		unlink(temporary);
end:
	if (fd >= 0 && close(fd) && !error)
		error = errno;
	if (dir >= 0)
		close(dir);
	free(temporary);
	free(copy);
	errno = error;
	return error ? -1 : 0;
}
static int complain(const struct muster *m)
{
	const char *detail = muster_error_detail(m);
	fprintf(stderr, "courier: %s: %s%s%s%s %s\n", muster_error_name(m), muster_error_text(m),
		*detail ? " (" : "", detail, *detail ? ")" : "", muster_error_remedy(m));
	return muster_error_exit(m);
}
static int file_error(const char *path, int status)
{
	fprintf(stderr, "courier: %s: %s\n", path, strerror(errno));
	return status;
}
static int request(struct muster *m, const char *product, const char *path)
{
	const char *text;
	char *own = NULL, *old = read_text(path);
	int status = 0;
	if (!old && errno != ENOENT)
		return file_error(path, 66);
	if (muster_request(m, product, NULL, &text)) {
		status = complain(m);
	} else if (old) {
		/* A copy, because muster_bundle ends the life of what muster_request gave. */
		own = strdup(text);
		if (!own)
			status = file_error(path, 75);
		else if (muster_bundle(m, old, own, &text))
			status = complain(m);
	}
	if (!status && write_text(path, text))
		status = file_error(path, 73);
	free(own);
	free(old);
	return status;
}
static int import(struct muster *m, const char *path)
{
	char *text = read_text(path);
	int code, i;
	if (!text)
		return file_error(path, 66);
	code = muster_import(m, text);
	free(text);
	for (i = 0; i < muster_outcome_count(m); i++)
		printf("%s: %s%s%s\n", muster_outcome_product(m, i), muster_outcome_what(m, i),
		       *muster_outcome_detail(m, i) ? ": " : "", muster_outcome_detail(m, i));
	return code ? complain(m) : 0;
}
int main(int argc, char **argv)
{
	struct muster *m = muster_new();
	int i, status = 64;
	for (i = 1; m && i < argc && strchr(argv[i], '='); i++) {
		char *eq = strchr(argv[i], '=');
		*eq = '\0';
		if (muster_set(m, argv[i], eq + 1)) {
			status = complain(m);
			muster_free(m);
			return status;
		}
	}
	if (!m)
		status = file_error("memory", 75);
	else if (argc - i == 3 && !strcmp(argv[i], "request"))
		status = request(m, argv[i + 1], argv[i + 2]);
	else if (argc - i == 2 && !strcmp(argv[i], "import"))
		status = import(m, argv[i + 1]);
	else
		fputs("usage: courier [NAME=VALUE]... request PRODUCT FILE | import FILE\n", stderr);
	muster_free(m);
	return status;
}
