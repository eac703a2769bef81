/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Put N activated devices on record in a stopped host's database, through the store's own calls and with the
 * same effects as N activations, but for the audit rows, which are counted apart. A sample of them, with the
 * ratchets that they would hold, is left to bench_load.
 *
 * bench_fill STATE_DIR PRODUCT DEVICES [SAMPLE_FILE SAMPLES]
 */
#include <limits.h>
#include <sys/stat.h>

#include "bench.h"
#include "catalog.h"
#include "host_key.h"
#include "store.h"

#define BATCH 5000

struct filler {
	struct store *store;
	struct host_key *key;
	struct catalog catalog;
	struct line_facts line;
	struct noise_pair owners[BENCH_OWNERS];
	int64_t first; /* number in the ledger of the first device */
	int64_t now;
	uint32_t n;
	uint32_t every; /* each such device is a sample; 0: none */
	FILE *sample;
	const char *product;
};

static void apply(struct filler *f, int64_t device, struct effect effect)
{
	effect.device = device;
	effect.at = f->now;
	bench_must(store_apply(f->store, &effect), "change");
}

/* What the device's first answer would have left. */
static void make_ratchet(const struct filler *f, const struct holding *h, uint32_t number,
			 struct ratchet *ret)
{
	struct answer answer = {.digest = answer_digest(0, &f->product, 1), .n = 1};
	answer.lines[0] = (struct answer_line){.grant = f->line.candidates[0].grant,
					       .issued = f->now,
					       .expires = h->expires,
					       .serial = h->serial,
					       .plans = h->plans,
					       .numbers = NUMBERS_NONE};
	*ret = (struct ratchet){.counter = 1, .at = f->now};
	crypto_generichash(ret->token, REQUEST_TOKEN, (const uint8_t *)&number, sizeof(number),
			   (const uint8_t *)"muster bench token", 18);
	ret->answer_n = answer_write(&answer, ret->answer);
}

static void leave_sample(const struct filler *f, const uint8_t id[DEVICE_ID],
			 const uint8_t sign[PASETO_PUBLIC], const struct ratchet *r, uint32_t number)
{
	struct bench_device d = {.counter = r->counter, .serial = 1, .number = number};
	memcpy(d.sign, sign, sizeof(d.sign));
	ratchet_make(f->key->ratchet, id, r->counter, r->token, d.ratchet);
	bench_must(fwrite(&d, sizeof(d), 1, f->sample) == 1 ? 0 : E_IO, "sample");
}

static void put_device(struct filler *f, uint32_t number)
{
	const struct candidate *c = &f->line.candidates[0];
	int64_t device = f->first + number;
	char hostname[BENCH_HOSTNAME];
	uint8_t sign[PASETO_PUBLIC];
	struct ratchet ratchet;
	struct asker asker = {.hostname = hostname, .os = BENCH_OS, .agent = BENCH_AGENT};
	struct holding none = {.state = HOLDING_NONE};
	struct holding held = {.state = HOLDING_ACTIVE,
			       .activated = f->now,
			       .renewed = f->now,
			       .contacted = f->now,
			       .expires = f->now + (int64_t)c->policy.lease_days * 86400,
			       .serial = 1,
			       .plans = c->plans};
	bench_hostname(number, hostname);
	bench_sign(number, sign);
	device_id(f->owners[number % BENCH_OWNERS].public, sign, asker.id);
	make_ratchet(f, &held, number, &ratchet);
	apply(f, device, (struct effect){.kind = EFFECT_DEVICE, .u.device_row = {&asker, true}});
	apply(f, device,
	      (struct effect){.kind = EFFECT_HOLDING, .grant = c->grant, .u.holding = {none, held}});
	apply(f, device, (struct effect){.kind = EFFECT_RATCHET, .u.ratchet = &ratchet});
	/* Every so many groups of owners is taken whole, so that each connection gets as many devices. */
	if (f->every && number / BENCH_OWNERS % f->every == 0)
		leave_sample(f, asker.id, sign, &ratchet, number);
}

static void fill(struct filler *f)
{
	for (uint32_t done = 0; done < f->n;) {
		bench_must(store_begin(f->store), "begin");
		for (uint32_t i = 0; i < BATCH && done < f->n; i++)
			put_device(f, done++);
		bench_must(store_commit(f->store), "commit");
	}
}

static void open_all(struct filler *f, const char *dir)
{
	char path[PATH_MAX];
	struct asker nobody = {.hostname = "", .os = "", .agent = ""};
	struct device_facts facts;
	snprintf(path, sizeof(path), "%s/host.key", dir);
	bench_must(host_key_open(path, &f->key), path);
	snprintf(path, sizeof(path), "sqlite:%s/muster.db", dir);
	bench_must(store_open(path, &f->store), path);
	bench_must(catalog_load(f->store, f->key->public, &f->catalog), "licenses");
	catalog_candidates(&f->catalog, &(struct wish){.product = f->product, .version = ""}, &f->line);
	bench_must(f->line.n_candidates ? 0 : E_PRODUCT_UNKNOWN, f->product);
	bench_must(store_facts(f->store, &nobody, f->now, &facts, NULL, 0), "facts");
	f->first = facts.device;
	for (uint32_t i = 0; i < BENCH_OWNERS; i++)
		bench_owner(i, &f->owners[i]);
}

static long long size_of(const char *dir)
{
	char path[PATH_MAX];
	struct stat st;
	snprintf(path, sizeof(path), "%s/muster.db-wal", dir);
	bench_must(stat(path, &st) == 0 && st.st_size > 0 ? E_STORE_BUSY : 0, "the host must be stopped");
	snprintf(path, sizeof(path), "%s/muster.db", dir);
	bench_must(stat(path, &st) ? E_IO : 0, path);
	return (long long)st.st_size;
}

int main(int argc, char **argv)
{
	static struct filler f;
	if (argc != 4 && argc != 6) {
		fprintf(stderr, "usage: bench_fill STATE_DIR PRODUCT DEVICES [SAMPLE_FILE SAMPLES]\n");
		return 64;
	}
	bench_must(sodium_init() < 0 ? E_INTERNAL : 0, "libsodium");
	f.product = argv[2];
	f.n = (uint32_t)strtoul(argv[3], NULL, 10);
	f.now = (int64_t)time(NULL);
	if (argc == 6) {
		uint32_t samples = (uint32_t)strtoul(argv[5], NULL, 10);
		f.every = samples && f.n > samples ? f.n / samples : 1;
		f.sample = fopen(argv[4], "wb");
		bench_must(f.sample ? 0 : E_CANNOT_CREATE, argv[4]);
	}
	long long before = size_of(argv[1]);
	double begin = bench_now();
	open_all(&f, argv[1]);
	fill(&f);
	catalog_free(&f.catalog);
	store_close(f.store);
	host_key_free(f.key);
	if (f.sample)
		bench_must(fclose(f.sample) ? E_IO : 0, argv[4]);
	double seconds = bench_now() - begin;
	long long after = size_of(argv[1]);
	printf("{\"devices\":%u,\"seconds\":%.2f,\"devices_per_s\":%.0f,\"bytes_before\":%lld,\"bytes_"
	       "after\":%lld,"
	       "\"bytes_per_device\":%.1f}\n",
	       f.n, seconds, f.n / seconds, before, after, (double)(after - before) / f.n);
	return 0;
}
