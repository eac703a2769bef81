/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hostport.h"

static void test_two_parts(void **state)
{
	static const struct {
		const char *text;
		const char *host; /* NULL: refused */
		const char *port;
	} rows[] = {
		{"a:1", "a", "1"},
		{"[::1]:80", "::1", "80"},
		{"::1:80", "::1", "80"},
		{"a:", "a", ""},
		{"[]:80", NULL, NULL},
		{"[::1:80", "[::1", "80"},
		{"a", NULL, NULL},
		{"", NULL, NULL},
		{":80", NULL, NULL},
		{"[::1]", "[:", "1]"},
		{"seven.7:1", "seven.7", "1"},
		{"eight.88:1", NULL, NULL},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char host[8];
		const char *port;
		assert_int_equal(hostport_split(rows[i].text, host, sizeof(host), &port),
				 rows[i].host != NULL);
		if (!rows[i].host)
			continue;
		assert_string_equal(host, rows[i].host);
		assert_string_equal(port, rows[i].port);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_two_parts)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
