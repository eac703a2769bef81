/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The public calls when something is wrong: foreign organisations, lost answers, bad leases, edited files,
 * wrong clocks. Against in-process hosts, from end to end.
 */
#include "client_machine.h"

/* --- organisation --- */

static void organisation_is_pinned(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	char at[32];
	(void)unused;
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	muster_set(m, "host", NULL);
	muster_set(m, "host", peer_at(two, at));
	two->org = "tind";
	expect(m, muster_activate(m, "acme-sim", 0), E_NO_HOST);
	assert_non_null(strstr(muster_error_detail(m), "WRONG_ORG"));
	assert_int_equal(two->requests, 0);
	/* A real move. */
	assert_int_equal(muster_set(m, "org", "tind"), 0);
	expect(m, muster_activate(m, "acme-sim", 0), 0);
	assert_int_equal(muster_set(m, "org", NULL), 0);
	expect(m, muster_renew(m, "acme-sim", 0, 0), 0);
	/* Pinned before the first activation. */
	muster_free(m);
	memset(&dir, 0, sizeof(dir));
	m = machine(&dir, two, NULL);
	assert_int_equal(muster_set(m, "org", "fjord"), 0);
	expect(m, muster_activate(m, "acme-cad", 0), E_NO_HOST);
	muster_free(m);
}

/* --- exactly once --- */

static void lost_answer_is_asked_for_again(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	uint8_t token[16];
	(void)unused;
	one->mode = PEER_LOSE;
	expect(m, muster_activate(m, "acme-cad", 0), E_NO_HOST);
	memcpy(token, one->token, 16);
	assert_int_equal(one->done, 1);
	muster_free(m); /* the process ends, the machine restarts */
	m = machine(&dir, one, NULL);
	one->mode = PEER_SERVE;
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	assert_int_equal(one->done, 1);
	assert_int_equal(one->repeats, 1);
	assert_memory_equal(peer_once(&one->last)->token, token, 16);
	/* Answered: the next one is new. */
	expect(m, muster_renew(m, "acme-cad", 0, 0), 0);
	assert_int_equal(one->done, 2);
	assert_int_equal(one->repeats, 1);
	assert_false(one->ratchet_wrong);
	muster_free(m);
}

/* What was left unanswered is settled before anything else is asked, on the same connection. */
static void older_call_is_settled_first(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	(void)unused;
	one->mode = PEER_LOSE;
	expect(m, muster_activate(m, "acme-cad", 0), E_NO_HOST);
	one->mode = PEER_SERVE;
	int connections = one->connections;
	expect(m, muster_activate(m, "acme-sim", 0), 0);
	assert_int_equal(one->connections, connections + 1);
	assert_int_equal(one->repeats, 1);
	assert_int_equal(one->done, 2);
	assert_false(one->ratchet_wrong);
	assert_string_equal(state_of(m, "acme-cad"), "licensed");
	assert_string_equal(state_of(m, "acme-sim"), "licensed");
	/* Another machine's ledger has nothing to do with it. */
	one->mode = PEER_LOSE;
	expect(m, muster_renew(m, "acme-cad", 0, 0), E_NO_HOST);
	muster_free(m);
	m = machine(&dir, two, NULL);
	expect(m, muster_renew(m, "acme-cad", 0, 0), 0);
	assert_int_equal(two->repeats, 0);
	muster_free(m);
}

/* The host did what was asked, its answer was lost, and the repeat is refused for a reason of the moment: the
 * token is not used up, or the next request would look like a copy's. */
static void refused_repeat_is_repeated_again(void **unused)
{
	static const int codes[] = {E_CLOCK_UNSAFE, E_HOST_RETIRED, E_STORE_FULL, E_STORE_UNKNOWN, E_RETRY};
	(void)unused;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		struct machine_dir dir = {0};
		fresh(NULL);
		struct muster *m = machine(&dir, one, NULL);
		expect(m, muster_activate(m, "acme-cad", 0), 0);
		one->mode = PEER_LOSE;
		expect(m, muster_renew(m, "acme-cad", 0, 0), E_NO_HOST);
		one->mode = PEER_SERVE;
		one->call_code = codes[i];
		assert_true(muster_renew(m, "acme-cad", 0, 0) != 0);
		one->call_code = 0;
		expect(m, muster_renew(m, "acme-cad", 0, 0), 0);
		assert_int_equal(one->repeats, 1);
		assert_int_equal(one->done, 2);
		assert_false(one->ratchet_wrong);
		muster_free(m);
	}
}

/* When the host sees a request, its token is on the machine's disk already. */
static void token_is_durable_before_it_is_sent(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	struct device *device;
	struct state *s = malloc(sizeof(*s));
	struct fault f;
	char path[512];
	(void)unused;
	state_file(&dir, "state.json", path);
	one->watch = path;
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	assert_non_null(one->watched);
	assert_int_equal(device_load(dir.path, &device, &f), 0);
	assert_int_equal(state_read(one->watched, one->watched_n, device->mac_key, s), 0);
	assert_int_equal(s->n_ledgers, 1);
	assert_true(s->ledgers[0].pending);
	assert_memory_equal(s->ledgers[0].token, one->token, 16);
	assert_string_equal(s->ledgers[0].call.wants[0].product, "acme-cad");
	free(one->watched);
	/* And once the answer is kept, it is gone. */
	assert_int_equal(state_load(dir.path, device, 0, s, &f), 0);
	assert_false(s->ledgers[0].pending);
	assert_int_equal(s->ledgers[0].counter, 1);
	device_free(device);
	free(s);
	muster_free(m);
}

/* A disk that takes nothing: nothing is sent either. */
static void nothing_is_sent_that_is_not_kept(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	char path[512];
	(void)unused;
	assert_string_equal(state_of(m, "acme-cad"), "grace");
	state_file(&dir, "state.json", path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	int error = muster_activate(m, "acme-cad", 0);
	assert_true(error == E_INSECURE || error == E_IO || error == E_CANNOT_CREATE);
	assert_int_equal(one->requests, 0);
	muster_free(m);
}

/* --- leases that do not hold --- */

static void bad_leases(void **unused)
{
	static const struct {
		int alter;
		bool foreign;
		int code;
	} rows[] = {
		{1, false, E_WRONG_PRODUCT},
		{2, false, E_SIGNATURE_INVALID},
		{3, false, E_WRONG_DEVICE},
		{0, true, E_WRONG_HOST},
	};
	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct machine_dir dir = {0};
		char path[512];
		fresh(NULL);
		struct muster *m = machine(&dir, one, NULL);
		one->alter = rows[i].alter;
		one->foreign_certificate = rows[i].foreign;
		expect(m, muster_activate(m, "acme-cad", 0), rows[i].code);
		assert_string_equal(state_of(m, "acme-cad"), "grace");
		state_file(&dir, "leases/acme-cad.lease", path);
		assert_int_equal(access(path, F_OK), -1);
		/* It is the host's fault, so another host is asked. */
		muster_free(m);
		memset(&dir, 0, sizeof(dir));
		one->done = 0;
		one->counter = 0;
		m = machine(&dir, one, two);
		expect(m, muster_activate(m, "acme-cad", 0), 0);
		assert_int_equal(two->requests, 1);
		muster_free(m);
	}
}

static void older_lease_is_refused(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	(void)unused;
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	expect(m, muster_renew(m, "acme-cad", 0, 0), 0);
	one->alter = 4;
	one->now += PEER_DAY;
	long long expires = expires_of(m, "acme-cad");
	expect(m, muster_renew(m, "acme-cad", 0, 0), E_LEDGER_MISMATCH);
	assert_true(expires_of(m, "acme-cad") == expires);
	muster_free(m);
}

/* --- tampering --- */

static void edit(const char *path, size_t at)
{
	char *text;
	size_t n;
	assert_int_equal(file_read(path, 1 << 20, &text, &n), 0);
	text[at < n ? at : n / 2] ^= 1;
	FILE *file = fopen(path, "wb");
	assert_int_equal(fwrite(text, 1, n, file), n);
	fclose(file);
	free(text);
}

static void edited_state(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	char path[512];
	(void)unused;
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	state_file(&dir, "state.json", path);
	edit(path, 100);
	assert_string_equal(state_of(m, "acme-cad"), "tampered");
	expect(m, muster_renew(m, NULL, 1, 0), E_STATE_TAMPERED);
	expect(m, muster_release(m, "acme-cad", 0), E_STATE_TAMPERED);
	/* No new grace, and no lease from before, without a host. */
	muster_free(m);
	m = machine(&dir, NULL, NULL);
	expect(m, muster_activate(m, "acme-cad", 0), E_NO_HOST);
	assert_string_equal(state_of(m, "acme-cad"), "tampered");
	assert_string_equal(state_of(m, "acme-sim"), "tampered");
	/* Nor is the trusted time lost: the lease knows it. */
	struct muster_status *s;
	wall = PEER_NOW - 5 * PEER_DAY;
	assert_int_equal(muster_status(m, &s), 0);
	assert_int_equal(muster_status_clock_suspect(s), 1);
	muster_status_free(s);
	wall = PEER_NOW;
	/* The pin is had from the lease: another organisation cannot use the occasion. */
	muster_free(m);
	two->org = "tind";
	m = machine(&dir, two, NULL);
	expect(m, muster_activate(m, "acme-cad", 0), E_NO_HOST);
	assert_non_null(strstr(muster_error_detail(m), "WRONG_ORG"));
	muster_free(m);
	m = machine(&dir, one, NULL);
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	assert_string_equal(state_of(m, "acme-cad"), "licensed");
	assert_int_equal(one->last.call.activate.wants[0].lease_serial, 1);
	muster_free(m);
}

static void edited_lease(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	struct muster_status *s;
	char path[512];
	char *old;
	size_t n;
	(void)unused;
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	state_file(&dir, "leases/acme-cad.lease", path);
	assert_int_equal(file_read(path, 1 << 20, &old, &n), 0);
	edit(path, 200);
	assert_int_equal(muster_status(m, &s), 0);
	int i = muster_status_find(s, "acme-cad");
	assert_string_equal(muster_status_state(s, i), "tampered");
	assert_string_equal(muster_status_error_name(s, i), "STATE_TAMPERED");
	assert_int_equal(muster_status_exit(s, i), 1);
	muster_status_free(s);
	/* A renewal mends it: the host vouches for the new lease. */
	expect(m, muster_renew(m, NULL, 1, 0), 0);
	assert_string_equal(state_of(m, "acme-cad"), "licensed");
	/* An older lease, genuine as it is, is not the one that the state knows. */
	peer_write(path, old);
	free(old);
	assert_string_equal(state_of(m, "acme-cad"), "tampered");
	assert_int_equal(unlink(path), 0);
	assert_string_equal(state_of(m, "acme-cad"), "tampered");
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	assert_string_equal(state_of(m, "acme-cad"), "licensed");
	muster_free(m);
}

/* A state file that was lost is made again from the leases: they are renewed, and the mark and the pin hold.
 */
static void lost_state(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	char path[512];
	long long due = -1;
	(void)unused;
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	state_file(&dir, "state.json", path);
	assert_int_equal(unlink(path), 0);
	assert_string_equal(state_of(m, "acme-cad"), "licensed");
	wall = one->now = PEER_NOW + 8 * PEER_DAY;
	assert_int_equal(muster_next_due(m, &due), 0);
	assert_int_equal(due, 0);
	assert_int_equal(unlink(path), 0);
	expect(m, muster_renew(m, NULL, 1, 0), 0);
	assert_int_equal(one->last.call.renew.wants[0].lease_serial, 1);
	assert_string_equal(state_of(m, "acme-cad"), "licensed");
	assert_int_equal(unlink(path), 0);
	two->org = "tind";
	muster_free(m);
	m = machine(&dir, two, NULL);
	expect(m, muster_renew(m, "acme-cad", 0, 0), E_NO_HOST);
	assert_non_null(strstr(muster_error_detail(m), "WRONG_ORG"));
	muster_free(m);
}

static void damaged_key(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	struct muster_status *s;
	char path[512];
	(void)unused;
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	state_file(&dir, "device.key", path);
	edit(path, 2);
	assert_int_equal(muster_status(m, &s), 0);
	assert_string_equal(muster_status_device(s), "");
	assert_string_equal(muster_status_state(s, muster_status_find(s, "acme-cad")), "tampered");
	muster_status_free(s);
	expect(m, muster_renew(m, NULL, 1, 0), E_STATE_TAMPERED);
	one->done = 0; /* it will be another device */
	one->counter = 0;
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	assert_string_equal(state_of(m, "acme-cad"), "licensed");
	muster_free(m);
}

/* --- clocks (promise 3) --- */

static void clock_jumps(void **unused)
{
	static const int64_t jumps[] = {-400, -180, -2, 2, 170, 500, 4000};
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	(void)unused;
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
		struct muster_status *s;
		bool far = jumps[i] < -1 || jumps[i] > 400;
		wall = PEER_NOW + jumps[i] * PEER_DAY;
		assert_int_equal(muster_status(m, &s), 0);
		int index = muster_status_find(s, "acme-cad");
		assert_int_equal(muster_status_clock_suspect(s), far);
		assert_string_equal(muster_status_error_name(s, index), far ? "CLOCK_SUSPECT" : "");
		/* Far off, the trusted mark judges; near, the clock does. */
		assert_string_equal(muster_status_state(s, index), jumps[i] == 170 ? "overdue" : "licensed");
		muster_status_free(s);
		/* It is served all the same. */
		expect(m, muster_renew(m, "acme-cad", 0, 0), 0);
	}
	/* A year of wrong clock later the machine is right again, and nothing was lost. */
	wall = one->now = PEER_NOW + 100 * PEER_DAY;
	expect(m, muster_renew(m, "acme-cad", 0, 0), 0);
	assert_string_equal(state_of(m, "acme-cad"), "licensed");
	muster_free(m);
}

/* A host that was far ahead when it began has dated leases in the future, until somebody set its clock: its
 * machines are right again with their next contact. */
static void a_host_was_ahead(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	struct muster_status *s;
	(void)unused;
	wall = PEER_NOW;
	one->now = PEER_NOW + 300 * PEER_DAY;
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	assert_string_equal(state_of(m, "acme-cad"), "licensed"); /* by the host's time */
	one->now = PEER_NOW;
	expect(m, muster_renew(m, "acme-cad", 0, 0), 0);
	assert_int_equal(muster_status(m, &s), 0);
	assert_string_equal(muster_status_state(s, muster_status_find(s, "acme-cad")), "licensed");
	assert_false(muster_status_clock_suspect(s));
	muster_status_free(s);
	assert_true(expires_of(m, "acme-cad") == PEER_NOW + 180 * PEER_DAY);
	muster_free(m);
}

/* A machine that never had a right clock (no battery) is served: the product file says that it cannot be
 * 1970. */
static void first_contact_with_a_dead_clock(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	(void)unused;
	wall = 1000;
	one->nbf = PEER_NOW - 30 * PEER_DAY;
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	assert_string_equal(state_of(m, "acme-cad"), "licensed");
	assert_true(expires_of(m, "acme-cad") == PEER_NOW + 180 * PEER_DAY);
	muster_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(organisation_is_pinned),
		TEST(lost_answer_is_asked_for_again),
		TEST(older_call_is_settled_first),
		TEST(refused_repeat_is_repeated_again),
		TEST(token_is_durable_before_it_is_sent),
		TEST(nothing_is_sent_that_is_not_kept),
		TEST(bad_leases),
		TEST(older_lease_is_refused),
		TEST(edited_state),
		TEST(edited_lease),
		TEST(lost_state),
		TEST(damaged_key),
		TEST(clock_jumps),
		TEST(first_contact_with_a_dead_clock),
		TEST(a_host_was_ahead),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
