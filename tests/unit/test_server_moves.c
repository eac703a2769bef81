/* SPDX-License-Identifier: Apache-2.0 */
/* A machine whose product is served by another grant than before: its serial rises, and it is counted once.
 */
#include "host.h"

/* A license with a volume grant, a device grant and a user grant of one product. */
static void license_three(void)
{
	struct product product = fixture_product();
	struct grant grants[3] = {fixture_grant("volume", 1), fixture_grant("devices", 1),
				  fixture_grant("users", 1)};
	grants[1].model = MODEL_DEVICE;
	grants[1].policy = model_policy(MODEL_DEVICE);
	grants[2].model = MODEL_USER;
	grants[2].policy = model_policy(MODEL_USER);
	grants[1].quantity = grants[2].quantity = 2;
	struct license l = fixture_license(&vendor, 1, grants, 3, &product, 1);
	certify();
	assert_int_equal(install_license(fixture_license_token(&vendor, &l)), 0);
}

static struct job *order(const struct change *changes, size_t n)
{
	struct job *job = job_new(JOB_CHANGE, 0);
	assert_non_null(job);
	job->orders = orders_new(n, 1);
	assert_non_null(job->orders);
	memcpy(job->orders->changes, changes, n * sizeof(*changes));
	strcpy(job->actor, "uid:0");
	run(job);
	assert_int_equal(job->code, 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(job->orders->changes[i].code, 0);
	return job;
}

static void change(struct change c)
{
	job_free(order(&c, 1));
}

static int64_t serial_of(struct machine *m, enum job_kind kind, const char *user, const char *code,
			 int64_t shown, const char *grant)
{
	struct job *job = request(m, kind, true);
	struct lease lease;
	snprintf(job->lines[0].user, sizeof(job->lines[0].user), "%s", user);
	job->lines[0].lease_serial = shown;
	if (code)
		assert_int_equal(keycode_read(code, KEYCODE_CODE, job->lines[0].key), 0);
	memcpy(job->signin_code, job->lines[0].key, sizeof(job->signin_code));
	job->lines[0].key[0] = 0;
	run(job);
	learn(m, job);
	assert_lease(job, 0, "acme-cad", &lease);
	assert_string_equal(lease.grant, grant);
	assert_string_equal(lease.user, user);
	job_free(job);
	return lease.serial;
}

static int64_t active_of(const char *grant)
{
	struct catalog_grant g;
	struct row row = {0};
	assert_true(catalog_grant_named(&broker.catalog, NULL, grant, &g));
	struct listing l = {.kind = LIST_GRANT, .now = now, .after = {catalog_number(&g) - 1}, .limit = 1};
	assert_int_equal(store_page(flaky.inner, &l, take_grant, &row), 0);
	return row.u.grant.active;
}

static void test_from_volume_to_a_seat_and_back(void **state)
{
	struct machine m = machine(1);
	char id[DEVICE_ID_TEXT];
	(void)state;
	license_three();
	device_id_write(m.id, id);
	assert_int_equal(serial_of(&m, JOB_ACTIVATE, "", NULL, 0, "volume"), 1);
	assert_int_equal(serial_of(&m, JOB_RENEW, "", NULL, 1, "volume"), 2);
	change((struct change){.kind = CHANGE_ASSIGN, .device = id, .product = "acme-cad"});
	assert_int_equal(serial_of(&m, JOB_RENEW, "", NULL, 2, "devices"), 3);
	assert_int_equal(active_of("volume"), 0);
	assert_int_equal(active_of("devices"), 1);
	assert_int_equal(audits("activation.moved"), 1);
	change((struct change){.kind = CHANGE_UNASSIGN, .device = id, .product = "acme-cad"});
	assert_int_equal(serial_of(&m, JOB_RENEW, "", NULL, 3, "volume"), 4);
	assert_int_equal(active_of("devices"), 0);
	assert_sound();
}

static void test_another_user_on_the_same_device(void **state)
{
	struct machine m = machine(1);
	char codes[2][KEYCODE_TEXT];
	static const char *const users[] = {"kari", "ola"};
	(void)state;
	license_three();
	for (size_t i = 0; i < 2; i++) {
		change((struct change){.kind = CHANGE_USER_ADD, .user = users[i]});
		change((struct change){.kind = CHANGE_ASSIGN, .user = users[i], .product = "acme-cad"});
		struct change code = {.kind = CHANGE_SIGNIN_CODE, .user = users[i]};
		struct job *job = order(&code, 1);
		memcpy(codes[i], job->orders->changes[0].output, KEYCODE_TEXT);
		job_free(job);
	}
	assert_int_equal(serial_of(&m, JOB_SIGN_IN, "kari", codes[0], 0, "users"), 1);
	assert_int_equal(serial_of(&m, JOB_RENEW, "kari", NULL, 1, "users"), 2);
	/* The machine shows the lease that it holds, so that the next user's is newer. */
	assert_int_equal(serial_of(&m, JOB_SIGN_IN, "ola", codes[1], 2, "users"), 3);
	assert_int_equal(serial_of(&m, JOB_RENEW, "kari", NULL, 3, "users"), 4);
	assert_int_equal(active_of("users"), 2);
	assert_sound();
}

/* A serial that no host has given says nothing. */
static void test_an_unbelievable_serial(void **state)
{
	struct machine m = machine(1);
	(void)state;
	license_three();
	assert_int_equal(serial_of(&m, JOB_ACTIVATE, "", NULL, INT64_MAX, "volume"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_from_volume_to_a_seat_and_back),
		BOTH(test_another_user_on_the_same_device),
		BOTH(test_an_unbelievable_serial),
	};
	return cmocka_run_group_tests_name("moves", tests, group_setup, group_teardown);
}
