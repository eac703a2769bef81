/* SPDX-License-Identifier: Apache-2.0 */
#include "uptime.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "file.h"

#define BOOT_FILE "/proc/sys/kernel/random/boot_id"

struct boot uptime_read(const char *root)
{
	char path[512];
	char *text = NULL;
	size_t n;
	struct timespec up = {0};
	struct boot b = {0};
	snprintf(path, sizeof(path), "%.400s" BOOT_FILE, root);
	if (file_read(path, 2 * BOOT_ID, &text, &n) == 0)
		snprintf(b.id, sizeof(b.id), "%.*s", (int)strcspn(text, "\r\n"), text);
	free(text);
	clock_gettime(CLOCK_BOOTTIME, &up);
	b.seconds = up.tv_sec;
	return b;
}

int64_t uptime_used(const struct uptime *u, const struct boot *now)
{
	bool same = strcmp(u->seen.id, now->id) == 0 && now->seconds >= u->seen.seconds;
	return u->used + now->seconds - (same ? u->seen.seconds : 0);
}

void uptime_begin(struct uptime *u, const struct boot *now)
{
	u->seen = *now;
	u->used = 0;
}

void uptime_look(struct uptime *u, const struct boot *now)
{
	u->used = uptime_used(u, now);
	u->seen = *now;
}
