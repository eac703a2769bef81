/* SPDX-License-Identifier: Apache-2.0 */
/* Making a machine an image: its copies must not begin with its identity. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "error.h"
#include "file.h"
#include "folder.h"
#include "muster.h"

#define ENTRIES_MAX 10000 /* more than any state directory has */

static int remove_file(const char *path, struct fault *f)
{
	return unlink(path) && errno != ENOENT ? fault_system(f, E_IO, path) : 0;
}

/* Everything in a folder of the state directory, and the folder; files alone lie there. */
static int remove_folder(const char *state, const char *name, struct fault *f)
{
	char folder[PATH_MAX];
	char path[PATH_MAX];
	struct dirent *e;
	int error = folder_path(state, name, folder, sizeof(folder));
	DIR *all = error ? NULL : opendir(folder);
	if (!all)
		return error || errno != ENOENT ? fault_system(f, E_IO, folder) : 0;
	for (int i = 0; i < ENTRIES_MAX && !error && (e = readdir(all)) != NULL; i++) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		error = folder_path(folder, e->d_name, path, sizeof(path));
		error = error ? fault_set(f, E_IO, "%s: the path is too long", folder) : remove_file(path, f);
	}
	if (!error && fsync(dirfd(all)))
		error = fault_system(f, E_IO, folder);
	closedir(all);
	if (!error && rmdir(folder))
		error = fault_system(f, E_IO, folder);
	return error;
}

/* The key goes last: without its state a machine is known again, but state without its key is damage. */
static int generalize(struct muster *m, const char *state)
{
	static const char *const folders[] = {"leases", "undo"};
	static const char *const files[] = {"calls", "state.json", "device.key"};
	char path[PATH_MAX];
	int error = 0;
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]) && !error; i++)
		error = remove_folder(state, folders[i], &m->fault);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]) && !error; i++) {
		error = folder_path(state, files[i], path, sizeof(path));
		error = error ? fault_set(&m->fault, E_IO, "%s: the path is too long", state)
			      : remove_file(path, &m->fault);
	}
	/* The disk may be copied next. */
	if (!error && file_sync_folder(path))
		error = fault_system(&m->fault, E_IO, state);
	return error;
}

int muster_generalize(struct muster *m)
{
	const char *state = options_text(&m->options, OPTION_STATE);
	int lock;
	int error = muster_begin(m);
	if (error)
		return error;
	error = folder_make(state, &m->fault);
	if (!error)
		error = folder_lock(state, muster_local_deadline(m), &lock, &m->fault);
	if (error)
		return error;
	error = generalize(m, state);
	folder_unlock(lock);
	return error;
}
