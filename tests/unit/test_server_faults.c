/* SPDX-License-Identifier: Apache-2.0 */
/* Changes and the requests of people on a store that fails at every one of its calls in turn: all of it, or
 * nothing. */
#include "org.h"

/* A host on which every kind of work below has something to do. */
struct world {
	struct machine ann;   /* signed in */
	struct machine fresh; /* not seen yet */
	struct machine pool;  /* holds a place of a pool */
	char code[KEYCODE_TEXT];
	char product_key[KEYCODE_TEXT];
	char enrol_key[KEYCODE_TEXT];
};

static struct redemption gift;

static void make_world(struct world *w)
{
	struct grant grants[] = {with_plans(org_grant("cad-users", MODEL_USER, 2), "modeler", "render"),
				 with_plans(org_grant("cad-pool", MODEL_POOL, 2), "modeler", "render"),
				 org_grant("sim-devices", MODEL_DEVICE, 2)};
	char bare[KEYCODE_KEY + 1];
	w->ann = machine(1);
	w->fresh = machine(2);
	w->pool = machine(3);
	strcpy(grants[2].product, "acme-sim");
	keycode_make(KEYCODE_KEY, w->product_key);
	assert_int_equal(keycode_read(w->product_key, KEYCODE_KEY, bare), 0);
	gift = (struct redemption){.quantity = 1};
	keycode_hash(bare, grants[0].key_salt, KEYCODE_SALT, gift.hash);
	grants[0].redemptions = &gift;
	grants[0].n_redemptions = 1;
	grants[0].redeem_from_device = true;
	org_open(grants, 3);
	must(ADD_USER("ann"));
	must(ADD_USER("bob"));
	must(ADD_USER("cyd"));
	must(ADD_GROUP("staff"));
	must(ASSIGN_GROUP("staff"));
	must(JOIN("ann", "staff"));
	must(JOIN("bob", "staff"));
	must(JOIN("cyd", "staff")); /* waits */
	must((struct change){.kind = CHANGE_GROUP_ADD, .group = "floor", .devices = true});
	must((struct change){.kind = CHANGE_ASSIGN, .device_group = "floor", .product = "acme-sim"});
	must((struct change){.kind = CHANGE_ENROL_KEY_ADD, .group = "floor"});
	memcpy(w->enrol_key, done.output, KEYCODE_TEXT);
	assert_int_equal(sign_in_fresh(&w->ann, "ann"), 0);
	assert_int_equal(ask(&w->pool, JOB_ACTIVATE, NULL), 0);
	new_code("bob", w->code);
	now += 100;
}

/* --- the work --- */

static struct job *work_orders(struct world *w)
{
	static char id[DEVICE_ID_TEXT];
	machine_text(&w->ann, id);
	const struct change all[] = {
		LEAVE("ann", "staff"), /* cyd is served */
		ASSIGN("nobody"),      /* is refused, and undoes itself */
		ADD_USER("dan"),
		JOIN("dan", "staff"),
		{.kind = CHANGE_REPLACE,
		 .group = "staff",
		 .product = "acme-cad",
		 .with = "acme-cad",
		 .plans = "render"},
		{.kind = CHANGE_USER_REMOVE, .user = "ann"},
		{.kind = CHANGE_DEVICE_FORGET, .device = id},
		{.kind = CHANGE_GROUP_REMOVE, .group = "floor", .devices = true, .force = true},
	};
	return order_job(all, sizeof(all) / sizeof(all[0]), CONFIRM);
}

static struct job *work_sign_in(struct world *w)
{
	char bare[KEYCODE_KEY + 1];
	struct job *job = request(&w->fresh, JOB_SIGN_IN, true);
	assert_int_equal(keycode_read(w->code, KEYCODE_CODE, bare), 0);
	memcpy(job->signin_code, bare, sizeof(job->signin_code));
	strcpy(job->lines[0].user, "bob");
	return job;
}

static struct job *work_sign_out(struct world *w)
{
	struct job *job = request(&w->ann, JOB_SIGN_OUT, true);
	strcpy(job->lines[0].user, "ann");
	job->lines[0].product[0] = 0;
	return job;
}

static struct job *work_redeem(struct world *w)
{
	struct job *job = request(&w->ann, JOB_REDEEM, true);
	assert_int_equal(keycode_read(w->product_key, KEYCODE_KEY, job->lines[0].key), 0);
	return job;
}

static struct job *work_enrol(struct world *w)
{
	struct job *job = request(&w->fresh, JOB_ACTIVATE, true);
	strcpy(job->lines[0].product, "acme-sim");
	assert_int_equal(keycode_read(w->enrol_key, KEYCODE_KEY, job->lines[0].key), 0);
	return job;
}

static struct job *work_hardware(struct world *w)
{
	struct job *job = request(&w->pool, JOB_ACTIVATE, true);
	job->lines[0].machine.n = 1;
	job->lines[0].machine.parts[0].kind = 2;
	job->lines[0].machine.parts[0].tag = 77;
	return job;
}

static struct job *work_sweep(struct world *w)
{
	(void)w;
	now += 120 * (int64_t)DAY; /* devices are stale, counters old, leases over */
	return job_new(JOB_SWEEP, 0);
}

static const struct {
	const char *name;
	struct job *(*make)(struct world *);
	int least; /* calls that may fail */
} works[] = {
	{"orders", work_orders, 40}, {"sign in", work_sign_in, 6}, {"sign out", work_sign_out, 5},
	{"redeem", work_redeem, 6},  {"enrol", work_enrol, 8},     {"hardware", work_hardware, 4},
	{"sweep", work_sweep, 3},
};

#define WORKS (sizeof(works) / sizeof(works[0]))

/* What a whole run changes besides what is random or a mere counter. */
static void judge(const struct job *job, int error, struct store_hash before, bool failed)
{
	assert_sound();
	if (!failed)
		return;
	/* A single job that met a fault says so, and nothing of it is there. */
	assert_int_equal(job->code, error);
	assert_same_store(before);
	for (size_t i = 0; i < job->n_lines; i++) {
		assert_null(job->lines[i].lease);
		assert_null(job->lines[i].certificate);
	}
}

/* Returns whether the fault was met. */
static bool run_with_fault(const char *backend, size_t work, int error, int at, int page)
{
	struct world w;
	open_host(backend);
	make_world(&w);
	struct job *job = works[work].make(&w);
	assert_non_null(job);
	struct store_hash before = hash_store();
	heal();
	flaky.error = error;
	flaky.fail_at = at;
	flaky.for_good = true; /* also when the job is tried again by itself */
	flaky.pages_to_pass = page > 0 ? page - 1 : 0;
	flaky.pages_to_fail = page > 0 ? 1 : 0;
	run(job);
	bool failed = at ? flaky.failures > 0 : flaky.pages_to_fail == 0;
	heal();
	judge(job, error, before, failed);
	for (size_t i = 0; job->orders && !failed && i < job->orders->n; i++)
		assert_int_equal(job->orders->changes[i].code, i == 1 ? E_NOT_FOUND : 0);
	job_free(job);
	if (failed) { /* healed, the same succeeds */
		assert_same_store(before);
		atomic_store(&broker.fatal, 0);
		job = works[work].make(&w);
		run(job);
		if (job->code)
			print_error("%s: %s\n", works[work].name, error_name(job->code));
		assert_int_equal(job->code, 0);
		job_free(job);
		assert_sound();
	}
	close_host();
	return failed;
}

static void test_a_fault_at_every_change(void **state)
{
	static const int errors[] = {E_STORE_FULL, E_INTERNAL};
	close_host();
	for (size_t work = 0; work < WORKS; work++) {
		for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
			int at = 1;
			while (at < 400 && run_with_fault(*state, work, errors[i], at, 0))
				at++;
			if (at <= works[work].least || at >= 400)
				print_error("%s: %d calls\n", works[work].name, at - 1);
			assert_true(at > works[work].least && at < 400);
		}
	}
	open_host(*state);
}

static void test_a_fault_at_every_listing(void **state)
{
	close_host();
	for (size_t work = 0; work < WORKS; work++) {
		int page = 1;
		while (page < 400 && run_with_fault(*state, work, E_STORE_IO, 0, page))
			page++;
		assert_true(page > 1 && page < 400);
	}
	open_host(*state);
}

/* A batch of all of it, in which one change cannot be made: the others are, each by itself. */
static void test_one_poisoned_job_spoils_no_other(void **state)
{
	struct world w;
	(void)state;
	make_world(&w);
	struct job *jobs[] = {work_sign_out(&w), work_sign_in(&w), work_redeem(&w), work_orders(&w)};
	jobs[2]->shown.counter = 0;    /* ann's second request in one batch, */
	jobs[2]->greeted = ULLONG_MAX; /* and not a late one */
	heal();
	flaky.error = E_NO_MEMORY;
	flaky.fail_at = 12;
	broker_run(&broker, jobs, 4, now);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(jobs[i]->code, 0);
		job_free(jobs[i]);
	}
	heal();
	assert_sound();
	assert_int_equal(records(RECORD_REDEEMED), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		{"memory:test_a_fault_at_every_change", test_a_fault_at_every_change, setup, teardown,
		 (void *)memory_name},
		{"memory:test_a_fault_at_every_listing", test_a_fault_at_every_listing, setup, teardown,
		 (void *)memory_name},
		BOTH(test_one_poisoned_job_spoils_no_other),
	};
	return cmocka_run_group_tests_name("server/broker: faults", tests, group_setup, group_teardown);
}
