/* SPDX-License-Identifier: Apache-2.0 */
/* The two ends of a timed window: wall time, the CPU of host and generator, and what the rest of the machine
 * did. */
#ifndef BENCH_WINDOW_H
#define BENCH_WINDOW_H

#include <sys/types.h>
#include <unistd.h>

#include "bench.h"

/* A moment, or what lies between two: wall and CPU seconds. busy and stolen: of the whole machine. */
struct window {
	pid_t host;
	double seconds;
	double host_cpu;
	double own_cpu;
	double busy;
	double stolen;
};

static inline double window_host_cpu(pid_t host)
{
	clockid_t clock;
	return host && clock_getcpuclockid(host, &clock) == 0 ? bench_clock(clock) : 0;
}

/* The machine's CPU time as the kernel's ticks have it; unknown is 0. */
static inline void window_machine(double *ret_busy, double *ret_stolen)
{
	double t[8] = {0};
	double tick = 1.0 / (double)sysconf(_SC_CLK_TCK);
	FILE *file = fopen("/proc/stat", "r");
	if (!file)
		return;
	int n = fscanf(file, "cpu %lf %lf %lf %lf %lf %lf %lf %lf", &t[0], &t[1], &t[2], &t[3], &t[4], &t[5],
		       &t[6], &t[7]);
	fclose(file);
	if (n != 8)
		return;
	*ret_busy = (t[0] + t[1] + t[2] + t[5] + t[6]) * tick; /* without idle (3) and waiting (4) */
	*ret_stolen = t[7] * tick;
}

/* Begin. host: the daemon's process, 0 for none. */
static inline struct window window_open(pid_t host)
{
	struct window w = {.host = host};
	window_machine(&w.busy, &w.stolen);
	w.own_cpu = bench_clock(CLOCK_PROCESS_CPUTIME_ID);
	w.host_cpu = window_host_cpu(host);
	w.seconds = bench_now();
	return w;
}

/* What has passed since. */
static inline struct window window_close(const struct window *begin)
{
	struct window w = window_open(begin->host);
	w.seconds -= begin->seconds;
	w.host_cpu -= begin->host_cpu;
	w.own_cpu -= begin->own_cpu;
	w.busy -= begin->busy;
	w.stolen -= begin->stolen;
	return w;
}

/* Percent of the machine that neither host nor generator used, but somebody else did. */
static inline double window_others(const struct window *w)
{
	double others = w->busy - w->host_cpu - w->own_cpu;
	return others > 0 ? 100 * others / (w->seconds * (double)sysconf(_SC_NPROCESSORS_ONLN)) : 0;
}

static inline double window_stolen(const struct window *w)
{
	return 100 * w->stolen / (w->seconds * (double)sysconf(_SC_NPROCESSORS_ONLN));
}

#endif
