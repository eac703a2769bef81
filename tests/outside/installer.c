/* SPDX-License-Identifier: Apache-2.0 */
/*
 * installer: the last step of an installation; activates each product that is named.
 *
 *   installer [NAME=VALUE]... PRODUCT...
 *
 * NAME=VALUE is an option of muster_set(3). One line per product goes to standard output, what is behind a
 * failure to standard error. The exit status is the library's for the first product that failed.
 */
#include <muster.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int usage_exit(void)
{
	int status = 64;

	muster_explain("USAGE", NULL, NULL, NULL, &status);
	return status;
}

/* Hand the leading NAME=VALUE arguments to the library. Returns the index of the first other one, or 0. */
static int set_options(struct muster *m, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++) {
		char *eq = strchr(argv[i], '=');
		int code;

		if (!eq)
			break;
		*eq = '\0';
		code = muster_set(m, argv[i], eq + 1);
		*eq = '=';
		if (code)
			return 0;
	}
	/* This program waits for each call. */
	return muster_set(m, "nonblocking", "0") ? 0 : i;
}

/* Who looks at the terminal or the installer's log sees why. */
static void explain_failure(const struct muster *m, const char *product)
{
	const char *detail = muster_error_detail(m);
	const char *correlation = muster_error_correlation(m);
	long long have, need;
	int i;

	fprintf(stderr, "installer: %s: %s", product, muster_error_text(m));
	if (*detail)
		fprintf(stderr, " (%s)", detail);
	if (muster_error_value(m, "have", &have) && muster_error_value(m, "need", &need))
		fprintf(stderr, " [%lld of %lld]", have, need);
	if (*correlation)
		fprintf(stderr, " [reference %s]", correlation);
	fputc('\n', stderr);
	if (strcmp(muster_error_name(m), "NO_HOST"))
		return;
	for (i = 0; i < muster_step_count(m); i++)
		fprintf(stderr, "  %s %s %s:%d: %s: %s (%d ms)\n", muster_step_source(m, i),
			muster_step_target(m, i), muster_step_address(m, i), muster_step_port(m, i),
			muster_step_result(m, i), muster_step_reason(m, i), muster_step_ms(m, i));
}

int main(int argc, char **argv)
{
	struct muster *m = muster_new();
	int first, i, status = 0;

	if (!m) {
		int no_memory = 75;

		muster_explain("NO_MEMORY", NULL, NULL, NULL, &no_memory);
		fputs("installer: out of memory\n", stderr);
		return no_memory;
	}
	first = set_options(m, argc, argv);
	if (!first) {
		fprintf(stderr, "installer: %s: %s: %s\n", muster_error_name(m), muster_error_detail(m),
			muster_error_remedy(m));
		status = muster_error_exit(m);
		goto end;
	}
	if (first == argc) {
		fputs("usage: installer [NAME=VALUE]... PRODUCT...\n", stderr);
		status = usage_exit();
		goto end;
	}
	for (i = first; i < argc; i++) {
		if (muster_activate(m, argv[i], 0) == 0) {
			printf("%s: licensed\n", argv[i]);
			continue;
		}
		printf("%s: %s: %s\n", argv[i], muster_error_name(m), muster_error_remedy(m));
		fflush(stdout);
		explain_failure(m, argv[i]);
		if (!status)
			status = muster_error_exit(m);
	}
	if (fflush(stdout) || ferror(stdout)) {
		perror("installer: standard output");
		if (!status)
			status = EXIT_FAILURE;
	}
end:
	muster_free(m);
	return status;
}
