/* SPDX-License-Identifier: Apache-2.0 */
/* BIND key files: what is read, and what is refused with its line. */
#include "fixture.h"

#include <sys/stat.h>

#include "tsig_key.h"

#define SECRET "Z2dnZ2dnZ2dnZ2dnZ2dnZ2dnZ2dnZ2dnZ2dnZ2dnZ2c="

static void good(const char *text, const char *name, const char *algorithm)
{
	struct tsig_key key;
	int line;
	char why[TSIG_WHY];
	if (tsig_key_read(text, strlen(text), &key, &line, why))
		fail_msg("%s refused in line %d: %s", text, line, why);
	assert_string_equal(key.name, name);
	assert_string_equal(key.algorithm, algorithm);
	assert_string_equal(key.secret, SECRET);
}

static void test_files_of_bind(void **state)
{
	(void)state;
	good("key \"muster\" {\n\talgorithm hmac-sha256;\n\tsecret \"" SECRET "\";\n};\n", "muster",
	     "hmac-sha256");
	good("KEY a.b.example. {secret " SECRET ";algorithm \"hmac-sha512\";};", "a.b.example.",
	     "hmac-sha512");
	good("# by hand\n// twice\n/* over\nlines */ key /* here, too */ k-1 {\n"
	     " algorithm hmac-sha256; # no ; here\n secret \"" SECRET "\"; } ;\n# the end",
	     "k-1", "hmac-sha256");
}

static void bad(const char *text, int wanted, const char *what)
{
	static const struct tsig_key zero;
	struct tsig_key key;
	int line;
	char why[TSIG_WHY];
	assert_int_equal(tsig_key_read(text, strlen(text), &key, &line, why), E_CONFIG_INVALID);
	assert_non_null(strstr(why, what));
	assert_int_equal(line, wanted);
	assert_memory_equal(&key, &zero, sizeof(key)); /* nothing of a secret stays */
}

static void test_faults_have_their_lines(void **state)
{
	(void)state;
	bad("", 1, "'key' is missing");
	bad("options {};", 1, "'key' is missing");
	bad("key {", 1, "name");
	bad("key \"\" {", 1, "name");
	bad("key \"not a name\" {", 1, "not a DNS name");
	bad("key k\n;", 2, "'{' is missing");
	bad("key k {\nalgorithm hmac-md5;", 2, "hmac-sha256 or hmac-sha512");
	bad("key k {\n\nalgorithm hmac-sha256\nsecret", 4, "';' is missing");
	bad("key k { secret \"!!\";", 1, "base64");
	bad("key k { secret \"c2hvcnQ=\";", 1, "shorter than 128 bits");
	bad("key k {\nsecret \"" SECRET "\n\";", 2, "does not end on its line");
	bad("key k { secret \"" SECRET "\"; secret \"" SECRET "\";", 1, "twice");
	bad("key k { algorithm hmac-sha256; };", 1, "an algorithm and a secret");
	bad("key k { algorithm hmac-sha256; secret \"" SECRET "\"; }", 1, "';' is missing");
	bad("key k { algorithm hmac-sha256;", 1, "'}' is missing");
	bad("key k { server 1;", 1, "only 'algorithm' and 'secret'");
	bad("key k { algorithm hmac-sha256; secret \"" SECRET "\"; };\nkey", 2, "something follows");
	bad("/* no end\n\n", 3, "comment does not end");
}

static void test_a_file_of_ones_own(void **state)
{
	static const char text[] = "key k { algorithm hmac-sha256; secret \"" SECRET "\"; };";
	static char long_text[TSIG_KEY_FILE_MAX + 1];
	char path[256];
	char why[TSIG_WHY];
	struct tsig_key key;
	int line;
	(void)state;
	fixture_file("k.key", path);
	fixture_write(path, text, sizeof(text) - 1);
	chmod(path, 0640);
	assert_int_equal(tsig_key_load(path, true, &key, &line, why), E_INSECURE);
	assert_int_equal(tsig_key_load(path, false, &key, &line, why), 0); /* a credential */
	chmod(path, 0600);
	assert_int_equal(tsig_key_load(path, true, &key, &line, why), 0);
	assert_string_equal(key.name, "k");
	memset(long_text, ' ', sizeof(long_text));
	fixture_write(path, long_text, sizeof(long_text));
	assert_int_equal(tsig_key_load(path, true, &key, &line, why), E_CONFIG_INVALID);
	assert_non_null(strstr(why, "too long"));
	assert_int_equal(tsig_key_load("/nonexistent/key", true, &key, &line, why), E_IO);
	assert_int_equal(tsig_key_load("/", true, &key, &line, why), E_IO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files_of_bind),
		cmocka_unit_test(test_faults_have_their_lines),
		cmocka_unit_test(test_a_file_of_ones_own),
	};
	return cmocka_run_group_tests_name("server/tsig_key", tests, NULL, NULL);
}
