/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <time.h>

#include "error.h"
#include "rfc3339.h"

static void test_known_times(void **state)
{
	static const struct {
		int64_t time;
		const char *text;
	} rows[] = {
		{0, "1970-01-01T00:00:00Z"},           {951782399, "2000-02-28T23:59:59Z"},
		{951782400, "2000-02-29T00:00:00Z"},   {1700000000, "2023-11-14T22:13:20Z"},
		{2147483648, "2038-01-19T03:14:08Z"},  {4107542400, "2100-03-01T00:00:00Z"},
		{RFC3339_MAX, "9999-12-31T23:59:59Z"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[RFC3339_TEXT];
		int64_t time = -1;
		assert_string_equal(rfc3339_write(rows[i].time, text), rows[i].text);
		assert_int_equal(rfc3339_read(rows[i].text, &time), 0);
		assert_true(time == rows[i].time);
	}
}

static void test_there_and_back_over_ten_millennia(void **state)
{
	(void)state;
	for (int64_t t = 0; t <= RFC3339_MAX; t += 39999983) {
		char text[RFC3339_TEXT];
		int64_t back = -1;
		assert_int_equal(rfc3339_read(rfc3339_write(t, text), &back), 0);
		assert_true(back == t);
	}
}

static void test_writing_stays_in_range(void **state)
{
	char text[RFC3339_TEXT];
	(void)state;
	assert_string_equal(rfc3339_write(-1, text), "1970-01-01T00:00:00Z");
	assert_string_equal(rfc3339_write(INT64_MIN, text), "1970-01-01T00:00:00Z");
	assert_string_equal(rfc3339_write(INT64_MAX, text), "9999-12-31T23:59:59Z");
}

static void test_what_else_may_be_read(void **state)
{
	static const struct {
		const char *text;
		int64_t time;
	} rows[] = {
		{"2023-11-14t22:13:20z", 1700000000},      {"2023-11-14 22:13:20Z", 1700000000},
		{"2023-11-14T22:13:20.5Z", 1700000000},    {"2023-11-14T22:13:20.999999999Z", 1700000000},
		{"2023-11-14T22:13:20+00:00", 1700000000}, {"2023-11-14T23:13:20+01:00", 1700000000},
		{"2023-11-14T16:43:20-05:30", 1700000000}, {"2023-11-15T21:13:20+23:00", 1700000000},
		{"2016-12-31T23:59:60Z", 1483228800},      {"1970-01-01T01:00:00+01:00", 0},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t time = -1;
		assert_int_equal(rfc3339_read(rows[i].text, &time), 0);
		assert_true(time == rows[i].time);
	}
}

static void test_what_is_no_time(void **state)
{
	static const char *const bad[] = {
		"",
		"now",
		"1700000000",
		"2023-11-14",
		"2023-11-14T22:13:20",
		"2023-11-14T22:13Z",
		"2023-11-14T22:13:20Zx",
		"2023-11-14T22:13:20 Z",
		" 2023-11-14T22:13:20Z",
		"2023-11-14T22:13:20.Z",
		"2023-11-14T22:13:20,5Z",
		"2023-11-14T24:00:00Z",
		"2023-11-14T22:60:00Z",
		"2023-11-14T22:13:61Z",
		"2023-00-14T22:13:20Z",
		"2023-13-14T22:13:20Z",
		"2023-11-00T22:13:20Z",
		"2023-11-31T22:13:20Z",
		"2023-02-29T22:13:20Z",
		"2100-02-29T00:00:00Z",
		"2024-02-30T00:00:00Z",
		"1969-12-31T23:59:59Z",
		"1970-01-01T00:00:00+00:01",
		"9999-12-31T23:59:59-00:01",
		"0000-01-01T00:00:00Z",
		"-2023-11-14T22:13:20Z",
		"+2023-11-14T22:13:20Z",
		"23-11-14T22:13:20Z",
		"20230-11-14T22:13:20Z",
		"2023-11-14T22:13:20+24:00",
		"2023-11-14T22:13:20+01:60",
		"2023-11-14T22:13:20+0100",
		"2023-11-14T22:13:20+01",
		"2023-11-14T22:13:20*01:00",
		"2023/11/14T22:13:20Z",
		"2023-11-14_22:13:20Z",
		"2023-1-14T22:13:20Z",
		"2023-11-4T22:13:20Z",
		"2023-11-14T2:13:20Z",
		"2023-11-14T\xd9\xa2\x32:13:20Z",
	};
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int64_t time = 77;
		assert_int_equal(rfc3339_read(bad[i], &time), E_CLAIM_INVALID);
		assert_int_equal(time, 77);
	}
}

static void test_every_truncation(void **state)
{
	static const char whole[] = "2023-11-14T23:13:20.25+01:00";
	(void)state;
	for (size_t n = 0; n < sizeof(whole) - 1; n++) {
		char text[sizeof(whole)] = "";
		int64_t time = 77;
		memcpy(text, whole, n);
		assert_int_equal(rfc3339_read(text, &time), E_CLAIM_INVALID);
		assert_int_equal(time, 77);
	}
}

static void test_dates(void **state)
{
	int64_t time = 77;
	(void)state;
	assert_int_equal(rfc3339_read_date("2030-01-01", &time), 0);
	assert_int_equal(time, 1893456000);
	assert_int_equal(rfc3339_read_date("2030-01-01T00:00:01Z", &time), 0);
	assert_int_equal(time, 1893456001);
	static const char *const bad[] = {"",
					  "2030",
					  "2030-01",
					  "2030-1-1",
					  "2030-02-30",
					  "2030-01-01T",
					  "2030-01-01Z",
					  "2030-01-01 ",
					  "2030-01-01T00:00:00",
					  "01-01-2030",
					  "1969-12-31"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		time = 77;
		assert_int_equal(rfc3339_read_date(bad[i], &time), E_CLAIM_INVALID);
		assert_int_equal(time, 77);
	}
}

static void test_the_zone_of_the_machine_does_not_matter(void **state)
{
	static const char *const zones[] = {"Pacific/Kiritimati", "America/St_Johns", "EST5EDT", "UTC-14"};
	(void)state;
	for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++) {
		char text[RFC3339_TEXT];
		int64_t time = 0;
		setenv("TZ", zones[i], 1);
		tzset();
		assert_string_equal(rfc3339_write(1700000000, text), "2023-11-14T22:13:20Z");
		assert_int_equal(rfc3339_read(text, &time), 0);
		assert_int_equal(time, 1700000000);
	}
	unsetenv("TZ");
	tzset();
}

static void test_durations(void **state)
{
	static const struct {
		const char *text;
		int64_t seconds;
		const char *again;
	} rows[] = {
		{"0s", 0, "0d"},     {"90s", 90, "90s"},         {"15m", 900, "15m"},
		{"2h", 7200, "2h"},  {"180d", 15552000, "180d"}, {"4w", 2419200, "28d"},
		{"60m", 3600, "1h"}, {"007d", 604800, "7d"},     {"2147483647s", 2147483647, "2147483647s"},
	};
	static const char *const bad[] = {"1111111111w",
					  "2147483647d",
					  "",
					  "d",
					  "7",
					  "-7d",
					  "+7d",
					  " 7d",
					  "7 d",
					  "7dd",
					  "7D",
					  "7.5d",
					  "1h30m",
					  "7y",
					  "0x7d",
					  "2147483648s",
					  "99999999999999999999d"};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t seconds = -1;
		char text[32];
		assert_int_equal(duration_read(rows[i].text, &seconds), 0);
		assert_true(seconds == rows[i].seconds);
		assert_string_equal(duration_write(seconds, text, sizeof(text)), rows[i].again);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int64_t seconds = 77;
		assert_int_equal(duration_read(bad[i], &seconds), E_CLAIM_INVALID);
		assert_int_equal(seconds, 77);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_times),
		cmocka_unit_test(test_there_and_back_over_ten_millennia),
		cmocka_unit_test(test_writing_stays_in_range),
		cmocka_unit_test(test_what_else_may_be_read),
		cmocka_unit_test(test_what_is_no_time),
		cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_dates),
		cmocka_unit_test(test_the_zone_of_the_machine_does_not_matter),
		cmocka_unit_test(test_durations),
	};
	return cmocka_run_group_tests_name("rfc3339", tests, NULL, NULL);
}
