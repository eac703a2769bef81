/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What muster.h promises of threads: each with a handle of its own, also on one state directory, while
 * another one cancels. `make tsan` looks at it, too.
 */
#include "client_machine.h"

#include <stdatomic.h>

#define FOLDERS 4
#define THREADS 8
#define ROUNDS 12
#define CANCEL_US 2000
#define CODES 256

struct worker {
	pthread_t thread;
	const struct peer *host;
	const char *folder;
	struct muster *m;
	int codes[CODES]; /* how often a call ended so */
};

static struct peer *hosts[FOLDERS];
static struct machine_dir folders[FOLDERS];
static struct worker workers[THREADS];
static _Atomic bool over;

static void note(struct worker *w, int code)
{
	w->codes[-code % CODES]++;
}

/* A handle that lives as long as one question: what the library does at first, all do at once. */
static void look_in(struct worker *w)
{
	struct muster *m = muster_new();
	struct muster_status *s = NULL;
	if (!m || muster_set(m, "state", w->folder) || muster_set(m, "products", products))
		abort();
	m->wall = hand;
	note(w, muster_status(m, &s));
	if (s && strcmp(muster_status_state(s, muster_status_find(s, "acme-cad")), "tampered") == 0)
		abort();
	muster_status_free(s);
	muster_free(m);
}

static void *work(void *context)
{
	struct worker *w = context;
	struct muster_status *s;
	const char *text;
	for (int i = 0; i < ROUNDS; i++) {
		look_in(w);
		note(w, muster_activate(w->m, "acme-cad", 0));
		note(w, muster_activate(w->m, "acme-sim", 0));
		s = NULL;
		note(w, muster_status(w->m, &s));
		muster_status_free(s);
		note(w, muster_renew(w->m, NULL, 0, 0));
		note(w, muster_request(w->m, "acme-view", NULL, &text));
		note(w, muster_release(w->m, "acme-sim", 0));
	}
	return NULL;
}

static void *cancel_all(void *unused)
{
	(void)unused;
	for (size_t i = 0; !atomic_load(&over); i++) {
		muster_cancel(workers[i % THREADS].m);
		usleep(CANCEL_US);
	}
	return NULL;
}

static int sum(int code)
{
	int n = 0;
	for (size_t i = 0; i < THREADS; i++)
		n += workers[i].codes[-code];
	return n;
}

/* One thread may give back what the other one of its folder has; all else is done, or was cancelled. */
static void expect_codes(void)
{
	int others = 0;
	for (int code = 1; code < CODES; code++) {
		int n = sum(-code);
		if (n && -code != E_CANCELLED && -code != E_NOT_ACTIVATED)
			print_error("%d times %s\n", n, error_name(-code));
		others += -code != E_CANCELLED && -code != E_NOT_ACTIVATED ? n : 0;
	}
	print_message("%d calls are done, %d were cancelled\n", sum(0), sum(E_CANCELLED));
	assert_int_equal(others, 0);
	assert_true(sum(0) > THREADS * ROUNDS && sum(E_CANCELLED) > 0);
}

static void handles_at_once(void **unused)
{
	pthread_t canceller;
	(void)unused;
	for (size_t i = 0; i < THREADS; i++) {
		struct machine_dir *dir = &folders[i % FOLDERS];
		struct muster *m = machine(dir, hosts[i % FOLDERS], NULL);
		assert_int_equal(muster_set(m, "timeout_ms", "30000"), 0);
		workers[i] = (struct worker){.folder = dir->path, .m = m};
	}
	assert_int_equal(pthread_create(&canceller, NULL, cancel_all, NULL), 0);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(workers[i].thread, NULL);
	atomic_store(&over, true);
	pthread_join(canceller, NULL);
	for (size_t i = 0; i < THREADS; i++)
		muster_free(workers[i].m);
	expect_codes();
	/* What they have made of their folders holds, and each host was asked as by one. */
	for (size_t i = 0; i < FOLDERS; i++) {
		struct muster *m = machine(&folders[i], hosts[i], NULL);
		expect(m, muster_activate(m, "acme-cad", 0), 0);
		expect(m, muster_renew(m, "acme-cad", 0, 0), 0);
		assert_string_equal(state_of(m, "acme-cad"), "licensed");
		assert_false(hosts[i]->ratchet_wrong);
		muster_free(m);
	}
}

static int begin(void **unused)
{
	start(unused);
	wall = PEER_NOW;
	for (size_t i = 0; i < FOLDERS; i++)
		hosts[i] = peer_start(&acme, (uint8_t)(i + 1));
	return 0;
}

static int end(void **unused)
{
	for (size_t i = 0; i < FOLDERS; i++)
		peer_stop(hosts[i]);
	return stop(unused);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(handles_at_once),
	};
	return cmocka_run_group_tests_name("client, threads", tests, begin, end);
}
