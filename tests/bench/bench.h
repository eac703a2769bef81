/* SPDX-License-Identifier: Apache-2.0 */
/* What the benchmark programs share: clocks, medians, and the made-up devices that fill and load both know.
 */
#ifndef BENCH_H
#define BENCH_H

#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "error.h"
#include "lease.h"
#include "noise.h"
#include "ratchet.h"

#define BENCH_OWNERS                                                                                         \
	64 /* X25519 keys that the devices of bench_fill belong to: one for each kept connection */
#define BENCH_OS "Debian GNU/Linux 12"
#define BENCH_AGENT "bench 1"
#define BENCH_HOSTNAME 24

/* One device of a filled ledger, as bench_fill leaves it to bench_load; the file holds these as they are. */
struct bench_device {
	uint8_t sign[PASETO_PUBLIC];
	uint8_t ratchet[RATCHET];
	uint64_t counter;
	int64_t serial;
	uint32_t number; /* also names it and gives its owner: number % BENCH_OWNERS */
	uint32_t unused;
};

/* Seconds of a clock, from its own zero. */
static inline double bench_clock(clockid_t clock)
{
	struct timespec at;
	clock_gettime(clock, &at);
	return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static inline double bench_now(void)
{
	return bench_clock(CLOCK_MONOTONIC);
}

/* End the program when something that must work did not. */
static inline void bench_must(int error, const char *what)
{
	if (!error)
		return;
	fprintf(stderr, "bench: %s: %s: %s\n", what, error_name(error), error_text(error));
	exit(1);
}

static inline void *bench_room(size_t n, size_t size)
{
	void *room = calloc(n ? n : 1, size);
	bench_must(room ? 0 : E_NO_MEMORY, "memory");
	return room;
}

/* As many descriptors as the system lets us have. */
static inline void bench_descriptors(void)
{
	struct rlimit files;
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}

static inline int bench_order(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;
	return (x > y) - (x < y);
}

/* Sort, and the value below which the part p of all lies; 0 for none. */
static inline double bench_sorted(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), bench_order);
	return n ? values[n / 2] : 0;
}

static inline double bench_percentile(const double *sorted, size_t n, double p)
{
	size_t at = (size_t)((double)n * p);
	return n ? sorted[at < n ? at : n - 1] : 0;
}

/* The key of a kept connection, the same in every run, so that a filled ledger fits. */
static inline void bench_owner(uint32_t owner, struct noise_pair *ret)
{
	uint8_t secret[NOISE_KEY];
	crypto_generichash(secret, sizeof(secret), (const uint8_t *)&owner, sizeof(owner),
			   (const uint8_t *)"muster bench owner", 18);
	noise_pair_from(secret, ret);
}

/* The key that the id of bench_fill's device covers beside its owner's. */
static inline void bench_sign(uint32_t number, uint8_t out[PASETO_PUBLIC])
{
	crypto_generichash(out, PASETO_PUBLIC, (const uint8_t *)&number, sizeof(number),
			   (const uint8_t *)"muster bench sign", 17);
}

static inline void bench_hostname(uint32_t number, char out[BENCH_HOSTNAME])
{
	snprintf(out, BENCH_HOSTNAME, "pc-%08u.fjord.test", number);
}

#endif
