/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lane without a network: renewals of 1,000 devices in batches of 64 against batches of 1, on a database
 * on a real disk. Once through the broker (facts, policy, commit, signed lease) and once through the store
 * alone (no signature).
 *
 * bench_lane FOLDER     the folder must exist and be empty
 */
#include "host.h"
#include "syncer.h"

#define DEVICES 1000
#define BATCH 64
#define ROUNDS 5
#define SECONDS 1.2
#define PRODUCT "acme-cad"

struct lane_device {
	uint8_t id[DEVICE_ID];
	char hostname[BENCH_HOSTNAME];
	uint8_t ratchet[RATCHET];
	uint64_t counter;
	int64_t serial;
	struct holding holding;
	int64_t number;
};

struct bench {
	struct bench_host host;
	struct lane_device devices[DEVICES];
	size_t next;
};

static void open_all(struct bench *b, const char *folder)
{
	struct product product = {.id = PRODUCT,
				  .name = "Acme CAD",
				  .plans = {{.id = "modeler", .name = "Modeler"}},
				  .n_plans = 1};
	struct grant grant = {.id = "cad-volume",
			      .product = PRODUCT,
			      .model = MODEL_VOLUME,
			      .policy = model_policy(MODEL_VOLUME)};
	struct license license = {
		.id = "fjord-1", .grants = &grant, .n_grants = 1, .products = &product, .n_products = 1};
	bench_host_open(&b->host, folder);
	bench_license(&b->host, &license);
}

/* --- renewals through the broker --- */

static struct job *make_job(const struct lane_device *d)
{
	struct job *job = job_new(d->counter ? JOB_RENEW : JOB_ACTIVATE, 1);
	bench_must(job ? 0 : E_NO_MEMORY, "job");
	memcpy(job->device, d->id, DEVICE_ID);
	strcpy(job->hostname, d->hostname);
	strcpy(job->os, BENCH_OS);
	strcpy(job->agent, BENCH_AGENT);
	strcpy(job->lines[0].product, PRODUCT);
	randombytes_buf(job->shown.token, REQUEST_TOKEN);
	memcpy(job->shown.ratchet, d->ratchet, RATCHET);
	job->shown.counter = d->counter;
	job->may_enrol = true;
	return job;
}

/* It counts only when a lease came whose serial is higher than the last. */
static void take_answer(struct lane_device *d, const struct job *job)
{
	bench_must(job->code ? job->code : job->lines[0].answer.code, "renewal");
	bench_must(job->lines[0].lease && job->lines[0].answer.serial > d->serial ? 0 : E_INTERNAL, "serial");
	memcpy(d->ratchet, job->ratchet, RATCHET);
	d->counter = job->counter;
	d->serial = job->lines[0].answer.serial;
}

static void broker_batch(struct bench *b, size_t n)
{
	struct job *jobs[BATCH];
	for (size_t i = 0; i < n; i++)
		jobs[i] = make_job(&b->devices[(b->next + i) % DEVICES]);
	broker_run(&b->host.broker, jobs, n, (int64_t)time(NULL));
	for (size_t i = 0; i < n; i++) {
		take_answer(&b->devices[(b->next + i) % DEVICES], jobs[i]);
		job_free(jobs[i]);
	}
	b->next += n;
}

/* --- the same rows through the store alone --- */

static const struct wish wish = {.product = PRODUCT, .version = ""};

static void read_devices(struct bench *b)
{
	for (size_t i = 0; i < DEVICES; i++) {
		struct lane_device *d = &b->devices[i];
		struct asker asker = {.hostname = d->hostname, .os = BENCH_OS, .agent = BENCH_AGENT};
		struct line_facts line;
		struct device_facts facts;
		memcpy(asker.id, d->id, DEVICE_ID);
		catalog_candidates(&b->host.broker.catalog, &wish, &line);
		bench_must(store_facts(b->host.store, &asker, b->host.now, &facts, &line, 1), "facts");
		d->number = facts.device;
		d->holding = line.candidates[0].holding;
	}
}

static void store_renewal(struct bench *b, struct lane_device *d, const struct line_facts *line)
{
	struct holding after = d->holding;
	struct ratchet ratchet = {.counter = ++d->counter, .at = b->host.now, .answer_n = 50};
	randombytes_buf(ratchet.token, sizeof(ratchet.token));
	randombytes_buf(ratchet.shown, sizeof(ratchet.shown));
	after.serial++;
	struct effect holding = {.kind = EFFECT_HOLDING,
				 .device = d->number,
				 .grant = line->candidates[0].grant,
				 .at = b->host.now,
				 .u.holding = {d->holding, after}};
	struct effect turn = {
		.kind = EFFECT_RATCHET, .device = d->number, .at = b->host.now, .u.ratchet = &ratchet};
	bench_must(store_apply(b->host.store, &holding), "holding");
	bench_must(store_apply(b->host.store, &turn), "ratchet");
	d->holding = after;
}

static void store_batch(struct bench *b, size_t n)
{
	struct line_facts line;
	bench_must(store_begin(b->host.store), "begin");
	for (size_t i = 0; i < n; i++) {
		struct lane_device *d = &b->devices[b->next++ % DEVICES];
		struct asker asker = {.hostname = d->hostname, .os = BENCH_OS, .agent = BENCH_AGENT};
		struct device_facts facts;
		memcpy(asker.id, d->id, DEVICE_ID);
		catalog_candidates(&b->host.broker.catalog, &wish, &line);
		bench_must(store_facts(b->host.store, &asker, b->host.now, &facts, &line, 1), "facts");
		store_renewal(b, d, &line);
	}
	struct effect tally = {.kind = EFFECT_TALLY,
			       .grant = line.candidates[0].grant,
			       .at = b->host.now,
			       .u.tally = {"renewed", (int64_t)n}};
	bench_must(store_apply(b->host.store, &tally), "tally");
	bench_must(store_commit(b->host.store), "commit");
}

/* --- measuring --- */

static double rate(struct bench *b, void (*batch)(struct bench *, size_t), size_t n)
{
	double begin = bench_now();
	double seconds;
	size_t done = 0;
	do {
		batch(b, n);
		done += n;
		seconds = bench_now() - begin;
	} while (seconds < SECONDS);
	return (double)done / seconds;
}

/* The two sizes in turns, so that a slow minute of the disk hits both; medians. */
static void compare(struct bench *b, const char *name, void (*batch)(struct bench *, size_t), const char *end)
{
	double one[ROUNDS];
	double many[ROUNDS];
	double ratio[ROUNDS];
	for (size_t i = 0; i < ROUNDS; i++) {
		one[i] = rate(b, batch, 1);
		many[i] = rate(b, batch, BATCH);
		ratio[i] = many[i] / one[i];
	}
	bench_sorted(one, ROUNDS);
	bench_sorted(many, ROUNDS);
	bench_sorted(ratio, ROUNDS);
	printf("\"%s\":{\"per_s_1\":%.0f,\"per_s_64\":%.0f,\"speedup\":%.2f,\"speedup_min\":%.2f,\"speedup_"
	       "max\":%.2f}%s",
	       name, one[ROUNDS / 2], many[ROUNDS / 2], ratio[ROUNDS / 2], ratio[0], ratio[ROUNDS - 1], end);
}

int main(int argc, char **argv)
{
	static struct bench b;
	struct syncer *syncer;
	if (argc != 2) {
		fprintf(stderr, "usage: bench_lane FOLDER\n");
		return 64;
	}
	bench_must(sodium_init() < 0 ? E_INTERNAL : 0, "libsodium");
	open_all(&b, argv[1]);
	bench_must(syncer_start(b.host.store, &syncer), "syncer");
	b.host.broker.syncer = syncer; /* as the lane does */
	for (uint32_t i = 0; i < DEVICES; i++) {
		randombytes_buf(b.devices[i].id, DEVICE_ID);
		bench_hostname(i, b.devices[i].hostname);
	}
	while (b.next < DEVICES)
		broker_batch(&b, DEVICES - b.next < BATCH ? DEVICES - b.next : BATCH);
	printf("{\"devices\":%d,", DEVICES);
	compare(&b, "lane", broker_batch, ",");
	read_devices(&b);
	compare(&b, "store", store_batch, "}\n");
	syncer_stop(syncer);
	bench_host_close(&b.host);
	return 0;
}
