/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk for SQLite that can fail and lose its power: a VFS over the system's, which counts calls, fails the
 * n-th of them once or from then on, and knows of every file what was synced. At a power cut a file has what
 * was synced, and of the writes since then any part, some of them torn at a sector
 * (sqlite.org/atomiccommit.html, 2.0). One thread at a time.
 */
#ifndef TESTS_DISK_H
#define TESTS_DISK_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DISK_FILES 16
#define DISK_SECTOR 512

/* A write, or a truncation (bytes NULL), that is not synced yet. */
struct disk_write {
	int64_t at;
	size_t n;
	uint8_t *bytes;
};

struct disk_image {
	char name[256];
	bool exists;
	uint8_t *safe; /* what was synced */
	size_t safe_n;
	struct disk_write *writes;
	size_t n_writes;
};

static struct {
	struct disk_image files[DISK_FILES];
	long calls;    /* that change or sync something, or read */
	long fail_at;  /* the first call that fails; 0: none */
	bool for_good; /* and all after it */
	int error;     /* SQLITE_IOERR or SQLITE_FULL */
	long failures;
	bool failed_sync; /* one of them */
	long changes;     /* writes, truncations and syncs that were let through */
	bool off;         /* the power is gone: nothing works any more */
} disk;

struct disk_file {
	sqlite3_file base;
	struct disk_image *image; /* NULL: a temporary file */
	sqlite3_file *real;
};

static sqlite3_vfs *disk_real;

/* --- images --- */

static inline void disk_forget(struct disk_image *f)
{
	for (size_t i = 0; i < f->n_writes; i++)
		free(f->writes[i].bytes);
	free(f->writes);
	free(f->safe);
	*f = (struct disk_image){0};
}

static inline struct disk_image *disk_image_of(const char *name)
{
	struct disk_image *spare = NULL;
	for (size_t i = 0; i < DISK_FILES; i++) {
		struct disk_image *f = &disk.files[i];
		if (f->exists && strcmp(f->name, name) == 0)
			return f;
		if (!f->exists && !spare)
			spare = f;
	}
	if (!spare)
		abort();
	disk_forget(spare);
	snprintf(spare->name, sizeof(spare->name), "%s", name);
	spare->exists = true;
	return spare;
}

static inline void disk_note(struct disk_image *f, int64_t at, const void *bytes, size_t n)
{
	f->writes = realloc(f->writes, (f->n_writes + 1) * sizeof(f->writes[0]));
	struct disk_write *w = &f->writes[f->n_writes++];
	*w = (struct disk_write){.at = at, .n = n};
	if (bytes) {
		w->bytes = malloc(n ? n : 1);
		memcpy(w->bytes, bytes, n);
	}
}

/* Lay the first n bytes of a write over an image. */
static inline void disk_lay(uint8_t **bytes, size_t *size, const struct disk_write *w, size_t n)
{
	size_t end = (size_t)w->at + n;
	if (!w->bytes) {
		if (*size > (size_t)w->at)
			*size = (size_t)w->at;
		return;
	}
	if (end > *size) {
		*bytes = realloc(*bytes, end);
		memset(*bytes + *size, 0, end - *size);
		*size = end;
	}
	memcpy(*bytes + w->at, w->bytes, n);
}

static inline void disk_settle(struct disk_image *f)
{
	for (size_t i = 0; i < f->n_writes; i++) {
		disk_lay(&f->safe, &f->safe_n, &f->writes[i], f->writes[i].n);
		free(f->writes[i].bytes);
	}
	f->n_writes = 0;
}

/* What a sync failed to bring to the disk the system holds for written: no later sync brings it, either. */
static inline void disk_lose(struct disk_image *f)
{
	for (size_t i = 0; i < f->n_writes; i++)
		free(f->writes[i].bytes);
	f->n_writes = 0;
}

/* --- calls --- */

/* 0, or with what this call fails. */
static inline int disk_call(int specific)
{
	if (disk.off)
		return SQLITE_IOERR | (specific << 8);
	disk.calls++;
	if (!disk.fail_at || (disk.for_good ? disk.calls < disk.fail_at : disk.calls != disk.fail_at))
		return SQLITE_OK;
	disk.failures++;
	return disk.error == SQLITE_FULL ? SQLITE_FULL : SQLITE_IOERR | (specific << 8);
}

static sqlite3_file *disk_under(sqlite3_file *f)
{
	return ((struct disk_file *)f)->real;
}

static int disk_close(sqlite3_file *f)
{
	return disk_under(f)->pMethods ? disk_under(f)->pMethods->xClose(disk_under(f)) : SQLITE_OK;
}

static int disk_read(sqlite3_file *f, void *out, int n, sqlite3_int64 at)
{
	int error = disk.error == SQLITE_FULL && !disk.off ? SQLITE_OK : disk_call(1);
	return error ? error : disk_under(f)->pMethods->xRead(disk_under(f), out, n, at);
}

static int disk_write(sqlite3_file *f, const void *bytes, int n, sqlite3_int64 at)
{
	struct disk_image *image = ((struct disk_file *)f)->image;
	int error = disk_call(3);
	if (image && !disk.off && (!error || disk.fail_at))
		disk_note(image, at, bytes, error ? (size_t)n / 2 : (size_t)n);
	if (error)
		return error;
	disk.changes++;
	return disk_under(f)->pMethods->xWrite(disk_under(f), bytes, n, at);
}

static int disk_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	struct disk_image *image = ((struct disk_file *)f)->image;
	int error = disk_call(6);
	if (error)
		return error;
	if (image)
		disk_note(image, size, NULL, 0);
	disk.changes++;
	return disk_under(f)->pMethods->xTruncate(disk_under(f), size);
}

static int disk_sync(sqlite3_file *f, int flags)
{
	struct disk_image *image = ((struct disk_file *)f)->image;
	int error = disk_call(4);
	(void)flags;
	if (image && !disk.off)
		error ? disk_lose(image) : disk_settle(image);
	disk.changes += !error;
	disk.failed_sync |= error != 0;
	return error ? SQLITE_IOERR_FSYNC : SQLITE_OK; /* also for want of room, as SQLite's own does */
}

static int disk_size(sqlite3_file *f, sqlite3_int64 *ret)
{
	return disk_under(f)->pMethods->xFileSize(disk_under(f), ret);
}

static int disk_lock(sqlite3_file *f, int kind)
{
	return disk_under(f)->pMethods->xLock(disk_under(f), kind);
}

static int disk_unlock(sqlite3_file *f, int kind)
{
	return disk_under(f)->pMethods->xUnlock(disk_under(f), kind);
}

static int disk_reserved(sqlite3_file *f, int *ret)
{
	return disk_under(f)->pMethods->xCheckReservedLock(disk_under(f), ret);
}

static int disk_control(sqlite3_file *f, int op, void *argument)
{
	return disk_under(f)->pMethods->xFileControl(disk_under(f), op, argument);
}

static int disk_sector(sqlite3_file *f)
{
	(void)f;
	return DISK_SECTOR;
}

/* What SQLite takes of every real disk, and disk_cut keeps to: a write that is torn harms nothing beside it.
 */
static int disk_traits(sqlite3_file *f)
{
	(void)f;
	return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static int disk_map(sqlite3_file *f, int page, int size, int extend, void volatile **ret)
{
	return disk_under(f)->pMethods->xShmMap(disk_under(f), page, size, extend, ret);
}

static int disk_map_lock(sqlite3_file *f, int at, int n, int flags)
{
	return disk_under(f)->pMethods->xShmLock(disk_under(f), at, n, flags);
}

static void disk_map_barrier(sqlite3_file *f)
{
	disk_under(f)->pMethods->xShmBarrier(disk_under(f));
}

static int disk_unmap(sqlite3_file *f, int remove)
{
	return disk_under(f)->pMethods->xShmUnmap(disk_under(f), remove);
}

static const sqlite3_io_methods disk_methods = {
	.iVersion = 2,
	.xClose = disk_close,
	.xRead = disk_read,
	.xWrite = disk_write,
	.xTruncate = disk_truncate,
	.xSync = disk_sync,
	.xFileSize = disk_size,
	.xLock = disk_lock,
	.xUnlock = disk_unlock,
	.xCheckReservedLock = disk_reserved,
	.xFileControl = disk_control,
	.xSectorSize = disk_sector,
	.xDeviceCharacteristics = disk_traits,
	.xShmMap = disk_map,
	.xShmLock = disk_map_lock,
	.xShmBarrier = disk_map_barrier,
	.xShmUnmap = disk_unmap,
};

static int disk_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *out, int flags, int *ret_flags)
{
	struct disk_file *f = (struct disk_file *)out;
	(void)vfs;
	f->base.pMethods = NULL;
	f->real = (sqlite3_file *)&f[1];
	f->image = NULL;
	int error = disk_call(40);
	if (error)
		return error == SQLITE_FULL ? SQLITE_FULL : SQLITE_CANTOPEN;
	error = disk_real->xOpen(disk_real, name, f->real, flags, ret_flags);
	if (error)
		return error;
	f->base.pMethods = &disk_methods;
	if (name && (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL)))
		f->image = disk_image_of(name);
	return SQLITE_OK;
}

/* A name that is gone is gone for good: SQLite asks for the folder to be synced where that matters. */
static int disk_delete(sqlite3_vfs *vfs, const char *name, int sync_folder)
{
	int error = disk_call(10);
	(void)vfs;
	if (error)
		return error;
	disk_forget(disk_image_of(name));
	return disk_real->xDelete(disk_real, name, sync_folder);
}

/* --- for tests --- */

/* SQLite opens its files on this disk from now on, and on the system's again. */
static inline void disk_begin(void)
{
	static sqlite3_vfs vfs;
	if (!disk_real) {
		disk_real = sqlite3_vfs_find(NULL);
		vfs = *disk_real;
		vfs.zName = "disk";
		vfs.szOsFile = (int)sizeof(struct disk_file) + disk_real->szOsFile;
		vfs.xOpen = disk_open;
		vfs.xDelete = disk_delete;
	}
	for (size_t i = 0; i < DISK_FILES; i++)
		disk_forget(&disk.files[i]);
	memset(&disk, 0, sizeof(disk));
	sqlite3_vfs_register(&vfs, 1);
}

static inline void disk_end(void)
{
	for (size_t i = 0; i < DISK_FILES; i++)
		disk_forget(&disk.files[i]);
	sqlite3_vfs_register(disk_real, 1);
}

/* The call from now on that fails with SQLITE_IOERR or SQLITE_FULL; 0: none. */
static inline void disk_fail(long at, bool for_good, int error)
{
	disk.calls = 0;
	disk.failures = 0;
	disk.fail_at = at;
	disk.for_good = for_good;
	disk.error = error;
}

/* What the power cut has left of the files whose names begin with `from`, under names that begin with `to`.
 */
static inline void disk_cut(const char *from, const char *to, unsigned seed)
{
	srand(seed);
	for (size_t i = 0; i < DISK_FILES; i++) {
		struct disk_image *f = &disk.files[i];
		char path[512];
		if (!f->exists || strncmp(f->name, from, strlen(from)) != 0)
			continue;
		uint8_t *bytes = malloc(f->safe_n ? f->safe_n : 1);
		size_t n = f->safe_n;
		if (f->safe)
			memcpy(bytes, f->safe, n);
		int kind = rand() % 3; /* nothing more, the first of the writes, any of them */
		size_t upto = f->n_writes ? (size_t)rand() % (f->n_writes + 1) : 0;
		for (size_t j = 0; kind && j < f->n_writes; j++) {
			const struct disk_write *w = &f->writes[j];
			bool torn = rand() % 4 == 0;
			size_t sectors = w->n / DISK_SECTOR + 1;
			size_t part = (size_t)rand() % sectors * DISK_SECTOR;
			if (kind == 1 ? j < upto : rand() % 2)
				disk_lay(&bytes, &n, w, torn && part < w->n ? part : w->n);
		}
		snprintf(path, sizeof(path), "%s%s", to, f->name + strlen(from));
		FILE *out = fopen(path, "wb");
		if (!out || fwrite(bytes, 1, n, out) != n || fclose(out))
			abort();
		free(bytes);
	}
}

#endif
