/* SPDX-License-Identifier: Apache-2.0 */
#include "surroundings.h"

#include <dirent.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

static int64_t file_size(const char *path, const char *suffix)
{
	char whole[PATH_MAX];
	struct stat st;
	snprintf(whole, sizeof(whole), "%s%s", path, suffix);
	return stat(whole, &st) ? 0 : (int64_t)st.st_size;
}

static int64_t resident(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	int64_t size;
	int64_t pages = -1;
	if (!file)
		return -1;
	if (fscanf(file, "%" SCNd64 " %" SCNd64, &size, &pages) != 2)
		pages = -1;
	fclose(file);
	return pages < 0 ? -1 : pages * sysconf(_SC_PAGESIZE);
}

static int64_t count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int64_t n = 0;
	if (!dir)
		return -1;
	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 3; /* ".", ".." and the folder itself */
}

/* Field 22 of stat: ticks since the machine started. The name before it is in parentheses. */
static double process_started(void)
{
	char line[1024] = "";
	unsigned long long ticks = 0;
	struct timespec wall;
	struct timespec boot;
	FILE *file = fopen("/proc/self/stat", "re");
	if (!file)
		return -1;
	char *got = fgets(line, sizeof(line), file);
	fclose(file);
	const char *at = got ? strrchr(line, ')') : NULL;
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	if (!at || sscanf(at, "%llu", &ticks) != 1)
		return -1;
	clock_gettime(CLOCK_REALTIME, &wall);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	return (double)(wall.tv_sec - boot.tv_sec) + (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

static void look_at_process(struct surroundings *ret)
{
	struct rusage usage;
	struct rlimit limit;
	ret->cpu_seconds = -1;
	if (getrusage(RUSAGE_SELF, &usage) == 0)
		ret->cpu_seconds = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
				   (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
	ret->started = process_started();
	ret->resident_bytes = resident();
	ret->open_fds = count_fds();
	ret->max_fds = getrlimit(RLIMIT_NOFILE, &limit) ? -1 : (int64_t)limit.rlim_cur;
}

void surroundings_look(const char *state_dir, const char *store, struct surroundings *ret)
{
	struct statvfs disk;
	look_at_process(ret);
	ret->store_bytes = store ? file_size(store, "") : -1;
	ret->wal_bytes = store ? file_size(store, "-wal") : -1;
	ret->disk_free_bytes = ret->disk_size_bytes = -1;
	if (statvfs(state_dir, &disk) == 0) {
		ret->disk_free_bytes = (int64_t)disk.f_bavail * (int64_t)disk.f_frsize;
		ret->disk_size_bytes = (int64_t)disk.f_blocks * (int64_t)disk.f_frsize;
	}
}
