/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cursor.h"

static void test_reads_big_endian(void **state)
{
	static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0xff, 0xaa};
	struct reader r = reader_over(bytes, sizeof(bytes));
	(void)state;
	assert_int_equal(reader_u8(&r), 1);
	assert_int_equal(reader_u16(&r), 0x0203);
	assert_int_equal(reader_u32(&r), 0x04050607);
	assert_true(reader_u64(&r) == 0x08090a0b0c0d0e0fu);
	assert_false(reader_done(&r));
	assert_ptr_equal(reader_bytes(&r, 2), bytes + 15);
	assert_true(reader_done(&r));
	assert_ptr_equal(reader_bytes(&r, 0), bytes + sizeof(bytes));
	assert_true(reader_done(&r));
}

static void read_width(struct reader *r, size_t width)
{
	switch (width) {
	case 1:
		assert_int_equal(reader_u8(r), 0);
		break;
	case 2:
		assert_int_equal(reader_u16(r), 0);
		break;
	case 4:
		assert_int_equal(reader_u32(r), 0);
		break;
	default:
		assert_true(reader_u64(r) == 0);
	}
}

static void test_a_short_read_fails_for_good(void **state)
{
	static const uint8_t ones[8] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	(void)state;
	for (size_t width = 1; width <= 8; width *= 2) {
		for (size_t n = 0; n < width; n++) {
			struct reader r = reader_over(ones, n);
			read_width(&r, width);
			assert_true(r.failed);
			assert_false(reader_done(&r));
			/* What is left over is not handed out any more. */
			assert_int_equal(reader_u8(&r), 0);
			assert_null(reader_bytes(&r, 0));
			assert_int_equal(r.left, n);
		}
	}
}

static void test_absurd_lengths_do_not_wrap(void **state)
{
	static const uint8_t bytes[4] = {1, 2, 3, 4};
	uint8_t out[4] = {0};
	struct reader r = reader_over(bytes, sizeof(bytes));
	struct writer w = writer_over(out, sizeof(out));
	(void)state;
	assert_null(reader_bytes(&r, SIZE_MAX));
	assert_true(r.failed);
	writer_bytes(&w, bytes, SIZE_MAX);
	assert_true(w.failed);
	assert_int_equal(w.left, sizeof(out));
}

static void test_nothing_to_read(void **state)
{
	struct reader r = reader_over(NULL, 0);
	(void)state;
	assert_true(reader_done(&r));
	assert_int_equal(reader_u8(&r), 0);
	assert_false(reader_done(&r));
}

static void test_writes_big_endian(void **state)
{
	static const uint8_t want[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 'M', 'U'};
	uint8_t out[sizeof(want) + 1];
	struct writer w = writer_over(out, sizeof(want));
	(void)state;
	memset(out, 0x5a, sizeof(out));
	writer_u8(&w, 1);
	writer_u16(&w, 0x0203);
	writer_u32(&w, 0x04050607);
	writer_u64(&w, 0x08090a0b0c0d0e0fu);
	writer_bytes(&w, "MU", 2);
	writer_bytes(&w, NULL, 0);
	assert_false(w.failed);
	assert_int_equal(w.left, 0);
	assert_memory_equal(out, want, sizeof(want));
	assert_int_equal(out[sizeof(want)], 0x5a);
}

static void test_an_overrun_writes_nothing_and_stays(void **state)
{
	uint8_t out[3] = {9, 9, 9};
	struct writer w = writer_over(out, 2);
	(void)state;
	writer_u32(&w, 0x01020304);
	assert_true(w.failed);
	writer_u8(&w, 1);
	writer_bytes(&w, "x", 1);
	assert_true(w.failed);
	assert_memory_equal(out, "\x09\x09\x09", 3);
}

static void test_extremes_survive_the_way(void **state)
{
	uint8_t out[15];
	struct writer w = writer_over(out, sizeof(out));
	(void)state;
	writer_u8(&w, UINT8_MAX);
	writer_u16(&w, UINT16_MAX);
	writer_u32(&w, UINT32_MAX);
	writer_u64(&w, UINT64_MAX);
	struct reader r = reader_over(out, sizeof(out));
	assert_int_equal(reader_u8(&r), UINT8_MAX);
	assert_int_equal(reader_u16(&r), UINT16_MAX);
	assert_true(reader_u32(&r) == UINT32_MAX);
	assert_true(reader_u64(&r) == UINT64_MAX);
	assert_true(reader_done(&r));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_big_endian),
		cmocka_unit_test(test_a_short_read_fails_for_good),
		cmocka_unit_test(test_absurd_lengths_do_not_wrap),
		cmocka_unit_test(test_nothing_to_read),
		cmocka_unit_test(test_writes_big_endian),
		cmocka_unit_test(test_an_overrun_writes_nothing_and_stays),
		cmocka_unit_test(test_extremes_survive_the_way),
	};
	return cmocka_run_group_tests_name("cursor", tests, NULL, NULL);
}
