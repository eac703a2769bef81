/* SPDX-License-Identifier: Apache-2.0 */
/* A host without a network, for the benchmarks of the lane: key, store and broker over a state folder, and a
 * vendor who certifies and licenses it. */
#ifndef BENCH_HOST_H
#define BENCH_HOST_H

#include <limits.h>

#include "bench.h"
#include "broker.h"
#include "store.h"

#define BENCH_YEAR (365 * 86400)

struct bench_host {
	struct store *store;
	struct host_key *key;
	struct counters counters;
	struct broker broker;
	uint8_t vendor_public[PASETO_PUBLIC];
	uint8_t vendor_secret[PASETO_SECRET];
	int64_t now;
};

/* Over a state folder, which must exist; what it lacks is made. */
static inline void bench_host_open(struct bench_host *h, const char *folder)
{
	char path[PATH_MAX];
	h->now = (int64_t)time(NULL);
	snprintf(path, sizeof(path), "%s/host.key", folder);
	bench_must(host_key_open(path, &h->key), path);
	snprintf(path, sizeof(path), "sqlite:%s/muster.db", folder);
	bench_must(store_open(path, &h->store), path);
	bench_must(broker_open(&h->broker, h->store, h->key, &h->counters), "broker");
}

static inline void bench_host_close(struct bench_host *h)
{
	broker_close(&h->broker);
	store_close(h->store);
	host_key_free(h->key);
}

static inline void bench_head(struct claims_head *head, const struct bench_host *h)
{
	paserk_pid_write(h->vendor_public, head->iss);
	head->iat = h->now;
	claims_jti(head->jti);
}

static inline void bench_install(struct bench_host *h, enum job_kind kind, char *token)
{
	struct job *job = job_new(kind, 0);
	bench_must(job ? 0 : E_NO_MEMORY, "job");
	job->text = token;
	broker_run(&h->broker, &job, 1, h->now);
	bench_must(job->code, "install");
	job_free(job);
}

/* Make a vendor, have it certify the host for the license, and install both. Its head, org and times are
 * filled in; the grants' and products' stay the caller's. */
static inline void bench_license(struct bench_host *h, struct license *l)
{
	struct certificate c = {
		.name = "bench", .org = "fjord", .nbf = h->now - 60, .exp = h->now + BENCH_YEAR};
	char *token;
	crypto_sign_keypair(h->vendor_public, h->vendor_secret);
	bench_head(&c.head, h);
	strcpy(c.license, l->id);
	memcpy(c.vendor, h->vendor_public, sizeof(c.vendor));
	memcpy(c.sign, h->key->public, sizeof(c.sign));
	memcpy(c.fixed, h->key->fixed.public, sizeof(c.fixed));
	memcpy(c.ledger, h->broker.ledger, sizeof(c.ledger));
	randombytes_buf(c.fp_salt, sizeof(c.fp_salt));
	bench_must(certificate_sign(&c, h->vendor_secret, &token), "certificate");
	bench_install(h, JOB_INSTALL_CERTIFICATE, token);
	bench_head(&l->head, h);
	strcpy(l->org, "fjord");
	strcpy(l->org_name, "Fjord AS");
	l->serial = 1;
	l->hosts_max = 1;
	l->grace_days = 30;
	l->nbf = h->now - 60;
	l->exp = h->now + BENCH_YEAR;
	bench_must(license_sign(l, h->vendor_secret, &token), "license");
	bench_install(h, JOB_INSTALL_LICENSE, token);
}

#endif
