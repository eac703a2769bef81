/* SPDX-License-Identifier: Apache-2.0 */
/* Thread-CPU microseconds of the primitives that an activation and a renewal cannot do without. */
#ifndef BENCH_PRIMITIVES_H
#define BENCH_PRIMITIVES_H

#include "bench.h"

#define PRIMITIVES_ROUNDS 21
#define PRIMITIVES_TIMES 20
#define PRIMITIVES_MESSAGE 300 /* bytes: about a lease's claims */

struct primitives {
	double pair;
	double exchange;
	double sign;
	double verify;
};

struct primitives_data {
	struct noise_pair mine;
	struct noise_pair theirs;
	uint8_t shared[NOISE_KEY];
	uint8_t public[crypto_sign_PUBLICKEYBYTES];
	uint8_t secret[crypto_sign_SECRETKEYBYTES];
	uint8_t signature[crypto_sign_BYTES];
	uint8_t message[PRIMITIVES_MESSAGE];
};

static inline int primitives_pair(struct primitives_data *d)
{
	noise_pair_make(&d->mine);
	return 0;
}

static inline int primitives_exchange(struct primitives_data *d)
{
	return crypto_scalarmult(d->shared, d->mine.secret, d->theirs.public);
}

static inline int primitives_sign(struct primitives_data *d)
{
	d->message[0]++;
	return crypto_sign_detached(d->signature, NULL, d->message, sizeof(d->message), d->secret);
}

static inline int primitives_verify(struct primitives_data *d)
{
	return crypto_sign_verify_detached(d->signature, d->message, sizeof(d->message), d->public);
}

/* Median over the rounds, each the mean of some calls. */
static inline double primitives_time(int (*work)(struct primitives_data *), struct primitives_data *d)
{
	double us[PRIMITIVES_ROUNDS];
	for (size_t round = 0; round < PRIMITIVES_ROUNDS; round++) {
		double begin = bench_clock(CLOCK_THREAD_CPUTIME_ID);
		for (size_t i = 0; i < PRIMITIVES_TIMES; i++)
			bench_must(work(d) ? E_INTERNAL : 0, "primitive");
		us[round] = (bench_clock(CLOCK_THREAD_CPUTIME_ID) - begin) / PRIMITIVES_TIMES * 1e6;
	}
	return bench_sorted(us, PRIMITIVES_ROUNDS);
}

/* About 70 ms. */
static inline struct primitives primitives_measure(void)
{
	struct primitives_data d = {0};
	crypto_sign_keypair(d.public, d.secret);
	noise_pair_make(&d.theirs);
	struct primitives p = {.pair = primitives_time(primitives_pair, &d)};
	p.exchange = primitives_time(primitives_exchange, &d);
	p.sign = primitives_time(primitives_sign, &d);
	p.verify = primitives_time(primitives_verify, &d);
	return p;
}

/* What a host must do for a first activation: e, ee, es, se, and the lease's signature. */
static inline double primitives_activation(const struct primitives *p)
{
	return p->pair + 3 * p->exchange + p->sign;
}

#endif
