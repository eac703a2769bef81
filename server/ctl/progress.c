/* SPDX-License-Identifier: Apache-2.0 */
#include "progress.h"

#include <stdio.h>
#include <unistd.h>

#include "print.h"

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

void progress_end(struct progress *p)
{
	if (p->shown >= 0)
		fputs("\r\x1b[K", stderr);
	p->shown = -1;
}
