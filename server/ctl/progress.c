/* SPDX-License-Identifier: Apache-2.0 */
#include "progress.h"

#include <stdio.h>
#include <unistd.h>

#include "print.h"

#define BAR 30

void progress_begin(struct progress *p, const char *what)
{
	*p = (struct progress){.what = isatty(STDERR_FILENO) ? what : NULL, .shown = -1};
	clock_gettime(CLOCK_MONOTONIC, &p->start);
}

bool progress_wanted(const struct progress *p)
{
	return p->what != NULL;
}

void progress_show(struct progress *p)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	long seconds = now.tv_sec - p->start.tv_sec;
	if (!p->what || seconds == p->shown)
		return;
	p->shown = seconds;
	fputc('\r', stderr);
	print_safe(stderr, p->what);
	fprintf(stderr, ": %ld s", seconds);
	fflush(stderr);
}

void progress_share(struct progress *p, long long done, long long total)
{
	int percent = total > 0 ? (int)(100 * done / total) : 0;
	if (!p->what || total <= 0)
		return;
	char bar[BAR + 1];
	for (int i = 0; i < BAR; i++)
		bar[i] = i < percent * BAR / 100 ? '#' : '.';
	bar[BAR] = 0;
	p->shown = 0;
	fputc('\r', stderr);
	print_safe(stderr, p->what);
	fprintf(stderr, " [%s] %3d %%", bar, percent);
	fflush(stderr);
}

void progress_end(struct progress *p)
{
	if (p->shown >= 0)
		fputs("\r\x1b[K", stderr);
	p->shown = -1;
}
