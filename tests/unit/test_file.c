/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "file.h"

static char folder[] = "/tmp/muster-test-file-XXXXXX";
static char path[128];

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/thing", folder);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

/* How many entries does the folder have? A temporary file left behind would show. */
static size_t entries(void)
{
	char pattern[160];
	glob_t found;
	snprintf(pattern, sizeof(pattern), "%s/*", folder);
	if (glob(pattern, 0, NULL, &found))
		return 0;
	size_t n = found.gl_pathc;
	globfree(&found);
	return n;
}

static void test_replace_and_read(void **state)
{
	char *text = NULL;
	size_t n;
	struct stat st;
	(void)state;
	assert_int_equal(file_replace(path, "one", 3, 0600), 0);
	assert_int_equal(file_read(path, 3, &text, &n), 0);
	assert_int_equal(n, 3);
	assert_string_equal(text, "one");
	free(text);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(file_replace(path, "a\0b", 3, 0644), 0);
	assert_int_equal(file_read(path, 100, &text, &n), 0);
	assert_int_equal(n, 3);
	assert_memory_equal(text, "a\0b", 4);
	free(text);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644);
	assert_int_equal(file_replace(path, "", 0, 0600), 0);
	assert_int_equal(file_read(path, 0, &text, &n), 0);
	assert_int_equal(n, 0);
	assert_string_equal(text, "");
	free(text);
	assert_int_equal(entries(), 1);
}

static void test_the_mode_does_not_depend_on_the_umask(void **state)
{
	struct stat st;
	(void)state;
	mode_t old = umask(0777);
	assert_int_equal(file_replace(path, "x", 1, 0640), 0);
	umask(old);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
}

static void test_a_limit_holds(void **state)
{
	char *text = NULL;
	size_t n = 77;
	(void)state;
	assert_int_equal(file_replace(path, "12345", 5, 0600), 0);
	for (size_t max = 0; max < 5; max++)
		assert_int_equal(file_read(path, max, &text, &n), E_TOO_LARGE);
	assert_null(text);
	assert_int_equal(n, 77);
	assert_int_equal(file_read("/dev/zero", 4096, &text, &n), E_TOO_LARGE); /* it has no end */
}

static void test_what_cannot_be_read(void **state)
{
	char *text = NULL;
	size_t n;
	(void)state;
	assert_int_equal(file_read("/nonexistent/file", 10, &text, &n), E_IO);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(file_read(folder, 10, &text, &n), E_IO);
	assert_int_equal(errno, EISDIR);
	assert_null(text);
}

static void test_what_cannot_be_made(void **state)
{
	char longest[5000];
	(void)state;
	assert_int_equal(file_replace("/nonexistent/file", "x", 1, 0600), E_CANNOT_CREATE);
	assert_int_equal(errno, ENOENT);
	memset(longest, 'a', sizeof(longest));
	longest[sizeof(longest) - 1] = 0;
	assert_int_equal(file_replace(longest, "x", 1, 0600), E_CANNOT_CREATE);
	assert_int_equal(file_replace(folder, "x", 1, 0600), E_CANNOT_CREATE); /* a folder is not replaced */
	assert_int_equal(entries(), 1);
	snprintf(longest, sizeof(longest), "%s.??????", folder);
	glob_t found;
	assert_int_equal(glob(longest, 0, NULL, &found), GLOB_NOMATCH); /* and no temporary file stays */
}

static void test_standard_output_that_is_full(void **state)
{
	(void)state;
	int saved = dup(STDOUT_FILENO);
	int full = open("/dev/full", O_WRONLY);
	if (full < 0)
		skip();
	dup2(full, STDOUT_FILENO);
	int error = file_replace("-", "x", 1, 0600);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	close(full);
	assert_int_equal(error, E_STORE_FULL);
}

static void test_standard_input_and_output(void **state)
{
	int pipes[2];
	char *text = NULL;
	size_t n;
	(void)state;
	assert_int_equal(pipe(pipes), 0);
	int saved_out = dup(STDOUT_FILENO);
	int saved_in = dup(STDIN_FILENO);
	dup2(pipes[1], STDOUT_FILENO);
	int error = file_replace("-", "through", 7, 0600);
	dup2(saved_out, STDOUT_FILENO);
	close(pipes[1]);
	dup2(pipes[0], STDIN_FILENO);
	int error2 = file_read("-", 100, &text, &n);
	dup2(saved_in, STDIN_FILENO);
	close(pipes[0]);
	close(saved_in);
	close(saved_out);
	assert_int_equal(error, 0);
	assert_int_equal(error2, 0);
	assert_string_equal(text, "through");
	free(text);
}

static void test_a_device_is_written_to_and_stays(void **state)
{
	struct stat st;
	(void)state;
	assert_int_equal(file_replace("/dev/null", "gone", 4, 0600), 0);
	assert_int_equal(stat("/dev/null", &st), 0);
	assert_true(S_ISCHR(st.st_mode));
	if (stat("/dev/full", &st) == 0)
		assert_int_equal(file_replace("/dev/full", "x", 1, 0600), E_STORE_FULL);
}

static void test_a_link_is_replaced_and_not_followed(void **state)
{
	char target[160];
	char *text = NULL;
	size_t n;
	(void)state;
	snprintf(target, sizeof(target), "%s/target", folder);
	assert_int_equal(file_replace(target, "precious", 8, 0600), 0);
	unlink(path);
	assert_int_equal(symlink(target, path), 0);
	assert_int_equal(file_replace(path, "new", 3, 0600), 0);
	assert_int_equal(file_read(target, 100, &text, &n), 0);
	assert_string_equal(text, "precious");
	free(text);
	unlink(target);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replace_and_read),
		cmocka_unit_test(test_the_mode_does_not_depend_on_the_umask),
		cmocka_unit_test(test_a_limit_holds),
		cmocka_unit_test(test_what_cannot_be_read),
		cmocka_unit_test(test_what_cannot_be_made),
		cmocka_unit_test(test_standard_output_that_is_full),
		cmocka_unit_test(test_standard_input_and_output),
		cmocka_unit_test(test_a_device_is_written_to_and_stays),
		cmocka_unit_test(test_a_link_is_replaced_and_not_followed),
	};
	return cmocka_run_group_tests_name("file", tests, setup, teardown);
}
