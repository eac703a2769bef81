/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replays files, and the files of folders, through one fuzz target: fuzz_frame tests/fuzz/corpus/fuzz_frame.
 * A folder is a corpus: each reader of the target must accept something in it.
 */
#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#include "fuzz.h"

#define FILE_MAX (1 << 20)

/* The linker's: the readers that the target names by fuzz_accepted. */
extern struct fuzz_reader __start_fuzz_readers[];
extern struct fuzz_reader __stop_fuzz_readers[];

static int replay_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t *room = malloc(FILE_MAX);
	if (!file || !room) {
		printf("%s: cannot be read\n", path);
		free(room);
		if (file)
			fclose(file);
		return 1;
	}
	size_t n = fread(room, 1, FILE_MAX, file);
	fclose(file);
	/* A copy of exactly this size, so that a read behind the end is seen. */
	uint8_t *data = malloc(n ? n : 1);
	if (data) {
		memcpy(data, room, n);
		LLVMFuzzerTestOneInput(data, n);
	}
	free(room);
	free(data);
	return data ? 0 : 1;
}

static int replay_folder(const char *path, size_t *count)
{
	DIR *folder = opendir(path);
	int failed = !folder;
	struct dirent *entry;
	while (folder && (entry = readdir(folder)) != NULL) {
		char name[4096];
		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		failed |= replay_file(name);
		(*count)++;
	}
	if (folder)
		closedir(folder);
	return failed;
}

/* A reader may stand in several places: they are taken as one. */
static size_t accepted_by(const char *name)
{
	size_t n = 0;
	for (const struct fuzz_reader *r = __start_fuzz_readers; r < __stop_fuzz_readers; r++)
		if (strcmp(r->name, name) == 0)
			n += r->accepted;
	return n;
}

/* A corpus that a reader refuses as a whole has died with a change of the format. */
static int check_corpus(const char *path)
{
	int failed = 0;
	for (struct fuzz_reader *r = __start_fuzz_readers; r < __stop_fuzz_readers; r++) {
		if (accepted_by(r->name))
			continue;
		printf("%s: %s accepts none of these inputs\n", path, r->name);
		r->accepted = 1; /* said once */
		failed = 1;
	}
	for (struct fuzz_reader *r = __start_fuzz_readers; r < __stop_fuzz_readers; r++)
		r->accepted = 0;
	return failed;
}

int main(int argc, char **argv)
{
	size_t count = 0;
	int failed = LLVMFuzzerInitialize(&argc, &argv);
	LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	for (int i = 1; i < argc; i++) {
		struct stat st;
		if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode)) {
			failed |= replay_folder(argv[i], &count);
			failed |= check_corpus(argv[i]);
		} else {
			failed |= replay_file(argv[i]);
			count++;
		}
	}
	printf("%s: %zu inputs replayed\n", argv[0], count);
	return failed || count == 0;
}
