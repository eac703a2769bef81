/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's configuration: defaults, file, environment, and every fault with the line it stands on. */
#include "fixture.h"

#include <fcntl.h>

#include "config.h"

static char config_path[256];
static char said[8192];

static int setup(void **state)
{
	(void)state;
	unsetenv("STATE_DIRECTORY");
	fixture_file("musterd.conf", config_path);
	return 0;
}

/* Load with what is written to standard error caught in `said`. */
static int load(const char *path, struct config **ret)
{
	char log[256];
	fixture_file("stderr", log);
	fflush(stderr);
	int saved = dup(STDERR_FILENO);
	int file = open(log, O_RDWR | O_CREAT | O_TRUNC, 0600);
	assert_true(saved >= 0 && file >= 0);
	dup2(file, STDERR_FILENO);
	*ret = NULL;
	int error = config_load(path, ret);
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	ssize_t n = pread(file, said, sizeof(said) - 1, 0);
	close(file);
	assert_true(n >= 0);
	said[n] = 0;
	return error;
}

static int load_text(const char *text, struct config **ret)
{
	fixture_write(config_path, text, strlen(text));
	return load(config_path, ret);
}

static struct config *good(const char *text)
{
	struct config *c;
	if (load_text(text, &c) != 0)
		fail_msg("refused: %s", said);
	assert_string_equal(said, "");
	return c;
}

static void test_defaults(void **state)
{
	struct config *c;
	char word[64];
	(void)state;
	assert_int_equal(load(NULL, &c), 0);
	assert_string_equal(config_text(c, CONFIG_SERVER_LISTEN), "[::]:6878 0.0.0.0:6878");
	assert_true(config_word(c, CONFIG_SERVER_LISTEN, 1, word, sizeof(word)));
	assert_string_equal(word, "0.0.0.0:6878");
	assert_string_equal(config_text(c, CONFIG_SERVER_STATE_DIR), "/var/lib/musterd");
	assert_string_equal(config_text(c, CONFIG_STORE_URL), "");
	assert_string_equal(config_text(c, CONFIG_ADMIN_SOCKET), "/run/muster/admin.sock");
	assert_string_equal(config_text(c, CONFIG_WEB_LISTEN), "none");
	assert_int_equal(config_number(c, CONFIG_POLICY_RENEW), 0);
	assert_int_equal(config_number(c, CONFIG_LIMITS_CONNECTIONS), 19000);
	assert_string_equal(config_name(CONFIG_LIMITS_CONNECTIONS), "limits.max_connections");
	for (int i = 0; i < CONFIG_COUNT; i++)
		assert_int_equal(c->values[i].source, CONFIG_DEFAULT);
	config_free(c);
	config_free(NULL);
}

static const char whole[] = "# comment\n"
			    "; another\n"
			    "\n"
			    "[server]\n"
			    "listen = 127.0.0.1:0, [::1]:7000   ; two\n"
			    "state_dir = host\n"
			    "name = wolf\n"
			    "[store]\n"
			    "url = sqlite:data/muster.db\n"
			    "[admin]\n"
			    "socket = /absolute/admin.sock\n"
			    "status_socket=run/status.sock\n"
			    "[policy]\n"
			    "renew_minutes = 60\n"
			    "[limits]\n"
			    "max_connections = 5\n"
			    "[log]\n"
			    "level = debug\n";

static void assert_path(const struct config *c, enum config_id id, const char *prefix, const char *name)
{
	char wanted[512];
	snprintf(wanted, sizeof(wanted), "%s%s/%s", prefix, fixture_folder(), name);
	assert_string_equal(config_text(c, id), wanted);
}

static void test_a_whole_file(void **state)
{
	struct config *c = good(whole);
	char word[64];
	(void)state;
	assert_true(config_word(c, CONFIG_SERVER_LISTEN, 0, word, sizeof(word)));
	assert_string_equal(word, "127.0.0.1:0");
	assert_true(config_word(c, CONFIG_SERVER_LISTEN, 1, word, sizeof(word)));
	assert_string_equal(word, "[::1]:7000");
	assert_false(config_word(c, CONFIG_SERVER_LISTEN, 2, word, sizeof(word)));
	assert_false(config_word(c, CONFIG_SERVER_LISTEN, 1, word, 10)); /* too long for the room */
	assert_path(c, CONFIG_SERVER_STATE_DIR, "", "host");             /* relative to the file */
	assert_path(c, CONFIG_STORE_URL, "sqlite:", "data/muster.db");
	assert_string_equal(config_text(c, CONFIG_ADMIN_SOCKET), "/absolute/admin.sock");
	assert_path(c, CONFIG_ADMIN_STATUS_SOCKET, "", "run/status.sock");
	assert_string_equal(config_text(c, CONFIG_SERVER_NAME), "wolf");
	assert_int_equal(config_number(c, CONFIG_POLICY_RENEW), 60);
	assert_int_equal(config_number(c, CONFIG_LIMITS_CONNECTIONS), 5);
	assert_string_equal(config_text(c, CONFIG_LOG_LEVEL), "debug");
	assert_int_equal(c->values[CONFIG_SERVER_LISTEN].source, CONFIG_FILE);
	assert_int_equal(c->values[CONFIG_SERVER_LISTEN].line, 5);
	assert_int_equal(c->values[CONFIG_LOG_LEVEL].line, 18);
	assert_int_equal(c->values[CONFIG_POLICY_RETRY].source, CONFIG_DEFAULT);
	config_free(c);
}

static void test_a_file_in_the_working_folder(void **state)
{
	char before[512];
	struct config *c;
	(void)state;
	assert_non_null(getcwd(before, sizeof(before)));
	fixture_write(config_path, whole, sizeof(whole) - 1);
	assert_int_equal(chdir(fixture_folder()), 0);
	assert_int_equal(load("musterd.conf", &c), 0);
	assert_int_equal(chdir(before), 0);
	assert_string_equal(config_text(c, CONFIG_SERVER_STATE_DIR), "host");
	assert_string_equal(config_text(c, CONFIG_STORE_URL), "sqlite:data/muster.db");
	config_free(c);
}

static void test_odd_but_right_files(void **state)
{
	static const char *const texts[] = {"",
					    "\n\n",
					    "# only a comment",
					    "[server]\n",
					    "[store]\nurl = memory:\n",
					    "[server]\r\nname = dos\r\n",
					    "[log]\nlevel=error",
					    "[server]\nname =\n"};
	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		config_free(good(texts[i]));
	struct config *c = good("[server]\r\nname = dos\r\n");
	assert_string_equal(config_text(c, CONFIG_SERVER_NAME), "dos");
	config_free(c);
}

static void test_the_environment_goes_before_the_file(void **state)
{
	(void)state;
	setenv("MUSTERD_SERVER_STATE_DIR", "elsewhere", 1);
	setenv("MUSTERD_POLICY_RENEW_MINUTES", "90", 1);
	struct config *c = good(whole);
	assert_string_equal(config_text(c, CONFIG_SERVER_STATE_DIR), "elsewhere"); /* as the shell means it */
	assert_int_equal(config_number(c, CONFIG_POLICY_RENEW), 90);
	assert_int_equal(c->values[CONFIG_POLICY_RENEW].source, CONFIG_ENVIRONMENT);
	config_free(c);
	setenv("MUSTERD_POLICY_RENEW_MINUTES", "often", 1);
	assert_int_equal(load(NULL, &c), E_CONFIG_INVALID);
	assert_null(c);
	assert_non_null(strstr(said, "MUSTERD_POLICY_RENEW_MINUTES"));
	assert_non_null(strstr(said, "often"));
	unsetenv("MUSTERD_SERVER_STATE_DIR");
	unsetenv("MUSTERD_POLICY_RENEW_MINUTES");
}

static void test_systemd_names_the_state_folder(void **state)
{
	struct config *c;
	(void)state;
	setenv("STATE_DIRECTORY", "/var/lib/private/musterd", 1);
	assert_int_equal(load(NULL, &c), 0);
	assert_string_equal(config_text(c, CONFIG_SERVER_STATE_DIR), "/var/lib/private/musterd");
	config_free(c);
	c = good("[server]\nstate_dir = /srv\n");
	assert_string_equal(config_text(c, CONFIG_SERVER_STATE_DIR), "/srv");
	config_free(c);
	unsetenv("STATE_DIRECTORY");
}

/* A file with one fault: the line it stands on, and a word that the message must have. */
static const struct {
	const char *text;
	int line;
	const char *word;
} faults[] = {
	{"[server]\nlisten = :1\nlisen = x\n", 3, "lisen"},
	{"[sever]\nlisten = x\n", 2, "sever"},
	{"listen = x\n", 1, "listen"},
	{"[limits]\n\nmax_connections = many\n", 3, "many"},
	{"[limits]\nmax_connections = 0\n", 2, "max_connections"},
	{"[limits]\nmax_connections = 1000001\n", 2, "1000001"},
	{"[limits]\nmax_connections = -5\n", 2, "-5"},
	{"[limits]\nmax_connections = 5 apples\n", 2, "apples"},
	{"[limits]\nmax_connections = 99999999999999999999\n", 2, "99999999999999999999"},
	{"[limits]\nmax_connections =\n", 2, "max_connections"},
	{"[policy]\nrenew_minutes = 43201\n", 2, "renew_minutes"},
	{"[server]\nname = a\n# again\nname = b\n", 4, "name"},
	{"[server]\nname = a\n\n[log]\n[server]\nname = b\n", 6, "name"},
	{"[server]\nlisten =\n", 2, "listen"},
	{"[server]\nstate_dir =\n", 2, "state_dir"},
	{"[server]\nname = a\nhello\n", 3, ""},
	{"[server\nname = a\n", 1, ""},
	{"[log]\nlevel = chatty\n", 2, "chatty"},
	{"[dns]\ndomains = fjord.test, not!a!name\n", 2, "not!a!name"},
	{"[dns]\ndomains = 10.0.0.1\n", 2, "10.0.0.1"},
	{"[dns]\ndomains = a b c d e f g h i j k l m n o p q\n", 2, "domains"}, /* one too many */
	{"[dns]\nserver = ns.fjord.test\n", 2, "ns.fjord.test"},
	{"[dns]\n\nresolver = 127.0.0.1:0\n", 3, "127.0.0.1:0"},
	{"[dns]\ntarget = wolf\n", 2, "wolf"},
	{"[dns]\nport = 65536\n", 2, "65536"},
	{"[dns]\nttl = 5\n", 2, "ttl"},
	{"[dns]\npublish = true\n", 2, "true"},
	{"[dns]\nwatch_minutes = -1\n", 2, "-1"},
	{"[web]\nlisten = 127.0.0.1:80\n", 2, "listen"},
	{"[store]\nurl = postgresql://db\n", 2, "postgresql"},
	{"[store]\nurl = /var/lib/muster.db\n", 2, "url"},
	{"[store]\nurl = sqlite:\n", 2, "sqlite:"},
	{"[server]\nlisten = 127.0.0.1:1\n  127.0.0.1:2\n", 3, "listen"},
};

static void test_every_fault_names_file_and_line(void **state)
{
	size_t failed = 0;
	(void)state;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		struct config *c;
		char where[300];
		int error = load_text(faults[i].text, &c);
		snprintf(where, sizeof(where), "CONFIG_INVALID: %s:%d: ", config_path, faults[i].line);
		if (error != E_CONFIG_INVALID || c || !strstr(said, where) || !strstr(said, faults[i].word)) {
			print_error("row %zu: code %d, wanted '%s' and '%s', said: %s\n", i, error, where,
				    faults[i].word, said);
			failed++;
			config_free(c);
		}
	}
	assert_int_equal(failed, 0);
}

static void test_all_faults_are_told_at_once(void **state)
{
	struct config *c;
	(void)state;
	assert_int_equal(load_text("[a]\nb = 1\n[limits]\nmax_connections = x\n[server]\nfoo = 1\n", &c),
			 E_CONFIG_INVALID);
	assert_non_null(strstr(said, ":2: "));
	assert_non_null(strstr(said, ":4: "));
	assert_non_null(strstr(said, ":6: "));
}

static void test_an_overlong_line(void **state)
{
	char text[2000];
	char where[300];
	struct config *c;
	(void)state;
	for (size_t n = 190; n < 1000; n += 1 + n / 8) {
		size_t head = (size_t)snprintf(text, sizeof(text), "[server]\nname = ");
		size_t line = head - 9;
		memset(text + head, 'x', n - line);
		strcpy(text + head + n - line, "\n[log]\nlevel = info\n");
		int error = load_text(text, &c);
		if (n <= 198) {
			assert_int_equal(error, 0);
			assert_int_equal(c->values[CONFIG_LOG_LEVEL].line, 4);
			config_free(c);
			continue;
		}
		assert_int_equal(error, E_CONFIG_INVALID);
		snprintf(where, sizeof(where), "%s:2: ", config_path);
		assert_non_null(strstr(said, where));
		assert_null(strstr(said, ":3: ")); /* the rest of the line is not taken for lines */
	}
}

static void test_no_file(void **state)
{
	struct config *c;
	(void)state;
	assert_int_not_equal(load("/nonexistent/musterd.conf", &c), 0);
	assert_null(c);
	assert_non_null(strstr(said, "/nonexistent/musterd.conf"));
	assert_int_not_equal(load(fixture_folder(), &c), 0); /* a folder */
}

static void test_what_needs_a_restart(void **state)
{
	struct config *a = good("[server]\nname = a\n[limits]\nmax_connections = 5\n");
	struct config *b = good("[server]\nname = a\n[limits]\nmax_connections = 6\n[log]\nlevel = debug\n");
	struct config *c = good("[server]\nname = b\n");
	(void)state;
	assert_int_equal(config_differs(a, b), CONFIG_COUNT); /* those are taken over */
	assert_int_equal(config_differs(a, c), CONFIG_SERVER_NAME);
	config_free(a);
	config_free(b);
	config_free(c);
}

static void test_the_list_tells_where_values_come_from(void **state)
{
	struct config *c = good(whole);
	(void)state;
	json_t *items = config_items(c);
	assert_int_equal(json_array_size(items), CONFIG_COUNT);
	json_t *name = json_array_get(items, CONFIG_SERVER_NAME);
	assert_string_equal(json_string_value(json_object_get(name, "value")), "wolf");
	assert_string_equal(json_string_value(json_object_get(name, "source")), "file");
	assert_string_equal(json_string_value(json_object_get(name, "file")), config_path);
	assert_int_equal(json_integer_value(json_object_get(name, "line")), 7);
	json_decref(items);
	config_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_a_whole_file),
		cmocka_unit_test(test_a_file_in_the_working_folder),
		cmocka_unit_test(test_odd_but_right_files),
		cmocka_unit_test(test_the_environment_goes_before_the_file),
		cmocka_unit_test(test_systemd_names_the_state_folder),
		cmocka_unit_test(test_every_fault_names_file_and_line),
		cmocka_unit_test(test_all_faults_are_told_at_once),
		cmocka_unit_test(test_an_overlong_line),
		cmocka_unit_test(test_no_file),
		cmocka_unit_test(test_what_needs_a_restart),
		cmocka_unit_test(test_the_list_tells_where_values_come_from),
	};
	return cmocka_run_group_tests_name("server/config", tests, setup, NULL);
}
