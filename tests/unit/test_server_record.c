/* SPDX-License-Identifier: Apache-2.0 */
/* Records as their table describes them. */
#include "fixture.h"

#include "record.h"

static void test_every_field_is_set_and_read(void **state)
{
	(void)state;
	for (int kind = 0; kind < RECORD_KINDS; kind++) {
		struct record r = {.kind = (enum record_kind)kind};
		size_t n;
		const struct record_field *f = record_fields(r.kind, &n);
		assert_true(n > 0 && n <= 32); /* a bit for each */
		assert_true(strlen(record_name(r.kind)) > 0);
		for (size_t i = 0; i < n; i++) {
			if (f[i].type == FIELD_INT)
				record_set_int(&r, &f[i], 1000 + (int64_t)i);
			else if (f[i].type == FIELD_TEXT)
				record_set_text(&r, &f[i], f[i].name);
			else
				record_set_bytes(&r, &f[i], (struct bytes){f[i].name, i});
		}
		for (size_t i = 0; i < n; i++) {
			if (f[i].type == FIELD_INT)
				assert_int_equal(record_int(&r, &f[i]), 1000 + i);
			else if (f[i].type == FIELD_TEXT)
				assert_ptr_equal(record_text(&r, &f[i]), f[i].name);
			else
				assert_int_equal(record_bytes(&r, &f[i]).n, i);
		}
	}
}

static void test_names_and_fields_differ(void **state)
{
	(void)state;
	for (int a = 0; a < RECORD_KINDS; a++) {
		size_t n;
		const struct record_field *f = record_fields((enum record_kind)a, &n);
		for (int b = 0; b < a; b++)
			assert_string_not_equal(record_name((enum record_kind)a),
						record_name((enum record_kind)b));
		for (size_t i = 0; i < n; i++)
			for (size_t j = 0; j < i; j++)
				assert_true(strcmp(f[i].name, f[j].name) != 0 && f[i].at != f[j].at);
	}
}

static void test_places_of_fields(void **state)
{
	size_t n;
	const struct record_field *f = record_fields(RECORD_ASSIGNMENT, &n);
	(void)state;
	assert_int_equal(n, BY_assignment_COUNT);
	assert_string_equal(f[BY_assignment_product].name, "product");
	assert_int_equal(BY(assignment, kind) | BY(assignment, subject), 3);
}

static void test_a_copy_owns_its_texts(void **state)
{
	char name[] = "ann@example";
	char display[] = "Ann";
	struct record_copy copy;
	struct record r = {.kind = RECORD_USER,
			   .num = 5,
			   .u.user = {.name = name, .display = display, .guest = 1, .created = 9}};
	(void)state;
	assert_true(record_copy(&r, &copy));
	name[0] = display[0] = 'X';
	assert_string_equal(copy.record.u.user.name, "ann@example");
	assert_string_equal(copy.record.u.user.display, "Ann");
	assert_int_equal(copy.record.num, 5);
	assert_int_equal(copy.record.u.user.guest, 1);
	assert_int_equal(copy.record.u.user.created, 9);
}

static void test_a_copy_owns_its_bytes(void **state)
{
	uint8_t hash[32] = {1, 2, 3};
	struct record_copy copy;
	struct record r = {.kind = RECORD_REDEEMED,
			   .u.redeemed = {.hash = {hash, sizeof(hash)}, .quantity = 4}};
	(void)state;
	assert_true(record_copy(&r, &copy));
	hash[0] = 9;
	assert_int_equal(copy.record.u.redeemed.hash.n, 32);
	assert_int_equal(((const uint8_t *)copy.record.u.redeemed.hash.at)[0], 1);
	r.u.redeemed.hash = (struct bytes){NULL, 0};
	assert_true(record_copy(&r, &copy));
	assert_int_equal(copy.record.u.redeemed.hash.n, 0);
}

static void test_what_is_too_large_is_not_copied(void **state)
{
	char text[RECORD_ROOM + 2];
	struct record_copy copy;
	struct record r = {.kind = RECORD_USER, .u.user = {.name = text, .display = ""}};
	(void)state;
	memset(text, 'x', sizeof(text));
	text[RECORD_ROOM - 2] = 0; /* with its NUL, and that of the other */
	assert_true(record_copy(&r, &copy));
	assert_int_equal(strlen(copy.record.u.user.name), RECORD_ROOM - 2);
	text[RECORD_ROOM - 2] = 'x';
	text[RECORD_ROOM - 1] = 0;
	assert_false(record_copy(&r, &copy));
}

/* The longest that the domain allows fits: 16 plans of 63 characters, and what else an assignment has. */
static void test_the_largest_assignment_fits(void **state)
{
	char plans[LIMIT_PLANS * (LIMIT_ID + 1)];
	char product[LIMIT_ID + 1] = "";
	struct record_copy copy;
	struct record r = {.kind = RECORD_ASSIGNMENT, .u.assignment = {.plans = plans, .product = product}};
	(void)state;
	memset(plans, 'p', sizeof(plans) - 1);
	plans[sizeof(plans) - 1] = 0;
	memset(product, 'q', LIMIT_ID);
	assert_true(record_copy(&r, &copy));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_field_is_set_and_read),
		cmocka_unit_test(test_names_and_fields_differ),
		cmocka_unit_test(test_places_of_fields),
		cmocka_unit_test(test_a_copy_owns_its_texts),
		cmocka_unit_test(test_a_copy_owns_its_bytes),
		cmocka_unit_test(test_what_is_too_large_is_not_copied),
		cmocka_unit_test(test_the_largest_assignment_fits),
	};
	return cmocka_run_group_tests_name("server/domain/record", tests, NULL, NULL);
}
