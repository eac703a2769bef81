/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: what runs with what, what is refused with 64 and one line, and what help says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "command.h"

/* What the verb's function saw. */
static struct {
	const char *ran;
	char line[256]; /* its arguments, then options as name=value */
	bool json;
} seen;

static const char *const shown[] = {"socket", "limit", "share", "json"};

static int record(struct invocation *inv)
{
	seen.ran = inv->command->path;
	seen.json = invocation_has(inv, "json");
	for (int i = 0; i < inv->n_args; i++)
		snprintf(seen.line + strlen(seen.line), sizeof(seen.line) - strlen(seen.line), "[%s]",
			 inv->args[i]);
	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
		const char *values[4];
		size_t n = invocation_values(inv, shown[i], values, 4);
		for (size_t j = 0; j < n; j++)
			snprintf(seen.line + strlen(seen.line), sizeof(seen.line) - strlen(seen.line),
				 " %s=%s", shown[i], values[j]);
	}
	return *(int *)inv->context;
}

static const struct command_option globals[] = {{"json", NULL, "answer in JSON", 'j'},
						{"socket", "PATH", "the daemon's socket", 's'},
						{NULL, NULL, NULL, 0}};
static const struct command_option list_options[] = {{"limit", "N", "at most N rows", 0},
						     {"share", "GRANT=N", "a part of a grant", 0},
						     {NULL, NULL, NULL, 0}};
static const struct command commands[] = {
	{"status", "", 0, 0, "show the state", NULL, record},
	{"license", "", 0, 0, "about licenses", NULL, record},
	{"license install", "FILE", 1, 1, "install a license", NULL, record},
	{"license list", "", 0, 0, "list licenses", list_options, record},
	{"user add", "NAME", 1, 1, "add a user", NULL, record},
	{"user key make", "NAME", 1, 1, "make a key", NULL, record},
	{"user key list", "", 0, 0, "list the keys", NULL, record},
	{"why", "DEVICE PRODUCT", 2, 2, "tell why", NULL, record},
	{"verify", "FILE...", 1, 3, "verify files", NULL, record},
	{NULL, NULL, 0, 0, NULL, NULL, NULL},
};
static const struct program program = {"musterx", "a program for tests", "1.2.3", globals, commands, NULL,
				       NULL};

static char out_text[8192];
static char err_text[1024];

/* Redirect one stream into a temporary file, and read it back. */
static int redirect(int fd, FILE *to)
{
	int saved = dup(fd);
	dup2(fileno(to), fd);
	return saved;
}

static void restore(int fd, int saved, FILE *from, char *text, size_t room)
{
	dup2(saved, fd);
	close(saved);
	rewind(from);
	size_t n = fread(text, 1, room - 1, from);
	text[n] = 0;
	fclose(from);
}

/* Run a line of words parted by one space; the exit code. */
static int run(const char *words)
{
	static char line[COMMAND_OPTIONS_MAX + 64];
	static char *argv[80];
	int argc = 0;
	int context = 0;
	snprintf(line, sizeof(line), "musterx %s", words);
	for (char *at = strtok(line, " "); at; at = strtok(NULL, " "))
		argv[argc++] = at;
	argv[argc] = NULL;
	memset(&seen, 0, sizeof(seen));
	FILE *out = tmpfile();
	FILE *err = tmpfile();
	fflush(stdout);
	int saved_out = redirect(STDOUT_FILENO, out);
	int saved_err = redirect(STDERR_FILENO, err);
	int code = command_main(&program, argc, argv, &context);
	fflush(stdout);
	fflush(stderr);
	restore(STDOUT_FILENO, saved_out, out, out_text, sizeof(out_text));
	restore(STDERR_FILENO, saved_err, err, err_text, sizeof(err_text));
	return code;
}

static void expect_run(const char *words, const char *path, const char *line)
{
	assert_int_equal(run(words), 0);
	assert_non_null(seen.ran);
	assert_string_equal(seen.ran, path);
	assert_string_equal(seen.line, line);
	assert_string_equal(err_text, "");
}

/* A wrong line: 64, nothing run, one line on standard error that starts with the program and says `part`. */
static void expect_usage(const char *words, const char *part)
{
	assert_int_equal(run(words), 64);
	assert_null(seen.ran);
	assert_string_equal(out_text, "");
	assert_memory_equal(err_text, "musterx: ", 9);
	assert_ptr_equal(strchr(err_text, '\n'), err_text + strlen(err_text) - 1);
	if (!strstr(err_text, part))
		print_error("%s: %s", words, err_text);
	assert_non_null(strstr(err_text, part));
}

static void test_verbs_and_arguments(void **state)
{
	(void)state;
	expect_run("status", "status", "");
	expect_run("license", "license", "");
	expect_run("license install x.license", "license install", "[x.license]");
	expect_run("why dev prod", "why", "[dev][prod]");
	expect_run("verify a b c", "verify", "[a][b][c]");
	expect_run("verify license", "verify", "[license]");
}

static void test_options_anywhere(void **state)
{
	(void)state;
	expect_run("--json status", "status", " json=");
	expect_run("status --json", "status", " json=");
	expect_run("status -j", "status", " json=");
	expect_run("--socket /run/x license list --limit 5", "license list", " socket=/run/x limit=5");
	expect_run("license --socket=/run/x list --limit=5", "license list", " socket=/run/x limit=5");
	expect_run("license list -s a -s b", "license list", " socket=a socket=b");
	expect_run("license list -sa --share g=1 --share h=2", "license list",
		   " socket=a share=g=1 share=h=2");
	assert_true(run("status -js x") == 0 && seen.json);
}

static void test_two_dashes_end_the_options(void **state)
{
	(void)state;
	expect_run("verify -- --json", "verify", "[--json]");
	assert_false(seen.json);
	expect_run("verify -", "verify", "[-]");
	expect_run("license install -- -x", "license install", "[-x]");
}

static void test_the_last_value_counts(void **state)
{
	struct invocation inv = {.n_given = 0};
	const char *values[2];
	(void)state;
	for (int i = 0; i < 3; i++) {
		inv.given[inv.n_given].name = "limit";
		inv.given[inv.n_given++].value = &"123"[i];
	}
	assert_string_equal(invocation_value(&inv, "limit"), "3");
	assert_string_equal(invocation_value_or(&inv, "limit", "9"), "3");
	assert_string_equal(invocation_value_or(&inv, "share", "9"), "9");
	assert_null(invocation_value(&inv, "share"));
	assert_int_equal(invocation_values(&inv, "limit", values, 2), 2);
	assert_string_equal(values[0], "123");
}

static void test_wrong_lines(void **state)
{
	(void)state;
	expect_usage("", "a command is needed");
	expect_usage("statu", "'statu' is not a command");
	expect_usage("Status", "'Status' is not a command");
	expect_usage("list license", "'list' is not a command");
	expect_usage("use", "'use' is not a command");
	expect_usage("user", "'user' is not a whole command, it goes on with one of: add, key; see");
	expect_usage("user key nosuch",
		     "'user key' is not a whole command, it goes on with one of: make, list; see");
	expect_usage("status extra", "does not take 'extra'");
	expect_usage("license install", "needs FILE");
	expect_usage("license install a b", "does not take 'b'");
	expect_usage("why dev", "needs DEVICE PRODUCT");
	expect_usage("verify a b c d", "does not take 'd'");
	expect_usage("status --bogus", "--bogus");
	expect_usage("status -z", "-z is no option");
	expect_usage("status -zj", "-z is no option");
	expect_usage("status -jz", "-z is no option");
	expect_usage("status --socket", "--socket lacks its value");
	expect_usage("status -s", "-s lacks its value");
	expect_usage("status --json=5", "--json=5");
	expect_usage("status --limit 5", "--limit is not an option of 'status'");
}

static void test_too_many_options(void **state)
{
	char words[COMMAND_OPTIONS_MAX + 64] = "status";
	(void)state;
	for (int i = 0; i < 4; i++)
		strcat(words, " -j");
	/* Letters in a row count one by one. */
	strcat(words, " -");
	memset(words + strlen(words), 'j', COMMAND_OPTIONS_MAX - 4);
	assert_int_equal(run(words + 0), 0);
	strcat(words, "j");
	expect_usage(words, "too many options");
}

static void test_help_and_version(void **state)
{
	(void)state;
	assert_int_equal(run("--version"), 0);
	assert_string_equal(out_text, "musterx 1.2.3\n");
	assert_int_equal(run("status --version"), 0);
	assert_null(seen.ran);
	assert_int_equal(run("--help"), 0);
	for (const struct command *c = commands; c->path; c++) {
		assert_non_null(strstr(out_text, c->path));
		assert_non_null(strstr(out_text, c->help));
	}
	assert_non_null(strstr(out_text, "--socket, -s PATH"));
	assert_int_equal(run("license list -h"), 0);
	assert_null(seen.ran);
	assert_non_null(strstr(out_text, "musterx license list"));
	assert_non_null(strstr(out_text, "--limit N"));
	assert_non_null(strstr(out_text, "--json"));
	assert_null(strstr(out_text, "license install"));
	assert_string_equal(err_text, "");
}

static void test_help_of_a_group(void **state)
{
	(void)state;
	assert_int_equal(run("user --help"), 0);
	assert_non_null(strstr(out_text, "Usage: musterx user [options] COMMAND"));
	assert_non_null(strstr(out_text, "user key make NAME"));
	assert_null(strstr(out_text, "license"));
	assert_int_equal(run("user key nosuch --help"), 0);
	assert_non_null(strstr(out_text, "user key list"));
	assert_null(strstr(out_text, "user add"));
	assert_int_equal(run("nosuch --help"), 0);
	assert_non_null(strstr(out_text, "license install"));
}

static void test_help_fits_the_screen(void **state)
{
	(void)state;
	assert_int_equal(run("--help"), 0);
	for (char *line = strtok(out_text, "\n"); line; line = strtok(NULL, "\n"))
		assert_true(strlen(line) <= 110);
}

static void test_manual_from_the_table(void **state)
{
	(void)state;
	assert_int_equal(run("--help-man"), 0);
	assert_null(seen.ran);
	assert_non_null(strstr(out_text, "# COMMANDS\n"));
	assert_non_null(
		strstr(out_text, "*license list*\n\tlist licenses\n\n\t*--limit* _N_\n\t\tat most N rows\n"));
	assert_non_null(strstr(out_text, "*why* _DEVICE PRODUCT_\n"));
	assert_non_null(strstr(out_text, "# OPTIONS\n\n*--json, -j*\n\tanswer in JSON\n"));
	assert_int_equal(run("--help"), 0);
	assert_null(strstr(out_text, "--help-man"));
	assert_null(strstr(out_text, "--complete"));
}

static int seven(struct invocation *inv)
{
	return command_usage(inv, "%s and %d", "text", 7);
}

static void test_the_exit_code_is_the_verbs(void **state)
{
	static const struct command one[] = {{"go", "", 0, 0, "go", NULL, seven},
					     {NULL, NULL, 0, 0, NULL, NULL, NULL}};
	static const struct program p = {"musterx", "x", "1", NULL, one, NULL, NULL};
	static const struct program q = {"musterx", "x", "1", globals, commands, NULL, NULL};
	char *argv[] = {"musterx", "status", NULL};
	char *argv_go[] = {"musterx", "go", NULL};
	int context = 75;
	(void)state;
	assert_int_equal(command_main(&q, 2, argv, &context), 75);
	FILE *err = tmpfile();
	int saved = redirect(STDERR_FILENO, err);
	int code = command_main(&p, 2, argv_go, NULL);
	fflush(stderr);
	restore(STDERR_FILENO, saved, err, err_text, sizeof(err_text));
	assert_int_equal(code, 64);
	assert_string_equal(err_text, "musterx: text and 7; see 'musterx go --help'\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verbs_and_arguments),
		cmocka_unit_test(test_options_anywhere),
		cmocka_unit_test(test_two_dashes_end_the_options),
		cmocka_unit_test(test_the_last_value_counts),
		cmocka_unit_test(test_wrong_lines),
		cmocka_unit_test(test_too_many_options),
		cmocka_unit_test(test_help_and_version),
		cmocka_unit_test(test_help_of_a_group),
		cmocka_unit_test(test_help_fits_the_screen),
		cmocka_unit_test(test_manual_from_the_table),
		cmocka_unit_test(test_the_exit_code_is_the_verbs),
	};
	return cmocka_run_group_tests_name("command", tests, NULL, NULL);
}
