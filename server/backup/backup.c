/* SPDX-License-Identifier: Apache-2.0 */
#include "backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "error.h"

#define TEMPORARY ".part"
#define SYNC_BYTES ((int64_t)4 << 20) /* so that the disk never has much to write at once */
#define STEP_REST_NS 500000           /* between two steps, for the lane */
#define ROOM_LEFT ((int64_t)32 << 20) /* that a backup leaves to the daemon */

/* --- a copy that hurts nobody --- */

struct making {
	const struct backup_order *order;
	const char *path;
	int fd; /* of the copy, for syncing */
	int64_t synced;
};

static bool has_room(const char *path, int64_t bytes)
{
	struct statvfs fs;
	char folder[PATH_MAX];
	snprintf(folder, sizeof(folder), "%s", path);
	char *slash = strrchr(folder, '/');
	if (slash)
		*slash = 0;
	if (statvfs(slash && folder[0] ? folder : slash ? "/" : ".", &fs))
		return true; /* writing will tell */
	return (int64_t)fs.f_bavail * (int64_t)fs.f_frsize > bytes + bytes / 20 + ROOM_LEFT;
}

static int on_step(int64_t done, int64_t total, void *context)
{
	struct making *m = context;
	const struct timespec rest = {0, STEP_REST_NS};
	if (m->fd < 0) {
		m->fd = open(m->path, O_WRONLY | O_CLOEXEC);
		if (!has_room(m->path, total))
			return E_BACKUP_ROOM;
	}
	if (m->fd >= 0 && done - m->synced >= SYNC_BYTES) {
		m->synced = done;
		if (fdatasync(m->fd))
			return errno == ENOSPC ? E_STORE_FULL : E_IO;
	}
	nanosleep(&rest, NULL);
	/* The last number is for "verifying". */
	return m->order->watch ? m->order->watch(done < total ? done : total - 1, total, m->order->context)
			       : 0;
}

static int describe(const struct backup_order *o, const char *path)
{
	struct archive_info info = {.time = o->now, .has_key = o->passphrase != NULL};
	struct store *copy;
	char *keys = NULL;
	snprintf(info.host, sizeof(info.host), "%s", o->key->id);
	snprintf(info.name, sizeof(info.name), "%s", o->name);
	snprintf(info.version, sizeof(info.version), "%s", MUSTER_VERSION);
	memcpy(info.ledger, o->ledger, LEDGER_ID);
	int error = store_file_open(path, &copy);
	if (error)
		return error;
	error = store_file_facts(copy, &info.file);
	store_close(copy);
	if (!error && o->passphrase)
		error = keybag_write(o->key, o->passphrase, o->passphrase_n, &keys);
	if (!error)
		error = archive_describe(path, &info, keys);
	free(keys);
	return error;
}

static int sync_folder(const char *path)
{
	char folder[PATH_MAX];
	snprintf(folder, sizeof(folder), "%s", path);
	char *slash = strrchr(folder, '/');
	if (slash)
		*slash = 0;
	int fd = open(slash && folder[0] ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int error = fd < 0 || fsync(fd) ? E_IO : 0;
	if (fd >= 0)
		close(fd);
	return error;
}

int backup_make(const struct backup_order *o, const char *path, struct archive_info *ret,
		char detail[BACKUP_DETAIL])
{
	char part[PATH_MAX];
	struct making m = {.order = o, .path = part, .fd = -1};
	detail[0] = 0;
	if (snprintf(part, sizeof(part), "%s" TEMPORARY, path) >= (int)sizeof(part))
		return E_CANNOT_CREATE;
	unlink(part);
	int error = store_copy(o->reader, part, on_step, &m);
	if (m.fd >= 0)
		close(m.fd);
	if (!error)
		error = describe(o, part);
	if (!error)
		error = archive_seal(part);
	if (!error && o->watch)
		error = o->watch(1, 1, o->context);
	if (!error)
		error = backup_verify(part, o->now, ret, detail);
	if (!error && rename(part, path))
		error = E_CANNOT_CREATE;
	if (!error)
		return sync_folder(path);
	if (!detail[0])
		snprintf(detail, BACKUP_DETAIL, "%.200s", path);
	unlink(part);
	return error;
}

/* --- is it good --- */

struct findings {
	char *detail;
	bool any;
};

static void take_finding(int code, const char *text, void *context)
{
	struct findings *f = context;
	if (!f->any)
		snprintf(f->detail, BACKUP_DETAIL, "%s: %.200s", error_name(code), text);
	f->any = true;
}

/* The ledger of the rows must be that of the info, and so on: no row may contradict it. */
static int check(struct store *store, int64_t now, struct archive_info *ret, char *detail)
{
	struct findings f = {.detail = detail};
	int error = archive_read(store, ret, NULL);
	if (!error)
		error = store_check(store, now, take_finding, &f);
	return error ? error : f.any ? E_BACKUP_DAMAGED : 0;
}

int backup_verify(const char *path, int64_t now, struct archive_info *ret, char detail[BACKUP_DETAIL])
{
	int64_t bytes;
	struct store *store;
	detail[0] = 0;
	int error = archive_sealed(path, &bytes);
	if (!error)
		error = store_file_open(path, &store);
	if (!error) {
		error = check(store, now, ret, detail);
		store_close(store);
	}
	if (error == E_STORE_CORRUPT)
		error = E_BACKUP_DAMAGED;
	if (error && !detail[0])
		snprintf(detail, BACKUP_DETAIL, "%.200s", path);
	return error;
}

void backup_tidy(const char *folder)
{
	static const size_t tail = sizeof(TEMPORARY) - 1;
	DIR *dir = opendir(folder);
	for (struct dirent *e; dir && (e = readdir(dir)) != NULL;) {
		size_t n = strlen(e->d_name);
		if (n > tail && strcmp(e->d_name + n - tail, TEMPORARY) == 0)
			unlinkat(dirfd(dir), e->d_name, 0);
	}
	if (dir)
		closedir(dir);
}
