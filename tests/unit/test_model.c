/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model.h"

#define NAMES(noun, count)                                                                                   \
	static void test_names_of_##noun(void **state)                                                       \
	{                                                                                                    \
		(void)state;                                                                                 \
		for (int i = 0; i < (count); i++) {                                                          \
			enum noun back = (enum noun)((i + 1) % (count));                                     \
			assert_true(noun##_read(noun##_name((enum noun)i), &back));                          \
			assert_int_equal(back, i);                                                           \
			for (int j = 0; j < i; j++)                                                          \
				assert_string_not_equal(noun##_name((enum noun)i),                           \
							noun##_name((enum noun)j));                          \
		}                                                                                            \
		static const char *const bad[] = {"", " ", "unknown", "VOLUME", "volume ", "den"};           \
		for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {                                  \
			enum noun untouched = (enum noun)1;                                                  \
			assert_false(noun##_read(bad[i], &untouched));                                       \
			assert_int_equal(untouched, 1);                                                      \
		}                                                                                            \
	}

NAMES(model, MODEL_COUNT)
NAMES(overage, OVERAGE_COUNT)
NAMES(on_expiry, ON_EXPIRY_COUNT)
NAMES(enrol, ENROL_COUNT)

static void test_the_names_are_those_of_the_design(void **state)
{
	(void)state;
	assert_string_equal(model_name(MODEL_VOLUME), "volume");
	assert_string_equal(model_name(MODEL_POOL), "pool");
	assert_string_equal(model_name(MODEL_DEVICE), "device");
	assert_string_equal(model_name(MODEL_USER), "user");
	assert_string_equal(model_name(MODEL_SHARED), "shared");
	assert_string_equal(overage_name(OVERAGE_REPORT), "allow+report");
	assert_string_equal(on_expiry_name(ON_EXPIRY_REDUCED), "reduced");
	assert_string_equal(enrol_name(ENROL_APPROVE), "approve");
}

/* The table of DESIGN section 3. */
static void test_usual_terms(void **state)
{
	static const struct {
		enum model model;
		uint32_t lease_days, renew_minutes;
		enum on_expiry on_expiry;
		enum enrol enrol;
	} rows[] = {
		{MODEL_VOLUME, 180, 7 * 1440, ON_EXPIRY_NOTICE, ENROL_OPEN},
		{MODEL_POOL, 0, 0, ON_EXPIRY_NOTICE, ENROL_KEY},
		{MODEL_DEVICE, 90, 7 * 1440, ON_EXPIRY_REDUCED, ENROL_OPEN},
		{MODEL_USER, 30, 1440, ON_EXPIRY_REDUCED, ENROL_OPEN},
		{MODEL_SHARED, 30, 25 * 1440, ON_EXPIRY_REDUCED, ENROL_OPEN},
	};
	(void)state;
	for (size_t i = 0; i < MODEL_COUNT; i++) {
		struct grant_policy p = model_policy(rows[i].model);
		assert_int_equal(p.threshold, 1);
		assert_int_equal(p.window_days, 30);
		assert_int_equal(p.lease_days, rows[i].lease_days);
		assert_int_equal(p.renew_minutes, rows[i].renew_minutes);
		assert_int_equal(p.retry_minutes, 120);
		assert_int_equal(p.grace_days, 30);
		assert_int_equal(p.devices_per_user, 5);
		assert_int_equal(p.hardware_percent, 60);
		assert_int_equal(p.overage, OVERAGE_DENY);
		assert_int_equal(p.on_expiry, rows[i].on_expiry);
		assert_int_equal(p.enrol, rows[i].enrol);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_of_model),
		cmocka_unit_test(test_names_of_overage),
		cmocka_unit_test(test_names_of_on_expiry),
		cmocka_unit_test(test_names_of_enrol),
		cmocka_unit_test(test_the_names_are_those_of_the_design),
		cmocka_unit_test(test_usual_terms),
	};
	return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
