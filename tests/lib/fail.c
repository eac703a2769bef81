/* SPDX-License-Identifier: Apache-2.0 */
/* The calls that fail.h makes fail. Built without sanitizers: it runs before they do. */
#include "fail.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PUBLIC __attribute__((visibility("default")))

static struct fail own;
PUBLIC struct fail *fail = &own;

/* Not to be allocated when a thread first looks at them. */
#define THREAD __thread __attribute__((tls_model("initial-exec")))
static THREAD bool on;
static THREAD long blocks;
static bool always;
static bool sanitized;

PUBLIC void fail_on(void)
{
	on = true;
}

PUBLIC void fail_off(void)
{
	on = false;
}

static long wish(const char *name, long otherwise)
{
	const char *text = getenv(name);
	return text && atol(text) > 0 ? atol(text) : otherwise;
}

PUBLIC long fail_stride(long otherwise)
{
	return wish("FAULT_STRIDE", otherwise);
}

PUBLIC long fail_first(void)
{
	return wish("FAULT_FIRST", 1);
}

PUBLIC void fail_order(enum fail_kind kind, long at, bool for_good, int error)
{
	fail->kind = (int)kind;
	fail->error = error;
	fail->for_good = for_good;
	fail->at = at;
	fail->calls = 0;
	fail->failures = 0;
}

PUBLIC long fail_blocks(void)
{
	return sanitized ? 0 : blocks;
}

static bool fails(enum fail_kind kind)
{
	if ((!on && !always) || fail->kind != (int)kind)
		return false;
	long at = fail->at;
	long n = atomic_fetch_add(&fail->calls, 1) + 1;
	if (!at || (fail->for_good ? n < at : n != at))
		return false;
	atomic_fetch_add(&fail->failures, 1);
	return true;
}

/* The function behind ours. */
#define REAL(name) ((__typeof__(&name))real(&behind_##name, #name))
#define BEHIND(name) static void *behind_##name

static void *real(void **behind, const char *name)
{
	if (!*behind)
		*behind = dlsym(RTLD_NEXT, name);
	if (!*behind)
		abort();
	return *behind;
}

/* --- memory --- */

BEHIND(malloc);
BEHIND(calloc);
BEHIND(realloc);
BEHIND(free);
BEHIND(posix_memalign);
BEHIND(aligned_alloc);

static void *none(void)
{
	errno = ENOMEM;
	return NULL;
}

static void *counted(void *p)
{
	blocks += p != NULL;
	return p;
}

PUBLIC void *malloc(size_t n)
{
	return fails(FAIL_MEMORY) ? none() : counted(REAL(malloc)(n));
}

PUBLIC void *calloc(size_t n, size_t size)
{
	return fails(FAIL_MEMORY) ? none() : counted(REAL(calloc)(n, size));
}

PUBLIC void *realloc(void *p, size_t n)
{
	bool frees = p && !n;
	if (!frees && fails(FAIL_MEMORY))
		return none();
	void *ret = REAL(realloc)(p, n);
	blocks += !p && ret;
	blocks -= frees;
	return ret;
}

/* Looking it up frees the message of a name that was not found before, as sanitizers look for some: that one
 * is let go. */
PUBLIC void free(void *p)
{
	static THREAD bool looking;
	if (!behind_free && looking)
		return;
	looking = true;
	void (*behind)(void *) = REAL(free);
	looking = false;
	blocks -= p != NULL;
	behind(p);
}

PUBLIC int posix_memalign(void **ret, size_t alignment, size_t n)
{
	int error = fails(FAIL_MEMORY) ? ENOMEM : REAL(posix_memalign)(ret, alignment, n);
	blocks += !error;
	return error;
}

PUBLIC void *aligned_alloc(size_t alignment, size_t n)
{
	return fails(FAIL_MEMORY) ? none() : counted(REAL(aligned_alloc)(alignment, n));
}

/* libsodium's, without its header: a program that is preloaded may have none of it. */
PUBLIC void *sodium_malloc(size_t n);
PUBLIC void sodium_free(void *p);
BEHIND(sodium_malloc);
BEHIND(sodium_free);

PUBLIC void *sodium_malloc(size_t n)
{
	return fails(FAIL_MEMORY) ? none() : counted(REAL(sodium_malloc)(n));
}

PUBLIC void sodium_free(void *p)
{
	blocks -= p != NULL;
	REAL(sodium_free)(p);
}

BEHIND(pthread_create);

PUBLIC int pthread_create(pthread_t *ret, const pthread_attr_t *attr, void *(*start)(void *), void *context)
{
	return fails(FAIL_MEMORY) ? EAGAIN : REAL(pthread_create)(ret, attr, start, context);
}

/* --- disk --- */

BEHIND(fstat);

static bool path_fails(void)
{
	if (!fails(FAIL_DISK))
		return false;
	errno = fail->error;
	return true;
}

/* Sockets, pipes and devices are no disk. */
static bool fd_fails(int fd)
{
	struct stat st;
	if (fail->kind != FAIL_DISK || (!on && !always))
		return false;
	int before = errno;
	bool disk = REAL(fstat)(fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode));
	errno = before;
	return disk && path_fails();
}

static bool stream_fails(FILE *stream)
{
	return stream && fd_fails(fileno(stream));
}

#define OPEN(name)                                                                                           \
	BEHIND(name);                                                                                        \
	PUBLIC int name(const char *path, int flags, ...)                                                    \
	{                                                                                                    \
		va_list rest;                                                                                \
		va_start(rest, flags);                                                                       \
		mode_t mode = (flags & O_CREAT) ? va_arg(rest, mode_t) : 0;                                  \
		va_end(rest);                                                                                \
		return path_fails() ? -1 : REAL(name)(path, flags, mode);                                    \
	}

#define OPENAT(name)                                                                                         \
	BEHIND(name);                                                                                        \
	PUBLIC int name(int folder, const char *path, int flags, ...)                                        \
	{                                                                                                    \
		va_list rest;                                                                                \
		va_start(rest, flags);                                                                       \
		mode_t mode = (flags & O_CREAT) ? va_arg(rest, mode_t) : 0;                                  \
		va_end(rest);                                                                                \
		return path_fails() ? -1 : REAL(name)(folder, path, flags, mode);                            \
	}

/* type name(parameters), called with arguments; what is a descriptor or a path is tried first. */
#define CALL(type, failed, name, tried, parameters, arguments)                                               \
	BEHIND(name);                                                                                        \
	PUBLIC type name parameters                                                                          \
	{                                                                                                    \
		return (tried) ? (failed) : REAL(name) arguments;                                            \
	}

#define SYNC(name)                                                                                           \
	BEHIND(name);                                                                                        \
	PUBLIC int name(int fd)                                                                              \
	{                                                                                                    \
		return fd_fails(fd) ? -1 : fail->no_sync ? 0 : REAL(name)(fd);                               \
	}

OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)
CALL(FILE *, NULL, fopen, path_fails(), (const char *path, const char *mode), (path, mode))
CALL(FILE *, NULL, fopen64, path_fails(), (const char *path, const char *mode), (path, mode))
CALL(ssize_t, -1, read, fd_fails(fd), (int fd, void *out, size_t n), (fd, out, n))
CALL(ssize_t, -1, write, fd_fails(fd), (int fd, const void *bytes, size_t n), (fd, bytes, n))
CALL(ssize_t, -1, pread, fd_fails(fd), (int fd, void *out, size_t n, off_t at), (fd, out, n, at))
CALL(ssize_t, -1, pread64, fd_fails(fd), (int fd, void *out, size_t n, off64_t at), (fd, out, n, at))
CALL(ssize_t, -1, pwrite, fd_fails(fd), (int fd, const void *bytes, size_t n, off_t at), (fd, bytes, n, at))
CALL(ssize_t, -1, pwrite64, fd_fails(fd), (int fd, const void *bytes, size_t n, off64_t at),
     (fd, bytes, n, at))
SYNC(fsync)
SYNC(fdatasync)
CALL(int, -1, ftruncate, fd_fails(fd), (int fd, off_t n), (fd, n))
CALL(int, -1, ftruncate64, fd_fails(fd), (int fd, off64_t n), (fd, n))
CALL(int, -1, rename, path_fails(), (const char *from, const char *to), (from, to))
CALL(int, -1, link, path_fails(), (const char *from, const char *to), (from, to))
CALL(int, -1, renameat2, path_fails(),
     (int from_in, const char *from, int to_in, const char *to, unsigned flags),
     (from_in, from, to_in, to, flags))
CALL(int, -1, mkdir, path_fails(), (const char *path, mode_t mode), (path, mode))
CALL(int, -1, rmdir, path_fails(), (const char *path), (path))
CALL(int, -1, unlink, path_fails(), (const char *path), (path))
CALL(int, -1, unlinkat, path_fails(), (int folder, const char *path, int flags), (folder, path, flags))
CALL(int, -1, access, path_fails(), (const char *path, int how), (path, how))
CALL(int, -1, stat, path_fails(), (const char *path, struct stat *ret), (path, ret))
CALL(int, -1, stat64, path_fails(), (const char *path, struct stat64 *ret), (path, ret))
CALL(int, -1, lstat, path_fails(), (const char *path, struct stat *ret), (path, ret))
CALL(int, -1, lstat64, path_fails(), (const char *path, struct stat64 *ret), (path, ret))
CALL(int, -1, fstat, fd_fails(fd), (int fd, struct stat *ret), (fd, ret))
CALL(int, -1, fstat64, fd_fails(fd), (int fd, struct stat64 *ret), (fd, ret))
CALL(int, -1, chmod, path_fails(), (const char *path, mode_t mode), (path, mode))
CALL(int, -1, fchmod, fd_fails(fd), (int fd, mode_t mode), (fd, mode))
CALL(int, -1, flock, fd_fails(fd), (int fd, int how), (fd, how))
CALL(DIR *, NULL, opendir, path_fails(), (const char *path), (path))
CALL(struct dirent *, NULL, readdir, fd_fails(dirfd(folder)), (DIR * folder), (folder))
CALL(struct dirent64 *, NULL, readdir64, fd_fails(dirfd(folder)), (DIR * folder), (folder))
/* What libc writes by itself comes to no other call of these. */
CALL(int, EOF, fflush, stream_fails(stream), (FILE * stream), (stream))

/* As on Linux: what could not be closed in order is closed all the same. */
BEHIND(close);

PUBLIC int close(int fd)
{
	bool failing = fd_fails(fd);
	int ret = REAL(close)(fd);
	if (!failing)
		return ret;
	errno = fail->error;
	return -1;
}

/* Of nothing it is memory. */
#define MMAP(name, offset)                                                                                   \
	BEHIND(name);                                                                                        \
	PUBLIC void *name(void *at, size_t n, int protection, int flags, int fd, offset from)                \
	{                                                                                                    \
		if ((flags & MAP_ANONYMOUS) && fails(FAIL_MEMORY)) {                                         \
			errno = ENOMEM;                                                                      \
			return MAP_FAILED;                                                                   \
		}                                                                                            \
		if (!(flags & MAP_ANONYMOUS) && fd_fails(fd))                                                \
			return MAP_FAILED;                                                                   \
		return REAL(name)(at, n, protection, flags, fd, from);                                       \
	}

MMAP(mmap, off_t)
MMAP(mmap64, off64_t)

/* --- where it crashed --- */

#define FRAMES 40

/* The functions that led there, or their modules, innermost first; then it ends as it would have. */
static void tell_place(int number)
{
	void *frames[FRAMES];
	always = false;
	backtrace_symbols_fd(frames, backtrace(frames, FRAMES), STDERR_FILENO);
	raise(number);
}

static void watch_crashes(void)
{
	void *frame;
	struct sigaction crash = {.sa_handler = tell_place, .sa_flags = (int)(SA_RESETHAND | SA_NODEFER)};
	backtrace(&frame, 1); /* takes its memory now */
	sigaction(SIGSEGV, &crash, NULL);
	sigaction(SIGBUS, &crash, NULL);
	sigaction(SIGABRT, &crash, NULL);
}

/* --- begin --- */

/* A preloaded program's orders come from a file. */
__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("MUSTER_FAIL");
	/* Before a name that is not found leaves a message, which the next look-up frees. */
	real(&behind_malloc, "malloc");
	real(&behind_calloc, "calloc");
	real(&behind_realloc, "realloc");
	real(&behind_free, "free");
	sanitized = dlsym(RTLD_DEFAULT, "__asan_init") != NULL;
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	if (fd < 0)
		return;
	void *shared = mmap(NULL, sizeof(struct fail), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (shared == MAP_FAILED)
		return;
	fail = shared;
	if (!sanitized) /* which tells by itself */
		watch_crashes();
	always = true;
}
