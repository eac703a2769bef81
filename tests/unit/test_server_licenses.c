/* SPDX-License-Identifier: Apache-2.0 */
/* A license that is taken out, and comes again. */
#include "org.h"

#define REMOVE ((struct change){.kind = CHANGE_LICENSE_REMOVE, .license = "fjord-1"})

static void test_what_is_removed_gives_nothing_and_comes_again(void **state)
{
	struct machine m = machine(1);
	struct machine other = machine(2);
	struct change remove = REMOVE;
	(void)state;
	license_host(2);
	assert_int_equal(install_license(fixture_volume(&vendor, 2, 2)), 0);
	assert_int_equal(ask(&m, JOB_ACTIVATE, NULL), E_THRESHOLD_NOT_MET);
	assert_int_equal(ask(&other, JOB_ACTIVATE, NULL), 0);
	assert_int_equal(ask(&m, JOB_ACTIVATE, NULL), 0);
	assert_int_equal(order_many(&remove, 1, DRY_RUN), 0);
	assert_int_equal(n_effects, 1);
	assert_int_equal(effects[0].lost, 2);
	assert_int_equal(ask(&m, JOB_RENEW, NULL), 0); /* it was only asked */
	assert_int_equal(order_many(&remove, 1, CONFIRM), 0);
	assert_int_equal(audits("license.remove"), 1);
	assert_int_equal(ask(&m, JOB_RENEW, NULL), E_PRODUCT_UNKNOWN);
	assert_int_equal(order_many(&remove, 1, CONFIRM), E_NOT_FOUND);
	assert_sound();
	restart();
	assert_int_equal(ask(&m, JOB_RENEW, NULL), E_PRODUCT_UNKNOWN);
	/* An older serial, with which more may have been granted, does not come in this way. */
	assert_int_equal(install_license(fixture_volume(&vendor, 1, 2)), E_LICENSE_SERIAL_OLD);
	assert_int_equal(install_license(fixture_volume(&vendor, 2, 2)), 0);
	assert_int_equal(ask(&m, JOB_RENEW, NULL), 0);
	assert_int_equal(grant_row().u.grant.count, 2);
	assert_sound();
}

static void test_seats_are_lost_and_found(void **state)
{
	struct grant g = with_plans(org_grant("cad-users", MODEL_USER, 50), "modeler", "render");
	struct change remove = REMOVE;
	(void)state;
	org_open(&g, 1);
	add_users(30);
	for (size_t i = 0; i < 30; i++)
		must(ASSIGN(user_name(i)));
	assert_int_equal(seats_of("cad-users"), 30);
	assert_int_equal(order_many(&remove, 1, 0), E_MASS_LOSS); /* so much must be meant */
	assert_int_equal(order_many(&remove, 1, CONFIRM), 0);
	sweep();
	assert_int_equal(audits("seat.lost"), 30);
	assert_sound();
	org_license(&g, 1);
	sweep();
	sweep();
	assert_int_equal(seats_of("cad-users"), 30);
	assert_sound();
}

/* Whatever call fails: it is there, or gone as a whole. */
static void test_a_failing_store(void **state)
{
	struct change remove = REMOVE;
	(void)state;
	license_host(1);
	int tries = 0;
	int code;
	do {
		heal();
		flaky.error = E_STORE_FULL;
		flaky.fail_at = ++tries;
		code = order_many(&remove, 1, CONFIRM);
		heal();
		int64_t rows = audits("license.remove");
		assert_int_equal(rows, code == 0);
		assert_true(tries < 100);
	} while (code);
	assert_true(tries > 4);
	assert_sound();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_what_is_removed_gives_nothing_and_comes_again),
		BOTH(test_seats_are_lost_and_found),
		BOTH(test_a_failing_store),
	};
	return cmocka_run_group_tests_name("server/broker/licenses", tests, group_setup, group_teardown);
}
