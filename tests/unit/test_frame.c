/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "error.h"
#include "frame.h"

#define TRANSPORT_LAST 19 /* errors.def: the block of the transport */

static void test_the_preamble_is_eight_known_bytes(void **state)
{
	uint8_t out[LIMIT_PREAMBLE];
	struct preamble p;
	(void)state;
	preamble_write(FRAME_HANDSHAKE, out);
	assert_memory_equal(out, "MUST\x01\x01\x01\x00", 8);
	assert_int_equal(preamble_read(out, &p), 0);
	assert_int_equal(p.lowest, 1);
	assert_int_equal(p.highest, 1);
	assert_int_equal(p.type, FRAME_HANDSHAKE);
	preamble_write(FRAME_REFUSED, out);
	assert_memory_equal(out, "MUST\x01\x01\x02\x00", 8);
	assert_int_equal(preamble_read(out, &p), 0);
	assert_int_equal(p.type, FRAME_REFUSED);
}

/* What must come of every value of every byte. */
static int expected(size_t at, unsigned value)
{
	static const uint8_t good[LIMIT_PREAMBLE] = "MUST\x01\x01\x01\x00";
	if (value == good[at])
		return 0;
	if (at == 4) /* lowest: 0 is none, and more than highest is nonsense */
		return E_MALFORMED;
	if (at == 5) /* highest: 0 is below lowest */
		return value == 0 ? E_MALFORMED : 0;
	if (at == 6)
		return value == FRAME_REFUSED ? 0 : E_MALFORMED;
	return E_MALFORMED;
}

static void test_every_value_of_every_byte(void **state)
{
	(void)state;
	for (size_t at = 0; at < LIMIT_PREAMBLE; at++) {
		for (unsigned value = 0; value < 256; value++) {
			uint8_t bytes[LIMIT_PREAMBLE];
			struct preamble p = {77, 77, 77};
			preamble_write(FRAME_HANDSHAKE, bytes);
			bytes[at] = (uint8_t)value;
			int got = preamble_read(bytes, &p);
			assert_int_equal(got, expected(at, value));
			if (got)
				assert_int_equal(p.type, 77);
		}
	}
}

static void test_versions(void **state)
{
	struct preamble p;
	(void)state;
	assert_int_equal(preamble_read((const uint8_t *)"MUST\x01\x09\x01\x00", &p), 0);
	assert_int_equal(p.highest, 9);
	assert_int_equal(preamble_read((const uint8_t *)"MUST\x02\x09\x01\x00", &p), E_VERSION_UNSUPPORTED);
	assert_int_equal(preamble_read((const uint8_t *)"MUST\xff\xff\x02\x00", &p), E_VERSION_UNSUPPORTED);
	assert_int_equal(preamble_read((const uint8_t *)"MUST\x03\x02\x01\x00", &p), E_MALFORMED);
	assert_int_equal(preamble_read((const uint8_t *)"GET / HT", &p), E_MALFORMED);
}

static void test_frames_of_every_size(void **state)
{
	static uint8_t bytes[FRAME_HEADER + 65535];
	(void)state;
	for (size_t body = 1; body <= 65535; body += body < 300 ? 1 : 4099) {
		size_t got = 0;
		frame_header(body, bytes);
		assert_int_equal(bytes[0], body >> 8);
		assert_int_equal(bytes[1], body & 0xff);
		assert_int_equal(frame_peek(bytes, FRAME_HEADER + body - 1, 65535, &got), 0);
		assert_int_equal(got, 0);
		assert_int_equal(frame_peek(bytes, FRAME_HEADER + body, 65535, &got), 1);
		assert_int_equal(got, body);
		assert_int_equal(frame_peek(bytes, sizeof(bytes), body, &got), 1);
		assert_int_equal(frame_peek(bytes, FRAME_HEADER, body - 1, &got), E_TOO_LARGE);
	}
}

static void test_a_header_alone_decides(void **state)
{
	size_t body = 0;
	(void)state;
	assert_int_equal(frame_peek((const uint8_t *)"", 0, 4096, &body), 0);
	assert_int_equal(frame_peek((const uint8_t *)"\xff", 1, 4096, &body), 0);
	assert_int_equal(frame_peek((const uint8_t *)"\x10\x01", 2, 4096, &body), E_TOO_LARGE);
	assert_int_equal(frame_peek((const uint8_t *)"\x10\x00", 2, 4096, &body), 0);
	assert_int_equal(frame_peek((const uint8_t *)"\x00\x00", 2, 4096, &body), E_MALFORMED);
	assert_int_equal(body, 0);
}

static void test_a_refusal_is_fourteen_known_bytes(void **state)
{
	uint8_t out[FRAME_REFUSAL];
	unsigned retry = 0;
	size_t body = 0;
	(void)state;
	refusal_write(E_BUSY, 30, out);
	assert_memory_equal(out, "MUST\x01\x01\x02\x00\x00\x04\x00\x03\x00\x1e", FRAME_REFUSAL);
	assert_int_equal(frame_peek(out + LIMIT_PREAMBLE, 6, FRAME_REFUSAL_BODY, &body), 1);
	assert_int_equal(refusal_read(out + LIMIT_PREAMBLE + FRAME_HEADER, body, &retry), E_BUSY);
	assert_int_equal(retry, 30);
}

static void test_only_the_transports_codes_come_in_clear(void **state)
{
	(void)state;
	for (unsigned number = 0; number <= UINT16_MAX; number++) {
		uint8_t body[4] = {(uint8_t)(number >> 8), (uint8_t)number, 0, 5};
		unsigned retry = 99;
		bool known = number <= TRANSPORT_LAST && error_row((int)number)->number == (int)number;
		assert_int_equal(refusal_read(body, 4, &retry), known ? -(int)number : E_MALFORMED);
		assert_int_equal(retry, known ? 5 : 0);
	}
}

static void test_a_clear_delay_is_capped(void **state)
{
	uint8_t out[FRAME_REFUSAL];
	unsigned retry;
	(void)state;
	for (unsigned wanted = 0; wanted < 70000; wanted += 13) {
		refusal_write(E_BUSY, wanted, out);
		assert_int_equal(refusal_read(out + LIMIT_PREAMBLE + FRAME_HEADER, 4, &retry), E_BUSY);
		assert_int_equal(retry, wanted > LIMIT_BUSY_DELAY_S ? LIMIT_BUSY_DELAY_S : wanted);
	}
}

static void test_a_cut_refusal(void **state)
{
	unsigned retry = 7;
	(void)state;
	for (size_t n = 0; n < FRAME_REFUSAL_BODY; n++) {
		assert_int_equal(refusal_read((const uint8_t *)"\x00\x03\x00\x1e", n, &retry), E_MALFORMED);
		assert_int_equal(retry, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_preamble_is_eight_known_bytes),
		cmocka_unit_test(test_every_value_of_every_byte),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_frames_of_every_size),
		cmocka_unit_test(test_a_header_alone_decides),
		cmocka_unit_test(test_a_refusal_is_fourteen_known_bytes),
		cmocka_unit_test(test_only_the_transports_codes_come_in_clear),
		cmocka_unit_test(test_a_clear_delay_is_capped),
		cmocka_unit_test(test_a_cut_refusal),
	};
	return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
