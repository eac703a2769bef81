/* SPDX-License-Identifier: Apache-2.0 */
/* Completion: the words that may stand next, from the command table. */
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

#include "complete.h"

static int nothing(struct invocation *inv)
{
	(void)inv;
	return 0;
}

/* The program's own names; the socket tells that the line's options have been read. */
static void names(const struct invocation *inv, const char *placeholder, const struct completion *c)
{
	const char *socket = invocation_value_or(inv, "socket", "none");
	if (strcmp(placeholder, "USER") == 0) {
		completion_offer(c, "anna@fjord", "Anna");
		completion_offer(c, "bo@fjord", socket);
	}
	if (strcmp(placeholder, "GROUP") == 0)
		completion_offer(c, "staff", NULL);
}

static const struct command_option globals[] = {{"json", NULL, "answer in JSON", 'j'},
						{"socket", "PATH", "the daemon's socket", 's'},
						{NULL, NULL, NULL, 0}};
static const struct command_option list_options[] = {{"state", "held|waiting", "only in this state", 0},
						     {"user", "USER", "only of this user", 'u'},
						     {"output", "FILE", "where to", 0},
						     {"limit", "N", "at most N rows", 0},
						     {NULL, NULL, NULL, 0}};
static const struct command commands[] = {
	{"status", "", 0, 0, "show the state", NULL, nothing},
	{"seat list", "", 0, 0, "list seats", list_options, nothing},
	{"seat show", "GROUP [USER...]", 1, 9, "show seats", NULL, nothing},
	{"install", "FILE|GROUP", 1, 1, "install", NULL, nothing},
	{"user", "USER", 1, 1, "show a user", NULL, nothing},
	{"user remove", "USER", 1, 1, "remove a user", NULL, nothing},
	COMPLETION_COMMAND,
	{NULL, NULL, 0, 0, NULL, NULL, NULL},
};
static const struct program program = {"muster-x", "for tests", "1", globals, commands, names, NULL};

static char text[8192];

/* What is offered behind these words, of which the last is being written. The array ends with NULL. */
static const char *offered(char **words)
{
	int n = 0;
	FILE *out = tmpfile();
	while (words[n])
		n++;
	fflush(stdout);
	int saved = dup(STDOUT_FILENO);
	dup2(fileno(out), STDOUT_FILENO);
	assert_int_equal(completion_answer(&program, n, words, NULL), 0);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	rewind(out);
	text[fread(text, 1, sizeof(text) - 1, out)] = 0;
	fclose(out);
	return text;
}

#define OFFERED(...) offered((char *[]){__VA_ARGS__, NULL})

static void test_verbs(void **state)
{
	(void)state;
	assert_string_equal(OFFERED(""), "status\tshow the state\nseat\ninstall\tinstall\nuser\tshow a user\n"
					 "completion\tprint what a shell needs to complete this program\n");
	assert_string_equal(OFFERED("se"), "seat\n");
	assert_string_equal(OFFERED("seat", ""), "list\tlist seats\nshow\tshow seats\n");
	assert_string_equal(OFFERED("--json", "-s", "x", "seat", "l"), "list\tlist seats\n");
	assert_string_equal(OFFERED("no", ""), "");
	assert_string_equal(OFFERED("status", ""), "");
}

static void test_options(void **state)
{
	(void)state;
	assert_string_equal(
		OFFERED("status", "--"),
		"--json\tanswer in JSON\n--socket\tthe daemon's socket\n--help\tshow this help\n");
	assert_string_equal(OFFERED("seat", "list", "--l"), "--limit\tat most N rows\n");
	assert_string_equal(OFFERED("status", "--", "--"), "");
}

static void test_values(void **state)
{
	(void)state;
	assert_string_equal(OFFERED("seat", "list", "--state", ""), "held\nwaiting\n");
	assert_string_equal(OFFERED("seat", "list", "--state=w"), "--state=waiting\n");
	assert_string_equal(OFFERED("seat", "list", "--output", ""), "\tfile\n");
	assert_string_equal(OFFERED("seat", "list", "--limit", ""), "");
	assert_string_equal(OFFERED("-s", "/s", "seat", "list", "-u", "b"), "bo@fjord\t/s\n");
	assert_string_equal(OFFERED("--socket=/t", "seat", "list", "--user=b"), "--user=bo@fjord\t/t\n");
	assert_string_equal(OFFERED("--no-such", "--no=", ""), text);
	assert_string_equal(OFFERED("completion", "z"), "zsh\n");
}

static void test_arguments(void **state)
{
	(void)state;
	assert_string_equal(OFFERED("seat", "show", ""), "staff\n");
	assert_string_equal(OFFERED("seat", "show", "staff", "a"), "anna@fjord\tAnna\n");
	assert_string_equal(OFFERED("seat", "show", "staff", "x", "y", "a"), "anna@fjord\tAnna\n");
	assert_string_equal(OFFERED("install", ""), "\tfile\nstaff\n");
	assert_string_equal(OFFERED("user", ""), "remove\tremove a user\nanna@fjord\tAnna\nbo@fjord\tnone\n");
	assert_string_equal(OFFERED("user", "x", ""), "");
	assert_string_equal(OFFERED("user", "--", "a"), "anna@fjord\tAnna\n");
}

static void test_lines_of_any_length(void **state)
{
	static char *words[3000];
	(void)state;
	for (size_t i = 0; i + 1 < sizeof(words) / sizeof(words[0]); i++)
		words[i] = i % 2 ? "--json" : "-u";
	offered(words);
	for (size_t i = 0; i + 1 < sizeof(words) / sizeof(words[0]); i++)
		words[i] = "x";
	assert_string_equal(offered(words), "");
	assert_true(completion_answer(&program, 0, words, NULL) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verbs),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_lines_of_any_length),
	};
	return cmocka_run_group_tests_name("complete", tests, NULL, NULL);
}
