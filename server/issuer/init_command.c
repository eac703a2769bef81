/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init: make a vendor's folder. All of it is made in a hidden folder inside and only then moved into place,
 * the ledger first and the secret key last, without ever replacing a file.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"
#include "file.h"
#include "keypair.h"
#include "option.h"
#include "print.h"
#include "secret.h"
#include "vendor.h"

static const char *const parts[] = {VENDOR_LEDGER, VENDOR_PUB, VENDOR_KEY};

#define PARTS (sizeof(parts) / sizeof(parts[0]))

/* A folder in the making, and what must be undone if it fails. */
struct making {
	const char *dir;
	char work[PATH_MAX];
	bool made_dir;
	bool made_work;
	size_t placed; /* of parts */
};

/* --- the folder --- */

static int check_free(const char *dir, struct failure *f)
{
	for (size_t i = 0; i < PARTS; i++) {
		char path[PATH_MAX];
		struct stat st;
		if (vendor_path(dir, parts[i], path))
			return failure_set(f, E_TOO_LARGE, "--dir");
		if (lstat(path, &st) == 0) {
			failure_set(f, E_DUPLICATE, "%s", path);
			return failure_remedy(
				f, "Name another folder with --dir; an existing vendor is never replaced.");
		}
	}
	return 0;
}

static int make_folders(struct making *m, struct failure *f)
{
	m->made_dir = mkdir(m->dir, 0700) == 0;
	if (!m->made_dir && errno != EEXIST)
		return failure_system(f, E_CANNOT_CREATE, m->dir);
	if (vendor_path(m->dir, ".init.XXXXXX", m->work))
		return failure_set(f, E_TOO_LARGE, "--dir");
	if (!mkdtemp(m->work))
		return failure_system(f, E_CANNOT_CREATE, m->dir);
	m->made_work = true;
	return 0;
}

static int write_line(const struct making *m, const char *file, const char *line, unsigned mode,
		      struct failure *f)
{
	char path[PATH_MAX];
	if (vendor_path(m->work, file, path))
		return failure_set(f, E_NO_MEMORY, "%s", file);
	return secret_write_line(path, line, mode, f);
}

static int write_parts(const struct making *m, const struct keypair *keys, const char *name, int64_t now,
		       struct failure *f)
{
	char public[PASERK_PUBLIC_TEXT];
	char path[PATH_MAX];
	paserk_public_write(keys->public, public);
	if (vendor_path(m->work, VENDOR_LEDGER, path))
		return failure_set(f, E_TOO_LARGE, "--dir");
	int error = ledger_create(path, name, keys->public, now, f);
	if (!error)
		error = write_line(m, VENDOR_PUB, public, 0644, f);
	if (!error)
		error = write_line(m, VENDOR_KEY, keys->text, 0600, f);
	return error;
}

static int sync_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return E_IO;
	int error = fsync(fd) ? E_IO : 0;
	close(fd);
	return error;
}

static int place_parts(struct making *m, struct failure *f)
{
	for (; m->placed < PARTS; m->placed++) {
		char from[PATH_MAX];
		char to[PATH_MAX];
		if (vendor_path(m->work, parts[m->placed], from) || vendor_path(m->dir, parts[m->placed], to))
			return failure_set(f, E_TOO_LARGE, "--dir");
		if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE))
			return failure_system(f, errno == EEXIST ? E_DUPLICATE : E_CANNOT_CREATE, to);
	}
	return sync_dir(m->dir) ? failure_system(f, E_IO, m->dir) : 0;
}

static void remove_parts(const char *dir, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char path[PATH_MAX];
		if (vendor_path(dir, parts[i], path) == 0)
			unlink(path);
	}
}

/* What is no longer needed, and after a failure also what was put into place. */
static void clean_up(const struct making *m, bool failed)
{
	if (m->made_work) {
		remove_parts(m->work, PARTS);
		rmdir(m->work);
	}
	if (failed)
		remove_parts(m->dir, m->placed);
	if (failed && m->made_dir)
		rmdir(m->dir);
}

/* Signals wait meanwhile, so that Ctrl-C leaves all or nothing. */
static int make_folder(struct making *m, const struct keypair *keys, const char *name, int64_t now,
		       struct failure *f)
{
	sigset_t blocked;
	sigset_t before;
	sigfillset(&blocked);
	sigprocmask(SIG_BLOCK, &blocked, &before);
	int error = make_folders(m, f);
	if (!error)
		error = write_parts(m, keys, name, now, f);
	if (!error)
		error = place_parts(m, f);
	clean_up(m, error != 0);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return error;
}

/* --- the command --- */

static void tell(const struct invocation *inv, const char *dir, const char *name, const struct keypair *keys)
{
	char public[PASERK_PUBLIC_TEXT];
	char pid[PASERK_ID_TEXT];
	bool wrapped = !invocation_has(inv, "no-passphrase");
	paserk_public_write(keys->public, public);
	paserk_pid_write(keys->public, pid);
	if (invocation_has(inv, "json")) {
		char publish[PATH_MAX] = "";
		vendor_path(dir, VENDOR_PUB, publish);
		print_json(json_pack("{s:i, s:s, s:s, s:s, s:b, s:o}", "schema", 1, "vendor", name, "id", pid,
				     "key", public, "passphrase", wrapped, "publish",
				     print_json_text(publish)));
		return;
	}
	printf("vendor       %s\nfingerprint  %s\n", name, pid);
	printf("publish      %s/%s (what machines and hosts trust)\n", dir, VENDOR_PUB);
	printf("keep secret  %s/%s%s\n", dir, VENDOR_KEY,
	       wrapped ? ", wrapped with the passphrase" : ", NOT protected by a passphrase");
	printf("back up      the whole folder; a lost key or passphrase cannot be replaced\n");
}

static int check_options(const struct invocation *inv, char name[LIMIT_NAME + 1], struct failure *f)
{
	static const char *const needed[] = {"vendor", NULL};
	if (option_need(inv, needed, f) || option_text(inv, "vendor", name, LIMIT_NAME + 1, f))
		return f->code;
	return keypair_check(inv, f);
}

static int init(const struct invocation *inv, struct failure *f)
{
	struct making making = {.dir = invocation_value_or(inv, "dir", ".")};
	struct keypair keys = {0};
	char name[LIMIT_NAME + 1] = "";
	int error = check_options(inv, name, f);
	if (!error)
		error = check_free(making.dir, f);
	if (!error)
		error = keypair_make(inv, &keys, f);
	if (!error)
		error = make_folder(&making, &keys, name, issuer_now(inv), f);
	if (!error)
		tell(inv, making.dir, name, &keys);
	keypair_fini(&keys);
	return error;
}

int init_run(struct invocation *inv)
{
	struct failure f = {0};
	return init(inv, &f) ? failure_print(inv, &f) : 0;
}
