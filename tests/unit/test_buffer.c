/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "buffer.h"
#include "error.h"

/* Let an absurd realloc fail under the sanitizer as it does without it. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

static void test_holds_no_memory_at_first(void **state)
{
	struct buffer b;
	(void)state;
	buffer_init(&b, 100);
	assert_null(b.bytes);
	assert_int_equal(b.used, 0);
	assert_int_equal(buffer_append(&b, "", 0), 0);
	assert_null(b.bytes);
	buffer_fini(&b);
	buffer_wipe(&b);
	assert_int_equal(b.max, 100);
}

static void test_grows_to_its_maximum_and_no_further(void **state)
{
	struct buffer b;
	uint8_t *at = NULL;
	(void)state;
	for (size_t max = 0; max < 1200; max += 37) {
		buffer_init(&b, max);
		for (size_t i = 0; i < max; i++)
			assert_int_equal(buffer_append(&b, &(uint8_t){(uint8_t)i}, 1), 0);
		assert_int_equal(b.used, max);
		assert_true(b.room <= max);
		assert_int_equal(buffer_append(&b, "x", 1), E_TOO_LARGE);
		assert_int_equal(buffer_extend(&b, 1, &at), E_TOO_LARGE);
		assert_null(at);
		assert_int_equal(b.used, max);
		for (size_t i = 0; i < max; i++)
			assert_int_equal(b.bytes[i], (uint8_t)i);
		buffer_fini(&b);
		assert_int_equal(b.used, 0);
	}
}

static void test_a_refused_append_changes_nothing(void **state)
{
	struct buffer b;
	(void)state;
	buffer_init(&b, 8);
	assert_int_equal(buffer_append(&b, "12345", 5), 0);
	assert_int_equal(buffer_append(&b, "6789", 4), E_TOO_LARGE);
	assert_int_equal(buffer_append(&b, "?", SIZE_MAX), E_TOO_LARGE);
	assert_int_equal(b.used, 5);
	assert_memory_equal(b.bytes, "12345", 5);
	assert_int_equal(buffer_append(&b, "678", 3), 0);
	assert_memory_equal(b.bytes, "12345678", 8);
	buffer_fini(&b);
}

static void test_no_memory_is_told(void **state)
{
	struct buffer b;
	uint8_t *at = NULL;
	(void)state;
	buffer_init(&b, SIZE_MAX / 2);
	assert_int_equal(buffer_append(&b, "kept", 4), 0);
	assert_int_equal(buffer_extend(&b, SIZE_MAX / 4, &at), E_NO_MEMORY);
	assert_null(at);
	assert_int_equal(b.used, 4);
	assert_memory_equal(b.bytes, "kept", 4);
	buffer_fini(&b);
}

static void test_drop_moves_the_rest_to_the_front(void **state)
{
	struct buffer b;
	(void)state;
	buffer_init(&b, 16);
	assert_int_equal(buffer_append(&b, "abcdef", 6), 0);
	buffer_drop(&b, 0);
	assert_memory_equal(b.bytes, "abcdef", 6);
	buffer_drop(&b, 2);
	assert_int_equal(b.used, 4);
	assert_memory_equal(b.bytes, "cdef", 4);
	buffer_drop(&b, 4);
	assert_int_equal(b.used, 0);
	assert_null(b.bytes); /* an idle connection holds none */
	assert_int_equal(buffer_append(&b, "0123456789abcdef", 16), 0);
	buffer_wipe(&b);
	assert_null(b.bytes);
}

static void test_drop_of_nothing_is_harmless(void **state)
{
	struct buffer b;
	(void)state;
	buffer_init(&b, 16);
	buffer_drop(&b, 0);
	assert_null(b.bytes);
	assert_int_equal(b.max, 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_holds_no_memory_at_first),
		cmocka_unit_test(test_grows_to_its_maximum_and_no_further),
		cmocka_unit_test(test_a_refused_append_changes_nothing),
		cmocka_unit_test(test_no_memory_is_told),
		cmocka_unit_test(test_drop_moves_the_rest_to_the_front),
		cmocka_unit_test(test_drop_of_nothing_is_harmless),
	};
	return cmocka_run_group_tests_name("buffer", tests, NULL, NULL);
}
