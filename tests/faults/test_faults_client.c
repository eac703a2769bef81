/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine's life through libmuster, against a host on loopback, while one allocation after the other fails,
 * or one call of the disk: once and from then on (DESIGN 10, promise 2). What a call has reported as done is
 * done, what it has not is done when it is asked again, nothing is read wrongly, and no memory is lost.
 * FAULT_STRIDE=1 looks at each; otherwise every so many are looked at.
 */
#include "client_machine.h"

#include <errno.h>

#include "armour.h"
#include "fail_walk.h"
#include "offline_answer.h"

#define STRIDE 331
#define MOST 100000
#define IDENTITY 32

enum { CAD, VIEW, SIM, WISHES };

/* What the machine was told of a product. */
struct promise {
	const char *product;
	bool held;
	bool doubtful; /* a call that changes it has failed */
};

static char root[256]; /* below which the machine shows its parts */
static char online[256];
static char offline[256];
static char identity[256];
static char *answer;
static struct promise told[WISHES];

/* --- a machine --- */

/* NULL without memory. The one that is offline has keys of its own choice, which its answer is for. */
static struct muster *handle(const char *state)
{
	char at[32];
	const char *const options[][2] = {
		{"state", state},
		{"products", products},
		{"host", peer_at(one, at)},
		{"timeout_ms", "3000"},
		{"hostname", "pc-7.fjord.example"},
		{"identity", identity},
	};
	size_t n = sizeof(options) / sizeof(options[0]) - (state != offline);
	struct muster *m = muster_new();
	for (size_t i = 0; m && i < n; i++) {
		if (muster_set(m, options[i][0], options[i][1])) {
			muster_free(m);
			m = NULL;
		}
	}
	if (m) {
		m->wall = hand;
		m->root = root;
	}
	return m;
}

/* Is that a reason that a fault may have? None of these accuses a file or a host of what it has not done. */
static void expect_reason(struct muster *m, int code)
{
	static const int reasons[] = {0,         E_NO_MEMORY,    E_IO,    E_STORE_FULL, E_CANNOT_CREATE,
				      E_NO_HOST, E_STATE_LOCKED, E_CLOSED};
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (code == reasons[i])
			return;
	fail_msg("%s: %s", error_name(code), muster_error_detail(m));
}

/* A call that, when it is well, makes the product held or not. */
static void promise(struct muster *m, struct promise *p, int code, bool held)
{
	expect_reason(m, code);
	p->doubtful = code != 0;
	if (!code)
		p->held = held;
}

static void compare(struct muster *m, const struct muster_status *seen, const struct muster_status *right)
{
	for (int i = 0; i < muster_status_count(seen); i++) {
		const char *product = muster_status_product(seen, i);
		int number = muster_status_error_number(seen, i);
		if (number)
			expect_reason(m, -number);
		if (!number)
			assert_string_equal(muster_status_state(seen, i),
					    muster_status_state(right, muster_status_find(right, product)));
	}
}

/* What is told of a product is so, or says why it cannot be told. */
static void look_at(struct muster *m)
{
	struct muster_status *seen = NULL;
	struct muster_status *right = NULL;
	int error = 0;
	UNDER_FAULT(error = muster_status(m, &seen));
	expect_reason(m, error);
	if (error)
		return;
	assert_int_equal(muster_status(m, &right), 0);
	assert_string_equal(muster_status_device(seen), muster_status_device(right));
	assert_int_equal(muster_status_count(seen), muster_status_count(right));
	compare(m, seen, right);
	muster_status_free(right);
	UNDER_FAULT(muster_status_free(seen));
}

/* --- the walk --- */

static void live_online(void)
{
	struct muster *m = NULL;
	int code = 0;
	long long due;
	UNDER_FAULT(m = handle(online));
	if (!m)
		return;
	look_at(m);
	UNDER_FAULT(code = muster_activate(m, "acme-cad", 0));
	promise(m, &told[CAD], code, true);
	UNDER_FAULT(code = muster_activate(m, "acme-view", 0));
	promise(m, &told[VIEW], code, true);
	UNDER_FAULT(code = muster_renew(m, "acme-cad", 0, 0));
	if (told[CAD].held)
		expect_reason(m, code);
	look_at(m);
	UNDER_FAULT(code = muster_release(m, "acme-view", 0));
	if (told[VIEW].held)
		promise(m, &told[VIEW], code, false);
	UNDER_FAULT(code = muster_next_due(m, &due));
	expect_reason(m, code);
	UNDER_FAULT(code = muster_where(m, 0));
	expect_reason(m, code);
	look_at(m);
	UNDER_FAULT(muster_free(m));
}

static void live_offline(void)
{
	struct muster *m = NULL;
	const char *text;
	int code = 0;
	UNDER_FAULT(m = handle(offline));
	if (!m)
		return;
	UNDER_FAULT(code = muster_request(m, "acme-sim", NULL, &text));
	expect_reason(m, code);
	if (!code)
		UNDER_FAULT(code = muster_bundle(m, text, NULL, &text));
	expect_reason(m, code);
	UNDER_FAULT(code = muster_import(m, answer));
	promise(m, &told[SIM], code, true);
	look_at(m);
	UNDER_FAULT(muster_free(m));
}

/* --- and what is left --- */

static void expect_promise(struct muster *m, const struct promise *p)
{
	if (!p->doubtful && strcmp(state_of(m, p->product), p->held ? "licensed" : "grace") != 0)
		fail_msg("%s: %s, and is %s", p->product, p->held ? "acknowledged" : "given back",
			 state_of(m, p->product));
}

/* The host serves one connection after the other: it is done with those before. */
static void settle(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons(one->port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	char byte;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	shutdown(fd, SHUT_WR);
	while (recv(fd, &byte, 1, 0) > 0)
		;
	close(fd);
}

static void look(void)
{
	settle();
	struct muster *m = handle(online);
	assert_non_null(m);
	expect_promise(m, &told[CAD]);
	expect_promise(m, &told[VIEW]);
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	expect(m, muster_renew(m, "acme-cad", 0, 0), 0);
	expect(m, muster_activate(m, "acme-view", 0), 0);
	expect(m, muster_release(m, "acme-view", 0), 0);
	assert_string_equal(state_of(m, "acme-cad"), "licensed");
	assert_string_equal(state_of(m, "acme-view"), "grace");
	/* Nothing was sent before it was remembered. */
	settle();
	assert_false(one->ratchet_wrong);
	muster_free(m);
	m = handle(offline);
	assert_non_null(m);
	expect_promise(m, &told[SIM]);
	expect(m, muster_import(m, answer), 0);
	assert_string_equal(state_of(m, "acme-sim"), "licensed");
	muster_free(m);
}

static void begin_anew(void)
{
	static const struct promise none[WISHES] = {
		{.product = "acme-cad"}, {.product = "acme-view"}, {.product = "acme-sim"}};
	peer_remove(online);
	peer_remove(offline);
	memcpy(told, none, sizeof(told));
	one->done = one->repeats = 0;
	one->counter = 0;
	memset(one->serials, 0, sizeof(one->serials));
}

static void live(void)
{
	live_online();
	live_offline();
}

/* Returns whether there was such a call. */
static bool round_at(const struct failing *f, long at)
{
	begin_anew();
	bool met = fail_during(f, at, live);
	look();
	return met;
}

static void every_call(enum fail_kind kind, long stride, bool for_good, int error)
{
	const struct failing nothing = {FAIL_NOTHING, false, 0};
	const struct failing f = {kind, for_good, error};
	round_at(&nothing, 0); /* what libraries keep for ever is there then */
	fail_everywhere(&f, round_at, fail_stride(stride), 100, MOST);
}

static void an_allocation_fails_once(void **unused)
{
	(void)unused;
	every_call(FAIL_MEMORY, STRIDE, false, 0);
}

static void allocations_fail_from_then_on(void **unused)
{
	(void)unused;
	every_call(FAIL_MEMORY, STRIDE, true, 0);
}

static void a_disk_fails(void **unused)
{
	(void)unused;
	every_call(FAIL_DISK, 59, false, EIO);
	every_call(FAIL_DISK, 97, true, EIO);
}

static void a_disk_is_full(void **unused)
{
	(void)unused;
	every_call(FAIL_DISK, 97, true, ENOSPC);
}

/* --- what it begins with --- */

/* The host's answer to the machine that chose its keys. */
static void make_answer(void)
{
	static struct offline_answer a;
	wire_want want = {.product = "acme-sim"};
	wire_device device;
	struct device *d = NULL;
	struct fault f;
	char *token = NULL;
	assert_int_equal(device_from_seed(identity, &d, &f), 0);
	memcpy(device.sign, d->sign_public, sizeof(device.sign));
	*peer_serial(one, want.product) = 1;
	one->made = one->now;
	peer_lease(one, &want, &device, d->fixed.public, a.lease);
	peer_head(&a.head, one->public, one->now);
	snprintf(a.request, sizeof(a.request), "r");
	memcpy(a.device, d->id, DEVICE_ID);
	memcpy(a.vendor, acme.pid, sizeof(a.vendor));
	snprintf(a.product, sizeof(a.product), "%s", want.product);
	char *certificate = peer_certificate(one);
	snprintf(a.certificate, sizeof(a.certificate), "%s", certificate);
	free(certificate);
	device_free(d);
	assert_int_equal(offline_answer_sign(&a, one->secret, &token), 0);
	assert_int_equal(armour_write(token_answer.label, token, &answer), 0);
	free(token);
}

static int begin(void **unused)
{
	static const uint8_t seed[IDENTITY] = {1, 2, 3};
	char path[300];
	start(unused);
	wall = PEER_NOW;
	mkdir(peer_path("root", root), 0755);
	snprintf(path, sizeof(path), "%s/etc", root);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/etc/machine-id", root);
	peer_write(path, "0123456789abcdef0123456789abcdef");
	peer_path("online", online);
	peer_path("offline", offline);
	FILE *file = fopen(peer_path("identity", identity), "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(seed, 1, sizeof(seed), file), sizeof(seed));
	fclose(file);
	assert_int_equal(chmod(identity, 0600), 0);
	make_answer();
	fail->no_sync = 1;
	return 0;
}

static int end(void **unused)
{
	free(answer);
	return stop(unused);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(an_allocation_fails_once, fail_say),
		cmocka_unit_test_teardown(allocations_fail_from_then_on, fail_say),
		cmocka_unit_test_teardown(a_disk_fails, fail_say),
		cmocka_unit_test_teardown(a_disk_is_full, fail_say),
	};
	return cmocka_run_group_tests_name("faults: client", tests, begin, end);
}
