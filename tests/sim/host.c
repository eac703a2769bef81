/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts: the real broker with its store and its clock, and how they are killed and started. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certificate.h"
#include "error.h"
#include "license.h"
#include "world.h"

/* --- clocks --- */

static int64_t wall(void *context)
{
	const struct host *h = context;
	return world.now + h->clock_off;
}

static int64_t mono(void *context)
{
	(void)context;
	return world.now * 1000;
}

struct clock host_clock(struct host *h)
{
	return timekeeper_clock(h->time);
}

/* --- the vendor's papers --- */

static uint8_t vendor_secret[PASETO_SECRET];
static uint8_t vendor_public[PASETO_PUBLIC];

static void head(struct claims_head *head, const char *jti)
{
	paserk_pid_write(vendor_public, head->iss);
	head->iat = WORLD_BEGIN - DAY;
	snprintf(head->jti, sizeof(head->jti), "%s", jti);
}

static void product_file(const char *id)
{
	struct product_file file = {.grace_days = 30, .prompt_days = 25};
	char path[128];
	char *token;
	head(&file.head, id);
	snprintf(file.product.id, sizeof(file.product.id), "%s", id);
	snprintf(file.product.name, sizeof(file.product.name), "%s", id);
	snprintf(path, sizeof(path), "%s/products/%s.product", world.folder, id);
	if (product_file_sign(&file, vendor_secret, &token) || token_save(&token_product, path, token, 0644))
		abort();
	free(token);
}

/* The vendor's key, and the folder that the machines trust. */
static void make_vendor(void)
{
	uint8_t seed[crypto_sign_SEEDBYTES] = {1};
	char path[128];
	char text[PASERK_PUBLIC_TEXT];
	crypto_sign_seed_keypair(vendor_public, vendor_secret, seed);
	for (size_t i = 0; i < 2; i++)
		product_file(products[i]);
	paserk_public_write(vendor_public, text);
	snprintf(path, sizeof(path), "%s/products/vendor.pub", world.folder);
	FILE *file = fopen(path, "w");
	if (!file || fputs(text, file) < 0 || fclose(file))
		abort();
}

static char *license_token(void)
{
	struct product all[2] = {0};
	struct grant grants[2] = {0};
	static const enum model models[2] = {MODEL_VOLUME, MODEL_POOL};
	struct license l = {.id = "license",
			    .serial = 1,
			    .org = "org",
			    .org_name = "Org",
			    .nbf = WORLD_BEGIN - DAY,
			    .exp = WORLD_BEGIN + 4000LL * DAY,
			    .hosts_max = 2,
			    .grace_days = 30,
			    .grants = grants,
			    .n_grants = 2,
			    .products = all,
			    .n_products = 2};
	char *token;
	for (size_t i = 0; i < 2; i++) {
		snprintf(all[i].id, sizeof(all[i].id), "%s", products[i]);
		snprintf(all[i].name, sizeof(all[i].name), "%s", products[i]);
		grants[i] = (struct grant){
			.model = models[i], .policy = model_policy(models[i]), .nbf = WORLD_BEGIN - DAY};
		snprintf(grants[i].id, sizeof(grants[i].id), "grant-%zu", i);
		snprintf(grants[i].product, sizeof(grants[i].product), "%s", products[i]);
	}
	grants[0].policy.threshold = VOLUME_THRESHOLD;
	grants[1].quantity = POOL_QUANTITY;
	grants[1].policy.enrol = ENROL_OPEN;
	head(&l.head, "license");
	if (license_sign(&l, vendor_secret, &token))
		abort();
	return token;
}

static char *certificate_token(struct host *h)
{
	struct certificate c = {.name = "host",
				.org = "org",
				.license = "license",
				.nbf = WORLD_BEGIN - DAY,
				.exp = WORLD_BEGIN + 4000LL * DAY,
				.fp_salt = {7}};
	char *token;
	head(&c.head, "certificate");
	memcpy(c.vendor, vendor_public, sizeof(c.vendor));
	memcpy(c.sign, h->key->public, sizeof(c.sign));
	memcpy(c.fixed, h->key->fixed.public, sizeof(c.fixed));
	memcpy(c.ledger, h->broker.ledger, LEDGER_ID);
	if (certificate_sign(&c, vendor_secret, &token))
		abort();
	return token;
}

static void install(struct host *h, enum job_kind kind, char *token)
{
	struct job *job = job_new(kind, 0);
	if (!job)
		abort();
	snprintf(job->actor, sizeof(job->actor), "uid:0");
	job->text = token;
	struct clock clock = host_clock(h);
	broker_run(&h->broker, &job, 1, clock_wall(&clock));
	if (job->code)
		abort();
	job_free(job);
}

/* --- life --- */

static void open_broker(struct host *h)
{
	if (broker_open(&h->broker, &h->shaky.store, h->key, &h->counters))
		abort();
	broker_keep_time(&h->broker, h->time);
	struct clock clock = host_clock(h);
	broker_started(&h->broker, clock_wall(&clock), "sim");
}

static const char *url_of(const struct host *h, char out[80])
{
	if (!h->path[0])
		return strcpy(out, "memory:");
	snprintf(out, 80, "sqlite:%s", h->path);
	return out;
}

void host_make(struct host *h, const char *backend)
{
	uint8_t sign[PASETO_SECRET];
	uint8_t public[PASETO_PUBLIC];
	uint8_t fixed[NOISE_KEY];
	char url[80];
	struct clock system = {wall, mono, h};
	if (h->number == 0)
		make_vendor();
	if (strcmp(backend, "sqlite") == 0)
		snprintf(h->path, sizeof(h->path), "%s/host-%zu.db", world.folder, h->number);
	crypto_sign_keypair(public, sign);
	randombytes_buf(fixed, sizeof(fixed));
	h->time = timekeeper_new(&system);
	if (!h->time || host_key_make(sign, fixed, &h->key))
		abort();
	shaky_open(&h->shaky, url_of(h, url));
	open_broker(h);
	install(h, JOB_INSTALL_CERTIFICATE, certificate_token(h));
	install(h, JOB_INSTALL_LICENSE, license_token());
}

bool host_is_up(const struct host *h)
{
	return !h->up && !h->shaky.dead;
}

/* Dead or told to: nothing is left but what is on disk. */
void host_kill(struct host *h)
{
	char url[80];
	trace("host %zu is killed", h->number);
	network_drop(h);
	broker_close(&h->broker);
	shaky_reopen(&h->shaky, h->path[0] ? url_of(h, url) : "");
}

void host_start(struct host *h)
{
	struct clock system = {wall, mono, h};
	timekeeper_free(h->time);
	h->time = timekeeper_new(&system);
	if (!h->time)
		abort();
	h->up = 0;
	open_broker(h);
	check_host(h);
}

void host_run(struct host *h, struct job **jobs, size_t n)
{
	struct clock clock = host_clock(h);
	for (size_t i = 0; i < n; i++)
		check_asked(h, jobs[i]);
	broker_run(&h->broker, jobs, n, clock_wall(&clock));
	for (size_t i = 0; i < n && !h->shaky.dead; i++)
		check_job(h, jobs[i]);
	if (!h->shaky.dead)
		return;
	bool unheard = h->shaky.unheard;
	host_kill(h);
	host_start(h);
	for (size_t i = 0; i < n && unheard; i++)
		check_unheard(h, jobs[i]);
}

void host_free(struct host *h)
{
	if (!h->up)
		broker_close(&h->broker);
	store_close(h->shaky.inner);
	host_key_free(h->key);
	timekeeper_free(h->time);
}
