/* SPDX-License-Identifier: Apache-2.0 */
/* How people write hosts, and the checks of the options that hold them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "endpoint.h"
#include "error.h"
#include "options.h"

static void reads(void **unused)
{
	(void)unused;
	const struct {
		const char *text, *host;
		int port;
		const char *again;
	} rows[] = {
		{"host", "host", 6878, "host:6878"},
		{"host.example.org:7000", "host.example.org", 7000, "host.example.org:7000"},
		{"10.0.0.1:1", "10.0.0.1", 1, "10.0.0.1:1"},
		{"[::1]:65535", "::1", 65535, "[::1]:65535"},
		{"[fe80::1]", "fe80::1", 6878, "[fe80::1]:6878"},
		{"2001:db8::5", "2001:db8::5", 6878, "[2001:db8::5]:6878"},
		{"host.", "host.", 6878, "host.:6878"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct endpoint e;
		char text[ENDPOINT_TEXT];
		if (endpoint_read(rows[i].text, &e))
			fail_msg("%s", rows[i].text);
		assert_string_equal(e.host, rows[i].host);
		assert_int_equal(e.port, rows[i].port);
		assert_string_equal(endpoint_write(&e, text), rows[i].again);
	}
}

static void refuses(void **unused)
{
	static const char *const rows[] = {
		"",         "host:",   "host:0",       "host:65536", "host:x",   "host:1:2",    "[::1",
		"[host]:1", "[]:1",    "..",           "a..b",       "ho st",    "a/b",         "[::1]x",
		":6878",    "host:-1", "a\033[2J.org", "host:+12",   "host: 12", "host:000012",
	};
	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct endpoint e = {.port = 77};
		if (endpoint_read(rows[i], &e) != E_CONFIG_INVALID)
			fail_msg("%s", rows[i]);
		assert_int_equal(e.port, 77);
	}
	char label[66];
	memset(label, 'a', sizeof(label));
	label[64] = 0;
	assert_false(endpoint_name_ok(label));
	label[63] = 0;
	assert_true(endpoint_name_ok(label));
}

static void options(void **unused)
{
	(void)unused;
	const struct {
		const char *name, *value;
		int code;
	} rows[] = {
		{"host", "a:1", 0},
		{"host", "a:b", E_CONFIG_INVALID},
		{"hosts", "a", E_CONFIG_INVALID},
		{"dns", "127.0.0.1:53", 0},
		{"dns", "resolver.example", E_CONFIG_INVALID},
		{"timeout_ms", "99", E_CONFIG_INVALID},
		{"timeout_ms", "600000", 0},
		{"timeout_ms", "600001", E_CONFIG_INVALID},
		{"timeout_ms", "1e3", E_CONFIG_INVALID},
		{"org", "fjord", 0},
		{"org", "Fjord AS", E_CONFIG_INVALID},
		{"plans", "a,b", 0},
		{"plans", "a,,b", E_CONFIG_INVALID},
		{"plans", "a,a", E_CONFIG_INVALID},
		{"plans", "a,", E_CONFIG_INVALID},
		{"plans", "", E_CONFIG_INVALID},
		{"vendor_key", "k4.secret.x", E_CONFIG_INVALID},
		{"agent", "a\nb", E_CONFIG_INVALID},
		{"hostname", "pc 1", E_CONFIG_INVALID},
		{"product_version", "12345678901234567890123456789012", E_CONFIG_INVALID},
		{"state", "", E_CONFIG_INVALID},
	};
	struct options o = {0};
	struct fault f = {0};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (options_set(&o, rows[i].name, rows[i].value, &f) != rows[i].code)
			fail_msg("%s = %s", rows[i].name, rows[i].value);
	assert_int_equal(options_timeout(&o), 600000);
	assert_int_equal(options_count(&o, OPTION_HOST), 1);
	for (int i = 1; i < OPTION_VALUES_MAX; i++)
		assert_int_equal(options_set(&o, "host", "b", &f), 0);
	assert_int_equal(options_set(&o, "host", "c", &f), E_CONFIG_INVALID);
	assert_int_equal(options_set(&o, "host", NULL, &f), 0);
	assert_int_equal(options_count(&o, OPTION_HOST), 0);
	assert_int_equal(options_set(&o, "timeout_ms", NULL, &f), 0);
	assert_int_equal(options_timeout(&o), 10000);
	options_fini(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads),
		cmocka_unit_test(refuses),
		cmocka_unit_test(options),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
