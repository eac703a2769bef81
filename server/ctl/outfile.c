/* SPDX-License-Identifier: Apache-2.0 */
#include "outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"
#include "failure.h"
#include "file.h"

static int open_part(struct outfile *out)
{
	struct stat st;
	out->direct = stat(out->path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
	if (out->direct)
		return open(out->path, O_WRONLY | O_CLOEXEC);
	if (snprintf(out->part, sizeof(out->part), "%s.XXXXXX", out->path) < (int)sizeof(out->part))
		return mkostemp(out->part, O_CLOEXEC);
	errno = ENAMETOOLONG;
	return -1;
}

int outfile_open(const struct invocation *inv, struct outfile *out, const char *path)
{
	out->path = path;
	int fd = open_part(out);
	out->file = fd < 0 ? NULL : fdopen(fd, "w");
	if (out->file)
		return 0;
	int code = failure_say(inv, E_CANNOT_CREATE, "%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return code;
}

static int finish(struct outfile *out)
{
	bool bad = fflush(out->file) || ferror(out->file);
	if (out->direct)
		return bad;
	return bad || fsync(fileno(out->file)) || rename(out->part, out->path) || file_sync_folder(out->path);
}

int outfile_close(const struct invocation *inv, struct outfile *out, int code)
{
	if (!code && finish(out))
		code = failure_say(inv, file_write_code(errno), "%s: %s", out->path, strerror(errno));
	fclose(out->file);
	if (code && !out->direct)
		unlink(out->part);
	return code;
}
