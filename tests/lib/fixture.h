/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What several tests of the host share: a clock turned by hand, a temporary folder that is removed at the
 * end, a vendor with its key, and licenses and certificates made with protocol/. Failures end the test. One
 * thread.
 */
#ifndef TESTS_FIXTURE_H
#define TESTS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <sodium.h>
#include <unistd.h>

#include "certificate.h"
#include "clock.h"
#include "day.h"
#include "error.h"
#include "facts.h"
#include "file.h"
#include "host_key.h"
#include "license.h"

#define NOW 1800000000 /* 2027-01-15T08:00:00Z */
#define DAY DAY_SECONDS

/* --- clock --- */

struct hand {
	int64_t wall;
	int64_t mono_ms;
};

static inline int64_t hand_wall(void *context)
{
	return ((struct hand *)context)->wall;
}

static inline int64_t hand_mono(void *context)
{
	return ((struct hand *)context)->mono_ms;
}

/* A clock that stands where the hand stands; the hand outlives it. */
static inline struct clock fixture_clock(struct hand *hand)
{
	return (struct clock){hand_wall, hand_mono, hand};
}

/* Member by member: the padding of a struct holds anything. */
static inline bool same_holding(const struct holding *a, const struct holding *b)
{
	return a->state == b->state && a->activated == b->activated && a->renewed == b->renewed &&
	       a->contacted == b->contacted && a->expires == b->expires && a->serial == b->serial &&
	       a->plans == b->plans;
}

/* --- folder --- */

static char fixture_path[64];

static inline void fixture_empty(void)
{
	DIR *dir = fixture_path[0] ? opendir(fixture_path) : NULL;
	for (struct dirent *e; dir && (e = readdir(dir)) != NULL;) {
		char path[512];
		snprintf(path, sizeof(path), "%s/%s", fixture_path, e->d_name);
		unlink(path); /* "." and ".." are not to be unlinked */
	}
	if (dir)
		closedir(dir);
}

static inline void fixture_remove(void)
{
	fixture_empty();
	if (fixture_path[0])
		rmdir(fixture_path);
}

/* The program's own temporary folder, made at the first call and removed when the program ends. Borrowed. */
static inline const char *fixture_folder(void)
{
	if (!fixture_path[0]) {
		strcpy(fixture_path, "/tmp/muster-test-XXXXXX");
		assert_non_null(mkdtemp(fixture_path));
		atexit(fixture_remove);
	}
	return fixture_path;
}

/* The path of a file in it. Returns out. */
static inline char *fixture_file(const char *name, char out[256])
{
	snprintf(out, 256, "%s/%s", fixture_folder(), name);
	return out;
}

/* All bytes of a file of the fixture, freed by the caller; 0 and NULL when it is not there. */
static inline size_t fixture_read(const char *name, uint8_t **ret)
{
	char path[256];
	char *bytes = NULL;
	size_t n = 0;
	if (access(fixture_file(name, path), F_OK) == 0)
		assert_int_equal(file_read(path, (size_t)1 << 30, &bytes, &n), 0);
	*ret = (uint8_t *)bytes;
	return n;
}

static inline void fixture_write(const char *path, const void *bytes, size_t n)
{
	FILE *file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, n, file), n);
	assert_int_equal(fclose(file), 0);
}

/* --- vendor --- */

struct vendor {
	uint8_t public[PASETO_PUBLIC];
	uint8_t secret[PASETO_SECRET];
	char pid[PASERK_ID_TEXT];
	uint8_t pid_bytes[PASERK_ID];
};

/* The vendor with this number; always the same keys. */
static inline struct vendor fixture_vendor(uint8_t number)
{
	struct vendor v;
	uint8_t seed[crypto_sign_SEEDBYTES] = {number};
	assert_true(sodium_init() >= 0);
	assert_int_equal(crypto_sign_seed_keypair(v.public, v.secret, seed), 0);
	paserk_pid_write(v.public, v.pid);
	paserk_pid(v.public, v.pid_bytes);
	return v;
}

/* A product "acme-cad" with the plans modeler and render. */
static inline struct product fixture_product(void)
{
	return (struct product){.id = "acme-cad",
				.name = "Acme CAD",
				.plans = {{.id = "modeler"}, {.id = "render"}},
				.n_plans = 2};
}

/* A volume grant of "acme-cad" with the model's usual policy and this threshold. */
static inline struct grant fixture_grant(const char *id, uint32_t threshold)
{
	struct grant g = {.product = "acme-cad",
			  .model = MODEL_VOLUME,
			  .policy = model_policy(MODEL_VOLUME),
			  .nbf = NOW - 100 * (int64_t)DAY};
	snprintf(g.id, sizeof(g.id), "%s", id);
	g.policy.threshold = threshold;
	return g;
}

/* A license "fjord-1" of the organisation "fjord" over borrowed grants and products, from 100 days ago for
 * 1,000 days. */
static inline struct license fixture_license(const struct vendor *v, int64_t serial, struct grant *grants,
					     size_t n_grants, struct product *products, size_t n_products)
{
	struct license l = {.id = "fjord-1",
			    .serial = serial,
			    .org = "fjord",
			    .org_name = "Fjord AS",
			    .nbf = NOW - 100 * (int64_t)DAY,
			    .exp = NOW + 900 * (int64_t)DAY,
			    .hosts_max = 2,
			    .grace_days = 30,
			    .grants = grants,
			    .n_grants = n_grants,
			    .products = products,
			    .n_products = n_products};
	memcpy(l.head.iss, v->pid, sizeof(l.head.iss));
	l.head.iat = NOW - 100 * (int64_t)DAY;
	snprintf(l.head.jti, sizeof(l.head.jti), "license-%d", (int)serial);
	return l;
}

/* Signed; freed by the caller. */
static inline char *fixture_license_token(const struct vendor *v, const struct license *l)
{
	char *token = NULL;
	assert_int_equal(license_sign(l, v->secret, &token), 0);
	return token;
}

/* The usual license with one grant "cad-volume"; freed by the caller. */
static inline char *fixture_volume(const struct vendor *v, int64_t serial, uint32_t threshold)
{
	struct product product = fixture_product();
	struct grant grant = fixture_grant("cad-volume", threshold);
	struct license l = fixture_license(v, serial, &grant, 1, &product, 1);
	return fixture_license_token(v, &l);
}

/* A certificate of this host for the license "fjord-1", in force from yesterday for 1,000 days. */
static inline struct certificate fixture_certificate(const struct vendor *v, const struct host_key *key,
						     const uint8_t ledger[LEDGER_ID])
{
	struct certificate c = {.name = "host",
				.org = "fjord",
				.license = "fjord-1",
				.nbf = NOW - DAY,
				.exp = NOW + 1000 * (int64_t)DAY,
				.fp_salt = {7}};
	memcpy(c.head.iss, v->pid, sizeof(c.head.iss));
	c.head.iat = NOW - DAY;
	strcpy(c.head.jti, "certificate-1");
	memcpy(c.vendor, v->public, sizeof(c.vendor));
	memcpy(c.sign, key->public, sizeof(c.sign));
	memcpy(c.fixed, key->fixed.public, sizeof(c.fixed));
	memcpy(c.ledger, ledger, LEDGER_ID);
	return c;
}

static inline char *fixture_certificate_token(const struct vendor *v, const struct certificate *c)
{
	char *token = NULL;
	assert_int_equal(certificate_sign(c, v->secret, &token), 0);
	return token;
}

/* A host's keys in the temporary folder; freed by the caller. */
static inline struct host_key *fixture_host_key(const char *name)
{
	char path[256];
	struct host_key *key = NULL;
	assert_true(sodium_init() >= 0);
	assert_int_equal(host_key_open(fixture_file(name, path), &key), 0);
	return key;
}

#endif
