/* SPDX-License-Identifier: Apache-2.0 */
/* The pure parts of DNS: names, addresses, the own record, the codes of answers, and what is made of two
 * looks. */
#include "fixture.h"

#include "check.h"
#include "name.h"
#include "own.h"
#include "update.h"

static void test_names(void **state)
{
	static const char *const good[] = {"a",      "fjord.test", "FJORD.test.", "_muster._tcp.x",
					   "1a.b-c", "x.1y"};
	static const char *const bad[] = {"",  ".",   "a..b", ".a",          "a b",  "a,b", "1.2.3.4",
					  "1", "a.1", "a.1.", "h\xc3\xa9.x", "a:53", "a/b", "a\n"};
	char label[70];
	char name[300];
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(dns_name_ok(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(dns_name_ok(bad[i]));
	memset(label, 'a', sizeof(label));
	label[64] = 0;
	assert_false(dns_name_ok(label));
	label[63] = 0;
	assert_true(dns_name_ok(label));
	snprintf(name, sizeof(name), "%s.%s.%s.%.61s", label, label, label, label);
	assert_int_equal(strlen(name), 253);
	assert_true(dns_name_ok(name));
	strcat(name, "a");
	assert_false(dns_name_ok(name));
	assert_true(dns_host_ok("a.b"));
	assert_false(dns_host_ok("a"));
	assert_false(dns_host_ok("a."));
	assert_true(dns_name_same("A.b", "a.B."));
	assert_false(dns_name_same("a.b", "a.bc"));
	assert_false(dns_name_same("", "a"));
}

static void read_as(const char *text, const char *wanted)
{
	struct dns_address a;
	char out[DNS_ADDRESS_TEXT];
	int error = dns_address_read(text, DNS_PORT, &a);
	assert_int_equal(error, wanted ? 0 : E_CONFIG_INVALID);
	if (wanted)
		assert_string_equal(dns_address_write(&a, out), wanted);
}

static void test_addresses(void **state)
{
	(void)state;
	read_as("127.0.0.1", "127.0.0.1:53");
	read_as("127.0.0.1:5353", "127.0.0.1:5353");
	read_as("::1", "[::1]:53");
	read_as("[::1]", "[::1]:53");
	read_as("[2001:db8::1]:53000", "[2001:db8::1]:53000");
	read_as("", NULL);
	read_as("localhost", NULL);
	read_as("ns.fjord.test:53", NULL);
	read_as("127.0.0.1:", NULL);
	read_as("127.0.0.1:0", NULL);
	read_as("127.0.0.1:65536", NULL);
	read_as("127.0.0.1:+53", NULL);
	read_as("[::1", NULL);
	read_as("[::1]53", NULL);
	read_as("[]", NULL);
	read_as(":53", NULL);
}

static const struct dns_srv own = {
	.target = "one.fjord.test", .port = 6878, .priority = 5, .weight = 7, .ttl = 3600};

static void test_the_own_record(void **state)
{
	char lines[OWN_LINES];
	struct dns_srv rows[2] = {own, own};
	(void)state;
	assert_non_null(strstr(own_lines("fjord.test.", &own, lines),
			       "\n_muster._tcp.fjord.test. 3600 IN SRV 5 7 6878 one.fjord.test.\n"));
	assert_non_null(strstr(lines, "; one.fjord.test. 3600 IN AAAA"));
	strcpy(rows[0].target, "two.fjord.test");
	assert_false(own_present(&own, rows, 1));
	assert_true(own_present(&own, rows, 2));
	strcpy(rows[1].target, "ONE.fjord.TEST.");
	rows[1].ttl = 1; /* what is left of it in a cache */
	assert_true(own_is(&own, &rows[1]) && own_present(&own, rows, 2));
	assert_true(own_same(&own, &rows[1], false) && !own_same(&own, &rows[1], true));
	rows[1].port++;
	assert_true(own_is(&own, &rows[1]) && !own_present(&own, rows, 2));
}

static void test_answers_to_updates(void **state)
{
	(void)state;
	assert_int_equal(update_code(0, 0), 0);
	assert_int_equal(update_code(2, 0), E_DNS_UPDATE_FAILED); /* SERVFAIL */
	assert_int_equal(update_code(4, 0), E_DNS_UPDATE_FAILED); /* NOTIMP */
	assert_int_equal(update_code(5, 0), E_DNS_UPDATE_REFUSED);
	assert_int_equal(update_code(8, 0), E_DNS_UPDATE_FAILED); /* NXRRSET */
	assert_int_equal(update_code(9, 0), E_DNS_NOT_ITS_ZONE);
	assert_int_equal(update_code(10, 0), E_DNS_NOT_ITS_ZONE);
	assert_int_equal(update_code(9, 16), E_DNS_KEY_WRONG);
	assert_int_equal(update_code(9, 17), E_DNS_KEY_WRONG);
	assert_int_equal(update_code(9, 18), E_DNS_CLOCK);
}

static void test_rows_are_kept_and_compared(void **state)
{
	struct check_row rows[2] = {{.srv = own, .address = "127.0.0.1:6878", .verdict = VERDICT_UNTRUSTED},
				    {.srv = own, .address = "[::1]:6878", .verdict = VERDICT_OK}};
	struct check c = {.domain = "fjord.test", .rows = rows, .n = 2};
	struct check copy;
	(void)state;
	assert_int_equal(check_copy(&c, &copy), 0);
	rows[0].verdict = VERDICT_OK;
	assert_int_equal(check_count(&copy, VERDICT_UNTRUSTED), 1);
	assert_int_equal(check_count(&c, VERDICT_OK), 2);
	assert_true(check_rogue(&copy, &rows[0]));  /* it was one at the last look */
	assert_false(check_rogue(&copy, &rows[1])); /* another address */
	assert_false(check_rogue(&c, &rows[0]));
	rows[0].srv.port++;
	assert_false(check_rogue(&copy, &rows[0]));
	check_fini(&copy);
	assert_int_equal(copy.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_the_own_record),
		cmocka_unit_test(test_answers_to_updates),
		cmocka_unit_test(test_rows_are_kept_and_compared),
	};
	return cmocka_run_group_tests_name("server/dns", tests, NULL, NULL);
}
