/* SPDX-License-Identifier: Apache-2.0 */
/* While a machine's clock cannot be believed, its leases run by how long it was up. */
#include "client_machine.h"
#include "uptime.h"

static struct boot boot;

static struct boot hand_boot(const char *root)
{
	(void)root;
	return boot;
}

static void next_boot(const char *id, int64_t seconds)
{
	snprintf(boot.id, sizeof(boot.id), "%s", id);
	boot.seconds = seconds;
}

static void test_the_count(void **unused)
{
	struct uptime u = {0};
	struct boot first = {"first", 100};
	struct boot second = {"second", 30};
	(void)unused;
	uptime_begin(&u, &first);
	assert_int_equal(uptime_used(&u, &first), 0);
	first.seconds = 160;
	assert_int_equal(uptime_used(&u, &first), 60);
	assert_int_equal(uptime_used(&u, &second), 30); /* what was not looked at is lost */
	uptime_look(&u, &first);
	assert_int_equal(uptime_used(&u, &second), 90);
	uptime_look(&u, &second);
	second.seconds = 31;
	assert_int_equal(uptime_used(&u, &second), 91);
	second.seconds = 5; /* the same id, but less: another start all the same */
	assert_int_equal(uptime_used(&u, &second), 95);
	uptime_begin(&u, &second);
	assert_int_equal(uptime_used(&u, &second), 0);
}

static void test_this_machine(void **unused)
{
	struct boot a = uptime_read("");
	struct boot b = uptime_read("");
	(void)unused;
	assert_int_equal(strlen(a.id), BOOT_ID - 1);
	assert_string_equal(a.id, b.id);
	assert_true(a.seconds > 0 && b.seconds >= a.seconds);
	assert_string_equal(uptime_read("/nowhere").id, "");
}

/* A clock that is set back does not keep a lease alive for ever: 180 days of being up end it. */
static void test_a_lease_runs_out_by_uptime(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	long long due = -1;
	(void)unused;
	m->boot = hand_boot;
	next_boot("first", 1000);
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	wall = PEER_NOW - 100 * PEER_DAY;
	assert_string_equal(state_of(m, "acme-cad"), "licensed");
	boot.seconds += 20 * PEER_DAY;
	assert_string_equal(state_of(m, "acme-cad"), "overdue");
	/* The agent writes it down, so that a restart forgets little. */
	assert_int_equal(muster_next_due(m, &due), 0);
	assert_true(due <= UPTIME_KEEP);
	muster_free(m);
	m = machine(&dir, NULL, NULL);
	m->boot = hand_boot;
	expect(m, muster_renew(m, NULL, 1, 0), E_NO_HOST);
	next_boot("second", 150 * PEER_DAY);
	assert_string_equal(state_of(m, "acme-cad"), "overdue");
	boot.seconds += 11 * PEER_DAY;
	assert_string_equal(state_of(m, "acme-cad"), "expired");
	/* The right clock, and nothing was destroyed. */
	wall = PEER_NOW + PEER_DAY;
	assert_string_equal(state_of(m, "acme-cad"), "licensed");
	/* A host's time begins the count anew. */
	muster_free(m);
	m = machine(&dir, one, NULL);
	m->boot = hand_boot;
	one->now = PEER_NOW + 2 * PEER_DAY;
	wall = PEER_NOW - 100 * PEER_DAY;
	expect(m, muster_renew(m, "acme-cad", 0, 0), 0);
	assert_string_equal(state_of(m, "acme-cad"), "licensed");
	muster_free(m);
}

/* Nor does a clock before the product file's date keep the first grace alive, on a machine that no host ever
 * knew. */
static void test_the_first_grace_runs_out_by_uptime(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, NULL, NULL);
	(void)unused;
	m->boot = hand_boot;
	wall = PEER_NOW - 100 * PEER_DAY;
	next_boot("first", 300 * PEER_DAY); /* what was before the first call is none of ours */
	assert_string_equal(state_of(m, "acme-cad"), "grace");
	boot.seconds += 29 * PEER_DAY;
	assert_string_equal(state_of(m, "acme-cad"), "grace");
	boot.seconds += 2 * PEER_DAY;
	assert_string_equal(state_of(m, "acme-cad"), "unlicensed");
	muster_free(m);
}

/* A machine that was up for long, and loses its clock after the first call, loses nothing of its grace. */
static void test_a_lost_clock_ends_no_grace(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, NULL, NULL);
	(void)unused;
	m->boot = hand_boot;
	next_boot("first", 300 * PEER_DAY);
	assert_string_equal(state_of(m, "acme-cad"), "grace");
	wall = 0;
	boot.seconds += 29 * PEER_DAY;
	assert_string_equal(state_of(m, "acme-cad"), "grace");
	boot.seconds += 2 * PEER_DAY;
	assert_string_equal(state_of(m, "acme-cad"), "unlicensed");
	wall = PEER_NOW + 2 * PEER_DAY;
	assert_string_equal(state_of(m, "acme-cad"), "grace");
	muster_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_the_count),
		TEST(test_this_machine),
		TEST(test_a_lease_runs_out_by_uptime),
		TEST(test_the_first_grace_runs_out_by_uptime),
		TEST(test_a_lost_clock_ends_no_grace),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
