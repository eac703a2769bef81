/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of libmuster's verbs share: two in-process hosts, machines with a clock turned by hand, and
 * the questions that are asked of them again and again. One thread.
 */
#ifndef TESTS_CLIENT_MACHINE_H
#define TESTS_CLIENT_MACHINE_H

#include "client.h"
#include "client_peer.h"
#include "file.h"
#include "folder.h"
#include "muster.h"

static struct peer_vendor acme;
static struct peer_vendor other;
static struct peer *one;
static struct peer *two;
static char products[256];
static int64_t wall;
static int states;

static inline int64_t hand(void)
{
	return wall;
}

/* --- helpers --- */

struct machine_dir {
	char path[256];
};

/* A handle on a new state directory (or an old one) with these hosts. */
static inline struct muster *machine(struct machine_dir *dir, const struct peer *first,
				     const struct peer *second)
{
	char name[32];
	char at[32];
	struct muster *m = muster_new();
	assert_non_null(m);
	if (!dir->path[0]) {
		snprintf(name, sizeof(name), "state-%d", states++);
		peer_path(name, dir->path);
	}
	m->wall = hand;
	assert_int_equal(muster_set(m, "state", dir->path), 0);
	assert_int_equal(muster_set(m, "products", products), 0);
	assert_int_equal(muster_set(m, "timeout_ms", "3000"), 0);
	assert_int_equal(muster_set(m, "host", first ? peer_at(first, at) : "127.0.0.1:1"), 0);
	if (second)
		assert_int_equal(muster_set(m, "host", peer_at(second, at)), 0);
	return m;
}

static inline void expect(struct muster *m, int got, int wanted)
{
	if (got != wanted)
		fail_msg("%s (%s) instead of %s", got ? error_name(got) : "success", muster_error_detail(m),
			 wanted ? error_name(wanted) : "success");
	assert_int_equal(muster_error_number(m), -wanted);
}

/* The state's name of a product; "" when it is not listed. */
static inline const char *state_of(struct muster *m, const char *product)
{
	static char name[16];
	struct muster_status *s;
	assert_int_equal(muster_status(m, &s), 0);
	int index = muster_status_find(s, product);
	snprintf(name, sizeof(name), "%s", index >= 0 ? muster_status_state(s, index) : "");
	muster_status_free(s);
	return name;
}

static inline long long expires_of(struct muster *m, const char *product)
{
	struct muster_status *s;
	assert_int_equal(muster_status(m, &s), 0);
	long long expires = muster_status_expires(s, muster_status_find(s, product));
	muster_status_free(s);
	return expires;
}

static inline void state_file(const struct machine_dir *dir, const char *name, char out[512])
{
	snprintf(out, 512, "%s/%s", dir->path, name);
}

/* Does the machine's state file hold this text? */
static inline bool state_has(const struct machine_dir *dir, const char *text)
{
	char path[512];
	char *whole;
	size_t n;
	state_file(dir, "state.json", path);
	assert_int_equal(file_read(path, 1 << 20, &whole, &n), 0);
	bool has = strstr(whole, text) != NULL;
	free(whole);
	return has;
}

/* Both hosts as they were at the start, but for their keys. */
static inline int fresh(void **unused)
{
	struct peer **all[] = {&one, &two};
	(void)unused;
	wall = PEER_NOW;
	for (uint8_t i = 0; i < 2; i++) {
		peer_stop(*all[i]);
		*all[i] = peer_start(&acme, (uint8_t)(i + 1));
	}
	return 0;
}

static inline int start(void **unused)
{
	(void)unused;
	acme = peer_vendor_make(1);
	other = peer_vendor_make(2);
	one = peer_start(&acme, 1);
	two = peer_start(&acme, 2);
	peer_path("products", products);
	peer_product(products, &acme, "acme-cad", "cad");
	peer_product(products, &acme, "acme-sim", "sim");
	peer_product(products, &acme, "acme-view", "view");
	peer_product(products, &other, "zeta", "zeta");
	return 0;
}

static inline int stop(void **unused)
{
	(void)unused;
	peer_stop(one);
	peer_stop(two);
	return 0;
}

/* A test that begins with both hosts as they were at the start. */
#define TEST(name) cmocka_unit_test_setup(name, fresh)

#endif
